//! The linear model: every output is a weighted sum of the whole normalized window, fitted in closed form.
//!
//! `min sum_n |y_n - c - W'x_n|^2 + lambda |W|^2` (Hoerl & Kennard 1970) with an intercept c that is not penalized. Under last-value
//! normalization x and y are differences from the window's last value, which makes this NLinear (Zeng et al., arXiv 2205.13504) in closed form.
//!
//! Dimensions: N training windows, P used inputs of a window, O outputs.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use crate::config::Normalization;
use crate::data::{Dataset, Part, Windows};
use crate::error::{Error, Result};

/// The decades of penalties that [`Ridge::choose`] tries. Windows are in z-scores, so one grid serves all series; with many columns
/// the best penalties are large, and where the last value is the best forecast there is none that is large enough.
pub const DECADES: [f64; 12] = [1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Windows that are multiplied together: large enough for the matrix product to be fast, small enough to need little memory.
const BLOCK: usize = 512;

/// A fitted linear model.
#[derive(Clone, Debug)]
pub struct Ridge {
    lambda: f64,
    /// How the windows are normalized that it is fitted on and forecasts from.
    normalization: Normalization,
    /// `[P]`
    pub(super) input_mean: DVector<f64>,
    /// `[O]`
    pub(super) output_mean: DVector<f64>,
    /// `[P][O]`
    pub(super) weights: DMatrix<f64>,
}

impl Ridge {
    /// Fits on the training windows with a given penalty; 0 is plain least squares.
    pub fn fit(dataset: &Dataset, lambda: f64) -> Result<Ridge> {
        Self::fit_under(dataset, dataset.window().normalization, lambda)
    }

    /// The same on windows that are normalized otherwise.
    pub fn fit_under(dataset: &Dataset, normalization: Normalization, lambda: f64) -> Result<Ridge> {
        let moments = Moments::of(&dataset.windows(Part::Training).under(normalization))?;
        moments.solve(lambda).ok_or_else(|| {
            Error::failed(format!(
                "ridge with lambda {lambda} has no single solution on {} windows of {} inputs: use a larger lambda",
                moments.windows,
                moments.gram.nrows()
            ))
        })
    }

    /// Fits with the penalty that has the smallest squared error on the validation windows, normalized: of [`DECADES`] first, then
    /// also of 0.3 and 3 times the best of these.
    pub fn choose(dataset: &Dataset) -> Result<Ridge> {
        Self::choose_under(dataset, dataset.window().normalization)
    }

    /// The same on windows that are normalized otherwise.
    pub fn choose_under(dataset: &Dataset, normalization: Normalization) -> Result<Ridge> {
        let moments = Moments::of(&dataset.windows(Part::Training).under(normalization))?;
        Ok(Self::choose_from(&moments, dataset)?.0)
    }

    /// The same from the training windows' moments, with the error that was the smallest.
    pub(super) fn choose_from(moments: &Moments, dataset: &Dataset) -> Result<(Ridge, f64)> {
        let validation = dataset.windows(Part::Validation).under(moments.normalization);
        if validation.is_empty() {
            return Err(Error::input("ridge chooses its penalty on validation windows and there are none: give validation rows"));
        }
        let attempt = |lambda: f64| moments.solve(lambda).map(|ridge| (ridge.squared_error(&validation), ridge));
        let better = |a: (f64, Ridge), b: (f64, Ridge)| if b.0 < a.0 { b } else { a };
        let decade = DECADES.into_iter().filter_map(attempt).reduce(better).ok_or_else(|| {
            Error::failed("ridge has no solution with any of its penalties: the windows' values are too large for doubles")
        })?;
        let beside = [0.3, 3.0].map(|factor| factor * decade.1.lambda);
        let (error, ridge) = beside.into_iter().filter_map(attempt).fold(decade, better);
        Ok((ridge, error))
    }

    /// The penalty.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// The forecast of a window in raw units: `out` is `[K][Z]`.
    pub fn forecast(&self, windows: &Windows<'_>, index: usize, out: &mut [f32]) {
        let windows = windows.clone().under(self.normalization);
        let mut input = vec![0.0f32; windows.input_len()];
        windows.input(index, &mut input);
        let centered = DVector::from_fn(self.weights.nrows(), |i, _| f64::from(input[i]) - self.input_mean[i]);
        let outputs = self.weights.tr_mul(&centered) + &self.output_mean;
        for (out, value) in out.iter_mut().zip(outputs.iter()) {
            *out = *value as f32;
        }
        windows.to_raw(index, out);
    }

    /// Mean squared error in normalized units.
    pub(super) fn squared_error(&self, windows: &Windows<'_>) -> f64 {
        let mut sum = 0.0;
        for_blocks(windows, |mut x, mut y| {
            center(&mut x, &self.input_mean);
            center(&mut y, &self.output_mean);
            y.gemm(-1.0, &self.weights.transpose(), &x, 1.0);
            sum += y.norm_squared();
        });
        sum / (windows.len() * windows.target_len()) as f64
    }
}

/// What least squares needs to know of the training windows.
pub(super) struct Moments {
    pub(super) windows: usize,
    normalization: Normalization,
    /// `[P]`
    input_mean: DVector<f64>,
    /// `[O]`
    output_mean: DVector<f64>,
    /// `[P][P]`: products of centered inputs, summed over windows.
    pub(super) gram: DMatrix<f64>,
    /// `[P][O]`: products of centered inputs and outputs.
    pub(super) cross: DMatrix<f64>,
}

impl Moments {
    /// In two passes: centering before multiplying keeps what the intercept would otherwise cancel.
    pub(super) fn of(windows: &Windows<'_>) -> Result<Moments> {
        if windows.is_empty() {
            return Err(Error::input("ridge is fitted on training windows and there are none: give training rows"));
        }
        let (inputs, outputs) = (used_inputs(windows), windows.target_len());
        let (mut input_mean, mut output_mean) = (DVector::zeros(inputs), DVector::zeros(outputs));
        for_blocks(windows, |x, y| {
            input_mean += x.column_sum();
            output_mean += y.column_sum();
        });
        input_mean /= windows.len() as f64;
        output_mean /= windows.len() as f64;
        let (mut gram, mut cross) = (DMatrix::zeros(inputs, inputs), DMatrix::zeros(inputs, outputs));
        for_blocks(windows, |mut x, mut y| {
            center(&mut x, &input_mean);
            center(&mut y, &output_mean);
            gram.gemm(1.0, &x, &x.transpose(), 1.0);
            cross.gemm(1.0, &x, &y.transpose(), 1.0);
        });
        Ok(Moments { windows: windows.len(), normalization: windows.normalization(), input_mean, output_mean, gram, cross })
    }

    /// Solves the normal equations; `None` where they are singular.
    pub(super) fn solve(&self, lambda: f64) -> Option<Ridge> {
        let mut normal = self.gram.clone();
        for i in 0..normal.nrows() {
            normal[(i, i)] += lambda;
        }
        let cholesky: Cholesky<f64, Dyn> = normal.cholesky()?;
        let weights = cholesky.solve(&self.cross);
        weights.iter().all(|weight| weight.is_finite()).then(|| Ridge {
            lambda,
            normalization: self.normalization,
            input_mean: self.input_mean.clone(),
            output_mean: self.output_mean.clone(),
            weights,
        })
    }
}

/// P: under last-value normalization a window's last sample is zero and says nothing.
fn used_inputs(windows: &Windows<'_>) -> usize {
    match windows.normalization() {
        Normalization::Last => windows.input_len() - windows.dataset().features(),
        _ => windows.input_len(),
    }
}

/// Hands over all windows in blocks: used inputs `[P][B]` and outputs `[O][B]`, a window a column.
pub(super) fn for_blocks(windows: &Windows<'_>, mut work: impl FnMut(DMatrix<f64>, DMatrix<f64>)) {
    let (inputs, outputs) = (used_inputs(windows), windows.target_len());
    let (mut input, mut output) = (vec![0.0f32; windows.input_len()], vec![0.0f32; outputs]);
    for start in (0..windows.len()).step_by(BLOCK) {
        let count = BLOCK.min(windows.len() - start);
        let (mut x, mut y) = (DMatrix::zeros(inputs, count), DMatrix::zeros(outputs, count));
        for column in 0..count {
            windows.input(start + column, &mut input);
            windows.target(start + column, &mut output);
            x.column_mut(column).iter_mut().zip(&input).for_each(|(x, value)| *x = f64::from(*value));
            y.column_mut(column).iter_mut().zip(&output).for_each(|(y, value)| *y = f64::from(*value));
        }
        work(x, y);
    }
}

/// Subtracts the mean from every column.
pub(super) fn center(columns: &mut DMatrix<f64>, mean: &DVector<f64>) {
    for mut column in columns.column_iter_mut() {
        column -= mean;
    }
}

#[cfg(test)]
mod tests {
    use embedded_rnn::forecast::Transform;

    use super::*;
    use crate::config::{Split, Window};
    use crate::data::testing::{etth1, sunspots, synthetic, window};
    use crate::data::{Partition, Scaler, amplitude_factor};
    use crate::evaluate::metrics::{Metrics, score};

    fn judge(dataset: &Dataset, ridge: &Ridge) -> Metrics {
        let windows = dataset.windows(Part::Test);
        score(&windows, |index, out| {
            ridge.forecast(&windows, index, out);
            Ok(())
        })
        .unwrap()
    }

    /// Three columns of noise around cycles.
    fn noisy(normalization: Normalization) -> Dataset {
        let series = synthetic(400, 3, 2, |row, column| {
            let noise = amplitude_factor(1.0, 11, column, row).ln();
            (10.0 + (row as f64 / (3 + column) as f64).sin() + 0.3 * noise) as f32
        });
        Dataset::new(series, &window(6, 3, 2, normalization), &Split::default()).unwrap()
    }

    #[test]
    fn a_linear_process_is_forecast_exactly() {
        // A sum of two cycles obeys a linear recurrence of order four; the last value enters as the difference from it.
        let wave = |row: usize, column: usize| ((row as f64 * 0.31).sin() + (row as f64 * 0.11 + column as f64).cos()) as f32;
        let dataset = Dataset::new(synthetic(500, 2, 2, wave), &window(8, 2, 4, Normalization::None), &Split::default()).unwrap();
        let metrics = judge(&dataset, &Ridge::fit(&dataset, 1e-6).unwrap());
        assert!(metrics.errors.rmse < 1e-4, "{:?}", metrics.errors);
    }

    #[test]
    fn the_solution_is_where_the_penalized_gradient_vanishes() {
        for normalization in [Normalization::Last, Normalization::None] {
            let dataset = noisy(normalization);
            let windows = dataset.windows(Part::Training);
            for lambda in [0.0, 5.0] {
                let ridge = Ridge::fit(&dataset, lambda).unwrap();
                let (inputs, outputs) = ridge.weights.shape();
                assert_eq!((inputs, outputs), (if normalization == Normalization::Last { 15 } else { 18 }, 4));
                // d/dW and d/dc by their definition, one window at a time.
                let (mut slope, mut intercept) = (&ridge.weights * lambda, DVector::<f64>::zeros(outputs));
                let (mut x, mut y) = (vec![0.0f32; 18], vec![0.0f32; 4]);
                for index in 0..windows.len() {
                    windows.input(index, &mut x);
                    windows.target(index, &mut y);
                    for o in 0..outputs {
                        let said: f64 = ridge.output_mean[o]
                            + (0..inputs).map(|i| ridge.weights[(i, o)] * (f64::from(x[i]) - ridge.input_mean[i])).sum::<f64>();
                        let error = said - f64::from(y[o]);
                        intercept[o] += error;
                        for i in 0..inputs {
                            slope[(i, o)] += error * f64::from(x[i]);
                        }
                    }
                }
                assert!(slope.amax() < 1e-9 && intercept.amax() < 1e-9, "{} {}", slope.amax(), intercept.amax());
            }
        }
    }

    #[test]
    fn the_penalty_is_the_best_on_validation() {
        let dataset = noisy(Normalization::Last);
        let chosen = Ridge::choose(&dataset).unwrap();
        let validation = dataset.windows(Part::Validation);
        let error = |ridge: &Ridge| ridge.squared_error(&validation);
        for lambda in DECADES {
            assert!(error(&chosen) <= error(&Ridge::fit(&dataset, lambda).unwrap()), "{lambda}");
        }
        // Against the metrics' own way to the same figure.
        let metrics = score(&validation, |index, out| {
            chosen.forecast(&validation, index, out);
            Ok(())
        })
        .unwrap();
        assert!((metrics.normalized.mse - error(&chosen)).abs() < 1e-5, "{} {}", metrics.normalized.mse, error(&chosen));
    }

    #[test]
    fn without_windows_or_a_single_solution_there_is_no_model() {
        let series = synthetic(40, 1, 1, |row, _| (row % 5) as f32);
        let settings = window(6, 1, 2, Normalization::Last);
        let scaler = Scaler { columns: vec![crate::data::Moments { mean: 2.0, deviation: 1.0 }] };
        let foreign =
            |fit: usize| Dataset::with_scaler(series.clone(), &settings, Partition::foreign(40, fit), scaler.clone()).unwrap();
        let refusal = Ridge::fit(&foreign(0), 1.0).unwrap_err();
        assert_eq!(refusal.to_string(), "ridge is fitted on training windows and there are none: give training rows");
        let refusal = Ridge::choose(&foreign(9)).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "ridge chooses its penalty on validation windows and there are none: give validation rows"
        );
        // Two windows cannot tell five inputs apart.
        let failure = Ridge::fit(&foreign(11), 0.0).unwrap_err();
        assert_eq!(failure.exit_code(), 1);
        assert_eq!(
            failure.to_string(),
            "ridge with lambda 0 has no single solution on 2 windows of 5 inputs: use a larger lambda"
        );
    }

    #[test]
    fn sunspots_without_window_normalization() {
        let settings = Window { transform: Transform::Sqrt, ..window(132, 12, 12, Normalization::None) };
        let dataset = Dataset::new(sunspots(), &settings, &Split::default()).unwrap();
        let ridge = Ridge::choose(&dataset).unwrap();
        assert_eq!(ridge.lambda(), 300.0);
        // numpy in doubles.
        let errors = judge(&dataset, &ridge).errors;
        assert!((errors.mae - 17.4649).abs() < 1e-3 && (errors.rmse - 23.9518).abs() < 1e-3, "{errors:?}");
    }

    #[test]
    fn the_benchmarks_linear_models_are_the_published_ones() {
        for (horizon, lambda, mse, mae) in [
            (24, 0.0, 0.026035, 0.122246),
            (24, 1e3, 0.025801, 0.121754),
            (96, 0.0, 0.053124, 0.177007),
            (96, 1e3, 0.052815, 0.176658),
        ] {
            let Some(dataset) = etth1(horizon) else { return };
            let found = judge(&dataset, &Ridge::fit(&dataset, lambda).unwrap()).normalized;
            assert!((found.mse - mse).abs() < 1e-6 && (found.mae - mae).abs() < 1e-6, "{horizon} {lambda}: {found:?}");
        }
    }
}
