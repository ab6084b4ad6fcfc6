//! The rival: how far a sample lies from the mean of those before it, in units of their deviation. It knows no model.

use std::ops::Range;

use embedded_rnn::monitor::Hysteresis;

use super::{Failure, Judged, episodes, judge};
use crate::data::Series;

/// The largest |z| among the targets for each row; mean and population deviation are those of the `window` samples before it.
/// `floor`: each target's smallest deviation, raw units.
pub fn z_scores(series: &Series, targets: usize, rows: Range<usize>, window: usize, floor: &[f32]) -> Vec<f32> {
    let z = |row: usize| {
        let of = |(values, floor): (&[f32], &f32)| {
            let before = || values[row - window..row].iter().map(|value| f64::from(*value));
            let mean = before().sum::<f64>() / window as f64;
            let variance = before().map(|value| (value - mean).powi(2)).sum::<f64>() / window as f64;
            ((f64::from(values[row]) - mean).abs() / variance.sqrt().max(f64::from(*floor))) as f32
        };
        let columns = series.columns[..targets].iter().map(|column| &column.values[..]);
        columns.zip(floor).map(of).fold(0.0, f32::max)
    };
    rows.map(z).collect()
}

/// Alarms of scores whose first row is `first`, as rows of the series.
pub fn alarms_of(scores: &[f32], first: usize, rule: &Hysteresis) -> Vec<Range<usize>> {
    episodes(scores, rule).into_iter().map(|rows| rows.start + first..rows.end + first).collect()
}

/// The lowest threshold above which the scores never have more than `allowed` false alarms, found with the failures in view: the best
/// that the scores can do at that number. `rule` gives the alarm of an upper threshold; `watched`: the rows to be judged.
pub fn hindsight(
    scores: &[f32],
    first: usize,
    rule: impl Fn(f32) -> Hysteresis,
    watched: &Range<usize>,
    failures: &[Failure],
    allowed: usize,
) -> Option<(Hysteresis, Judged)> {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    // Half of all samples are no candidates; the rest are tried from above, in steps of a hundredth of those tried.
    let mut candidates = sorted.split_off(sorted.len() / 2);
    candidates.dedup();
    let mut best = None;
    let mut rank = 1;
    while rank <= candidates.len() {
        let on = candidates[candidates.len() - rank];
        let judged = judge(&alarms_of(scores, first, &rule(on)), scores, first, watched, failures);
        if on <= 0.0 || judged.false_alarms > allowed {
            break;
        }
        best = Some((rule(on), judged));
        rank += 1 + rank / 100;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::synthetic;

    fn rule(on: f32) -> Hysteresis {
        Hysteresis { on, off: 0.5 * on, raise_after: 1, clear_after: 1 }
    }

    #[test]
    fn the_score_is_the_distance_from_what_came_before() {
        let series =
            synthetic(8, 2, 2, |row, column| [2.0, 4.0, 2.0, 4.0, 9.0, 3.0, 3.0, 3.0][row] * if column == 0 { 1.0 } else { 0.0 });
        let scores = z_scores(&series, 2, 4..6, 4, &[0.1, 0.1]);
        assert_eq!(scores[0], 6.0);
        // A constant column scores 0, and a deviation below the floor is the floor.
        assert_eq!(z_scores(&series, 1, 4..5, 1, &[2.0]), [2.5]);
    }

    #[test]
    fn hindsight_allows_as_many_false_alarms_and_no_more() {
        let scores: Vec<f32> =
            (0..1000).map(|row| if row % 100 == 50 { (row / 100) as f32 + 2.0 } else { (row % 7) as f32 / 7.0 }).collect();
        let failures = [Failure { stamp: "x".into(), row: 950, window: 940..960 }];
        for allowed in 0..10 {
            let (rule, judged) = hindsight(&scores, 0, rule, &(0..1000), &failures, allowed).unwrap();
            assert_eq!(judged.false_alarms, allowed, "at {}", rule.on);
            assert!(judged.catches[0].caught());
        }
        // Where a false alarm stands highest, none can be avoided.
        assert!(hindsight(&scores, 0, rule, &(0..1000), &[], 0).is_none());
    }
}
