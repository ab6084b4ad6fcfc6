//! Mean and covariance of the integer activations that a row of weights meets.
//!
//! Sums are taken in the order of steps, without fused multiply-adds: a last bit that depended on the machine could turn a rounding.

use nalgebra::{DMatrix, DVector};

/// Of columns of activations, in activation units.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    /// `[columns]`
    pub mean: DVector<f64>,
    /// `[columns][columns]`: about the mean.
    pub covariance: DMatrix<f64>,
}

/// The least weight of a step, relative to the mean: what never mattered on calibration windows may matter later.
const LEAST_WEIGHT: f64 = 0.01;

impl Moments {
    /// Of `[steps][columns]` values, where step k counts `weights[k]` times, in any unit; all alike where there are no weights. The mean
    /// stays in where there is no bias to take it away. The covariance's trace is that of steps without weights about the same
    /// mean, so that it stays in activation units.
    pub fn of(columns: usize, values: &[f64], weights: Option<&[f64]>, biased: bool) -> Moments {
        let count = (values.len() / columns).max(1) as f64;
        let sum: f64 = weights.map_or(0.0, |weights| weights.iter().sum());
        let weights = weights.filter(|_| sum > 0.0);
        let weight = |step: usize| match weights {
            Some(weights) => (weights[step] / sum + LEAST_WEIGHT / count) / (1.0 + LEAST_WEIGHT),
            None => 1.0 / count,
        };
        let mut mean = DVector::<f64>::zeros(columns);
        if biased {
            for (number, step) in values.chunks_exact(columns).enumerate() {
                mean.iter_mut().zip(step).for_each(|(mean, value)| *mean += weight(number) * value);
            }
        }
        let mut covariance = DMatrix::zeros(columns, columns);
        let mut trace = 0.0;
        for (number, step) in values.chunks_exact(columns).enumerate() {
            let centered = DVector::from_column_slice(step) - &mean;
            trace += centered.norm_squared() / count;
            for column in 0..columns {
                let factor = weight(number) * centered[column];
                covariance.column_mut(column).rows_mut(column, columns - column).axpy(
                    factor,
                    &centered.rows(column, columns - column),
                    1.0,
                );
            }
        }
        covariance.fill_upper_triangle_with_lower_triangle();
        let weighted = covariance.trace();
        if weighted > 0.0 {
            covariance *= trace / weighted;
        }
        Moments { mean, covariance }
    }

    /// With `count` columns before the others that are always zero.
    pub fn padded(self, count: usize) -> Moments {
        let covariance = self.covariance.insert_rows(0, count, 0.0).insert_columns(0, count, 0.0);
        Moments { mean: self.mean.insert_rows(0, count, 0.0), covariance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f64; 8] = [1.0, 5.0, 3.0, -1.0, 2.0, 2.0, 6.0, 0.0];

    #[test]
    fn moments_are_those_of_the_steps() {
        let moments = Moments::of(2, &VALUES, None, true);
        assert_eq!(moments.mean.as_slice(), [3.0, 1.5]);
        assert_eq!(moments.covariance, DMatrix::from_row_slice(2, 2, &[3.5, -3.0, -3.0, 5.25]));
        let raw = Moments::of(2, &VALUES, None, false);
        assert_eq!(raw.mean.as_slice(), [0.0; 2]);
        assert_eq!(raw.covariance, DMatrix::from_row_slice(2, 2, &[12.5, 1.5, 1.5, 7.5]));
    }

    /// A step of weight 3 is three steps; no unit of weights matters, and without any they are alike.
    #[test]
    fn weights_are_repetitions() {
        let of = |values: &[f64], weights: &[f64]| Moments::of(2, values, Some(weights), true);
        let weighted = of(&VALUES, &[1.0, 3.0, 1.0, 1.0]);
        let repeated = Moments::of(2, &[&VALUES[..4], &VALUES[2..4], &VALUES[2..]].concat(), None, true);
        let scale = weighted.covariance.trace() / repeated.covariance.trace();
        assert!((&weighted.mean - &repeated.mean).amax() < 0.01);
        assert!((&weighted.covariance - &repeated.covariance * scale).amax() < 0.02);
        let moved = (weighted.mean[0] - 3.0).powi(2) + (weighted.mean[1] - 1.5).powi(2);
        assert!((weighted.covariance.trace() - 8.75 - moved).abs() < 1e-12, "as without weights about this mean");
        let larger = of(&VALUES, &[1e9, 3e9, 1e9, 1e9]);
        assert!((&weighted.mean - &larger.mean).amax() < 1e-12);
        assert_eq!(of(&VALUES, &[0.0; 4]).mean, Moments::of(2, &VALUES, None, true).mean);
    }

    #[test]
    fn padding_is_of_zeros() {
        let padded = Moments::of(2, &VALUES, None, true).padded(1);
        assert_eq!(padded.mean.as_slice(), [0.0, 3.0, 1.5]);
        assert_eq!(padded.covariance, DMatrix::from_row_slice(3, 3, &[0.0, 0.0, 0.0, 0.0, 3.5, -3.0, 0.0, -3.0, 5.25]));
    }
}
