//! Layer norm before the head, `γ*h^ + β` of each row of the last h: forward, and backward beside it.

use super::kernel::{Block, Kernel, Simd, Width};
use super::lanes::{Lanes, zeros};
use super::norm::{NormBack, Places, Scope};
use super::params::{HeadNormGradients, HeadNormParams};
use super::real::Real;
use super::shape::blocks;

/// One row, whose blocks follow each other.
const CONTIGUOUS: Places = Places { first: 0, row: 0, block: 1 };

/// What the norm keeps from the forward pass for the backward pass.
#[derive(Clone, Debug)]
pub struct HeadNorm<R> {
    width: Width,
    scope: Scope<R>,
    /// Normalized h, `[B][N]`; the backward pass overwrites it with the gradients of h.
    normalized: Vec<Lanes<R>>,
    /// `1/sqrt(variance + ε)`, `[B]`.
    scales: Vec<[R; 1]>,
}

impl<R: Real> HeadNorm<R> {
    /// For up to `rows` of a last layer with `hidden` units.
    pub fn new(width: Width, hidden: usize, epsilon: f64, rows: usize) -> Self {
        HeadNorm {
            width,
            scope: Scope { units: hidden, per_gate: false, epsilon: R::from_f64(epsilon) },
            normalized: vec![zeros(); rows * blocks(hidden)],
            scales: vec![[R::ZERO]; rows],
        }
    }

    /// Rows of h, `[B][N]`, to their norms.
    pub fn forward(&mut self, params: &HeadNormParams<'_, R>, h: &mut [Lanes<R>]) {
        R::head_norm_forward(self.width, HeadNormForward { norm: self, params, h });
    }

    /// After [`HeadNorm::forward`]: rows of gradients of the norm, `[B][N]`, to those of h; adds to those of gain and shift.
    pub fn backward(&mut self, params: &HeadNormParams<'_, R>, gradients: &mut HeadNormGradients<'_, R>, rows: &mut [Lanes<R>]) {
        R::head_norm_backward(self.width, HeadNormBackward { norm: self, params, gradients, rows });
    }
}

/// [`HeadNorm::forward`] on an instruction set.
pub struct HeadNormForward<'a, 'p, R> {
    norm: &'a mut HeadNorm<R>,
    params: &'a HeadNormParams<'p, R>,
    h: &'a mut [Lanes<R>],
}

impl<R: Real> Kernel<R> for HeadNormForward<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<R>>(self, simd: S) {
        let HeadNormForward { norm: HeadNorm { scope, normalized, scales, .. }, params, h } = self;
        let n = blocks(scope.units);
        for ((h, normalized), scale) in h.chunks_exact_mut(n).zip(normalized.chunks_exact_mut(n)).zip(scales) {
            let h = h.as_chunks_mut::<1>().0;
            let [statistics] = scope.statistics::<S, 1, 1>(simd, h, CONTIGUOUS);
            *scale = statistics.scales;
            for (block, h) in h.iter_mut().enumerate() {
                let [centered] = scope.normalize(simd, [simd.load(&h[0])], &statistics, block);
                centered.store(&mut normalized[block]);
                let y = simd.load(&params.gain[block]).mul_add(centered, simd.load(&params.shift[block]));
                y.store(&mut h[0]);
            }
        }
    }
}

/// [`HeadNorm::backward`] on an instruction set.
pub struct HeadNormBackward<'a, 'p, 'g, R> {
    norm: &'a mut HeadNorm<R>,
    params: &'a HeadNormParams<'p, R>,
    gradients: &'a mut HeadNormGradients<'g, R>,
    rows: &'a mut [Lanes<R>],
}

impl<R: Real> Kernel<R> for HeadNormBackward<'_, '_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<R>>(self, simd: S) {
        let HeadNormBackward { norm: HeadNorm { scope, normalized, scales, .. }, params, gradients, rows } = self;
        let n = blocks(scope.units);
        for ((row, normalized), scales) in rows.chunks_exact_mut(n).zip(normalized.chunks_exact_mut(n)).zip(scales) {
            for (shift, d) in gradients.shift.iter_mut().zip(&*row) {
                (simd.load(shift) + simd.load(d)).store(shift);
            }
            let back =
                NormBack { d_y: row.as_chunks::<1>().0, places: CONTIGUOUS, gain: params.gain.as_chunks::<1>().0, scope: *scope };
            let z = normalized.as_chunks_mut::<1>().0;
            let [means] = back.means(simd, z, CONTIGUOUS, gradients.gain.as_chunks_mut::<1>().0);
            back.finish(simd, 0, (&means, &*scales), z, CONTIGUOUS);
            row.copy_from_slice(normalized);
        }
    }
}
