//! What `rnn monitor` found, for programs and for people.

use std::ops::Range;
use std::path::Path;

use embedded_rnn::monitor::Hysteresis;
use serde::Serialize;

use crate::cli::numbers::{counted, grouped};
use crate::data::{Interval, Series};
use crate::monitor::{Catch, Failure, Judged, Tail};
use crate::report::table::{Align, Table};

/// Rows of the CSV, first and last, as people name them.
#[derive(Serialize)]
pub(super) struct Span {
    rows: usize,
    from: String,
    to: String,
}

#[derive(Serialize)]
pub(super) struct Alarm {
    from: String,
    to: String,
    samples: usize,
    peak: f32,
    /// The failures whose windows it touches; only where failures are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<Vec<String>>,
}

#[derive(Serialize)]
pub(super) struct Noticed {
    failure: String,
    caught: bool,
    /// Samples from the alarm to the failure; negative: after it.
    lead_samples: Option<i64>,
    lead: String,
}

#[derive(Serialize)]
pub(super) struct Detector {
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
pub(super) struct Truth {
    false_alarms: usize,
    false_alarms_per_1000: f64,
    /// The share of all samples outside the failures' windows that lie in an alarm.
    alarmed_share: f64,
    failures: Vec<Noticed>,
}

#[derive(Serialize)]
pub(super) struct Report<'a> {
    pub model: &'a Path,
    pub data: &'a Path,
    pub unit: &'a str,
    pub calibrated_on: Span,
    pub watched: Span,
    pub false_alarms_asked: f64,
    pub every: usize,
    /// `[targets][steps]`: the usual sizes of errors.
    pub scale: &'a [Vec<f32>],
    pub monitor: Detector,
    pub z_score_window: usize,
    pub z_score: Detector,
    /// The z-score with the lowest threshold at which it has no more false alarms than the monitor had: it saw the failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub z_score_in_hindsight: Option<Detector>,
}

/// What people call a row.
fn name(series: &Series, row: usize) -> String {
    series.times.as_ref().map_or_else(|| format!("line {}", series.line(row)), |times| times.text(row))
}

pub(super) fn span(series: &Series, rows: &Range<usize>) -> Span {
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

pub(super) struct Judging<'a> {
    pub series: &'a Series,
    pub failures: &'a [Failure],
}

impl Judging<'_> {
    pub fn detector(
        &self,
        rule: Hysteresis,
        tail: Option<Tail>,
        alarms_in_calibration: Option<usize>,
        judged: &Judged,
    ) -> Detector {
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
        let noticed = |(failure, catch): (&Failure, &Catch)| Noticed {
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

pub(super) fn for_people(report: &Report<'_>, written: &[&Path]) -> String {
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
    if !written.is_empty() {
        let written: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
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
