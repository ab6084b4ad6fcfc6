//! `rnn monitor`: a model file watches a series.

use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::builder::RangedU64ValueParser;
use embedded_rnn::image::Manifest;
use embedded_rnn::monitor::{Hysteresis, Verdict};
use serde::Serialize;

use super::model;
use super::numbers::{count, counted, grouped};
use super::output::Output;
use crate::config::Clock;
use crate::data::{Interval, Series};
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::files::{expect_place_for_file, write_atomically};
use crate::monitor::{
    Calibrated, Failure, Judged, Residuals, Settings, Tail, alarms_of, calibrate, hindsight, judge, snippet, watch, z_scores,
};
use crate::report::table::{Align, Table};
use crate::report::watch_plot::{self, Curve};

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

/// Rows of the CSV, first and last, as people name them.
#[derive(Serialize)]
struct Span {
    rows: usize,
    from: String,
    to: String,
}

#[derive(Serialize)]
struct Alarm {
    from: String,
    to: String,
    samples: usize,
    peak: f32,
    /// The failures whose windows it touches; only where failures are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Noticed {
    failure: String,
    caught: bool,
    /// Samples from the alarm to the failure; negative: after it.
    lead_samples: Option<i64>,
    lead: String,
}

#[derive(Serialize)]
struct Detector {
    on: f32,
    off: f32,
    /// What the threshold comes from; `null` where it was set with the failures in view.
    tail: Option<Tail>,
    alarms_in_calibration: Option<usize>,
    alarms: Vec<Alarm>,
    /// Where failures are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    truth: Option<Truth>,
}

#[derive(Serialize)]
struct Truth {
    false_alarms: usize,
    false_alarms_per_1000: f64,
    /// The share of all samples outside the failures' windows that lie in an alarm.
    alarmed_share: f64,
    failures: Vec<Noticed>,
}

#[derive(Serialize)]
struct Report<'a> {
    model: &'a Path,
    data: &'a Path,
    unit: &'a str,
    calibrated_on: Span,
    watched: Span,
    false_alarms_asked: f64,
    every: usize,
    /// `[targets][steps]`: the usual sizes of errors.
    scale: &'a [Vec<f32>],
    monitor: Detector,
    z_score_window: usize,
    z_score: Detector,
    /// The z-score with the lowest threshold at which it has no more false alarms than the monitor had: it saw the failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    z_score_in_hindsight: Option<Detector>,
}

/// What people call a row.
fn name(series: &Series, row: usize) -> String {
    series.times.as_ref().map_or_else(|| format!("line {}", series.line(row)), |times| times.text(row))
}

fn span(series: &Series, rows: &Range<usize>) -> Span {
    Span { rows: rows.len(), from: name(series, rows.start), to: name(series, rows.end - 1) }
}

/// `7 h 25 min before`
fn lead(samples: Option<i64>, interval: Option<Interval>) -> String {
    let Some(samples) = samples else { return "missed".to_owned() };
    let side = match samples {
        0 => return "at once".to_owned(),
        1.. => "before",
        _ => "after",
    };
    let length = samples.unsigned_abs();
    let Some(seconds) = interval.and_then(Interval::seconds).map(|seconds| seconds * length as f64) else {
        return format!("{} {side}", counted(length as usize, "sample"));
    };
    let minutes = (seconds / 60.0).round() as u64;
    let text = match minutes {
        0 => format!("{seconds:.3} s"),
        1..60 => format!("{minutes} min"),
        60..2880 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1440, minutes % 1440 / 60),
    };
    format!("{text} {side}")
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

struct Judging<'a> {
    series: &'a Series,
    failures: &'a [Failure],
}

impl Judging<'_> {
    fn detector(&self, rule: Hysteresis, tail: Option<Tail>, alarms_in_calibration: Option<usize>, judged: &Judged) -> Detector {
        let series = self.series;
        let known = !self.failures.is_empty();
        let alarms = judged.episodes.iter().map(|episode| Alarm {
            from: name(series, episode.rows.start),
            to: name(series, episode.rows.end - 1),
            samples: episode.rows.len(),
            peak: episode.peak,
            failures: known.then(|| episode.failures.iter().map(|index| self.failures[*index].stamp.clone()).collect()),
        });
        let interval = series.times.as_ref().and_then(|times| times.interval());
        let noticed = |(failure, catch): (&Failure, &crate::monitor::Catch)| Noticed {
            failure: failure.stamp.clone(),
            caught: catch.caught(),
            lead_samples: catch.lead,
            lead: lead(catch.lead, interval),
        };
        Detector {
            on: rule.on,
            off: rule.off,
            tail,
            alarms_in_calibration,
            alarms: alarms.collect(),
            truth: known.then(|| Truth {
                false_alarms: judged.false_alarms,
                false_alarms_per_1000: judged.false_rate,
                alarmed_share: judged.alarmed_share,
                failures: self.failures.iter().zip(&judged.catches).map(noticed).collect(),
            }),
        }
    }
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
    output.finish(&report, || for_people(&report, args))
}

fn write_constant(path: &Path, args: &Args, calibrated: &Calibrated) -> Result<()> {
    let model = args.model.file_name().unwrap_or(args.model.as_os_str()).to_string_lossy();
    write_atomically(path, snippet(calibrated, &model, args.false_alarms).as_bytes())
}

fn for_people(report: &Report<'_>, args: &Args) -> String {
    let Span { rows, from, to } = &report.watched;
    let forecasts =
        if report.every == 1 { "one step ahead".to_owned() } else { format!("a forecast every {} samples", report.every) };
    let mut text = format!(
        "{}: watched {} from {from} to {to}, {forecasts}\ncalibrated on {} from {} to {} for {} false alarms per 1,000 samples\n",
        report.data.display(),
        counted(*rows, "row"),
        counted(report.calibrated_on.rows, "row"),
        report.calibrated_on.from,
        report.calibrated_on.to,
        report.false_alarms_asked,
    );
    let known = report.monitor.truth.is_some();
    let mut alarms = Table::new([("alarm", Align::Left), ("until", Align::Left), ("peak", Align::Right), ("", Align::Left)]);
    for alarm in &report.monitor.alarms {
        let what = match alarm.failures.as_deref() {
            None => String::new(),
            Some([]) => "false".to_owned(),
            Some(failures) => format!("failure at {}", failures.join(" and ")),
        };
        alarms.row([alarm.from.clone(), alarm.to.clone(), format!("{:.1}", alarm.peak), what]);
    }
    if report.monitor.alarms.is_empty() {
        text += "\nno alarms\n";
    } else {
        text += &format!("\n{alarms}");
    }
    let z_name = format!("moving z-score, {} samples", report.z_score_window);
    let detectors = || {
        let calibrated = [("monitor".to_owned(), &report.monitor), (z_name.clone(), &report.z_score)];
        calibrated
            .into_iter()
            .chain(report.z_score_in_hindsight.iter().map(|best| ("the same, threshold in hindsight".to_owned(), best)))
    };
    let mut summary = Table::new([
        ("", Align::Left),
        ("threshold", Align::Right),
        ("alarms", Align::Right),
        ("false", Align::Right),
        ("per 1,000", Align::Right),
        ("time in alarm", Align::Right),
    ]);
    for (name, detector) in detectors() {
        let truth = |show: fn(&Truth) -> String| detector.truth.as_ref().map_or_else(|| "not known".to_owned(), show);
        summary.row([
            name,
            format!("{:.2}", detector.on),
            grouped(detector.alarms.len() as u64),
            truth(|truth| grouped(truth.false_alarms as u64)),
            truth(|truth| format!("{:.2}", truth.false_alarms_per_1000)),
            truth(|truth| format!("{:.1} %", 100.0 * truth.alarmed_share)),
        ]);
    }
    text += &format!("\n{summary}");
    if known {
        let mut noticed = Table::new([
            ("failure", Align::Left),
            ("monitor", Align::Left),
            ("moving z-score", Align::Left),
            ("in hindsight", Align::Left),
        ]);
        let of = |detector: Option<&Detector>, index: usize| {
            let truth = detector.and_then(|detector| detector.truth.as_ref());
            truth.map_or_else(|| "-".to_owned(), |truth| truth.failures[index].lead.clone())
        };
        let failures = report.monitor.truth.iter().flat_map(|truth| &truth.failures);
        for (index, failure) in failures.enumerate() {
            noticed.row([
                failure.failure.clone(),
                failure.lead.clone(),
                of(Some(&report.z_score), index),
                of(report.z_score_in_hindsight.as_ref(), index),
            ]);
        }
        text += &format!("\n{noticed}");
    }
    let written: Vec<String> = [&args.plot, &args.output].into_iter().flatten().map(|path| path.display().to_string()).collect();
    if !written.is_empty() {
        text += &format!("\nwritten: {}\n", written.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_are_told_in_words() {
        let five_minutes = Some(Interval::Microseconds(300_000_000));
        for (samples, expected) in [
            (None, "missed"),
            (Some(0), "at once"),
            (Some(3), "15 min before"),
            (Some(-13), "1 h 5 min after"),
            (Some(600), "2 d 2 h before"),
        ] {
            assert_eq!(lead(samples, five_minutes), expected);
        }
        assert_eq!(lead(Some(1), Some(Interval::Microseconds(2_000))), "0.002 s before");
        assert_eq!(lead(Some(-1), Some(Interval::Months(1))), "1 sample after");
        assert_eq!(lead(Some(2), None), "2 samples before");
    }
}
