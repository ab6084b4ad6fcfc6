//! The integer step of cells with layer norm: accumulators wait in the scratch until their statistics are known.

use crate::arithmetic::{
    IntegerLayout, LstmInt8, NormInt8, Normalizer, Rows, Sums, candidate, cell, multiply_high, normalized_cell, output, store,
};
use crate::network::{Few, Form};

/// Fills `z` `[H]` with the pre-activations of one norm and gives their statistics.
#[inline(always)]
pub(super) fn normalizers(
    preactivations: impl Iterator<Item = [i32; 4]>,
    norm: &NormInt8<'_>,
    epsilon: u64,
    z: &mut [[i32; 4]],
) -> [Normalizer; 4] {
    let limit = norm.limit();
    let mut sums = [Sums::default(); 4];
    for (p, z) in preactivations.zip(z) {
        *z = clamped(p, limit, &mut sums);
    }
    norm.normalizers(sums, epsilon)
}

/// Clamps a unit's pre-activations and adds them to their gates' sums.
#[inline(always)]
pub(super) fn clamped(p: [i32; 4], limit: i32, sums: &mut [Sums; 4]) -> [i32; 4] {
    let z = p.map(|p| p.clamp(-limit, limit));
    for (sums, z) in sums.iter_mut().zip(z) {
        sums.add(z);
    }
    z
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
pub(crate) fn lstm<L: IntegerLayout, F: Form>(
    weights: &LstmInt8<'_, F>,
    xh: &[i16],
    c: &mut [i32],
    wide: &mut [i32],
    scratch: &mut [[i32; 4]],
    h: &mut [i16],
) {
    lstm_by(weights, xh, (c, wide, h), scratch, L::COLUMNS, |rows, xh, norm, epsilon, z| {
        normalizers(L::preactivations(rows, xh), norm, epsilon, z)
    });
}

/// The same over a kernel's way to fill rows with pre-activations and give their statistics. `multiple`: the layout's columns.
#[inline(always)]
pub(super) fn lstm_by<F: Form>(
    weights: &LstmInt8<'_, F>,
    xh: &[i16],
    (c, wide, h): (&mut [i32], &mut [i32], &mut [i16]),
    scratch: &mut [[i32; 4]],
    multiple: usize,
    normalizers: impl Fn(&Rows<'_>, &[i16], &NormInt8<'_>, u64, &mut [[i32; 4]]) -> [Normalizer; 4],
) {
    let Some(norm) = weights.norm.get() else { return };
    if F::SEPARATE {
        separate(weights, norm, xh, (c, wide, h), scratch, multiple, normalizers);
    } else {
        let [epsilon, ..] = norm.epsilon;
        let normalizers = normalizers(&weights.rows, xh, norm, epsilon, scratch);
        joint_cells(weights, norm, &normalizers, scratch, c, wide, h);
    }
}

/// From pre-activations and their statistics to the new state.
#[inline(always)]
pub(super) fn joint_cells<F: Form>(
    weights: &LstmInt8<'_, F>,
    norm: &NormInt8<'_>,
    normalizers: &[Normalizer; 4],
    z: &[[i32; 4]],
    c: &mut [i32],
    wide: &mut [i32],
    h: &mut [i16],
) {
    let mut wide = wide.iter_mut();
    let (affine, _) = norm.affine.as_chunks::<2>();
    for (((z, [gain, shift]), c), h) in z.iter().zip(affine).zip(c).zip(h) {
        let p = add(scaled(normalizers, *z, *gain), *shift);
        *h = cell::<F>(p, c, if F::HIDDEN { wide.next() } else { None }, weights);
    }
}

/// Forms A and B, over a kernel's way to fill rows with pre-activations and give their statistics. `multiple`: the layout's columns.
#[inline(always)]
pub(super) fn separate<F: Form>(
    weights: &LstmInt8<'_, F>,
    norm: &NormInt8<'_>,
    xh: &[i16],
    (c, wide, h): (&mut [i32], &mut [i32], &mut [i16]),
    scratch: &mut [[i32; 4]],
    multiple: usize,
    normalizers: impl Fn(&Rows<'_>, &[i16], &NormInt8<'_>, u64, &mut [[i32; 4]]) -> [Normalizer; 4],
) {
    let Some((z_x, z_h)) = scratch.split_at_mut_checked(c.len()) else { return };
    let [epsilon_x, epsilon_h, _] = norm.epsilon;
    // Each reads whole groups of columns; those of the other meet zero weights.
    let x = xh.get(..norm.inputs.next_multiple_of(multiple)).unwrap_or_default();
    let n_x = normalizers(&weights.rows, x, norm, epsilon_x, z_x);
    let recurrent = xh.get(norm.inputs & !(multiple - 1)..).unwrap_or_default();
    let n_h = normalizers(&norm.recurrent, recurrent, norm, epsilon_h, z_h);
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
