//! The norm on c, `γc * c^ + βc`, of rows on their way through a step: forward, and backward beside it.

use super::buffer::Buffer;
use super::kernel::prefetch::prefetch;
use super::kernel::{Block, Simd};
use super::lanes::Lanes;
use super::norm::{BackMeans, NormBack, Scope, Statistics};
use super::params::{NormGradients, NormParams};
use super::real::Real;
use super::shape::blocks;

/// What the norm keeps from the forward pass for the backward pass.
#[derive(Clone, Debug)]
pub struct CellNorm<R> {
    scope: Scope<R>,
    /// N
    blocks: usize,
    /// Normalized cell, `[T][B][N]`.
    normalized: Buffer<Lanes<R>>,
    /// `[T][B]`
    statistics: Vec<Statistics<R>>,
    /// Of gradients, `[B]`.
    means: Vec<BackMeans<R>>,
}

impl<R: Real> CellNorm<R> {
    /// For up to `steps` and `rows` of a layer with `hidden` units.
    pub fn new(hidden: usize, epsilon: R, (steps, rows): (usize, usize)) -> Self {
        CellNorm {
            scope: Scope { units: hidden, epsilon },
            blocks: blocks(hidden),
            normalized: Buffer::new(steps * rows * blocks(hidden)),
            statistics: vec![Statistics::default(); steps * rows],
            means: vec![BackMeans::default(); rows],
        }
    }

    /// Has a step's share fetched; `size` is `B * N`.
    pub fn prefetch(&self, time: usize, size: usize) {
        prefetch(&self.normalized[time * size..][..size]);
    }

    /// Takes the statistics of M rows of c, `[M][N]`; `index` counts steps and rows.
    #[inline(always)]
    pub fn statistics<S: Simd<R>, const M: usize>(&mut self, simd: S, index: usize, c: &[Lanes<R>]) {
        self.statistics[index..][..M].copy_from_slice(&self.scope.statistics::<S, M>(simd, c));
    }

    /// A block of a row of c to its norm, after [`CellNorm::statistics`].
    #[inline(always)]
    pub fn forward<S: Simd<R>>(
        &mut self,
        simd: S,
        index: usize,
        block: usize,
        params: &NormParams<'_, R>,
        c: S::Block,
    ) -> S::Block {
        let normalized = self.scope.normalize(simd, c, &self.statistics[index], block);
        normalized.store(&mut self.normalized[index * self.blocks + block]);
        simd.load(&params.gain_c[block]).mul_add(normalized, simd.load(&params.shift_c[block]))
    }

    /// Takes the means of M rows of gradients of the norm, `[M][N]`, and adds to those of gain and shift; `index` counts steps and rows.
    #[inline(always)]
    pub fn means_back<S: Simd<R>, const M: usize>(
        &mut self,
        simd: S,
        (index, row): (usize, usize),
        params: &NormParams<'_, R>,
        gradients: &mut NormGradients<'_, R>,
        d_y: &[Lanes<R>],
    ) {
        for (block, shift) in gradients.shift_c.iter_mut().enumerate() {
            let mut sum = simd.load(shift);
            for m in 0..M {
                sum = sum + simd.load(&d_y[m * self.blocks + block]);
            }
            sum.store(shift);
        }
        let z = &self.normalized[index * self.blocks..][..M * self.blocks];
        let means = self.back(params).means::<S, M>(simd, d_y, z, gradients.gain_c);
        self.means[row..][..M].copy_from_slice(&means);
    }

    /// The gradient of a block of a row of the norm to that of c, after [`CellNorm::means_back`].
    #[inline(always)]
    pub fn backward<S: Simd<R>>(
        &self,
        simd: S,
        (index, row): (usize, usize),
        block: usize,
        params: &NormParams<'_, R>,
        d_y: S::Block,
    ) -> S::Block {
        let z = simd.load(&self.normalized[index * self.blocks + block]);
        let whole = (&self.means[row], self.statistics[index].scale);
        self.back(params).finish(simd, block, whole, (d_y, z))
    }

    #[inline(always)]
    fn back<'a>(&self, params: &NormParams<'a, R>) -> NormBack<'a, R> {
        NormBack { gain: params.gain_c, scope: self.scope }
    }
}
