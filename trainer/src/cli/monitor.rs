//! `rnn monitor`: a model file watches a series.

mod report;

use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::builder::RangedU64ValueParser;
use embedded_rnn::image::Manifest;
use embedded_rnn::monitor::{Hysteresis, Verdict};

use super::model;
use super::numbers::{count, counted};
use super::output::Output;
use super::streaming::expect_windowed;
use crate::config::Clock;
use crate::data::Series;
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::files::{expect_place_for_file, write_atomically};
use crate::monitor::{
    Calibrated, Failure, Judged, Residuals, Settings, Tail, alarms_of, calibrate, hindsight, judge, snippet, watch, z_scores,
};
use crate::report::watch_plot::{self, Curve};
use report::{Judging, Report, for_people, span};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model file.
    model: PathBuf,
    /// The CSV: on the file that the model was trained on its validation rows calibrate the alarm and the rows after them are watched.
    #[arg(long, value_name = "CSV")]
    data: PathBuf,
    /// False alarms per 1000 samples that the alarm is calibrated for.
    #[arg(long, value_name = "RATE", default_value_t = 1.0)]
    false_alarms: f64,
    /// A CSV of known failures: a column "failure" with times and, if there, "from" and "to", where an alarm counts as the failure's.
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,
    /// A known failure's time, as the time column writes it (several: repeat the flag).
    #[arg(long, value_name = "TIME")]
    label: Vec<String>,
    /// Samples before and after a failure in which an alarm counts as its, where no "from" and "to" say; the model's lookback if left out.
    #[arg(long, value_name = "N")]
    around: Option<usize>,
    /// A forecast every so many samples, each step of which is compared; at most the model's horizon.
    #[arg(long, value_name = "N", default_value = "1", value_parser = count())]
    every: usize,
    /// Samples over which scores are smoothed; 1 for none.
    #[arg(long, value_name = "N", default_value = "9", value_parser = count())]
    smooth: usize,
    /// Samples in a row over the threshold before an alarm is raised.
    #[arg(long, value_name = "N", default_value = "1", value_parser = RangedU64ValueParser::<u16>::new().range(1..))]
    raise_after: u16,
    /// Samples in a row under the lower threshold, halfway between the usual score and the upper one, before an alarm is cleared.
    #[arg(long, value_name = "N", default_value = "9", value_parser = RangedU64ValueParser::<u16>::new().range(1..))]
    clear_after: u16,
    /// On another file: rows at its beginning, after the first window, on which the alarm is calibrated; they should be healthy.
    #[arg(long, value_name = "N", value_parser = count())]
    calibrate: Option<usize>,
    /// Samples whose mean and deviation the moving z-score compares with; the model's lookback if left out.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(2..))]
    window: Option<usize>,
    /// On another file: its stamps were written by a clock on the wall, which was set by an hour now and then.
    #[arg(long)]
    wall_clock: bool,
    /// Draw series, scores, alarms and failures.
    #[arg(long, value_name = "SVG")]
    plot: Option<PathBuf>,
    /// Write the calibrated parameters as a Rust constant for the firmware.
    #[arg(long, short, value_name = "RS")]
    output: Option<PathBuf>,
}

/// The rows to calibrate on and those to watch.
fn rows(args: &Args, manifest: &Manifest<'_>, series: &Series) -> Result<(Range<usize>, Range<usize>)> {
    let lookback = usize::from(manifest.window.lookback);
    let refuse = |why: String| Err(Error::input(format!("{}: {why}", args.data.display())));
    let (calibration, end) = if model::is_own(manifest, series) {
        if args.calibrate.is_some() {
            return Err(Error::input(format!(
                "--calibrate: {} is the file that the model was trained on, whose validation rows are known: leave --calibrate out",
                args.data.display()
            )));
        }
        let [training, validation, test] =
            [&manifest.provenance.training, &manifest.provenance.validation, &manifest.provenance.test]
                .map(|rows| *rows as usize);
        (training.max(lookback)..training + validation, (training + validation + test).min(series.rows()))
    } else {
        let Some(rows) = args.calibrate else {
            return refuse(
                "the model was not trained on this file: give --calibrate N, the rows at its beginning that are healthy".into(),
            );
        };
        (lookback..lookback.saturating_add(rows), series.rows())
    };
    if calibration.end >= end || calibration.is_empty() {
        return refuse(format!(
            "of {} rows, {} are for windows and calibration and none is left to watch: give a longer series",
            series.rows(),
            calibration.end
        ));
    }
    Ok((calibration.clone(), calibration.end..end))
}

/// The known failures; those outside the watched rows are named in a warning and left out.
fn failures(args: &Args, series: &Series, lookback: usize, watched: &Range<usize>, output: &Output) -> Result<Vec<Failure>> {
    let around = args.around.unwrap_or(lookback);
    let mut failures = match &args.labels {
        Some(path) => Failure::read(path, series, around)?,
        None => Vec::new(),
    };
    for stamp in &args.label {
        failures.push(Failure::at(series, stamp, around, "--label")?);
    }
    failures.sort_by_key(|failure| failure.row);
    failures.retain(|failure| {
        let inside = watched.contains(&failure.row);
        if !inside {
            output.warn(format!(
                "the failure at {} lies outside the watched rows and is not counted; if it lies in the rows that the model or the alarm \
                 learned from, they learned that it is usual",
                failure.stamp
            ));
        } else if failure.window.start < watched.start {
            output.warn(format!("the window of the failure at {} reaches into rows that calibrated the alarm", failure.stamp));
        }
        inside
    });
    Ok(failures)
}

/// Alarms that begin in the rows.
fn beginning_in(alarms: &[Range<usize>], rows: &Range<usize>) -> usize {
    alarms.iter().filter(|alarm| rows.contains(&alarm.start)).count()
}

/// The alarms of a monitor's verdicts, the first of which is row `first`'s.
fn episodes_of(verdicts: &[Verdict], first: usize) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (index, verdict) in verdicts.iter().enumerate().filter(|(_, verdict)| verdict.alarm.is_on()) {
        match found.last_mut() {
            Some(last) if verdict.alarm == embedded_rnn::monitor::Alarm::On => last.end = first + index + 1,
            _ => found.push(first + index..first + index + 1),
        }
    }
    found
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    if !(args.false_alarms > 0.0 && args.false_alarms.is_finite()) {
        return Err(Error::input(format!(
            "--false-alarms {} is no rate: give alarms per 1000 samples, more than 0",
            args.false_alarms
        )));
    }
    [&args.plot, &args.output].into_iter().flatten().try_for_each(|path| expect_place_for_file(path))?;
    let bytes = ModelBytes::read(&args.model)?;
    let mut device = DeviceModel::open(&bytes, &args.model)?;
    device
        .expect_forecaster(&args.model, "`rnn monitor` watches forecasts' errors, `rnn evaluate` compares classes with labels")?;
    expect_windowed(&device, &args.model, "`rnn monitor` forecasts")?;
    let manifest = device.manifest;
    let [lookback, horizon, targets] =
        [manifest.window.lookback, manifest.window.horizon, manifest.window.targets].map(usize::from);
    if args.every > horizon {
        return Err(Error::input(format!(
            "--every {}: the model forecasts {}: give at most that",
            args.every,
            counted(horizon, "sample")
        )));
    }
    let series = if args.wall_clock {
        model::series_by(&manifest, &args.data, Clock::Wall)?
    } else {
        model::series(&manifest, &args.data)?
    };
    if args.wall_clock {
        series.clock_changes().iter().for_each(|changes| output.warn(changes));
    }
    let (calibration, watched) = rows(args, &manifest, &series)?;
    let window = args.window.unwrap_or(lookback.max(2));
    if window > calibration.start {
        return Err(Error::input(format!(
            "--window {window}: only {} rows lie before those that calibrate the alarm: give at most that",
            calibration.start
        )));
    }
    let failures = failures(args, &series, lookback, &watched, output)?;

    let settings =
        Settings { rate: args.false_alarms, smooth: args.smooth, raise_after: args.raise_after, clear_after: args.clear_after };
    let first = calibration.start;
    let residuals = Residuals::of(&mut device, &series, first..watched.end, args.every)?;
    let (calibrated, tail) = calibrate(&residuals, &calibration, device.digest, &settings)?;
    let verdicts = watch(&calibrated, &residuals, residuals.rows());
    let scores: Vec<f32> = verdicts.iter().map(|verdict| verdict.smoothed).collect();
    let alarms = episodes_of(&verdicts, first);
    let judged = judge(&alarms, &scores, first, &watched, &failures);

    let rule = settings.rule();
    let z = z_scores(&series, targets, first..watched.end, window, &calibrated.floor);
    let z_tail = Tail::fit(&z[..calibration.len()], &rule, settings.rate).map_err(|largest| {
        Error::input(format!(
            "--false-alarms {} per 1000 samples cannot be told from the moving z-score on {} rows: ask for less than {largest:.1}, or give \
             another --window",
            settings.rate,
            calibration.len()
        ))
    })?;
    for (what, tail) in [("monitor", &tail), ("moving z-score", &z_tail)] {
        if tail.is_thin() {
            output.warn(format!(
                "the {what}'s threshold hangs on {} of {}: more validation rows would make it surer",
                counted(tail.peaks, "peak"),
                counted(calibration.len(), "row")
            ));
        }
    }
    let z_rule = |on: f32| z_tail.rule(&rule, on);
    let z_on = z_tail.threshold(settings.rate);
    let z_alarms = alarms_of(&z, first, &z_rule(z_on));
    let z_judged = judge(&z_alarms, &z, first, &watched, &failures);
    let best = (!failures.is_empty()).then(|| hindsight(&z, first, z_rule, &watched, &failures, judged.false_alarms)).flatten();

    let judging = Judging { series: &series, failures: &failures };
    let report = Report {
        model: &args.model,
        data: &args.data,
        unit: manifest.series.unit,
        calibrated_on: span(&series, &calibration),
        watched: span(&series, &watched),
        false_alarms_asked: args.false_alarms,
        every: args.every,
        scale: &calibrated.scale,
        monitor: judging.detector(calibrated.rules.alarm, Some(tail), Some(beginning_in(&alarms, &calibration)), &judged),
        z_score_window: window,
        z_score: judging.detector(z_rule(z_on), Some(z_tail), Some(beginning_in(&z_alarms, &calibration)), &z_judged),
        z_score_in_hindsight: best.map(|(rule, judged)| judging.detector(rule, None, None, &judged)),
    };
    if let Some(path) = &args.plot {
        let offset = watched.start - first;
        let z_name = format!("moving z-score, {window} samples");
        let shown = |judged: &Judged| judged.episodes.iter().map(|episode| episode.rows.clone()).collect();
        let curve = |name, scores, rule: Hysteresis, judged| Curve {
            name,
            scores,
            thresholds: [rule.on, rule.off],
            alarms: shown(judged),
        };
        let curves = [
            curve("monitor", &scores[offset..], calibrated.rules.alarm, &judged),
            curve(&z_name, &z[offset..], z_rule(z_on), &z_judged),
        ];
        write_atomically(path, watch_plot::watched(&series, &watched, &failures, &curves, report.unit)?.as_bytes())?;
    }
    if let Some(path) = &args.output {
        write_constant(path, args, &calibrated)?;
    }
    let written: Vec<&Path> = [&args.plot, &args.output].into_iter().flatten().map(PathBuf::as_path).collect();
    output.finish(&report, || for_people(&report, &written))
}

fn write_constant(path: &Path, args: &Args, calibrated: &Calibrated) -> Result<()> {
    let model = args.model.file_name().unwrap_or(args.model.as_os_str()).to_string_lossy();
    write_atomically(path, snippet(calibrated, &model, args.false_alarms).as_bytes())
}
