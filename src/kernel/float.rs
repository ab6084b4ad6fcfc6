//! The `f32` inner loops: four gates of a unit side by side, columns in order, products and sums unfused.

use crate::arithmetic::{DenseF32, Functions, LstmF32, Zone};
use crate::network::{Few, Form, Head};

/// How a unit's columns are summed.
pub(crate) trait Columns {
    /// Pre-activations `i f g o` of a unit: products of columns, added to `biases` one after the other.
    fn sum(biases: [f32; 4], weights: &[[f32; 4]], xh: &[f32]) -> [f32; 4];
}

/// The definition.
pub(crate) enum Portable {}

impl Columns for Portable {
    #[inline(always)]
    fn sum(biases: [f32; 4], weights: &[[f32; 4]], xh: &[f32]) -> [f32; 4] {
        weights.iter().zip(xh).fold(biases, |[i, f, g, o], (w, x)| {
            let [w_i, w_f, w_g, w_o] = *w;
            [i + w_i * x, f + w_f * x, g + w_g * x, o + w_o * x]
        })
    }
}

/// The candidate `c'` and the output gate of a unit.
#[inline(always)]
pub(super) fn candidate<M: Functions, F: Form>([i, f, g, o]: [f32; 4], c: f32, weights: &LstmF32<'_, F>) -> (f32, f32) {
    let (kept, new) = (M::sigmoid(f) * c, M::sigmoid(i) * M::tanh(g));
    let candidate = match weights.keep.get() {
        Some(keep) => keep.cell * (kept + keep.candidate * new),
        None => kept + new,
    };
    (candidate, M::sigmoid(o))
}

/// Stores a candidate, blended where the form says so. Gives what the output's tanh reads.
#[inline(always)]
pub(super) fn store<F: Form>(c: &mut f32, candidate: f32, zone: Zone) -> f32 {
    let stored = if F::CELL { *c + zone.cell * (candidate - *c) } else { candidate };
    *c = stored;
    if F::CELL && zone.reads_zoned { stored } else { candidate }
}

/// The new hidden state from the output gate, what its tanh reads, and the previous hidden state.
#[inline(always)]
pub(super) fn output<M: Functions, F: Form>(o: f32, read: f32, previous: f32, zone: Zone) -> f32 {
    let output = o * M::tanh(read);
    if F::HIDDEN { zone.hidden * previous + output } else { output }
}

/// See [`crate::arithmetic::Number::lstm`]; forms without layer norm.
#[inline]
pub(crate) fn lstm<K: Columns, M: Functions, F: Form>(weights: &LstmF32<'_, F>, xh: &[f32], c: &mut [f32], h: &mut [f32]) {
    // The hidden state stands at the end of the joint buffer, which has no padding here.
    let previous = xh.get(xh.len().saturating_sub(c.len())..).unwrap_or_default();
    for (((unit, c), h), previous) in weights.units.chunks_exact(1 + xh.len()).zip(c).zip(h).zip(previous) {
        let Some((biases, unit)) = unit.split_first() else { continue };
        let (candidate, o) = candidate::<M, F>(K::sum(*biases, unit, xh), *c, weights);
        let read = store::<F>(c, candidate, weights.zone);
        *h = output::<M, F>(o, read, *previous, weights.zone);
    }
}

/// See [`crate::arithmetic::Number::dense`]; plain heads.
#[inline]
pub(crate) fn dense<F: Head>(weights: &DenseF32<'_, F>, h: &[f32], y: &mut [f32]) {
    for ((row, bias), y) in weights.weights.chunks_exact(h.len().max(1)).zip(weights.bias).zip(y) {
        // The bias comes last: it may be the mean of a large quantity, beside which the products' low bits would be lost.
        *y = row.iter().zip(h).fold(0.0, |sum, (w, h)| sum + w * h) + bias;
    }
}
