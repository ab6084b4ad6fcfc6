//! Errors of forecasts, over all windows of a part and all samples of the horizon.
//!
//! In raw units, pooled, by target and by sample of the horizon; and on the normalized scale, the z-scores of transformed values with
//! the training rows' deviation, which published benchmarks state. (The mean cancels in a difference of z-scores.)

use serde::Serialize;

use crate::data::Windows;
use crate::error::{Error, Result};

/// Mean absolute error and root mean squared error, in raw units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Errors {
    /// The mean of `|forecast - actual|`.
    pub mae: f64,
    /// The root of the mean of `(forecast - actual)^2`.
    pub rmse: f64,
}

/// Mean squared and mean absolute error on the normalized scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NormalizedErrors {
    /// The mean of squares.
    pub mse: f64,
    /// The mean of absolute values.
    pub mae: f64,
}

/// One target's errors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetMetrics {
    /// The column's header.
    pub name: String,
    /// Over the whole horizon.
    #[serde(flatten)]
    pub errors: Errors,
    /// One for each sample of the horizon, the next one first.
    pub by_horizon: Vec<Errors>,
}

/// Errors of one forecaster over one part of a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// Windows forecast, one horizon each.
    pub windows: usize,
    /// Over all targets and the whole horizon, raw units.
    #[serde(flatten)]
    pub errors: Errors,
    /// Over all targets and the whole horizon, on the normalized scale.
    pub normalized: NormalizedErrors,
    /// By target.
    pub targets: Vec<TargetMetrics>,
}

/// Sums of absolute and squared errors.
#[derive(Clone, Copy, Default)]
struct Sums {
    absolute: f64,
    squared: f64,
    count: usize,
}

impl Sums {
    fn add(&mut self, error: f64) {
        self.absolute += error.abs();
        self.squared += error * error;
        self.count += 1;
    }

    fn merge(sums: &[Sums]) -> Sums {
        sums.iter().fold(Sums::default(), |a, b| Sums {
            absolute: a.absolute + b.absolute,
            squared: a.squared + b.squared,
            count: a.count + b.count,
        })
    }

    fn errors(self) -> Errors {
        let n = self.count.max(1) as f64;
        Errors { mae: self.absolute / n, rmse: (self.squared / n).sqrt() }
    }
}

/// Asks for the forecast of every window (`forecast(index, out)`, `out` as `[K][Z]` in raw units) and measures its errors.
pub fn score(windows: &Windows<'_>, mut forecast: impl FnMut(usize, &mut [f32]) -> Result<()>) -> Result<Metrics> {
    let dataset = windows.dataset();
    let (window, horizon) = (dataset.window(), dataset.window().horizon);
    let names: Vec<String> = dataset.series().target_names().map(str::to_owned).collect();
    let mut raw = vec![Sums::default(); windows.target_len()];
    let mut normalized = Sums::default();
    let mut said = vec![0.0; windows.target_len()];
    let mut came = vec![0.0; windows.target_len()];
    // A forecast of exactly nothing has no logarithm; it is compared as the smallest normal number.
    let transformed = |value: f32| window.transform.forward(value).or_else(|| window.transform.forward(f32::MIN_POSITIVE));
    for index in 0..windows.len() {
        forecast(index, &mut said)?;
        windows.raw_target(index, &mut came);
        for (output, (said, came)) in said.iter().zip(&came).enumerate() {
            let (target, ahead) = (output / horizon, output % horizon + 1);
            if !said.is_finite() {
                return Err(Error::failed(format!(
                    "the forecast of \"{}\" {ahead} ahead in window {index} is {said}: the model is unusable, train it again",
                    names[target]
                )));
            }
            raw[output].add(f64::from(*said) - f64::from(*came));
            if let (Some(said), Some(came)) = (transformed(*said), transformed(*came)) {
                normalized.add((f64::from(said) - f64::from(came)) / dataset.scaler().columns[target].deviation);
            }
        }
    }
    let targets = names.into_iter().zip(raw.chunks_exact(horizon));
    Ok(Metrics {
        windows: windows.len(),
        errors: Sums::merge(&raw).errors(),
        normalized: NormalizedErrors {
            mse: normalized.squared / normalized.count.max(1) as f64,
            mae: normalized.absolute / normalized.count.max(1) as f64,
        },
        targets: targets
            .map(|(name, sums)| TargetMetrics {
                name,
                errors: Sums::merge(sums).errors(),
                by_horizon: sums.iter().map(|sums| sums.errors()).collect(),
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use embedded_rnn::forecast::Transform;

    use super::score;
    use crate::config::{Normalization, Split, Window};
    use crate::data::testing::{synthetic, window};
    use crate::data::{Dataset, Part};

    fn dataset(transform: Transform) -> Dataset {
        let series = synthetic(100, 3, 2, |row, column| (row * row + 100 * column + 1) as f32);
        let settings = Window { transform, ..window(4, 2, 3, Normalization::Last) };
        Dataset::new(series, &settings, &Split::default()).unwrap()
    }

    #[test]
    fn errors_are_pooled_by_target_and_by_horizon() {
        let dataset = dataset(Transform::None);
        let windows = dataset.windows(Part::Test);
        // The first target is missed by 1, 2, 3; the second by -4 throughout.
        let metrics = score(&windows, |index, out| {
            windows.raw_target(index, out);
            for (i, value) in out.iter_mut().enumerate() {
                *value += if i < 3 { i as f32 + 1.0 } else { -4.0 };
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(metrics.windows, 13);
        assert!((metrics.errors.mae - (1.0 + 2.0 + 3.0 + 3.0 * 4.0) / 6.0).abs() < 1e-12);
        assert!((metrics.errors.rmse - ((1.0 + 4.0 + 9.0 + 3.0 * 16.0) / 6.0f64).sqrt()).abs() < 1e-12);
        assert_eq!((metrics.targets[0].name.as_str(), metrics.targets[0].errors.mae), ("c0", 2.0));
        assert_eq!(metrics.targets[0].by_horizon.iter().map(|errors| errors.mae).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
        assert_eq!((metrics.targets[1].errors.mae, metrics.targets[1].errors.rmse), (4.0, 4.0));
        let [a, b] = [0, 1].map(|target| dataset.scaler().columns[target].deviation);
        let mse = ((1.0 + 4.0 + 9.0) / (a * a) + 48.0 / (b * b)) / 6.0;
        assert!((metrics.normalized.mse - mse).abs() < 1e-12 * mse);
        let json = serde_json::to_value(&metrics).unwrap();
        assert_eq!(json["mae"], metrics.errors.mae);
        assert_eq!(json["targets"][1]["by_horizon"][2]["rmse"], 4.0);
    }

    #[test]
    fn the_normalized_scale_is_the_transformed_domains() {
        for (transform, power) in [(Transform::Sqrt, 2), (Transform::Log, 0)] {
            let dataset = dataset(transform);
            let windows = dataset.windows(Part::Test);
            let metrics = score(&windows, |index, out| {
                windows.raw_target(index, out);
                for value in out.iter_mut() {
                    let z = transform.forward(*value).unwrap();
                    *value = transform.inverse(z + 0.5);
                }
                Ok(())
            })
            .unwrap();
            let [a, b] = [0, 1].map(|target| 0.5 / dataset.scaler().columns[target].deviation);
            assert!((metrics.normalized.mae - (a + b) / 2.0).abs() < 1e-4 * (a + b), "{power} {metrics:?}");
        }
        // Zero lies outside the logarithm's domain and is still compared.
        let dataset = dataset(Transform::Log);
        let windows = dataset.windows(Part::Test);
        let zero = score(&windows, |_, out| {
            out.fill(0.0);
            Ok(())
        })
        .unwrap();
        assert!(zero.normalized.mae.is_finite() && zero.normalized.mae > 10.0, "{:?}", zero.normalized);
    }

    #[test]
    fn a_forecast_that_is_no_number_fails() {
        let dataset = dataset(Transform::None);
        let windows = dataset.windows(Part::Test);
        let error = score(&windows, |index, out| {
            out.fill(if index == 2 { f32::NAN } else { 0.0 });
            Ok(())
        })
        .unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert_eq!(error.to_string(), "the forecast of \"c0\" 1 ahead in window 2 is NaN: the model is unusable, train it again");
    }
}
