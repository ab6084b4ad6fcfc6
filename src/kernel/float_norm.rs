//! The `f32` step of cells with layer norm: pre-activations wait in the scratch until their statistics are known.

use super::float::{Columns, candidate, output, store};
use crate::arithmetic::{Functions, LstmF32, NormF32, Statistics};
use crate::network::{Few, Form};

/// `gain*(z - mean)/sqrt(var + ε)` of a unit's gates.
#[inline(always)]
fn scaled(statistics: &[Statistics; 4], [i, f, g, o]: [f32; 4], [g_i, g_f, g_g, g_o]: [f32; 4]) -> [f32; 4] {
    let [s_i, s_f, s_g, s_o] = statistics;
    [s_i.apply(i) * g_i, s_f.apply(f) * g_f, s_g.apply(g) * g_g, s_o.apply(o) * g_o]
}

/// What the norm over `W x` does to a unit's gates.
enum OfInputs {
    /// By the statistics of the rows, with gains.
    Rows([Statistics; 4]),
    /// By the inputs' r; the gains are in the weights.
    Inputs([f32; 4]),
}

impl OfInputs {
    #[inline(always)]
    fn scaled(&self, z: [f32; 4], gains: &[[f32; 4]]) -> [f32; 4] {
        match (self, gains) {
            (OfInputs::Rows(statistics), [gain]) => scaled(statistics, z, *gain),
            (OfInputs::Inputs([r_i, r_f, r_g, r_o]), _) => {
                let [i, f, g, o] = z;
                [i * r_i, f * r_f, g * r_g, o * r_o]
            }
            // A unit has one row of gains or none.
            _ => z,
        }
    }
}

#[inline(always)]
fn add([a, b, c, d]: [f32; 4], [e, f, g, h]: [f32; 4]) -> [f32; 4] {
    [a + e, b + f, c + g, d + h]
}

/// See [`crate::arithmetic::Number::lstm`]; forms with layer norm.
#[inline]
pub(crate) fn lstm<K: Columns, M: Functions, F: Form>(
    weights: &LstmF32<'_, F>,
    xh: &[f32],
    c: &mut [f32],
    scratch: &mut [[f32; 4]],
    h: &mut [f32],
) {
    let Some(norm) = weights.norm.get() else { return };
    if F::SEPARATE {
        separate::<K, M, F>(weights, norm, xh, c, scratch, h);
    } else {
        joint::<K, M, F>(weights, norm, xh, c, scratch, h);
    }
}

#[inline(always)]
fn joint<K: Columns, M: Functions, F: Form>(
    weights: &LstmF32<'_, F>,
    norm: &NormF32<'_>,
    xh: &[f32],
    c: &mut [f32],
    z: &mut [[f32; 4]],
    h: &mut [f32],
) {
    for (unit, z) in weights.units.chunks_exact(1 + xh.len()).zip(&mut *z) {
        let Some((biases, weights)) = unit.split_first() else { continue };
        *z = K::sum(*biases, weights, xh);
    }
    let [epsilon, ..] = norm.epsilon;
    let statistics = norm.statistics(z, epsilon);
    let previous = xh.get(xh.len().saturating_sub(c.len())..).unwrap_or_default();
    let (affine, _) = norm.affine.as_chunks::<2>();
    for ((((z, [gain, shift]), c), h), previous) in z.iter().zip(affine).zip(c).zip(h).zip(previous) {
        let a = add(scaled(&statistics, *z, *gain), *shift);
        let (candidate, o) = candidate::<M, F>(a, *c, weights);
        let read = store::<F>(c, candidate, weights.zone);
        *h = output::<M, F>(o, read, *previous, weights.zone);
    }
}

#[inline(always)]
fn separate<K: Columns, M: Functions, F: Form>(
    weights: &LstmF32<'_, F>,
    norm: &NormF32<'_>,
    xh: &[f32],
    c: &mut [f32],
    scratch: &mut [[f32; 4]],
    h: &mut [f32],
) {
    let units = c.len();
    let Some((z_x, z_h)) = scratch.split_at_mut_checked(units) else { return };
    let Some((x, previous)) = xh.split_at_checked(norm.inputs) else { return };
    for ((unit, z_x), z_h) in weights.units.chunks_exact(1 + xh.len()).zip(&mut *z_x).zip(&mut *z_h) {
        let Some((biases, weights)) = unit.split_first() else { continue };
        let Some((w, u)) = weights.split_at_checked(norm.inputs) else { continue };
        *z_x = K::sum(*biases, w, x);
        *z_h = K::sum([0.0; 4], u, previous);
    }
    let [epsilon_x, epsilon_h, epsilon_c] = norm.epsilon;
    let of_inputs = match &norm.from_inputs {
        None => OfInputs::Rows(norm.statistics(z_x, epsilon_x)),
        Some(from_inputs) => OfInputs::Inputs(from_inputs.factors(x)),
    };
    let s_h = norm.statistics(z_h, epsilon_h);
    let affine = || norm.affine.chunks_exact(if norm.from_inputs.is_some() { 3 } else { 4 });
    for (((z_x, z_h), affine), c) in z_x.iter_mut().zip(z_h).zip(affine()).zip(&mut *c) {
        let [gain_x @ .., gain_h, shift, _] = affine else { continue };
        let a = add(add(of_inputs.scaled(*z_x, gain_x), scaled(&s_h, *z_h, *gain_h)), *shift);
        let (candidate, o) = candidate::<M, F>(a, *c, weights);
        // What c's norm reads, and the output gate, take the place of what has been used.
        *z_x = [if F::STORED { candidate } else { store::<F>(c, candidate, weights.zone) }, 0.0, 0.0, o];
    }
    let s_c = Statistics::of_cell(z_x.iter().map(|[c, ..]| *c), units, epsilon_c);
    for ((((z, affine), c), h), previous) in z_x.iter().zip(affine()).zip(c).zip(h).zip(previous) {
        let ([read, _, _, o], [.., [gain, shift, ..]]) = (*z, affine) else { continue };
        let normalized = s_c.apply(read) * gain + shift;
        let read = if F::STORED { store::<F>(c, normalized, weights.zone) } else { normalized };
        *h = output::<M, F>(o, read, *previous, weights.zone);
    }
}
