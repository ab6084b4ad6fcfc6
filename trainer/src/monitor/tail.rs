//! A threshold for a stated rate of false alarms, from a few days of scores.
//!
//! Peaks over a threshold u: where scores rise over u in `rate(u)` episodes per 1000 samples, and the episodes' peaks exceed u by
//! `mean excess` on average, an exponential tail gives `rate(t) = rate(u) exp(-(t - u) / mean excess)`. This is the method of Siffer et
//! al. 2017 ("Anomaly detection in streams with extreme value theory", equation 1) with the tail's shape fixed at 0, because a handful of
//! peaks cannot tell a shape.

use std::ops::Range;

use embedded_rnn::monitor::{Hysteresis, Latch};
use serde::Serialize;

/// Shares of all samples below u, tried in this order until enough peaks lie over it: the higher u, the less the tail's shape matters.
const SHARES: [f64; 7] = [0.99, 0.98, 0.95, 0.9, 0.8, 0.65, 0.5];
/// Peaks that a mean excess is taken from, if there are as many.
const PEAKS: usize = 8;
/// Fewer peaks tell hardly anything.
const THIN: usize = 5;

/// What the tail of some scores looks like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tail {
    /// The usual score.
    pub median: f32,
    /// u
    pub base: f32,
    /// Episodes over u.
    pub peaks: usize,
    /// Episodes over u per 1000 samples.
    pub rate: f64,
    /// By how much their peaks exceed u on average.
    pub mean_excess: f64,
}

/// Where scores raise an alarm until they clear it.
pub fn episodes(scores: &[f32], rule: &Hysteresis) -> Vec<Range<usize>> {
    let mut latch = Latch::OFF;
    let mut found: Vec<Range<usize>> = Vec::new();
    for (index, score) in scores.iter().enumerate() {
        let before = latch.is_on();
        if latch.update(rule, *score).is_on() {
            match found.last_mut() {
                Some(last) if before => last.end = index + 1,
                _ => found.push(index..index + 1),
            }
        }
    }
    found
}

impl Tail {
    /// The tail from which alarms at `rate` per 1000 samples can be told; a refusal says the largest rate that can be. Peaks are told apart
    /// as alarms are, but at u itself: where `clear_after` samples in a row lie below it.
    pub fn fit(scores: &[f32], rule: &Hysteresis, rate: f64) -> Result<Tail, f64> {
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let mut best: Option<Tail> = None;
        let mut largest: f64 = 0.0;
        for share in SHARES {
            let Some(&base) = sorted.get((share * sorted.len() as f64) as usize) else { break };
            if base <= 0.0 {
                break;
            }
            let excesses: Vec<f64> = episodes(scores, &Hysteresis { on: base, off: base, ..*rule })
                .into_iter()
                .map(|rows| f64::from(peak(&scores[rows]) - base))
                .collect();
            let peaks = excesses.len();
            let tail = Tail {
                median: sorted[sorted.len() / 2],
                base,
                peaks,
                rate: 1000.0 * peaks as f64 / scores.len() as f64,
                mean_excess: excesses.iter().sum::<f64>() / peaks.max(1) as f64,
            };
            largest = largest.max(tail.rate);
            if tail.rate >= rate && tail.mean_excess > 0.0 && best.is_none_or(|best| best.peaks < tail.peaks) {
                best = Some(tail);
            }
            if best.is_some_and(|best| best.peaks >= PEAKS) {
                break;
            }
        }
        best.ok_or(largest)
    }

    /// The threshold that alarms exceed at `rate` per 1000 samples, if the tail goes on as it began.
    pub fn threshold(&self, rate: f64) -> f32 {
        (f64::from(self.base) + self.mean_excess * (self.rate / rate).ln()) as f32
    }

    /// An alarm's thresholds: the upper one, and halfway between the usual score and it the lower one. `rule`: all but the thresholds.
    pub fn rule(&self, rule: &Hysteresis, on: f32) -> Hysteresis {
        Hysteresis { on, off: 0.5 * (self.median + on), ..*rule }
    }

    /// Whether the tail hangs on few peaks.
    pub fn is_thin(&self) -> bool {
        self.peaks < THIN
    }
}

/// The largest score.
pub(super) fn peak(scores: &[f32]) -> f32 {
    scores.iter().copied().fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    const RULE: Hysteresis = Hysteresis { on: 0.0, off: 0.0, raise_after: 1, clear_after: 1 };

    #[test]
    fn an_exponential_tail_gives_the_rate_that_was_asked_for() {
        let runs = 40;
        for rate in [5.0, 1.0, 0.5] {
            let error = |seed: u64| {
                let random = Key::new(seed);
                let scores: Vec<f32> = (0..1000).map(|index| -random.with(index).uniform().ln() as f32).collect();
                let threshold = Tail::fit(&scores, &RULE, rate).unwrap().threshold(rate);
                // What samples of this distribution exceed the threshold by.
                (1000.0 * f64::from(-threshold).exp() / rate).ln()
            };
            let mean = (0..runs).map(error).sum::<f64>() / runs as f64;
            assert!(mean.abs() < 0.5, "asked {rate}, on average found {} times that", mean.exp());
        }
    }

    #[test]
    fn what_no_sample_can_tell_is_refused() {
        let scores: Vec<f32> = (0..1000).map(|index| if index % 100 < 10 { 2.0 + (index / 100) as f32 } else { 1.0 }).collect();
        assert_eq!(Tail::fit(&scores, &RULE, 11.0), Err(10.0));
        let tail = Tail::fit(&scores, &RULE, 1.0).unwrap();
        assert_eq!((tail.peaks, tail.rate, tail.is_thin()), (10, 10.0, false));
        let rule = tail.rule(&RULE, 5.0);
        assert_eq!((rule.on, rule.off, rule.clear_after), (5.0, 3.0, RULE.clear_after));
        assert_eq!(Tail::fit(&[0.0; 100], &RULE, 1.0), Err(0.0));
        assert_eq!(Tail::fit(&[], &RULE, 1.0), Err(0.0));
    }

    #[test]
    fn episodes_end_below_the_lower_threshold() {
        let scores = [0.0, 5.0, 3.0, 1.0, 5.0, 0.0, 0.0, 6.0];
        assert_eq!(episodes(&scores, &Hysteresis { on: 4.0, off: 2.0, ..RULE }), [1..3, 4..5, 7..8]);
        assert_eq!(episodes(&scores, &Hysteresis { on: 4.0, off: 0.4, ..RULE }), [1..5, 7..8]);
    }
}
