//! The norm on c, `γc * c^ + βc`, of rows on their way through a step: forward, and backward beside it.

use super::buffer::Buffer;
use super::kernel::prefetch::prefetch;
use super::kernel::{Block, Simd};
use super::lanes::Lanes;
use super::norm::{BackMeans, NormBack, Places, Scope, Statistics};
use super::params::{NormGradients, NormParams};
use super::real::Real;
use super::shape::blocks;

/// What the norm keeps from the forward pass for the backward pass.
#[derive(Clone, Debug)]
pub struct CellNorm<R> {
    scope: Scope<R>,
    /// N
    blocks: usize,
    /// Normalized cell, `[T][B][N]`; the backward pass overwrites it with the gradients of c.
    normalized: Buffer<Lanes<R>>,
    /// `[T][B]`
    statistics: Vec<Statistics<R, 1>>,
    /// Of gradients, one for each row of a stage.
    means: Vec<BackMeans<R, 1>>,
}

impl<R: Real> CellNorm<R> {
    /// For `count` rows of all steps together, so many of them in a stage, of a layer with `hidden` units.
    pub fn new(hidden: usize, epsilon: R, count: usize, stage: usize) -> Self {
        CellNorm {
            scope: Scope { units: hidden, per_gate: false, epsilon },
            blocks: blocks(hidden),
            normalized: Buffer::new(count * blocks(hidden)),
            statistics: vec![Statistics::default(); count],
            means: vec![BackMeans::default(); stage],
        }
    }

    /// Has a step's share fetched; `size` is `B * N`.
    pub fn prefetch(&self, time: usize, size: usize) {
        prefetch(&self.normalized[time * size..][..size]);
    }

    /// Rows that follow each other, and so do their blocks.
    fn places(&self) -> Places {
        Places { first: 0, row: self.blocks, block: 1 }
    }

    /// Takes the statistics of M rows of c, `[M][N]`; `index` counts steps and rows.
    #[inline(always)]
    pub fn statistics<S: Simd<R>, const M: usize>(&mut self, simd: S, index: usize, c: &[Lanes<R>]) {
        let statistics = self.scope.statistics::<S, M, 1>(simd, c.as_chunks::<1>().0, self.places());
        self.statistics[index..][..M].copy_from_slice(&statistics);
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
        let [normalized] = self.scope.normalize(simd, [c], &self.statistics[index], block);
        normalized.store(&mut self.normalized[index * self.blocks + block]);
        simd.load(&params.gain_c[block]).mul_add(normalized, simd.load(&params.shift_c[block]))
    }

    /// Takes the means of M rows of gradients of the norm, `[M][N]`, and adds to those of gain and shift; `row` is the first one's place in its
    /// stage.
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
        let z = self.normalized[index * self.blocks..][..M * self.blocks].as_chunks::<1>().0;
        let means = self.back(params, d_y).means::<S, M>(simd, z, self.places(), gradients.gain_c.as_chunks_mut::<1>().0);
        self.means[row..][..M].copy_from_slice(&means);
    }

    /// A row of gradients of the norm, `[N]`, to those of c, after [`CellNorm::means_back`].
    #[inline(always)]
    pub fn backward<S: Simd<R>>(
        &mut self,
        simd: S,
        (index, row): (usize, usize),
        params: &NormParams<'_, R>,
        d_y: &[Lanes<R>],
    ) -> &[Lanes<R>] {
        let (places, back) = (self.places(), self.back(params, d_y));
        let z = &mut self.normalized[index * self.blocks..][..self.blocks];
        let whole = (&self.means[row], &self.statistics[index].scales);
        back.finish(simd, 0, whole, z.as_chunks_mut::<1>().0, places);
        z
    }

    /// Gradients of some rows of the norm, `[M][N]`.
    #[inline(always)]
    fn back<'a>(&self, params: &NormParams<'a, R>, d_y: &'a [Lanes<R>]) -> NormBack<'a, R, 1> {
        NormBack { d_y: d_y.as_chunks::<1>().0, places: self.places(), gain: params.gain_c.as_chunks::<1>().0, scope: self.scope }
    }
}
