//! How long a stream takes to forget that it began at the zero state.
//!
//! The model is started at many places and its errors are set against those of a stream that has run from the series' first row on, *on the
//! same forecasts*, so that nothing but the start makes the difference. The warm-up is the least number of steps from which on the root mean
//! square error of the young streams stays within [`TOLERANCE`] of the long one's, for as many steps as were tried. Errors are those of the
//! medians in the transformed domain, each target in units of its deviation, over the whole horizon.

use serde::Serialize;

use super::device::{DeviceModel, medians};
use super::passes::{Refused, over};
use crate::data::Windows;

/// By how much an error may exceed the long stream's.
pub const TOLERANCE: f64 = 0.01;

/// Places at which streams are started, about.
const STARTS: usize = 128;

/// Fewest forecasts that a number of steps is judged by.
const FEWEST: usize = 16;

/// How many segments of training the young streams run for.
const SEGMENTS: usize = 4;

/// A stream's warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WarmUp {
    /// Steps from the zero state.
    pub steps: u32,
    /// Samples that they read.
    pub samples: usize,
    /// Steps that were tried.
    pub tried: u32,
    /// Whether the error had settled within them.
    pub settled: bool,
}

impl WarmUp {
    /// What speaks against it, if something does.
    pub fn warning(&self) -> Option<String> {
        (!self.settled).then(|| {
            format!(
                "the errors of streams that begin at the zero state were not seen to settle within {:.0} % of a long stream's in {} steps, the \
                 most that were tried; the file states so many as its warm-up: train longer, or give validation more rows",
                100.0 * TOLERANCE,
                self.tried
            )
        })
    }
}

/// The least step, from 1, from which on errors stay within the tolerance; `pairs` holds for each step the sums of squares of the young
/// streams and of the long one, none where it was not judged. `None` if the last judged one does
/// not, or none was.
fn settled(pairs: &[Option<[f64; 2]>]) -> Option<u32> {
    let within = |pair: &Option<[f64; 2]>| pair.is_none_or(|[young, long]| young.sqrt() <= (1.0 + TOLERANCE) * long.sqrt());
    let last = pairs.iter().rposition(|pair| !within(pair));
    match last {
        None => pairs.iter().any(Option::is_some).then_some(1),
        Some(last) if pairs[last + 1..].iter().any(Option::is_some) => Some(last as u32 + 2),
        Some(_) => None,
    }
}

/// Measures the warm-up of a streaming model on windows, through the device crate.
pub fn measure(model: &mut DeviceModel<'_>, windows: &Windows<'_>) -> Result<WarmUp, Refused> {
    let dataset = windows.dataset();
    let (patch, horizon) = (dataset.window().patch, dataset.window().horizon);
    let tried = SEGMENTS * dataset.steps();
    // What comes after each window, as the squared error is taken against it.
    let came: Vec<Vec<f32>> = (0..windows.len())
        .map(|index| {
            let rows = windows.origin(index)..windows.origin(index) + horizon;
            (0..dataset.targets()).flat_map(|column| dataset.transformed(column)[rows.clone()].iter().copied()).collect()
        })
        .collect();
    let deviations: Vec<f64> = dataset.scaler().columns.iter().map(|moments| moments.deviation).collect();
    let square = |said: &[f32], index: usize| -> f64 {
        let errors = said.iter().zip(&came[index]).enumerate();
        errors.map(|(k, (said, came))| ((f64::from(*said) - f64::from(*came)) / deviations[k / horizon]).powi(2)).sum()
    };
    let medians = |model: &DeviceModel<'_>| medians(&model.current_transformed_spread(), model.quantiles());
    let said = over(model, windows, medians)?;
    let long: Vec<f64> = said.iter().enumerate().map(|(index, said)| square(said, index)).collect();
    let (first, end) = (windows.origin(0), windows.origin(windows.len() - 1) + 1);
    let from = first.saturating_sub(tried * patch);
    let stride = (end - from).div_ceil(STARTS).max(1);
    let mut sums = vec![([0.0; 2], 0usize); tried];
    let mut samples = Vec::new();
    for start in (from..end).step_by(stride) {
        model.restart();
        for (step, (sums, count)) in sums.iter_mut().enumerate() {
            let row = start + (step + 1) * patch;
            if row >= end {
                break;
            }
            samples.clear();
            samples.extend((row - patch..row).flat_map(|row| dataset.series().sample(row)));
            model.advance(&samples).map_err(|reason| Refused { before: row, reason })?;
            if row >= first {
                sums[0] += square(&medians(model), row - first);
                sums[1] += long[row - first];
                *count += 1;
            }
        }
    }
    let pairs: Vec<Option<[f64; 2]>> = sums.into_iter().map(|(sums, count)| (count >= FEWEST).then_some(sums)).collect();
    let found = settled(&pairs);
    let steps = found.unwrap_or(tried as u32);
    Ok(WarmUp { steps, samples: steps as usize * patch, tried: tried as u32, settled: found.is_some() })
}

#[cfg(test)]
mod tests {
    use super::settled;

    #[test]
    fn errors_must_stay_within_the_tolerance() {
        let pair = |ratio: f64| Some([4.0 * ratio * ratio, 4.0]);
        assert_eq!(settled(&[pair(2.0), pair(1.1), pair(1.005), pair(0.9)]), Some(3));
        assert_eq!(settled(&[pair(1.0), pair(1.02), pair(1.005)]), Some(3), "it was within before, and did not stay");
        assert_eq!(settled(&[pair(1.0), pair(0.5)]), Some(1));
        assert_eq!(settled(&[pair(1.5), pair(1.02)]), None);
        assert_eq!(settled(&[pair(1.5), None, pair(1.0), None]), Some(2), "steps that were not judged say nothing");
        assert_eq!(settled(&[pair(1.5), None]), None);
        assert_eq!(settled(&[None, None]), None);
    }
}
