//! The integer step of cells with layer norm: accumulators wait in the scratch until their statistics are known.

use super::packed_pair::preactivations;
use crate::arithmetic::{
    LstmInt8, NormInt8, Normalizer, Rows, Sums, candidate, cell, multiply_high, normalized_cell, output, store,
};
use crate::network::{Few, Form};

/// Fills `z` `[H]` with the pre-activations of one norm and gives their statistics.
#[inline(always)]
fn normalizers(rows: &Rows<'_>, xh: &[i16], norm: &NormInt8<'_>, epsilon: u64, z: &mut [[i32; 4]]) -> [Normalizer; 4] {
    let limit = norm.limit();
    let mut sums = [Sums::default(); 4];
    for (p, z) in preactivations(rows, xh).zip(z) {
        *z = p.map(|p| p.clamp(-limit, limit));
        for (sums, z) in sums.iter_mut().zip(z) {
            sums.add(*z);
        }
    }
    norm.normalizers(sums, epsilon)
}

/// `gain*(z - mean)/sqrt(var + ε)` of a unit's gates.
#[inline(always)]
fn scaled(normalizers: &[Normalizer; 4], [i, f, g, o]: [i32; 4], [m_i, m_f, m_g, m_o]: [i32; 4]) -> [i32; 4] {
    let [n_i, n_f, n_g, n_o] = normalizers;
    [
        multiply_high(n_i.apply(i), m_i),
        multiply_high(n_f.apply(f), m_f),
        multiply_high(n_g.apply(g), m_g),
        multiply_high(n_o.apply(o), m_o),
    ]
}

#[inline(always)]
fn add([a, b, c, d]: [i32; 4], [e, f, g, h]: [i32; 4]) -> [i32; 4] {
    [a.saturating_add(e), b.saturating_add(f), c.saturating_add(g), d.saturating_add(h)]
}

/// See [`crate::arithmetic::Number::lstm`]; forms with layer norm.
#[inline]
pub(crate) fn lstm<F: Form>(
    weights: &LstmInt8<'_, F>,
    xh: &[i16],
    c: &mut [i32],
    wide: &mut [i32],
    scratch: &mut [[i32; 4]],
    h: &mut [i16],
) {
    let Some(norm) = weights.norm.get() else { return };
    if F::SEPARATE {
        separate(weights, norm, xh, c, wide, scratch, h);
    } else {
        joint(weights, norm, xh, c, wide, scratch, h);
    }
}

#[inline(always)]
fn joint<F: Form>(
    weights: &LstmInt8<'_, F>,
    norm: &NormInt8<'_>,
    xh: &[i16],
    c: &mut [i32],
    wide: &mut [i32],
    z: &mut [[i32; 4]],
    h: &mut [i16],
) {
    let [epsilon, ..] = norm.epsilon;
    let normalizers = normalizers(&weights.rows, xh, norm, epsilon, z);
    let mut wide = wide.iter_mut();
    let (affine, _) = norm.affine.as_chunks::<2>();
    for (((z, [gain, shift]), c), h) in z.iter().zip(affine).zip(c).zip(h) {
        let p = add(scaled(&normalizers, *z, *gain), *shift);
        *h = cell::<F>(p, c, if F::HIDDEN { wide.next() } else { None }, weights);
    }
}

#[inline(always)]
fn separate<F: Form>(
    weights: &LstmInt8<'_, F>,
    norm: &NormInt8<'_>,
    xh: &[i16],
    c: &mut [i32],
    wide: &mut [i32],
    scratch: &mut [[i32; 4]],
    h: &mut [i16],
) {
    let Some((z_x, z_h)) = scratch.split_at_mut_checked(c.len()) else { return };
    let [epsilon_x, epsilon_h, _] = norm.epsilon;
    // Each reads whole groups of four columns; those of the other meet zero weights.
    let x = xh.get(..norm.inputs.next_multiple_of(4)).unwrap_or_default();
    let n_x = normalizers(&weights.rows, x, norm, epsilon_x, z_x);
    let n_h = normalizers(&norm.recurrent, xh.get(norm.inputs & !3..).unwrap_or_default(), norm, epsilon_h, z_h);
    let (affine, _) = norm.affine.as_chunks::<4>();
    for (((z_x, z_h), [gain_x, gain_h, shift, _]), c) in z_x.iter_mut().zip(z_h).zip(affine).zip(&mut *c) {
        let p = add(add(scaled(&n_x, *z_x, *gain_x), scaled(&n_h, *z_h, *gain_h)), *shift);
        let (candidate, o) = candidate::<F>(p, *c, &weights.keep);
        // What c's norm reads, and the output gate, take the place of what has been used.
        *z_x = [if F::STORED { candidate } else { store::<F>(c, candidate, weights.zone) }, 0, 0, o];
    }
    let (n_c, bits) = norm.cell_normalizer(z_x.iter().map(|[c, ..]| *c));
    let mut wide = wide.iter_mut();
    for (((z, [.., [gain, shift, _, _]]), c), h) in z_x.iter().zip(affine).zip(c).zip(h) {
        let [read, _, _, o] = *z;
        let normalized = normalized_cell(read >> bits, n_c, *gain, *shift);
        let read = if F::STORED { store::<F>(c, normalized, weights.zone) } else { normalized };
        *h = output::<F>(o, read, if F::HIDDEN { wide.next() } else { None }, weights.zone);
    }
}
