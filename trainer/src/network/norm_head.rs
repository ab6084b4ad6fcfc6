//! Layer norm before the head, `γ*h^ + β` of each row of the last h: forward, and backward beside it.

use super::kernel::{Block, Kernel, Simd, Width};
use super::lanes::{Lanes, zeros};
use super::norm::{NormBack, Scope};
use super::params::{HeadNormGradients, HeadNormParams};
use super::real::Real;
use super::shape::blocks;

/// What the norm keeps from the forward pass for the backward pass.
#[derive(Clone, Debug)]
pub struct HeadNorm<R> {
    width: Width,
    scope: Scope<R>,
    /// Normalized h, `[B][N]`.
    normalized: Vec<Lanes<R>>,
    /// `1/sqrt(variance + ε)`, `[B]`.
    scales: Vec<R>,
}

impl<R: Real> HeadNorm<R> {
    /// For up to `rows` of a last layer with `hidden` units.
    pub fn new(width: Width, hidden: usize, epsilon: f64, rows: usize) -> Self {
        HeadNorm {
            width,
            scope: Scope { units: hidden, epsilon: R::from_f64(epsilon) },
            normalized: vec![zeros(); rows * blocks(hidden)],
            scales: vec![R::ZERO; rows],
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
            let [statistics] = scope.statistics::<S, 1>(simd, h);
            *scale = statistics.scale;
            for (block, h) in h.iter_mut().enumerate() {
                let centered = scope.normalize(simd, simd.load(h), &statistics, block);
                centered.store(&mut normalized[block]);
                simd.load(&params.gain[block]).mul_add(centered, simd.load(&params.shift[block])).store(h);
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
        for ((row, normalized), scale) in rows.chunks_exact_mut(n).zip(normalized.chunks_exact(n)).zip(scales) {
            for (shift, d) in gradients.shift.iter_mut().zip(&*row) {
                (simd.load(shift) + simd.load(d)).store(shift);
            }
            let back = NormBack { gain: params.gain, scope: *scope };
            let [means] = back.means::<S, 1>(simd, row, normalized, gradients.gain);
            for (block, row) in row.iter_mut().enumerate() {
                let d = (simd.load(row), simd.load(&normalized[block]));
                back.finish(simd, block, (&means, *scale), d).store(row);
            }
        }
    }
}
