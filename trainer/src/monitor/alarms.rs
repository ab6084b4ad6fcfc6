//! Alarms against failures that are known.

use std::ops::Range;

use serde::Serialize;

use super::Failure;
use super::tail::peak;

/// One alarm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Episode {
    /// From the sample that raised it to the one before it was cleared.
    #[serde(skip)]
    pub rows: Range<usize>,
    /// The largest smoothed score in it.
    pub peak: f32,
    /// The failures whose windows it touches.
    #[serde(skip)]
    pub failures: Vec<usize>,
}

/// Whether and when a failure was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Catch {
    /// Samples from the first alarm in the failure's window to the failure: positive before it, negative after it; `None` if there was no
    /// alarm. An alarm that goes on from before counts from the window's beginning.
    pub lead: Option<i64>,
}

impl Catch {
    /// Whether there was an alarm in the window.
    pub fn caught(&self) -> bool {
        self.lead.is_some()
    }
}

/// A detector's alarms on the watched rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// In the order of time.
    pub episodes: Vec<Episode>,
    /// Alarms that touch no failure's window.
    pub false_alarms: usize,
    /// The same per 1000 samples outside the windows.
    pub false_rate: f64,
    /// The share of the samples outside the windows that lie in an alarm.
    pub alarmed_share: f64,
    /// In the order of the failures.
    pub catches: Vec<Catch>,
}

/// Judges alarms that begin in the watched rows. `scores` are those of the rows from `first` on.
pub fn judge(alarms: &[Range<usize>], scores: &[f32], first: usize, watched: &Range<usize>, failures: &[Failure]) -> Judged {
    let touches = |rows: &Range<usize>, failure: &Failure| rows.start < failure.window.end && failure.window.start < rows.end;
    let episodes: Vec<Episode> = alarms
        .iter()
        .filter(|rows| watched.contains(&rows.start))
        .map(|rows| Episode {
            rows: rows.clone(),
            peak: peak(&scores[rows.start - first..rows.end - first]),
            failures: (0..failures.len()).filter(|index| touches(rows, &failures[*index])).collect(),
        })
        .collect();
    let outside = |row: &usize| !failures.iter().any(|failure| failure.window.contains(row));
    let quiet = watched.clone().filter(outside).count().max(1) as f64;
    let alarmed = episodes.iter().flat_map(|episode| episode.rows.clone()).filter(outside).count() as f64;
    let false_alarms = episodes.iter().filter(|episode| episode.failures.is_empty()).count();
    let catch = |(index, failure): (usize, &Failure)| {
        let first = episodes.iter().find(|episode| episode.failures.contains(&index));
        Catch { lead: first.map(|episode| failure.row as i64 - episode.rows.start.max(failure.window.start) as i64) }
    };
    let catches = failures.iter().enumerate().map(catch).collect();
    Judged { false_rate: 1000.0 * false_alarms as f64 / quiet, alarmed_share: alarmed / quiet, episodes, false_alarms, catches }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_true_in_a_failures_window_and_false_outside() {
        let failures =
            [(50, 40..60), (150, 140..160), (190, 180..200)].map(|(row, window)| Failure { stamp: row.to_string(), row, window });
        let mut scores = vec![1.0; 200];
        scores[106] = 7.0;
        // Before the watched rows; false; before the failure; after it; from before the window on.
        let alarms = [0..15, 95..96, 45..47, 55..70, 100..145];
        let judged = judge(&alarms, &scores[10..], 10, &(20..200), &failures);
        assert_eq!(judged.episodes.len(), 4);
        assert_eq!((judged.false_alarms, judged.episodes[3].peak), (1, 7.0));
        assert_eq!(judged.catches.iter().map(|catch| catch.lead).collect::<Vec<_>>(), [Some(5), Some(10), None]);
        assert_eq!(judged.false_rate, 1000.0 / 120.0);
        assert_eq!(judged.alarmed_share, (1.0 + 10.0 + 40.0) / 120.0);
    }
}
