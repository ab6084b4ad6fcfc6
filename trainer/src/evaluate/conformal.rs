//! How much prediction intervals must be widened to cover what they promise: conformalized quantile regression (Romano, Patterson &
//! Candès, arXiv 1905.03222) in its split form, for each target, sample of the horizon and pair of quantiles on its own.
//!
//! A window's score is how far the value that came lies outside of the interval, less than 0 where it lies inside:
//! `E = max(lower - y, y - upper)`. Of n windows, the widening is the `ceil((n + 1) (β - α))`-th smallest score, where α and β are the levels
//! of the pair. If windows were exchangeable, the next value would lie in `[lower - w, upper + w]` with a probability of at least `β - α`, for
//! a network of any quality. Windows of a series overlap and the series changes, so that the promise holds as far as the validation rows
//! are like what comes. Scores are taken in the transformed domain, where the device widens; a monotone transform leaves coverage as it is. Where windows are
//! scaled, scores and widenings are in units of the window's deviation.

use super::device::DeviceModel;
use super::passes::over;
use crate::data::Windows;
use crate::error::{Error, Result};

/// By how much each pair of quantiles is widened.
#[derive(Clone, Debug, PartialEq)]
pub struct Widening {
    /// `[K][Z][pairs]`, the widest pair first, in the transformed domain.
    pub values: Vec<f32>,
    /// The largest coverage that so few windows can promise, where a pair asks for more: its widening is the largest score.
    pub most: Option<f64>,
}

/// The rank, from 1, of the score that widens intervals of a coverage; none where so few windows promise no such coverage.
fn rank(windows: usize, coverage: f64) -> Option<usize> {
    // Levels are rounded to `f32`: 0.9 - 0.1 is a little more than 0.8.
    let rank = ((windows + 1) as f64 * coverage - 1e-6 * windows as f64).ceil().max(1.0) as usize;
    (rank <= windows).then_some(rank)
}

/// The smallest `f32` that is not below a value.
fn not_below(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) < value { near.next_up() } else { near }
}

/// Finds the widening on windows, by what the device crate computes from a file that widens nothing.
pub fn calibrate(model: &mut DeviceModel<'_>, windows: &Windows<'_>) -> Result<Widening> {
    let levels: Vec<f64> = model.levels().iter().map(|level| f64::from(*level)).collect();
    let (quantiles, pairs) = (levels.len(), levels.len() / 2);
    let transform = model.manifest.window.transform;
    let mut came = vec![0.0; windows.target_len()];
    // One list for each target, sample and pair.
    let mut scores: Vec<Vec<f64>> = vec![Vec::with_capacity(windows.len()); windows.target_len() * pairs];
    let spreads = over(model, windows, |model| (model.current_transformed_spread(), model.deviations()))
        .map_err(|refused| Error::failed(format!("the packed model refuses its own validation data: {}", refused.reason)))?;
    for (index, (spread, deviations)) in spreads.into_iter().enumerate() {
        windows.raw_target(index, &mut came);
        let horizon = windows.target_len() / deviations.len();
        for (value, (said, came)) in spread.chunks_exact(quantiles).zip(&came).enumerate() {
            // Every value of the series passed the transform when the dataset was made.
            let came = f64::from(transform.forward(*came).unwrap_or_default());
            for pair in 0..pairs {
                let (lower, upper) = (f64::from(said[pair]), f64::from(said[quantiles - 1 - pair]));
                let deviation = f64::from(deviations[value / horizon]);
                scores[value * pairs + pair].push((lower - came).max(came - upper) / deviation);
            }
        }
    }
    let mut most = None;
    let mut values = Vec::with_capacity(scores.len());
    for (index, mut scores) in scores.into_iter().enumerate() {
        let pair = index % pairs;
        scores.sort_by(f64::total_cmp);
        let rank = rank(scores.len(), levels[quantiles - 1 - pair] - levels[pair]).unwrap_or_else(|| {
            most = Some(scores.len() as f64 / (scores.len() + 1) as f64);
            scores.len()
        });
        let score = rank.checked_sub(1).and_then(|at| scores.get(at)).copied().unwrap_or_default();
        if !score.is_finite() {
            return Err(Error::failed("a quantile of a validation window is no number: the model is unusable, train it again"));
        }
        values.push(not_below(score));
    }
    Ok(Widening { values, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_corrected_for_few_windows() {
        // (n + 1) 0.8 of 99 is 80 exactly, of 100 it is 80.8.
        let coverage = f64::from(0.9f32) - f64::from(0.1f32);
        assert_eq!([99, 100, 4, 3].map(|windows| rank(windows, coverage)), [Some(80), Some(81), Some(4), None]);
        assert_eq!(rank(19, f64::from(0.975f32) - f64::from(0.025f32)), Some(19));
        assert_eq!(rank(18, 0.95), None);
        assert_eq!(rank(0, 0.5), None);
    }

    #[test]
    fn rounding_never_narrows() {
        for value in [0.1f64, -0.1, 1.0 / 3.0, -1e-30, 0.0, 7.0] {
            let rounded = f64::from(not_below(value));
            assert!(rounded >= value && rounded <= value + 1e-7 * value.abs().max(1e-30), "{value}");
        }
    }
}
