//! One row of weights to `int8`.

use embedded_rnn::arithmetic::{ACTIVATION_ONE, WEIGHT_LIMIT};

/// One, as an activation.
pub(super) const ONE: f64 = ACTIVATION_ONE as f64;

/// A row of integers and what one of them stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// `[columns]`, within ±127.
    pub weights: Vec<i8>,
    /// The bias in accumulator units.
    pub bias: i32,
    /// The real value of a weight of 1.
    pub scale: f64,
}

/// The finest scale that holds the largest of `weights` and the bias.
pub(super) fn finest_scale(weights: &[f64], bias: f64) -> f64 {
    let largest = weights.iter().fold(0.0f64, |largest, w| largest.max(w.abs()));
    // The bias must fit the accumulator too, with room for the products: a row of almost nothing but bias sets the scale by it.
    let by_bias = bias.abs() * ONE / f64::from(1 << 28);
    (largest / f64::from(WEIGHT_LIMIT)).max(by_bias).max(f64::MIN_POSITIVE.sqrt())
}

impl Row {
    /// Rounds `weights` to nearest with the finest scale that holds the largest of them, made `coarser` times coarser.
    pub(super) fn round(weights: &[f64], bias: f64, coarser: f64) -> Self {
        Self::at_scale(weights, bias, finest_scale(weights, bias) * coarser)
    }

    /// Rounds `weights` to nearest with a scale; what it does not hold is clamped.
    pub(super) fn at_scale(weights: &[f64], bias: f64, scale: f64) -> Self {
        let limit = f64::from(WEIGHT_LIMIT);
        let weights = weights.iter().map(|w| (w / scale).round().clamp(-limit, limit) as i8).collect();
        Row { weights, bias: (bias / scale * ONE).round() as i32, scale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_weight_becomes_127_and_errors_stay_within_half_a_scale() {
        let weights = [0.3, -0.9, 0.0, 0.55, 0.004];
        let row = Row::round(&weights, -0.2, 1.0);
        assert_eq!(row.weights[1], -127);
        for (w, q) in weights.iter().zip(&row.weights) {
            assert!((w - f64::from(*q) * row.scale).abs() <= row.scale / 2.0 + 1e-15);
        }
        assert!((f64::from(row.bias) * row.scale / ONE + 0.2).abs() <= row.scale / ONE / 2.0 + 1e-15);
    }

    #[test]
    fn a_row_of_zeros_and_a_row_of_bias_are_finite() {
        assert_eq!(Row::round(&[0.0; 3], 0.0, 1.0).weights, [0; 3]);
        let row = Row::round(&[1e-9, 0.0], 5.0, 1.0);
        assert!(row.bias > 1 << 27 && (f64::from(row.bias) * row.scale / ONE - 5.0).abs() < 1e-6);
    }
}
