//! Heads behind layer norm, `y = r*(V h) + d`.

use crate::arithmetic::{DenseF32, DenseInt8, HeadNormF32, HeadNormInt8};
use crate::network::Head;

/// See [`crate::arithmetic::Number::dense`].
#[inline]
pub(crate) fn float<F: Head>(weights: &DenseF32<'_, F>, norm: &HeadNormF32, h: &[f32], y: &mut [f32]) {
    let root = norm.root(h);
    for ((row, bias), y) in weights.weights.chunks_exact(h.len().max(1)).zip(weights.bias).zip(y) {
        *y = row.iter().zip(h).fold(0.0, |sum, (w, h)| sum + w * h) * root + bias;
    }
}

/// See [`crate::arithmetic::Number::dense`].
#[inline]
pub(crate) fn int8<F: Head>(weights: &DenseInt8<'_, F>, norm: &HeadNormInt8, h: &[i16], y: &mut [f32]) {
    let root = norm.root(h);
    let rows = weights.weights.chunks_exact(h.len().next_multiple_of(4).max(4));
    for (((row, bias), scale), y) in rows.zip(weights.bias).zip(weights.scale).zip(y) {
        let sum = row.iter().zip(h).fold(0i32, |sum, (w, h)| sum.wrapping_add(i32::from(*w) * i32::from(*h)));
        *y = sum as f32 * root * scale + bias;
    }
}
