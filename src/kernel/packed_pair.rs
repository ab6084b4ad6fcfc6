//! The packed-pair layout: two gates' weights in one halfword.
//!
//! For each column the halfword `256*w_a + w_b` holds the weights of two gates (A with B: i with f, g with o). One product with the
//! raw halfword accumulates `R = 256*A + B`, one with its sign-extended low byte accumulates `B`; after a block of columns
//! `A = (R - B) / 256`, exact modulo 2^32 while `|A| < 2^23` within the block. A core with `smlad` and `sxtb16` does four
//! multiply-accumulates in 3.5 instructions this way.
//!
//! A unit is one run of words, walked by one pointer:
//! `[R_if, B_if, R_go, B_go biases] [per two columns: if halfwords, go halfwords] [m_i/256, m_f, m_g/256, m_o]`. Where A may exceed
//! its bound in some unit, the columns of each unit are in [`Block`]s, each behind its word, and A is extracted after every one.

use crate::arithmetic::{Block, DenseInt8, LstmInt8, Place, Rows, cell, scale_accumulator};
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

/// A unit's sums.
struct Unit {
    /// Of i and g what [`Self::whole`] tells, of f and o their accumulators.
    sums: [i32; 4],
    scales: [i32; 4],
    /// All columns were one block: of i and g the sums are 256 times their accumulators. Otherwise they are the accumulators, which may
    /// have more than 24 bits.
    whole: bool,
}

/// `R - B` of a unit's pairs, and B.
#[inline(always)]
fn differences([r0, b0, r1, b1]: Sums) -> [i32; 4] {
    [r0.wrapping_sub(b0), b0, r1.wrapping_sub(b1), b1]
}

/// The sums of columns in blocks, and what follows them in the stream: A is extracted after every block, B runs through.
#[inline(always)]
fn blocks<'w>(
    mut sums: Sums,
    mut stream: &'w [u32],
    mut xh: &[i16],
    accumulate: impl Fn(Sums, &[u32], &[i16]) -> Sums,
) -> Option<([i32; 4], bool, &'w [u32])> {
    let mut a = [0i32; 2];
    loop {
        // Words and columns were checked when the file was bound.
        let (word, rest) = stream.split_first()?;
        let block = Block::from_word(*word)?;
        let (words, later) = rest.split_at_checked(block.columns)?;
        let (columns, others) = xh.split_at_checked(block.columns)?;
        (stream, xh) = (later, others);
        sums = accumulate(sums, words, columns);
        let [d0, b0, d1, b1] = differences(sums);
        if block.place == Place::Whole {
            return Some(([d0, b0, d1, b1], true, stream));
        }
        a = [a[0].wrapping_add(d0 >> 8), a[1].wrapping_add(d1 >> 8)];
        if block.place == Place::Last {
            return Some(([a[0], b0, a[1], b1], false, stream));
        }
        sums = [b0, b0, b1, b1];
    }
}

/// One unit after the other. `xh`: as many columns as the rows have, a multiple of 4.
#[inline(always)]
fn units<'a>(
    weights: &'a Rows<'_>,
    xh: &'a [i16],
    accumulate: impl Fn(Sums, &[u32], &[i16]) -> Sums + Copy + 'a,
) -> impl Iterator<Item = Unit> + 'a {
    let mut stream = weights.stream;
    core::iter::from_fn(move || {
        let (biases, rest) = stream.split_first_chunk::<4>()?;
        let biases: Sums = biases.map(|word| word as i32);
        let (sums, whole, rest) = if weights.in_blocks {
            blocks(biases, rest, xh, accumulate)?
        } else {
            let (words, rest) = rest.split_at_checked(weights.columns)?;
            (differences(accumulate(biases, words, xh)), true, rest)
        };
        let (scales, rest) = rest.split_first_chunk::<4>()?;
        stream = rest;
        Some(Unit { sums, scales: scales.map(|word| word as i32), whole })
    })
}

/// The accumulators `i f g o` of one unit after the other, and their scales.
#[inline(always)]
pub(crate) fn accumulators<'a>(weights: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = ([i32; 4], [i32; 4])> + 'a {
    extracted(units(weights, xh, accumulate))
}

/// The same, portable on every target.
#[inline(always)]
pub(super) fn accumulators_portable<'a>(weights: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = ([i32; 4], [i32; 4])> + 'a {
    extracted(units(weights, xh, accumulate_portable))
}

/// Units' accumulators and scales.
#[inline(always)]
fn extracted(units: impl Iterator<Item = Unit>) -> impl Iterator<Item = ([i32; 4], [i32; 4])> {
    units.map(|Unit { sums: [i, f, g, o], scales, whole }| (if whole { [i >> 8, f, g >> 8, o] } else { [i, f, g, o] }, scales))
}

/// The scaled accumulators `i f g o` of one unit after the other.
#[inline(always)]
pub(crate) fn preactivations<'a>(weights: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = [i32; 4]> + 'a {
    scaled(units(weights, xh, accumulate))
}

/// The same, portable on every target.
#[inline(always)]
pub(super) fn preactivations_portable<'a>(weights: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = [i32; 4]> + 'a {
    scaled(units(weights, xh, accumulate_portable))
}

/// Accumulators times their multipliers.
#[inline(always)]
fn scaled(units: impl Iterator<Item = Unit>) -> impl Iterator<Item = [i32; 4]> {
    units.map(|Unit { sums: [i, f, g, o], scales: [m_i, m_f, m_g, m_o], whole }| {
        // A times m, from 256*A and m/256 or from A and m. Only a word that is no m/256 tells the two apart.
        let (m_i, m_g) = if whole { (m_i, m_g) } else { (m_i << 8, m_g << 8) };
        [scale_accumulator(i, m_i), scale_accumulator(f, m_f), scale_accumulator(g, m_g), scale_accumulator(o, m_o)]
    })
}

/// See [`crate::arithmetic::Number::lstm`]; forms without layer norm.
#[inline]
#[cfg(not(kernel = "armv7m"))]
pub(crate) fn lstm<F: Form>(weights: &LstmInt8<'_, F>, xh: &[i16], c: &mut [i32], wide: &mut [i32], h: &mut [i16]) {
    // Other forms are left to the compiler.
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
pub(super) fn cells<F: Form>(
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
