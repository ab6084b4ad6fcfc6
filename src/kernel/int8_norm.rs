//! The integer step of cells with layer norm: accumulators wait in the scratch until their statistics are known.

use core::marker::PhantomData;

use crate::arithmetic::{
    InputFactor, IntegerLayout, LstmInt8, NormInt8, Normalizer, Rows, Sums, candidate, cell, multiply_high, normalized_cell,
    output, store,
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

/// What the norm over `W x` does to a unit's gates.
enum OfInputs {
    /// By the statistics of the rows, with gains.
    Rows([Normalizer; 4]),
    /// By the inputs' statistics; the gains are in the weights.
    Inputs([InputFactor; 4]),
}

impl OfInputs {
    #[inline(always)]
    fn scaled(&self, z: [i32; 4], gains: &[[i32; 4]]) -> [i32; 4] {
        match (self, gains) {
            (OfInputs::Rows(normalizers), [gain]) => scaled(normalizers, z, *gain),
            (OfInputs::Inputs([f_i, f_f, f_g, f_o]), _) => {
                let [i, f, g, o] = z;
                [f_i.apply(i), f_f.apply(f), f_g.apply(g), f_o.apply(o)]
            }
            // A unit has one row of gains or none.
            _ => z,
        }
    }
}

/// Fills `z` `[H]` with pre-activations.
#[inline(always)]
pub(super) fn fill(preactivations: impl Iterator<Item = [i32; 4]>, z: &mut [[i32; 4]]) {
    preactivations.zip(z).for_each(|(p, z)| *z = p);
}

/// A kernel's ways to multiply rows with columns.
pub(super) trait Products {
    /// Rows are read in groups of so many columns.
    const MULTIPLE: usize;

    /// Fills `z` `[H]` with the pre-activations of one norm and gives their statistics.
    fn normalizers(rows: &Rows<'_>, xh: &[i16], norm: &NormInt8<'_>, epsilon: u64, z: &mut [[i32; 4]]) -> [Normalizer; 4];

    /// Fills `z` `[H]` with pre-activations that wait for no statistics.
    fn fill(rows: &Rows<'_>, xh: &[i16], z: &mut [[i32; 4]]);
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
    lstm_by::<ByLayout<L>, F>(weights, xh, (c, wide, h), scratch);
}

/// A layout's own products.
struct ByLayout<L>(PhantomData<L>);

impl<L: IntegerLayout> Products for ByLayout<L> {
    const MULTIPLE: usize = L::COLUMNS;

    #[inline(always)]
    fn normalizers(rows: &Rows<'_>, xh: &[i16], norm: &NormInt8<'_>, epsilon: u64, z: &mut [[i32; 4]]) -> [Normalizer; 4] {
        normalizers(L::preactivations(rows, xh), norm, epsilon, z)
    }

    #[inline(always)]
    fn fill(rows: &Rows<'_>, xh: &[i16], z: &mut [[i32; 4]]) {
        fill(L::preactivations(rows, xh), z);
    }
}

/// The same over a kernel's products.
#[inline(always)]
pub(super) fn lstm_by<P: Products, F: Form>(
    weights: &LstmInt8<'_, F>,
    xh: &[i16],
    (c, wide, h): (&mut [i32], &mut [i32], &mut [i16]),
    scratch: &mut [[i32; 4]],
) {
    let Some(norm) = weights.norm.get() else { return };
    if F::SEPARATE {
        separate::<P, F>(weights, norm, xh, (c, wide, h), scratch);
    } else {
        let [epsilon, ..] = norm.epsilon;
        let normalizers = P::normalizers(&weights.rows, xh, norm, epsilon, scratch);
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

/// Forms A and B.
#[inline(always)]
pub(super) fn separate<P: Products, F: Form>(
    weights: &LstmInt8<'_, F>,
    norm: &NormInt8<'_>,
    xh: &[i16],
    (c, wide, h): (&mut [i32], &mut [i32], &mut [i16]),
    scratch: &mut [[i32; 4]],
) {
    let Some((z_x, z_h)) = scratch.split_at_mut_checked(c.len()) else { return };
    let [epsilon_x, epsilon_h, _] = norm.epsilon;
    // Each reads whole groups of columns; those of the other meet zero weights.
    let x = xh.get(..norm.inputs.next_multiple_of(P::MULTIPLE)).unwrap_or_default();
    let of_inputs = match &norm.from_inputs {
        None => OfInputs::Rows(P::normalizers(&weights.rows, x, norm, epsilon_x, z_x)),
        Some(from_inputs) => {
            P::fill(&weights.rows, x, z_x);
            OfInputs::Inputs(from_inputs.factors(x))
        }
    };
    let recurrent = xh.get(norm.inputs & !(P::MULTIPLE - 1)..).unwrap_or_default();
    let n_h = P::normalizers(&norm.recurrent, recurrent, norm, epsilon_h, z_h);
    let affine = || norm.affine.chunks_exact(if norm.from_inputs.is_some() { 3 } else { 4 });
    for (((z_x, z_h), affine), c) in z_x.iter_mut().zip(z_h).zip(affine()).zip(&mut *c) {
        let [gain_x @ .., gain_h, shift, _] = affine else { continue };
        let p = add(add(of_inputs.scaled(*z_x, gain_x), scaled(&n_h, *z_h, *gain_h)), *shift);
        let (candidate, o) = candidate::<F>(p, *c, &weights.keep);
        // What c's norm reads, and the output gate, take the place of what has been used.
        *z_x = [if F::STORED { candidate } else { store::<F>(c, candidate, weights.zone) }, 0, 0, o];
    }
    let (n_c, bits) = norm.cell_normalizer(z_x.iter().map(|[c, ..]| *c));
    let mut wide = wide.iter_mut();
    for (((z, affine), c), h) in z_x.iter().zip(affine()).zip(c).zip(h) {
        let ([read, _, _, o], [.., [gain, shift, ..]]) = (*z, affine) else { continue };
        let normalized = normalized_cell(read >> bits, n_c, *gain, *shift);
        let read = if F::STORED { store::<F>(c, normalized, weights.zone) } else { normalized };
        *h = output::<F>(o, read, if F::HIDDEN { wide.next() } else { None }, weights.zone);
    }
}
