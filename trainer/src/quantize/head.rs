//! The head to integers.

use embedded_rnn::arithmetic::{ACTIVATION_ONE, WEIGHT_LIMIT};

use super::bound;
use super::rounding::RowRounding;
use super::row::{ONE, Row};
use crate::error::{Error, Result};
use crate::fold::FoldedHeadNorm;
use crate::network::plain::PlainDense;

/// The head as integers; its sums leave it as `f32` in units of the transformed domain.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedDense {
    /// H
    pub inputs: usize,
    /// O
    pub outputs: usize,
    /// `[O][H]`
    pub weights: Vec<i8>,
    /// `[O]`, in units of the transformed domain.
    pub bias: Vec<f32>,
    /// `[O]`: units of the transformed domain per accumulator unit; behind a norm, per accumulator unit times its root.
    pub scale: Vec<f32>,
    /// Layer norm before it.
    pub norm: Option<QuantizedHeadNorm>,
}

/// Layer norm before the head as integers: its root is `1/sqrt(N S2 - S1^2 + N^2 ε)` over activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantizedHeadNorm {
    /// N: units of the last layer before any was removed.
    pub divisor: u32,
    /// `N^2 ε` in squared units of an activation.
    pub epsilon: u64,
}

/// The largest `N^2 ε` that a device accepts.
const LARGEST_EPSILON: f64 = (1u64 << 60) as f64;

fn quantize_norm(norm: &FoldedHeadNorm) -> Result<QuantizedHeadNorm> {
    let epsilon = (norm.divisor as f64 * ONE).powi(2) * norm.epsilon;
    if epsilon > LARGEST_EPSILON {
        return Err(Error::failed(format!(
            "the head cannot be quantized: {:e} is too large an epsilon for the layer norm before it; make regularization.layer_norm.epsilon smaller",
            norm.epsilon
        )));
    }
    Ok(QuantizedHeadNorm { divisor: norm.divisor as u32, epsilon: epsilon.round().max(1.0) as u64 })
}

/// Rounds a few weights the other way, those that lie nearest to the middle, so that the integers add up to what the exact weights do. A
/// mean that V was centered to be blind to would otherwise come back through the rounding.
fn balance(row: &mut Row, exact: &[f64]) {
    let wanted = (exact.iter().sum::<f64>() / row.scale).round() as i64;
    let missing = wanted - row.weights.iter().map(|w| i64::from(*w)).sum::<i64>();
    let direction = missing.signum();
    let left = |k: usize| (exact[k] / row.scale - f64::from(row.weights[k])) * direction as f64;
    let mut order: Vec<usize> = (0..exact.len()).collect();
    order.sort_by(|a, b| left(*b).total_cmp(&left(*a)));
    order.retain(|k| (i64::from(row.weights[*k]) + direction).abs() <= i64::from(WEIGHT_LIMIT));
    for k in order.into_iter().take(missing.unsigned_abs() as usize) {
        row.weights[k] += direction as i8;
    }
}

impl QuantizedDense {
    /// What the integers stand for; behind a norm, before its root is multiplied.
    pub(super) fn real(&self) -> PlainDense {
        let unit = self.norm.map_or(ONE, |norm| 1.0 / f64::from(norm.divisor));
        let scales = self.scale.iter().flat_map(|scale| std::iter::repeat_n(f64::from(*scale) * unit, self.inputs));
        PlainDense {
            inputs: self.inputs,
            outputs: self.outputs,
            w: self.weights.iter().zip(scales).map(|(w, scale)| f64::from(*w) * scale).collect(),
            b: self.bias.iter().copied().map(f64::from).collect(),
            norm: None,
        }
    }
}

pub(super) fn quantize(head: &PlainDense, norm: Option<&FoldedHeadNorm>, rounding: &RowRounding) -> Result<QuantizedDense> {
    let rows = head.w.chunks_exact(head.inputs).enumerate().map(|(r, w)| {
        let mut row = rounding.round(r, w, 0.0, 1.0);
        if norm.is_some() {
            balance(&mut row, w);
        }
        row
    });
    let rows: Vec<Row> = rows.collect();
    let largest = vec![i64::from(ACTIVATION_ONE); head.inputs];
    if let Some(row) = rows.iter().position(|row| !bound::fits_accumulator(row, &largest)) {
        return Err(Error::failed(format!("output {row} of the head exceeds its accumulator: train with fewer units")));
    }
    let norm = norm.map(quantize_norm).transpose()?;
    // r is N times the root times the activation's one.
    let unit = norm.map_or(1.0 / ONE, |norm| f64::from(norm.divisor));
    Ok(QuantizedDense {
        inputs: head.inputs,
        outputs: head.outputs,
        weights: rows.iter().flat_map(|row| row.weights.iter().copied()).collect(),
        bias: head.b.iter().zip(&rows).map(|(b, row)| (b + f64::from(row.bias) * row.scale / ONE) as f32).collect(),
        scale: rows.iter().map(|row| (row.scale * unit) as f32).collect(),
        norm,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(outputs: usize, inputs: usize) -> PlainDense {
        let value = |k: usize| ((k * k + 3 * k + 1) % 101) as f64 / 50.0 - 1.0;
        PlainDense { inputs, outputs, w: (0..outputs * inputs).map(value).collect(), b: vec![0.5; outputs], norm: None }
    }

    const NORM: FoldedHeadNorm = FoldedHeadNorm { epsilon: 1e-5, divisor: 40, centered: true };

    #[test]
    fn centered_rows_stay_centered_as_integers() {
        let mut head = dense(7, 33);
        let mut moved = 0;
        for row in head.w.chunks_exact_mut(33) {
            let mean = row.iter().sum::<f64>() / 33.0;
            row.iter_mut().for_each(|w| *w -= mean);
        }
        let (plain, normed) =
            (quantize(&head, None, &RowRounding::Nearest).unwrap(), quantize(&head, Some(&NORM), &RowRounding::Nearest).unwrap());
        for (row, exact) in head.w.chunks_exact(33).enumerate() {
            let integers = |quantized: &QuantizedDense| quantized.weights[row * 33..][..33].to_vec();
            let sum: i64 = integers(&normed).iter().map(|w| i64::from(*w)).sum();
            assert_eq!(sum, 0, "row {row}");
            moved += integers(&plain).iter().zip(integers(&normed)).filter(|(a, b)| *a != b).count();
            // Within one unit where rounding alone is within half.
            let scale = f64::from(normed.scale[row]) / 40.0;
            assert!(exact.iter().zip(integers(&normed)).all(|(exact, w)| (exact / scale - f64::from(w)).abs() <= 1.0));
        }
        assert!(moved > 0 && moved < 40, "{moved}");
    }

    #[test]
    fn rows_that_lost_units_keep_their_sum() {
        let head = dense(5, 16);
        let normed = quantize(&head, Some(&NORM), &RowRounding::Nearest).unwrap();
        for (row, exact) in head.w.chunks_exact(16).enumerate() {
            let scale = f64::from(normed.scale[row]) / 40.0;
            let sum: f64 = normed.weights[row * 16..][..16].iter().map(|w| f64::from(*w)).sum();
            assert!((sum - exact.iter().sum::<f64>() / scale).abs() <= 0.5 + 1e-4);
        }
    }

    #[test]
    fn epsilon_is_in_squares_of_an_activation_and_refused_beyond_the_format() {
        let norm = quantize(&dense(1, 16), Some(&NORM), &RowRounding::Nearest).unwrap().norm.unwrap();
        assert_eq!(norm, QuantizedHeadNorm { divisor: 40, epsilon: (1600.0f64 * 1e-5 * 4_194_304.0).round() as u64 });
        let error = quantize(&dense(1, 16), Some(&FoldedHeadNorm { epsilon: 1e9, ..NORM }), &RowRounding::Nearest).unwrap_err();
        assert!(error.to_string().contains("regularization.layer_norm.epsilon"), "{error}");
    }
}
