//! Errors of forecasts, over all windows of a part and all samples of the horizon.
//!
//! In raw units, pooled, by target and by sample of the horizon; and on the normalized scale, the z-scores of transformed values with
//! the training rows' deviation, which published benchmarks state. (The mean cancels in a difference of z-scores.) Two that have no unit
//! stand beside them, so that series can be compared:
//!
//! - MASE (Hyndman & Koehler 2006): the mean absolute error over that of the naive forecast one sample ahead on the training rows. There is
//!   none where there are fewer than two training rows or all are equal.
//! - sMAPE, as the M4 competition has it: the mean of `200 |f - a| / (|f| + |a|)` percent; a term is 0 where both are 0.

use serde::Serialize;

use crate::data::{Dataset, Windows};
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

/// All errors of some forecasts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AllErrors {
    /// In raw units.
    #[serde(flatten)]
    pub errors: Errors,
    /// Relative to the naive forecast on the training rows; none where that has no error, or there are no rows.
    pub mase: Option<f64>,
    /// In percent, 0 to 200.
    pub smape: f64,
    /// On the normalized scale.
    pub normalized: NormalizedErrors,
}

/// One target's errors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetMetrics {
    /// The column's header.
    pub name: String,
    /// Over the whole horizon.
    #[serde(flatten)]
    pub all: AllErrors,
    /// One for each sample of the horizon, the next one first.
    pub by_horizon: Vec<AllErrors>,
}

/// Errors of one forecaster over one part of a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// Windows forecast, one horizon each.
    pub windows: usize,
    /// Over all targets and the whole horizon, raw units.
    #[serde(flatten)]
    pub errors: Errors,
    /// The targets' mean; none if one has none.
    pub mase: Option<f64>,
    /// Over all targets and the whole horizon, in percent.
    pub smape: f64,
    /// Over all targets and the whole horizon, on the normalized scale.
    pub normalized: NormalizedErrors,
    /// By target.
    pub targets: Vec<TargetMetrics>,
}

/// Sums of errors.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: usize,
    absolute: f64,
    squared: f64,
    symmetric: f64,
    normalized_count: usize,
    normalized_absolute: f64,
    normalized_squared: f64,
}

impl Sums {
    fn add(&mut self, said: f32, came: f32) {
        let (said, came) = (f64::from(said), f64::from(came));
        let error = said - came;
        let size = said.abs() + came.abs();
        self.count += 1;
        self.absolute += error.abs();
        self.squared += error * error;
        self.symmetric += if size > 0.0 { 200.0 * error.abs() / size } else { 0.0 };
    }

    fn add_normalized(&mut self, error: f64) {
        self.normalized_count += 1;
        self.normalized_absolute += error.abs();
        self.normalized_squared += error * error;
    }

    fn merge(sums: &[Sums]) -> Sums {
        sums.iter().fold(Sums::default(), |a, b| Sums {
            count: a.count + b.count,
            absolute: a.absolute + b.absolute,
            squared: a.squared + b.squared,
            symmetric: a.symmetric + b.symmetric,
            normalized_count: a.normalized_count + b.normalized_count,
            normalized_absolute: a.normalized_absolute + b.normalized_absolute,
            normalized_squared: a.normalized_squared + b.normalized_squared,
        })
    }

    /// `naive`: the naive forecast's mean absolute error on the training rows.
    fn all(self, naive: Option<f64>) -> AllErrors {
        let (n, normalized) = (self.count.max(1) as f64, self.normalized_count.max(1) as f64);
        let mae = self.absolute / n;
        AllErrors {
            errors: Errors { mae, rmse: (self.squared / n).sqrt() },
            mase: naive.map(|naive| mae / naive),
            smape: self.symmetric / n,
            normalized: NormalizedErrors {
                mse: self.normalized_squared / normalized,
                mae: self.normalized_absolute / normalized,
            },
        }
    }
}

/// The naive forecast's mean absolute error one sample ahead on the training rows of a target; none if it is 0 or there is none.
fn naive_error(dataset: &Dataset, target: usize) -> Option<f64> {
    let rows = &dataset.series().columns[target].values[dataset.partition().training.clone()];
    let steps = rows.windows(2).map(|pair| (f64::from(pair[1]) - f64::from(pair[0])).abs());
    let mean = steps.sum::<f64>() / rows.len().saturating_sub(1).max(1) as f64;
    (mean > 0.0).then_some(mean)
}

/// Asks for the forecast of every window (`forecast(index, out)`, `out` as `[K][Z]` in raw units) and measures its errors.
pub fn score(windows: &Windows<'_>, mut forecast: impl FnMut(usize, &mut [f32]) -> Result<()>) -> Result<Metrics> {
    let dataset = windows.dataset();
    let (window, horizon) = (dataset.window(), dataset.window().horizon);
    let names: Vec<String> = dataset.series().target_names().map(str::to_owned).collect();
    let mut sums = vec![Sums::default(); windows.target_len()];
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
            sums[output].add(*said, *came);
            if let (Some(said), Some(came)) = (transformed(*said), transformed(*came)) {
                let deviation = dataset.scaler().columns[target].deviation;
                sums[output].add_normalized((f64::from(said) - f64::from(came)) / deviation);
            }
        }
    }
    let targets: Vec<TargetMetrics> = names
        .into_iter()
        .zip(sums.chunks_exact(horizon))
        .enumerate()
        .map(|(target, (name, sums))| {
            let naive = naive_error(dataset, target);
            let by_horizon = sums.iter().map(|sums| sums.all(naive)).collect();
            TargetMetrics { name, all: Sums::merge(sums).all(naive), by_horizon }
        })
        .collect();
    let AllErrors { errors, smape, normalized, .. } = Sums::merge(&sums).all(None);
    let mase = targets.iter().map(|target| target.all.mase).sum::<Option<f64>>().map(|sum| sum / targets.len() as f64);
    Ok(Metrics { windows: windows.len(), errors, mase, smape, normalized, targets })
}

#[cfg(test)]
mod tests {
    use embedded_rnn::forecast::Transform;

    use super::score;
    use crate::config::{Normalization, Split, Window};
    use crate::data::testing::{synthetic, window};
    use crate::data::{Dataset, Moments, Part, Partition, Scaler};

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
        assert_eq!((metrics.targets[0].name.as_str(), metrics.targets[0].all.errors.mae), ("c0", 2.0));
        assert_eq!(metrics.targets[0].by_horizon.iter().map(|all| all.errors.mae).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
        assert_eq!((metrics.targets[1].all.errors.mae, metrics.targets[1].all.errors.rmse), (4.0, 4.0));
        let [a, b] = [0, 1].map(|target| dataset.scaler().columns[target].deviation);
        let mse = ((1.0 + 4.0 + 9.0) / (a * a) + 48.0 / (b * b)) / 6.0;
        assert!((metrics.normalized.mse - mse).abs() < 1e-12 * mse);
        // The training rows are 0..70, and their steps 2 r + 1: 70 on average.
        let mase = [2.0, 4.0].map(|mae| mae / (2.0 * 68.0 / 2.0 + 1.0));
        for (target, mase) in metrics.targets.iter().zip(mase) {
            assert!((target.all.mase.unwrap() - mase).abs() < 1e-12, "{:?}", target.all);
        }
        assert!((metrics.mase.unwrap() - (mase[0] + mase[1]) / 2.0).abs() < 1e-12);
        let json = serde_json::to_value(&metrics).unwrap();
        assert_eq!(json["mae"], metrics.errors.mae);
        assert_eq!(json["targets"][1]["by_horizon"][2]["rmse"], 4.0);
    }

    #[test]
    fn errors_without_a_unit_have_their_zeros_defined() {
        // Two columns: one that is constant on its training rows and 0 on the test rows, one that is not.
        let series = synthetic(100, 2, 2, |row, column| {
            if column == 1 {
                (row % 5) as f32
            } else if row < 70 {
                7.0
            } else {
                0.0
            }
        });
        let scaler = Scaler { columns: vec![Moments { mean: 0.0, deviation: 1.0 }; 2] };
        let rows = Partition::new(&Split::default(), 100).unwrap();
        let dataset = Dataset::with_scaler(series, &window(4, 2, 3, Normalization::Last), rows, scaler).unwrap();
        let windows = dataset.windows(Part::Test);
        let metrics = score(&windows, |index, out| {
            windows.raw_target(index, out);
            out[5] = -out[5];
            Ok(())
        })
        .unwrap();
        let [constant, other] = [0, 1].map(|target| metrics.targets[target].all);
        assert_eq!((constant.mase, constant.smape, constant.errors.mae), (None, 0.0, 0.0));
        assert!(other.mase.unwrap() > 0.0 && metrics.mase.is_none());
        // Of the opposite of a number it is 200 percent, of a zero's nothing.
        let last = metrics.targets[1].by_horizon[2];
        let zeros = (0..windows.len()).filter(|index| (windows.origin(*index) + 2).is_multiple_of(5)).count();
        assert!((last.smape - 200.0 * (windows.len() - zeros) as f64 / windows.len() as f64).abs() < 1e-9, "{last:?}");
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
