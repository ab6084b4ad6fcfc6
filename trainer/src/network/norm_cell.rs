//! The norm on c, `γc * c^ + βc`, of M rows on their way through a step: forward, and backward beside it.

use super::kernel::prefetch::prefetch;
use super::kernel::{Block, Simd};
use super::lanes::{Lanes, zeros};
use super::norm::{self, NormBack, Places, Scope};
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
    normalized: Vec<Lanes<R>>,
    /// `1/sqrt(variance + ε)`, `[T][B]`.
    scales: Vec<[R; 1]>,
}

impl<R: Real> CellNorm<R> {
    /// For `count` rows of all steps together, of a layer with `hidden` units.
    pub fn new(hidden: usize, epsilon: R, count: usize) -> Self {
        CellNorm {
            scope: Scope { units: hidden, per_gate: false, epsilon },
            blocks: blocks(hidden),
            normalized: vec![zeros(); count * blocks(hidden)],
            scales: vec![[R::ZERO]; count],
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

    /// Rows of c, `[M][N]`, to their norms; `index` counts steps and rows.
    #[inline(always)]
    pub fn forward<S: Simd<R>, const M: usize>(
        &mut self,
        simd: S,
        index: usize,
        params: &NormParams<'_, R>,
        rows: &mut [Lanes<R>],
    ) {
        let places = self.places();
        let normalized = &mut self.normalized[index * self.blocks..];
        let rows = rows.as_chunks_mut::<1>().0;
        let statistics = self.scope.statistics::<S, M, 1>(simd, rows, places);
        for (m, statistics) in statistics.iter().enumerate() {
            self.scales[index + m] = statistics.scales;
            for block in 0..self.blocks {
                let place = places.at(m, block);
                let [c] = self.scope.normalize(simd, &rows[place], statistics, block);
                c.store(&mut normalized[place]);
                let y = simd.load(&params.gain_c[block]).mul_add(c, simd.load(&params.shift_c[block]));
                y.store(&mut rows[place][0]);
            }
        }
    }

    /// Rows of gradients of the norm, `[M][N]`, to those of c; adds to those of gain and shift.
    #[inline(always)]
    pub fn backward<S: Simd<R>, const M: usize>(
        &mut self,
        simd: S,
        index: usize,
        params: &NormParams<'_, R>,
        gradients: &mut NormGradients<'_, R>,
        rows: &mut [Lanes<R>],
    ) {
        let places = self.places();
        let normalized = &mut self.normalized[index * self.blocks..][..M * self.blocks];
        for (block, shift) in gradients.shift_c.iter_mut().enumerate() {
            let mut sum = simd.load(shift);
            for m in 0..M {
                sum = sum + simd.load(&rows[places.at(m, block)]);
            }
            sum.store(shift);
        }
        let mut scales = [[R::ZERO]; M];
        scales.copy_from_slice(&self.scales[index..index + M]);
        let back =
            NormBack { d_y: rows.as_chunks::<1>().0, places, gain: params.gain_c.as_chunks::<1>().0, scales, scope: self.scope };
        let z = normalized.as_chunks_mut::<1>().0;
        norm::backward::<R, S, M, 1>(simd, &back, z, places, gradients.gain_c.as_chunks_mut::<1>().0);
        for (row, d_c) in rows.iter_mut().zip(normalized) {
            simd.load(d_c).store(row);
        }
    }
}
