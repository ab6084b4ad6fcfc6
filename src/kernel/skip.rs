//! The linear skip's inner loops, portable. Sums of products are integers in `int8`, exact where the exporter's proof holds; in `f32` they
//! run in the order of the columns, step by step, and nothing is fused.

use crate::arithmetic::{SkipF32, SkipInt8};

/// A step's rows of A, one a product, each as long as the step's input.
#[inline(always)]
fn rows<T>(products: &[T], step: usize, inputs: usize, rank: usize) -> core::slice::ChunksExact<'_, T> {
    let rows = products.chunks_exact((inputs * rank).max(1)).nth(step).unwrap_or_default();
    rows.chunks_exact(inputs.max(1))
}

/// See [`crate::arithmetic::Linear::accumulate`].
#[inline]
pub(crate) fn accumulate_int8(weights: &SkipInt8<'_>, step: usize, x: &[i16], sums: &mut [i32]) {
    for (sum, row) in sums.iter_mut().zip(rows(weights.products, step, x.len(), weights.product_scale.len())) {
        *sum = row.iter().zip(x).fold(*sum, |sum, (w, x)| sum.wrapping_add(i32::from(*w) * i32::from(*x)));
    }
}

/// See [`crate::arithmetic::Linear::add`].
#[inline]
pub(crate) fn add_int8(weights: &SkipInt8<'_>, sums: &[i32], first: usize, y: &mut [f32]) {
    let rows = weights.outputs.chunks_exact(sums.len().max(1)).zip(weights.output_scale);
    for ((row, output_scale), y) in rows.skip(first).zip(y) {
        let products = sums.iter().zip(weights.product_scale).map(|(sum, scale)| *sum as f32 * scale);
        *y += row.iter().zip(products).fold(0.0, |sum, (w, z)| sum + f32::from(*w) * z) * output_scale;
    }
}

/// See [`crate::arithmetic::Linear::accumulate`].
#[inline]
pub(crate) fn accumulate_f32(weights: &SkipF32<'_>, step: usize, x: &[f32], sums: &mut [f32]) {
    let rank = sums.len();
    for (sum, row) in sums.iter_mut().zip(rows(weights.products, step, x.len(), rank)) {
        *sum = row.iter().zip(x).fold(*sum, |sum, (w, x)| sum + w * x);
    }
}

/// See [`crate::arithmetic::Linear::add`].
#[inline]
pub(crate) fn add_f32(weights: &SkipF32<'_>, sums: &[f32], first: usize, y: &mut [f32]) {
    for (row, y) in weights.outputs.chunks_exact(sums.len().max(1)).skip(first).zip(y) {
        *y += row.iter().zip(sums).fold(0.0, |sum, (w, z)| sum + w * z);
    }
}
