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
use crate::network::Form;

/// The four running sums of a unit: R and B of the pairs (i, f) and (g, o).
pub(super) type Sums = [i32; 4];

#[cfg(kernel = "armv7em")]
use super::armv7em::accumulate;

#[cfg(not(kernel = "armv7em"))]
#[inline(always)]
fn accumulate([mut r0, mut b0, mut r1, mut b1]: Sums, words: &[u32], xh: &[i16]) -> Sums {
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
fn rows(biases: &[u32; 4], mut words: &[u32], mut xh: &[i16], blocks: &[u32]) -> [i32; 4] {
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

/// The scaled accumulators `i f g o` of one unit after the other. `xh`: as many columns as the rows have, a multiple of 4.
#[inline(always)]
pub(crate) fn preactivations<'a>(weights: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = [i32; 4]> + 'a {
    weights.stream.chunks_exact(xh.len() + 8).map(move |unit| {
        // The pattern always fits, for a unit has more than eight words.
        let Some((biases, rest)) = unit.split_first_chunk::<4>() else { return [0; 4] };
        let Some((words, &[m_i, m_f, m_g, m_o])) = rest.split_last_chunk::<4>() else { return [0; 4] };
        let [a_i, a_f, a_g, a_o] = rows(biases, words, xh, weights.blocks);
        [
            scale_accumulator(a_i, (m_i as i32) << 8),
            scale_accumulator(a_f, m_f as i32),
            scale_accumulator(a_g, (m_g as i32) << 8),
            scale_accumulator(a_o, m_o as i32),
        ]
    })
}

/// See [`crate::arithmetic::Number::lstm`]; forms without layer norm.
#[inline]
pub(crate) fn lstm<F: Form>(weights: &LstmInt8<'_, F>, xh: &[i16], c: &mut [i32], wide: &mut [i32], h: &mut [i16]) {
    let mut wide = wide.iter_mut();
    for ((p, c), h) in preactivations(&weights.rows, xh).zip(c).zip(h) {
        *h = cell::<F>(p, c, if F::HIDDEN { wide.next() } else { None }, weights);
    }
}

/// See [`crate::arithmetic::Number::dense`].
#[inline]
pub(crate) fn dense(weights: &DenseInt8<'_>, h: &[i16], y: &mut [f32]) {
    let rows = weights.weights.chunks_exact(h.len().next_multiple_of(4).max(4));
    for (((row, bias), scale), y) in rows.zip(weights.bias).zip(weights.scale).zip(y) {
        let sum = row.iter().zip(h).fold(0i32, |sum, (w, h)| sum.wrapping_add(i32::from(*w) * i32::from(*h)));
        *y = sum as f32 * scale + bias;
    }
}
