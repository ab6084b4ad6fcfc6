//! `rnn predict` of a classifier: the class of each row, with probabilities.

use std::path::Path;

use embedded_rnn::forecast::{largest, softmax};
use serde::Serialize;

use super::model;
use super::output::Output;
use crate::error::{Error, Result};
use crate::evaluate::device::DeviceModel;

/// What a window shows.
#[derive(Serialize)]
struct Told {
    /// Rows of the CSV that had been seen.
    seen: usize,
    /// The newest row's time stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    class: String,
    /// One a class.
    probabilities: Vec<f32>,
}

#[derive(Serialize)]
struct Report {
    /// In the order of probabilities.
    classes: Vec<String>,
    /// Inputs that lay beyond the largest that the file admits, and were clamped.
    clamped_inputs: u64,
    windows: Vec<Told>,
}

/// Of the last row, or of each row from which the model can look back far enough.
pub fn run(device: &mut DeviceModel<'_>, data: &Path, last: bool, output: &Output) -> Result<()> {
    let manifest = device.manifest;
    let series = model::series(&manifest, data)?;
    let (lookback, columns) = (usize::from(manifest.window.lookback), series.columns.len());
    if series.rows() < lookback {
        let rows = series.rows();
        let sentence =
            format!("{}: {rows} rows are too few to tell a class: the model looks back {lookback} samples", data.display());
        return Err(Error::input(sentence));
    }
    let classes: Vec<String> = manifest.classes().map(str::to_owned).collect();
    let samples: Vec<f32> = (0..series.rows()).flat_map(|row| series.sample(row)).collect();
    let mut windows = Vec::new();
    let place = |row: usize| series.times.as_ref().map(|times| times.text(row));
    for seen in if last { series.rows() } else { lookback }..=series.rows() {
        let mut scores = device.logits(&samples[(seen - lookback) * columns..seen * columns]).map_err(|reason| {
            Error::input(format!("{}, the window that ends in line {}: {reason}", data.display(), series.line(seen - 1)))
        })?;
        let class = classes[largest(&scores)].clone();
        softmax(&mut scores);
        windows.push(Told { seen, at: place(seen - 1), class, probabilities: scores });
    }
    let report = Report { classes, clamped_inputs: device.clamped, windows };
    if report.clamped_inputs > 0 {
        output.warn(format!(
            "inputs lay beyond what the model was trained for and were clamped, {} in all windows: classes told after them are doubtful",
            report.clamped_inputs
        ));
    }
    let lines = |seen: usize| format!("line {}", series.line(seen - 1));
    let text =
        csv_text(&report, lines).map_err(|reason| Error::failed(format!("the classes cannot be written as CSV: {reason}")))?;
    output.finish(&report, || String::from_utf8_lossy(&text).into_owned())
}

/// A row a window: its newest row, the class, a probability a class.
fn csv_text(report: &Report, line: impl Fn(usize) -> String) -> csv::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let names = report.classes.iter().map(|class| format!("probability {class}"));
    csv.write_record(["at".to_owned(), "class".to_owned()].into_iter().chain(names))?;
    for Told { seen, at, class, probabilities } in &report.windows {
        let at = at.clone().unwrap_or_else(|| line(*seen));
        csv.write_record([at, class.clone()].into_iter().chain(probabilities.iter().map(f32::to_string)))?;
    }
    csv.into_inner().map_err(|reason| csv::Error::from(reason.into_error()))
}
