//! `rnn predict`: forecasts of a model file as CSV.

use std::path::PathBuf;

use serde::Serialize;

use super::model;
use super::output::Output;
use crate::data::Series;
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model file.
    model: PathBuf,
    /// The CSV with the model's columns.
    #[arg(long, value_name = "CSV")]
    data: PathBuf,
    /// Only the forecast after the file's end: one row for each sample to come. Without it: one row for each row of the file from which
    /// the model can look back far enough.
    #[arg(long)]
    last: bool,
}

/// A forecast and where it begins.
#[derive(Serialize)]
struct Forecast {
    /// Rows of the CSV that had been seen.
    seen: usize,
    /// The last seen row's time stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// The forecast samples' time stamps, where they lie after the file's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<Vec<String>>,
    /// One row of values a target.
    values: Vec<Vec<f32>>,
}

#[derive(Serialize)]
struct Report {
    /// The forecast columns, in the order of each forecast's rows.
    targets: Vec<String>,
    horizon: usize,
    unit: String,
    /// Inputs that lay beyond the largest that the file admits, and were clamped.
    clamped_inputs: u64,
    forecasts: Vec<Forecast>,
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let bytes = ModelBytes::read(&args.model)?;
    let mut device = DeviceModel::open(&bytes, &args.model)?;
    let manifest = device.manifest;
    let series = model::series(&manifest, &args.data)?;
    let [lookback, horizon] = [manifest.window.lookback, manifest.window.horizon].map(usize::from);
    if series.rows() < lookback {
        return Err(Error::input(format!(
            "{}: {} rows are too few for a forecast: the model looks back {lookback} samples",
            args.data.display(),
            series.rows()
        )));
    }
    let first = if args.last { series.rows() } else { lookback };
    let samples: Vec<f32> = (0..series.rows()).flat_map(|row| series.sample(row)).collect();
    let columns = series.columns.len();
    let mut forecasts = Vec::new();
    for seen in first..=series.rows() {
        let window = &samples[(seen - lookback) * columns..seen * columns];
        let values = device.forecast(window).map_err(|reason| {
            let line = series.line(seen - 1);
            Error::input(format!("{}, the window that ends in line {line}: {reason}", args.data.display()))
        })?;
        let times = args.last.then(|| (1..=horizon).map(|ahead| series.stamp_after_end(ahead)).collect()).flatten();
        forecasts.push(Forecast {
            seen,
            after: series.times.as_ref().map(|times| times.text(seen - 1)),
            times,
            values: values.chunks_exact(horizon).map(<[f32]>::to_vec).collect(),
        });
    }
    let report = Report {
        targets: series.target_names().map(str::to_owned).collect(),
        horizon,
        unit: manifest.series.unit.to_owned(),
        clamped_inputs: device.clamped,
        forecasts,
    };
    if report.clamped_inputs > 0 {
        output.warn(format!(
            "inputs lay beyond what the model was trained for and were clamped, {} in all windows: forecasts after them are doubtful",
            report.clamped_inputs
        ));
    }
    let mut text = Vec::new();
    write_csv(&report, &series, args.last, &mut text)
        .map_err(|reason| Error::failed(format!("the forecasts cannot be written as CSV: {reason}")))?;
    output.finish(&report, || String::from_utf8_lossy(&text).into_owned())
}

/// `--last`: a row a forecast sample, a column a target. Else a row a forecast, a column a target and sample.
fn write_csv(report: &Report, series: &Series, last: bool, text: &mut Vec<u8>) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(text);
    let ahead = |target: &str, k: usize| format!("{target}+{k}");
    if last {
        csv.write_record(std::iter::once("time").chain(report.targets.iter().map(String::as_str)))?;
        for forecast in &report.forecasts {
            for k in 0..report.horizon {
                let time = forecast.times.as_ref().map_or_else(|| format!("+{}", k + 1), |times| times[k].clone());
                csv.write_record(std::iter::once(time).chain(forecast.values.iter().map(|row| row[k].to_string())))?;
            }
        }
    } else {
        let columns = report.targets.iter().flat_map(|target| (1..=report.horizon).map(move |k| ahead(target, k)));
        csv.write_record(std::iter::once("after".to_owned()).chain(columns))?;
        for forecast in &report.forecasts {
            let after = forecast.after.clone().unwrap_or_else(|| format!("line {}", series.line(forecast.seen - 1)));
            csv.write_record(std::iter::once(after).chain(forecast.values.iter().flatten().map(f32::to_string)))?;
        }
    }
    csv.flush()?;
    Ok(())
}
