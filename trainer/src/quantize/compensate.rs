//! Error-compensating rounding of a row (Frantar et al., arXiv 2210.17323, after Hassibi & Stork's optimal brain surgeon).
//!
//! Rounding a row w to q changes its product with activations x by `(q - w)·x`. Its mean goes into the bias; what is left has the
//! variance `(q - w)' C (q - w)` with the activations' covariance C. Rounding each weight to nearest ignores that activations move
//! together: the error of one column can be taken back by others. With `C = R'R` the variance is `|R (q - w)|^2`, a sum over columns
//! in which column j meets only those after it: going from the last column to the first, each weight is rounded where it takes back
//! the errors of all that were rounded before. This is GPTQ without an inverse (its equal, see Chen et al., arXiv 2507.18553). Then single
//! weights are moved while that lowers the variance (Behdin et al., arXiv 2309.01885), for some scales of the row, and the best is taken.
//! Rounding to nearest is among those that are tried, so that the result is never worse than it.

use embedded_rnn::arithmetic::WEIGHT_LIMIT;
use nalgebra::{DMatrix, DVector};

use super::moments::Moments;
use super::row::{self, ONE, Row};
use crate::config::Rounding;

/// The share of the mean variance that is added to each column's: calibration windows are few, and a column's errors must not be
/// trusted to another's without limit.
pub(super) const DAMPING: f64 = 0.003;

/// The variance of rounding an activation, the least that a column has.
const LEAST: f64 = 1.0 / 12.0;

/// Scales that are tried, relative to the one that just holds the largest weight. With finer ones the largest weights are clamped and
/// others take that error back.
const SCALES: [f64; 6] = [1.0, 0.96, 0.92, 0.88, 0.84, 0.8];

/// Passes over all columns at most; two or three change something.
const PASSES: usize = 20;

/// What rows over the same columns are rounded with.
#[derive(Clone, Debug)]
pub(super) struct Compensation {
    /// `[columns]`
    mean: DVector<f64>,
    /// Columns of the row, in the order in which `covariance` and `factor` hold them: from the smallest to the largest variance, because
    /// those rounded first have the most others to take their errors back.
    order: Vec<usize>,
    /// Damped.
    covariance: DMatrix<f64>,
    /// R transposed: column j holds R's row j.
    factor: DMatrix<f64>,
}

fn round(value: f64) -> f64 {
    let limit = f64::from(WEIGHT_LIMIT);
    value.round().clamp(-limit, limit)
}

impl Compensation {
    /// Of activations with these moments, damped by a share of their mean variance; `None` where they are not finite.
    pub fn new(moments: &Moments, damping: f64) -> Option<Self> {
        let columns = moments.mean.len();
        let damping = LEAST + damping * moments.covariance.diagonal().sum() / columns.max(1) as f64;
        let mut order: Vec<usize> = (0..columns).collect();
        order.sort_by(|a, b| moments.covariance[(*a, *a)].total_cmp(&moments.covariance[(*b, *b)]));
        let covariance = DMatrix::from_fn(columns, columns, |row, column| {
            moments.covariance[(order[row], order[column])] + if row == column { damping } else { 0.0 }
        });
        // nalgebra's factor is lower, C = L L': R is L'.
        let factor = covariance.clone().cholesky()?.unpack();
        Some(Compensation { mean: moments.mean.clone(), order, covariance, factor })
    }

    /// `C (q - w)`
    fn slope(&self, exact: &DVector<f64>, rounded: &DVector<f64>) -> DVector<f64> {
        let mut slope = DVector::zeros(exact.len());
        for (column, (rounded, exact)) in self.covariance.column_iter().zip(rounded.iter().zip(exact.iter())) {
            slope.axpy(rounded - exact, &column, 1.0);
        }
        slope
    }

    /// Rounds from the last column to the first.
    fn nearest_plane(&self, exact: &DVector<f64>) -> DVector<f64> {
        let mut rounded = exact.clone();
        for j in (0..exact.len()).rev() {
            let row = self.factor.column(j);
            let later: f64 = (j + 1..exact.len()).map(|k| row[k] * (rounded[k] - exact[k])).sum();
            rounded[j] = round(exact[j] - later / row[j]);
        }
        rounded
    }

    /// Moves single weights while that lowers the variance `(q - w)' C (q - w)`, and gives it.
    fn descend(&self, exact: &DVector<f64>, rounded: &mut DVector<f64>) -> f64 {
        let mut slope = self.slope(exact, rounded);
        for _ in 0..PASSES {
            let mut moved = false;
            for j in 0..exact.len() {
                let own = self.covariance[(j, j)];
                let step = round(rounded[j] - slope[j] / own) - rounded[j];
                // Half way between two there is no gain, and the way back would have none either.
                if step != 0.0 && 2.0 * slope[j] * step + own * step * step < -1e-9 * own {
                    rounded[j] += step;
                    slope.axpy(step, &self.covariance.column(j), 1.0);
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        (&*rounded - exact).dot(&slope)
    }

    /// Rounds a row with a scale made `coarser` times coarser than it has to be.
    pub fn round(&self, rounding: Rounding, weights: &[f64], bias: f64, coarser: f64) -> Row {
        let base = row::finest_scale(weights, bias) * coarser;
        self.best(rounding, weights, bias, SCALES.map(|factor| factor * base))
    }

    /// Rounds a row with a scale.
    pub fn at_scale(&self, rounding: Rounding, weights: &[f64], bias: f64, scale: f64) -> Row {
        self.best(rounding, weights, bias, [scale])
    }

    /// The variance of a rounded row's products minus those of the exact one.
    pub fn variance(&self, weights: &[f64], row: &Row) -> f64 {
        let error = |column: &usize| f64::from(row.weights[*column]) * row.scale - weights[*column];
        let errors = DVector::from_iterator(weights.len(), self.order.iter().map(error));
        (&self.covariance * &errors).dot(&errors)
    }

    /// Rounds a row with each of these scales, at least one, and takes the best. The bias takes the mean error of either rounding.
    fn best(&self, rounding: Rounding, weights: &[f64], bias: f64, scales: impl IntoIterator<Item = f64>) -> Row {
        let mut best: Option<(f64, f64, DVector<f64>)> = None;
        for scale in scales {
            let exact = DVector::from_iterator(weights.len(), self.order.iter().map(|column| weights[*column] / scale));
            let nearest = exact.map(round);
            let tried = match rounding {
                Rounding::Compensated => vec![self.nearest_plane(&exact), nearest],
                Rounding::Nearest => vec![nearest],
            };
            for mut rounded in tried {
                let variance = match rounding {
                    Rounding::Compensated => self.descend(&exact, &mut rounded),
                    Rounding::Nearest => (&rounded - &exact).dot(&self.slope(&exact, &rounded)),
                } * scale
                    * scale;
                if best.as_ref().is_none_or(|(least, ..)| variance < *least) {
                    best = Some((variance, scale, rounded));
                }
            }
        }
        let (_, scale, ordered) = best.expect("one scale is tried at least");
        let mut rounded = vec![0i8; weights.len()];
        self.order.iter().zip(ordered.iter()).for_each(|(column, q)| rounded[*column] = *q as i8);
        let shift: f64 =
            weights.iter().zip(&rounded).zip(self.mean.iter()).map(|((w, q), mean)| (w / scale - f64::from(*q)) * mean).sum();
        Row { bias: (bias / scale * ONE + shift).round() as i32, weights: rounded, scale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    /// Steps of columns that move together, as hidden states do: a few waves mixed, and a little noise.
    fn activations(seed: u64, columns: usize, steps: usize) -> Vec<f64> {
        let uniform = |place: usize| 2.0 * Key::new(seed).with(place as u64).uniform() - 1.0;
        let mix: Vec<f64> = (0..4 * columns).map(uniform).collect();
        let value = |step: usize, column: usize| {
            let waves = (0..4).map(|wave| mix[4 * column + wave] * ((1 + wave) as f64 * step as f64 * 0.05).sin());
            (600.0 * waves.sum::<f64>() + 40.0 * uniform(1_000_000 + step * columns + column) + 100.0).round()
        };
        (0..steps).flat_map(|step| (0..columns).map(move |column| (step, column))).map(|(s, c)| value(s, c)).collect()
    }

    fn row(seed: u64, columns: usize) -> Vec<f64> {
        (0..columns).map(|k| Key::new(!seed).with(k as u64).uniform() - 0.5).collect()
    }

    /// Mean and variance of what a rounded row gives minus what the exact one does.
    fn error(values: &[f64], weights: &[f64], bias: f64, row: &Row) -> (f64, f64) {
        let errors: Vec<f64> = values
            .chunks_exact(weights.len())
            .map(|x| {
                let exact: f64 = weights.iter().zip(x).map(|(w, x)| w * x / ONE).sum::<f64>() + bias;
                let integer: f64 = row.weights.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>() + f64::from(row.bias);
                integer * row.scale / ONE - exact
            })
            .collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        (mean, errors.iter().map(|error| (error - mean).powi(2)).sum::<f64>() / errors.len() as f64)
    }

    #[test]
    fn no_row_is_worse_than_rounded_to_nearest_and_most_are_far_better() {
        let (mut nearest, mut compensated) = (0.0, 0.0);
        for seed in 0..20 {
            for columns in [1, 3, 17, 40] {
                let values = activations(seed, columns, 300);
                let compensation = Compensation::new(&Moments::of(columns, &values, None, true), DAMPING).unwrap();
                let weights = row(seed, columns);
                let rounded = compensation.round(Rounding::Compensated, &weights, 0.3, 1.0);
                assert!(rounded.weights.iter().all(|w| *w >= -WEIGHT_LIMIT));
                let (mean, variance) = error(&values, &weights, 0.3, &rounded);
                assert!(mean.abs() <= 0.51 * rounded.scale / ONE, "the bias takes the mean: {mean}");
                let (_, plain) = error(&values, &weights, 0.3, &Row::round(&weights, 0.3, 1.0));
                // Damping is the only other thing that is minimized.
                assert!(variance <= 1.05 * plain + 1e-12, "seed {seed}, {columns} columns: {variance} {plain}");
                if columns == 40 {
                    (nearest, compensated) = (nearest + plain, compensated + variance);
                }
            }
        }
        assert!(compensated < 0.1 * nearest, "{compensated} {nearest}");
    }

    #[test]
    fn columns_that_move_apart_are_rounded_to_nearest() {
        let columns = 9;
        let covariance = DMatrix::from_diagonal(&DVector::from_fn(columns, |k, _| 1.0 + (k * k) as f64));
        let compensation = Compensation::new(&Moments { mean: DVector::zeros(columns), covariance }, DAMPING).unwrap();
        let weights = row(5, columns);
        let exact = DVector::from_fn(columns, |k, _| 250.0 * weights[compensation.order[k]]);
        let nearest = exact.map(round);
        let mut rounded = compensation.nearest_plane(&exact);
        assert_eq!(rounded, nearest);
        compensation.descend(&exact, &mut rounded);
        assert_eq!(rounded, nearest);
        let row = compensation.round(Rounding::Compensated, &weights, 0.0, 1.0);
        let to_nearest = weights.iter().map(|w| round(w / row.scale) as i8);
        assert!(row.weights.iter().copied().eq(to_nearest));
    }

    /// Optimal brain quantization by its own words: round a column, spread its error over those that are left, take it out of the inverse.
    #[test]
    fn the_nearest_plane_is_what_the_inverse_hessian_gives() {
        for seed in 0..10 {
            let columns = 12;
            let moments = Moments::of(columns, &activations(seed, columns, 200), None, true);
            let compensation = Compensation::new(&moments, DAMPING).unwrap();
            let exact = DVector::from_vec(row(seed, columns)) * 200.0;
            let mut left = exact.clone();
            let mut rounded = DVector::zeros(columns);
            let mut inverse = compensation.covariance.clone().try_inverse().unwrap();
            for j in (0..columns).rev() {
                rounded[j] = round(left[j]);
                let column = inverse.column(j).clone_owned();
                left.axpy((rounded[j] - left[j]) / column[j], &column, 1.0);
                inverse -= &column * column.transpose() / column[j];
            }
            assert_eq!(compensation.nearest_plane(&exact), rounded, "seed {seed}");
        }
    }

    /// Damping and the rounding of activations are in it too: it is a little more than what the very activations show.
    #[test]
    fn the_variance_of_a_row_is_that_of_its_products() {
        let values = activations(5, 20, 400);
        let compensation = Compensation::new(&Moments::of(20, &values, None, true), DAMPING).unwrap();
        let weights = row(5, 20);
        let rounded = Row::round(&weights, 0.0, 1.0);
        let (_, measured) = error(&values, &weights, 0.0, &rounded);
        // In units of an activation, not of one.
        let measured = measured * ONE * ONE;
        let expected = compensation.variance(&weights, &rounded);
        assert!(expected > measured && expected < 1.5 * measured, "{expected} {measured}");
        let coarse = compensation.at_scale(Rounding::Compensated, &weights, 0.0, 2.0 * rounded.scale);
        assert_eq!(coarse.scale, 2.0 * rounded.scale);
        assert!(
            compensation.variance(&weights, &coarse)
                > compensation.variance(&weights, &compensation.round(Rounding::Compensated, &weights, 0.0, 1.0))
        );
    }

    #[test]
    fn a_row_that_was_made_coarser_is_coarser() {
        let values = activations(3, 20, 100);
        let compensation = Compensation::new(&Moments::of(20, &values, None, true), DAMPING).unwrap();
        let weights = row(3, 20);
        let largest = |coarser: f64| {
            compensation.round(Rounding::Compensated, &weights, 0.0, coarser).weights.iter().map(|w| w.unsigned_abs()).max()
        };
        assert!(largest(2.0) <= Some(80) && largest(4.0) <= Some(40), "{:?} {:?}", largest(2.0), largest(4.0));
        assert_eq!(compensation.round(Rounding::Compensated, &[0.0; 20], 0.0, 1.0).weights, [0; 20]);
    }

    #[test]
    fn values_that_are_not_finite_have_no_compensation() {
        assert!(Compensation::new(&Moments::of(2, &[1.0, f64::NAN, 0.0, 2.0], None, true), DAMPING).is_none());
    }
}
