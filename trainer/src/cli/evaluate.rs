//! `rnn evaluate`: a model file's forecasts beside the baselines'.

use std::path::PathBuf;

use serde::Serialize;

use super::evaluate_classes;
use super::model;
use super::numbers::{count, counted};
use super::output::Output;
use crate::data::Part;
use crate::error::Result;
use crate::evaluate::backtest::{Evaluation, backtest};
use crate::evaluate::by_baseline::spoken;
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::evaluate::intervals::{self, IntervalMetrics};
use crate::files::{expect_place_for_file, write_atomically};
use crate::report::plot::{self, Intervals};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model file.
    pub(super) model: PathBuf,
    /// The CSV: on the file that the model was trained on its test rows are evaluated, on another one all rows.
    #[arg(long, value_name = "CSV")]
    pub(super) data: PathBuf,
    /// On another file: rows at its beginning that baselines are fitted on.
    #[arg(long, value_name = "N", value_parser = count())]
    pub(super) train: Option<usize>,
    /// Samples in a season for the seasonal naive forecast; found by autocorrelation if left out.
    #[arg(long, value_name = "N", value_parser = count())]
    pub(super) season: Option<usize>,
    /// An SVG of the forecasts, with their intervals where the model has them.
    #[arg(long, value_name = "FILE")]
    pub(super) plot: Option<PathBuf>,
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
    /// The prediction intervals on the validation rows that they were widened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_intervals: Option<IntervalMetrics>,
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    args.plot.iter().try_for_each(|path| expect_place_for_file(path))?;
    let bytes = ModelBytes::read(&args.model)?;
    let mut device = DeviceModel::open(&bytes, &args.model)?;
    if device.is_classifier() {
        return evaluate_classes::run(&mut device, args, output);
    }
    let manifest = device.manifest;
    let dataset = model::dataset(&manifest, &args.data, args.train)?;
    let held_back = model::is_own(&manifest, dataset.series());
    let validation_intervals = match device.intervals {
        Some(_) if held_back => Some(intervals::score(&mut device, &dataset.windows(Part::Validation))?.0),
        _ => None,
    };
    let report = Report {
        validation_intervals,
        model: args.model.clone(),
        data: args.data.clone(),
        arithmetic: manifest.arithmetic.name(),
        unit: manifest.series.unit.to_owned(),
        held_back,
        evaluation: backtest(&mut device, &dataset, Part::Test, args.season)?,
    };
    let evaluation = &report.evaluation;
    evaluation.warnings().iter().for_each(|warning| output.warn(warning));
    if args.train.is_some() {
        for name in evaluation.baselines.absent().map(spoken) {
            output.warn(format!("--train leaves too few rows for the baseline \"{name}\""));
        }
    }
    if let Some(path) = &args.plot {
        let intervals = device.intervals.map(|found| Intervals { levels: found.levels(), spreads: &evaluation.spreads });
        write_atomically(path, plot::forecasts(&dataset, &evaluation.forecasts, intervals, &report.unit)?.as_bytes())?;
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
        let mut text =
            format!("{}: {rows}\n{forecasts} of {horizon} each\n{}", args.data.display(), evaluation.table(&report.unit));
        let on = [
            (&evaluation.intervals, "these rows"),
            (&report.validation_intervals, "the validation rows, where they were widened"),
        ];
        for (metrics, rows) in on.iter().filter_map(|(metrics, rows)| Some((metrics.as_ref()?, rows))) {
            text += &format!("\nprediction intervals on {rows}:\n{}", metrics.table(&report.unit));
        }
        text + &args.plot.as_ref().map_or_else(String::new, |path| format!("\nwritten: {}", path.display()))
    })
}
