//! `rnn predict`: forecasts of a model file as CSV.

use std::path::PathBuf;

use serde::Serialize;

use super::model;
use super::output::Output;
use super::predict_classes;
use crate::data::Series;
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes, medians};
use crate::evaluate::intervals::percent;
use crate::evaluate::passes::{Refused, stream};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model file.
    model: PathBuf,
    /// The CSV with the model's columns.
    #[arg(long, value_name = "CSV")]
    data: PathBuf,
    /// Only the forecast after the file's end: one row for each sample to come. Without it: one row for each row of the file from which
    /// the model can look back far enough, or is warm.
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
    /// Prediction intervals, the widest first, where the model has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    intervals: Vec<Interval>,
}

/// A prediction interval around a forecast.
#[derive(Serialize)]
struct Interval {
    /// The share of what comes that it promises to hold.
    coverage: f64,
    /// One row of values a target.
    lower: Vec<Vec<f32>>,
    /// One row of values a target.
    upper: Vec<Vec<f32>>,
}

/// The intervals among all quantiles of a forecast, `[K][Z][Q]`.
fn intervals(spread: &[f32], levels: &[f32], horizon: usize) -> Vec<Interval> {
    let rows = |quantile: usize| -> Vec<Vec<f32>> {
        let of_row = |row: &[f32]| row.iter().skip(quantile).step_by(levels.len()).copied().collect();
        spread.chunks_exact(horizon * levels.len()).map(of_row).collect()
    };
    let pair = |pair: usize| {
        let upper = levels.len() - 1 - pair;
        let coverage = f64::from(levels[upper]) - f64::from(levels[pair]);
        Interval { coverage: (coverage * 1e6).round() / 1e6, lower: rows(pair), upper: rows(upper) }
    };
    (0..levels.len() / 2).map(pair).collect()
}

/// Names of a column and of its intervals' ends, the lowest first.
fn names(column: &str, levels: &[f32]) -> Vec<String> {
    let last = levels.len().saturating_sub(1);
    let coverage = |pair: usize| percent(f64::from(levels[last - pair]) - f64::from(levels[pair])).replace(' ', "");
    let lower = (0..levels.len() / 2).map(|pair| format!("{column} lower {}", coverage(pair)));
    let upper = (0..levels.len() / 2).rev().map(|pair| format!("{column} upper {}", coverage(pair)));
    lower.chain([column.to_owned()]).chain(upper).collect()
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

/// All quantiles of the forecasts after so many rows and more, up to the series' end.
fn spreads(device: &mut DeviceModel<'_>, series: &Series, first: usize) -> std::result::Result<Vec<Vec<f32>>, Refused> {
    let rows = first..series.rows() + 1;
    if device.is_streaming() {
        let mut spreads = vec![Vec::new(); rows.len()];
        stream(device, series, 0, rows, &mut |row, device| spreads[row - first] = device.current_spread())?;
        return Ok(spreads);
    }
    let lookback = usize::from(device.manifest.window.lookback);
    let one = |seen: usize| {
        let window: Vec<f32> = (seen - lookback..seen).flat_map(|row| series.sample(row)).collect();
        device.spread(&window).map_err(|reason| Refused { before: seen, reason })
    };
    rows.map(one).collect()
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let bytes = ModelBytes::read(&args.model)?;
    let mut device = DeviceModel::open(&bytes, &args.model)?;
    if device.is_classifier() {
        return predict_classes::run(&mut device, &args.data, args.last, output);
    }
    let manifest = device.manifest;
    let series = model::series(&manifest, &args.data)?;
    let [lookback, patch, horizon] = [manifest.window.lookback, manifest.window.patch, manifest.window.horizon].map(usize::from);
    let (lookback, why) = match device.is_streaming() {
        true => (device.warmup() * patch, "is warm after"),
        false => (lookback, "looks back"),
    };
    if series.rows() < lookback {
        return Err(Error::input(format!(
            "{}: {} rows are too few for a forecast: the model {why} {lookback} samples",
            args.data.display(),
            series.rows()
        )));
    }
    let first = if args.last { series.rows() } else { lookback };
    let spreads = spreads(&mut device, &series, first).map_err(|refused| refused.of(&series))?;
    let mut forecasts = Vec::new();
    for (seen, spread) in (first..).zip(&spreads) {
        let times = args.last.then(|| (1..=horizon).map(|ahead| series.stamp_after_end(ahead)).collect()).flatten();
        forecasts.push(Forecast {
            seen,
            after: series.times.as_ref().map(|times| times.text(seen - 1)),
            times,
            values: medians(spread, device.quantiles()).chunks_exact(horizon).map(<[f32]>::to_vec).collect(),
            intervals: intervals(spread, device.levels(), horizon),
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
    write_csv(&report, &spreads, device.levels(), &series, args.last, &mut text)
        .map_err(|reason| Error::failed(format!("the forecasts cannot be written as CSV: {reason}")))?;
    output.finish(&report, || String::from_utf8_lossy(&text).into_owned())
}

/// `--last`: a row a forecast sample, a column a target. Else a row a forecast, a column a target and sample. Each has the ends of its
/// intervals beside it, ascending, where there are some: `spreads` are the forecasts' quantiles `[K][Z][Q]`.
fn write_csv(
    report: &Report,
    spreads: &[Vec<f32>],
    levels: &[f32],
    series: &Series,
    last: bool,
    text: &mut Vec<u8>,
) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(text);
    let quantiles = levels.len().max(1);
    let ahead = |target: &str, k: usize| names(&format!("{target}+{k}"), levels);
    if last {
        let columns = report.targets.iter().flat_map(|target| names(target, levels));
        csv.write_record(std::iter::once("time".to_owned()).chain(columns))?;
        for (forecast, spread) in report.forecasts.iter().zip(spreads) {
            for k in 0..report.horizon {
                let time = forecast.times.as_ref().map_or_else(|| format!("+{}", k + 1), |times| times[k].clone());
                let rows = spread.chunks_exact(report.horizon * quantiles);
                let values = rows.flat_map(|row| &row[k * quantiles..][..quantiles]);
                csv.write_record(std::iter::once(time).chain(values.map(f32::to_string)))?;
            }
        }
    } else {
        let columns = report.targets.iter().flat_map(|target| (1..=report.horizon).flat_map(move |k| ahead(target, k)));
        csv.write_record(std::iter::once("after".to_owned()).chain(columns))?;
        for (forecast, spread) in report.forecasts.iter().zip(spreads) {
            let after = forecast.after.clone().unwrap_or_else(|| format!("line {}", series.line(forecast.seen - 1)));
            csv.write_record(std::iter::once(after).chain(spread.iter().map(f32::to_string)))?;
        }
    }
    csv.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_stand_around_the_median_and_rows_are_the_targets() {
        let levels = [0.05, 0.25, 0.5, 0.75, 0.95];
        assert_eq!(names("v+1", &levels), ["v+1 lower 90%", "v+1 lower 50%", "v+1", "v+1 upper 50%", "v+1 upper 90%"]);
        assert_eq!(names("v", &[]), ["v"]);
        // Two targets, two samples.
        let spread: Vec<f32> = (0..20).map(|k| k as f32).collect();
        let [wide, narrow] = &intervals(&spread, &levels, 2)[..] else { panic!("two pairs") };
        assert_eq!(
            (wide.coverage, &wide.lower, &wide.upper),
            (0.9, &vec![vec![0.0, 5.0], vec![10.0, 15.0]], &vec![vec![4.0, 9.0], vec![14.0, 19.0]])
        );
        assert_eq!((narrow.coverage, narrow.lower[1][0], narrow.upper[0][1]), (0.5, 11.0, 8.0));
        assert_eq!(medians(&spread, 5), [2.0, 7.0, 12.0, 17.0]);
        assert!(intervals(&spread, &[], 2).is_empty());
    }
}
