//! The packed-pair layout: two gates' weights in one halfword.
//!
//! For each column the halfword `256*w_a + w_b` holds the weights of two gates (A with B: i with f, g with o). One product with the
//! raw halfword accumulates `R = 256*A + B`, one with its sign-extended low byte accumulates `B`; after a block of columns
//! `A = (R - B) / 256`, exact modulo 2^32 while `|A| < 2^23` within the block. A core with `smlad` and `sxtb16` does four
//! multiply-accumulates in 3.5 instructions this way.
//!
//! A unit is one run of words, walked by one pointer:
//! `[R_if, B_if, R_go, B_go biases] [per two columns: if halfwords, go halfwords] [m_i/256, m_f, m_g/256, m_o]`.

use crate::arithmetic::{DenseInt8, LstmInt8, Rows, cell, scale_accumulator};
#[cfg(kernel = "armv6m")]
use crate::network::CellForm;
use crate::network::{Form, Head};

/// The four running sums of a unit: R and B of the pairs (i, f) and (g, o).
pub(super) type Sums = [i32; 4];

#[cfg(not(kernel = "armv6m"))]
use self::accumulate_portable as accumulate;
#[cfg(kernel = "armv6m")]
use super::armv6m::accumulate;

/// Adds the products of a block of columns to the running sums.
#[inline(always)]
pub(super) fn accumulate_portable([mut r0, mut b0, mut r1, mut b1]: Sums, words: &[u32], xh: &[i16]) -> Sums {
    let (words, _) = words.as_chunks::<2>();
    let (columns, _) = xh.as_chunks::<2>();
    for (&[pair_if, pair_go], &[first, second]) in words.iter().zip(columns) {
        let (first, second) = (i32::from(first), i32::from(second));
        let mut column = |x: i32, w_if: u32, w_go: u32| {
            r0 = r0.wrapping_add(x * i32::from(w_if as i16));
            b0 = b0.wrapping_add(x * i32::from(w_if as i8));
            r1 = r1.wrapping_add(x * i32::from(w_go as i16));
            b1 = b1.wrapping_add(x * i32::from(w_go as i8));
        };
        column(first, pair_if, pair_go);
        column(second, pair_if >> 16, pair_go >> 16);
    }
    [r0, b0, r1, b1]
}

/// Accumulators of the gates `i f g o`: A is extracted after every block of columns, B runs through.
#[inline(always)]
fn rows(
    biases: &[u32; 4],
    mut words: &[u32],
    mut xh: &[i16],
    blocks: &[u32],
    accumulate: impl Fn(Sums, &[u32], &[i16]) -> Sums,
) -> [i32; 4] {
    let mut sums: Sums = biases.map(|word| word as i32);
    let mut a = [0i32; 2];
    let mut b = [0i32; 2];
    for block in blocks {
        // The blocks were checked to add up to the columns when the file was bound.
        let (Some((these, later)), Some((columns, rest))) =
            (words.split_at_checked(*block as usize), xh.split_at_checked(*block as usize))
        else {
            break;
        };
        (words, xh) = (later, rest);
        let [r0, b0, r1, b1] = accumulate(sums, these, columns);
        a = [a[0].wrapping_add(r0.wrapping_sub(b0) >> 8), a[1].wrapping_add(r1.wrapping_sub(b1) >> 8)];
        b = [b[0].wrapping_add(b0), b[1].wrapping_add(b1)];
        sums = [0; 4];
    }
    [a[0], b[0], a[1], b[1]]
}

/// The accumulators `i f g o` of one unit after the other, and their scales. `xh`: as many columns as the rows have, a multiple of 4.
#[inline(always)]
pub(crate) fn accumulators<'a>(weights: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = ([i32; 4], [i32; 4])> + 'a {
    accumulators_by(weights, xh, accumulate)
}

/// The same over a kernel's inner loop.
#[inline(always)]
fn accumulators_by<'a>(
    weights: &'a Rows<'_>,
    xh: &'a [i16],
    accumulate: impl Fn(Sums, &[u32], &[i16]) -> Sums + Copy + 'a,
) -> impl Iterator<Item = ([i32; 4], [i32; 4])> + 'a {
    // Never of no length, which the compiler cannot know of a sum.
    weights.stream.chunks_exact((weights.columns + 8).max(8)).map(move |unit| {
        // The pattern always fits, for a unit has more than eight words.
        let Some((biases, rest)) = unit.split_first_chunk::<4>() else { return Default::default() };
        let Some((words, scales)) = rest.split_last_chunk::<4>() else { return Default::default() };
        (rows(biases, words, xh, weights.blocks, accumulate), scales.map(|word| word as i32))
    })
}

/// The scaled accumulators `i f g o` of one unit after the other.
#[inline(always)]
pub(crate) fn preactivations<'a>(weights: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = [i32; 4]> + 'a {
    scaled(weights, accumulators(weights, xh))
}

/// The same, portable on every target.
#[inline(always)]
pub(super) fn preactivations_portable<'a>(weights: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = [i32; 4]> + 'a {
    scaled(weights, accumulators_by(weights, xh, accumulate_portable))
}

/// Accumulators times their multipliers.
#[inline(always)]
fn scaled(weights: &Rows<'_>, accumulators: impl Iterator<Item = ([i32; 4], [i32; 4])>) -> impl Iterator<Item = [i32; 4]> {
    // A times m, from A and m/256: of one block, whose A has 24 bits, 256*A is at hand. Only a word that is no m/256 tells the two apart.
    let whole = weights.blocks.len() == 1;
    let scaled = move |a: i32, m: i32| if whole { scale_accumulator(a << 8, m) } else { scale_accumulator(a, m << 8) };
    accumulators.map(move |([i, f, g, o], [m_i, m_f, m_g, m_o])| {
        [scaled(i, m_i), scale_accumulator(f, m_f), scaled(g, m_g), scale_accumulator(o, m_o)]
    })
}

/// See [`crate::arithmetic::Number::lstm`]; forms without layer norm.
#[inline]
#[cfg(not(kernel = "armv7em"))]
pub(crate) fn lstm<F: Form>(weights: &LstmInt8<'_, F>, xh: &[i16], c: &mut [i32], wide: &mut [i32], h: &mut [i16]) {
    // Other forms, and columns in several blocks, are left to the compiler.
    #[cfg(kernel = "armv6m")]
    if F::FORM == CellForm::PLAIN && super::armv6m_step::exact(&weights.rows, xh, c, h) {
        return;
    }
    cells(preactivations(&weights.rows, xh), weights, c, wide, h);
}

/// The same, portable on every target.
#[inline]
pub(super) fn lstm_portable<F: Form>(weights: &LstmInt8<'_, F>, xh: &[i16], c: &mut [i32], wide: &mut [i32], h: &mut [i16]) {
    cells(preactivations_portable(&weights.rows, xh), weights, c, wide, h);
}

/// From pre-activations to the new state.
#[inline(always)]
fn cells<F: Form>(
    preactivations: impl Iterator<Item = [i32; 4]>,
    weights: &LstmInt8<'_, F>,
    c: &mut [i32],
    wide: &mut [i32],
    h: &mut [i16],
) {
    let mut wide = wide.iter_mut();
    for ((p, c), h) in preactivations.zip(c).zip(h) {
        *h = cell::<F>(p, c, if F::HIDDEN { wide.next() } else { None }, weights);
    }
}

/// See [`crate::arithmetic::Number::dense`]; plain heads.
#[inline]
pub(crate) fn dense<F: Head>(weights: &DenseInt8<'_, F>, h: &[i16], y: &mut [f32]) {
    let rows = weights.weights.chunks_exact(h.len().next_multiple_of(4).max(4));
    for (((row, bias), scale), y) in rows.zip(weights.bias).zip(weights.scale).zip(y) {
        let sum = row.iter().zip(h).fold(0i32, |sum, (w, h)| sum.wrapping_add(i32::from(*w) * i32::from(*h)));
        *y = sum as f32 * scale + bias;
    }
}
