//! The row-major layout: weights of a row side by side, eight columns at a time.
//!
//! A unit is one run of words, walked by one pointer: `[biases i f g o] [per eight columns: 8 weights of i, of f, of g, of o]
//! [m_i, m_f, m_g, m_o]`. Each row has an accumulator of its own, so that nothing but an `i32` bounds it.

use super::packed_pair::cells;
use crate::arithmetic::{LstmInt8, Rows, scale_accumulator};
#[cfg(kernel_vectors)]
use crate::network::CellForm;
use crate::network::Form;

/// Adds the products of a row's eight weights, given as two words.
#[inline(always)]
fn products(sum: i32, words: [u32; 2], xh: &[i16; 8]) -> i32 {
    let weights: [i8; 8] = bytemuck::cast(words);
    weights.iter().zip(xh).fold(sum, |sum, (w, x)| sum.wrapping_add(i32::from(*w) * i32::from(*x)))
}

/// Adds the products of all columns to the accumulators `i f g o`.
#[inline(always)]
pub(super) fn accumulate_portable(mut sums: [i32; 4], words: &[u32], xh: &[i16]) -> [i32; 4] {
    let (groups, _) = words.as_chunks::<8>();
    let (columns, _) = xh.as_chunks::<8>();
    for (&[i0, i1, f0, f1, g0, g1, o0, o1], xh) in groups.iter().zip(columns) {
        let [i, f, g, o] = sums;
        sums = [products(i, [i0, i1], xh), products(f, [f0, f1], xh), products(g, [g0, g1], xh), products(o, [o0, o1], xh)];
    }
    sums
}

/// The accumulators of a unit: its biases and the products of all columns.
#[inline(always)]
fn accumulate(biases: [i32; 4], unit: &[u32], xh: &[i16]) -> [i32; 4] {
    #[cfg(kernel_vectors)]
    return super::mve::accumulate(biases, unit, xh);
    #[cfg(not(kernel_vectors))]
    accumulate_portable(biases, unit.get(4..).unwrap_or_default(), xh)
}

/// The accumulators `i f g o` of one unit after the other, and their scales. `xh`: as many columns as the rows have, a multiple of 8.
#[inline(always)]
pub(crate) fn accumulators<'a>(weights: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = ([i32; 4], [i32; 4])> + 'a {
    accumulators_by(weights, xh, accumulate)
}

/// The same over a kernel's way to sum a unit.
#[inline(always)]
fn accumulators_by<'a>(
    weights: &'a Rows<'_>,
    xh: &'a [i16],
    accumulate: impl Fn([i32; 4], &[u32], &[i16]) -> [i32; 4] + 'a,
) -> impl Iterator<Item = ([i32; 4], [i32; 4])> + 'a {
    weights.stream.chunks_exact(xh.len() + 8).map(move |unit| {
        // The pattern always fits, for a unit has more than eight words.
        let Some((biases, _)) = unit.split_first_chunk::<4>() else { return Default::default() };
        let Some((_, scales)) = unit.split_last_chunk::<4>() else { return Default::default() };
        (accumulate(biases.map(|word| word as i32), unit, xh), scales.map(|word| word as i32))
    })
}

/// The scaled accumulators `i f g o` of one unit after the other.
#[inline(always)]
pub(crate) fn preactivations<'a>(weights: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = [i32; 4]> + 'a {
    scaled(accumulators(weights, xh))
}

/// The same, portable on every target.
#[inline(always)]
pub(super) fn preactivations_portable<'a>(weights: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = [i32; 4]> + 'a {
    scaled(accumulators_by(weights, xh, |biases, unit, xh| accumulate_portable(biases, unit.get(4..).unwrap_or_default(), xh)))
}

/// Accumulators times their multipliers.
#[inline(always)]
fn scaled(accumulators: impl Iterator<Item = ([i32; 4], [i32; 4])>) -> impl Iterator<Item = [i32; 4]> {
    accumulators.map(|([i, f, g, o], [m_i, m_f, m_g, m_o])| {
        [scale_accumulator(i, m_i), scale_accumulator(f, m_f), scale_accumulator(g, m_g), scale_accumulator(o, m_o)]
    })
}

/// See [`crate::arithmetic::Number::lstm`]; forms without layer norm.
#[inline]
pub(crate) fn lstm<F: Form>(weights: &LstmInt8<'_, F>, xh: &[i16], c: &mut [i32], wide: &mut [i32], h: &mut [i16]) {
    // Zoneout and keep factors are left to the compiler.
    #[cfg(kernel_vectors)]
    if F::FORM == CellForm::PLAIN && super::mve::step(&weights.rows, xh, c, h) {
        return;
    }
    cells(preactivations(&weights.rows, xh), weights, c, wide, h);
}

/// The same, portable on every target.
#[inline]
pub(super) fn lstm_portable<F: Form>(weights: &LstmInt8<'_, F>, xh: &[i16], c: &mut [i32], wide: &mut [i32], h: &mut [i16]) {
    cells(preactivations_portable(&weights.rows, xh), weights, c, wide, h);
}
