//! `rnn evaluate`: a model file's forecasts beside the baselines'.

use std::path::PathBuf;

use serde::Serialize;

use super::model;
use super::numbers::{count, counted};
use super::output::Output;
use crate::data::Part;
use crate::error::Result;
use crate::evaluate::backtest::{Evaluation, backtest};
use crate::evaluate::by_baseline::spoken;
use crate::evaluate::device::{DeviceModel, ModelBytes};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model file.
    model: PathBuf,
    /// The CSV: on the file that the model was trained on its test rows are evaluated, on another one all rows.
    #[arg(long, value_name = "CSV")]
    data: PathBuf,
    /// On another file: rows at its beginning that baselines are fitted on.
    #[arg(long, value_name = "N", value_parser = count())]
    train: Option<usize>,
    /// Samples in a season for the seasonal naive forecast; found by autocorrelation if left out.
    #[arg(long, value_name = "N", value_parser = count())]
    season: Option<usize>,
}

#[derive(Serialize)]
struct Report {
    model: PathBuf,
    data: PathBuf,
    arithmetic: &'static str,
    unit: String,
    /// The rows are those that training held back.
    held_back: bool,
    #[serde(flatten)]
    evaluation: Evaluation,
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let bytes = ModelBytes::read(&args.model)?;
    let mut device = DeviceModel::open(&bytes, &args.model)?;
    let manifest = device.manifest;
    let dataset = model::dataset(&manifest, &args.data, args.train)?;
    let report = Report {
        model: args.model.clone(),
        data: args.data.clone(),
        arithmetic: manifest.arithmetic.name(),
        unit: manifest.series.unit.to_owned(),
        held_back: model::is_own(&manifest, dataset.series()),
        evaluation: backtest(&mut device, &dataset, Part::Test, args.season)?,
    };
    let evaluation = &report.evaluation;
    evaluation.warnings().iter().for_each(|warning| output.warn(warning));
    if args.train.is_some() {
        for name in evaluation.baselines.absent().map(spoken) {
            output.warn(format!("--train leaves too few rows for the baseline \"{name}\""));
        }
    }
    output.finish(&report, || {
        let rows = if report.held_back {
            "the test rows, held back from training"
        } else if args.train.is_some() {
            "all rows but those that baselines were fitted on"
        } else {
            "all rows; --train N gives baselines rows to fit on"
        };
        let forecasts = counted(evaluation.test.windows, "forecast");
        let horizon = counted(manifest.window.horizon.into(), "sample");
        format!("{}: {rows}\n{forecasts} of {horizon} each\n{}", args.data.display(), evaluation.table(&report.unit))
    })
}
