//! `rnn evaluate` of a classifier: how well it tells classes, beside what needs no network.

use std::path::Path;

use serde::Serialize;

use super::evaluate::Args;
use super::model;
use super::numbers::counted;
use super::output::Output;
use crate::data::Part;
use crate::error::{Error, Result};
use crate::evaluate::classes::{ClassMetrics, score};
use crate::evaluate::device::DeviceModel;

#[derive(Serialize)]
struct Report<'a> {
    model: &'a Path,
    data: &'a Path,
    arithmetic: &'static str,
    /// The rows are those that training held back.
    held_back: bool,
    test: ClassMetrics,
}

/// Measures a classifier on the test rows of its own file, or on all rows of another.
pub fn run(device: &mut DeviceModel<'_>, args: &Args, output: &Output) -> Result<()> {
    let of_forecasts: [(&str, bool); 2] = [("--season", args.season.is_some()), ("--plot", args.plot.is_some())];
    if let Some((flag, _)) = of_forecasts.iter().find(|(_, given)| *given) {
        return Err(Error::input(format!("{flag} is of forecasts, and {} is a classifier: leave it out", args.model.display())));
    }
    let manifest = device.manifest;
    let dataset = model::dataset(&manifest, &args.data, args.train)?;
    let held_back = model::is_own(&manifest, dataset.series());
    let test = score(device, &dataset, Part::Test)?;
    test.warnings().iter().for_each(|warning| output.warn(warning));
    let report = Report { model: &args.model, data: &args.data, arithmetic: manifest.arithmetic.name(), held_back, test };
    output.finish(&report, || {
        let rows = match (held_back, args.train) {
            (true, _) => "the test rows, held back from training",
            (false, Some(_)) => "all rows but those that the most common class was counted in",
            (false, None) => "all rows",
        };
        let windows = counted(report.test.windows, "window");
        format!("{}: {rows}\n{windows}, each told the class of its newest row\n{}", report.data.display(), report.test.table())
    })
}
