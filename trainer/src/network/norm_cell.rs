//! The norm on c, `γc * c^ + βc`, of one row on its way through a step: forward, and backward beside it.

use super::lanes::{Lanes, add, zeros};
use super::norm::{self, NormBack, Places, Scope, affine, normalize};
use super::params::{NormGradients, NormParams};
use super::real::Real;
use super::shape::blocks;

/// A row whose blocks follow each other.
const CONTIGUOUS: Places = Places { first: 0, distance: 1 };

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

    /// A row of c, `[N]`, to its norm; `index` counts steps and rows.
    pub fn forward(&mut self, index: usize, params: &NormParams<'_, R>, row: &mut [Lanes<R>]) {
        let normalized = &mut self.normalized[index * self.blocks..][..self.blocks];
        normalized.copy_from_slice(row);
        self.scales[index] = normalize(normalized.as_chunks_mut::<1>().0, CONTIGUOUS, self.scope);
        for (block, row) in row.iter_mut().enumerate() {
            [*row] = affine(&[normalized[block]], &[params.gain_c[block]], &[params.shift_c[block]]);
        }
    }

    /// A row of gradients of the norm, `[N]`, to those of c; adds to those of gain and shift.
    pub fn backward(
        &mut self,
        index: usize,
        params: &NormParams<'_, R>,
        gradients: &mut NormGradients<'_, R>,
        row: &mut [Lanes<R>],
    ) {
        let normalized = &mut self.normalized[index * self.blocks..][..self.blocks];
        for (shift, d) in gradients.shift_c.iter_mut().zip(&*row) {
            add(shift, d);
        }
        let back = NormBack {
            d_y: row.as_chunks::<1>().0,
            places: CONTIGUOUS,
            gain: params.gain_c.as_chunks::<1>().0,
            scales: self.scales[index],
            scope: self.scope,
        };
        norm::backward(&back, normalized.as_chunks_mut::<1>().0, CONTIGUOUS, gradients.gain_c.as_chunks_mut::<1>().0);
        row.copy_from_slice(normalized);
    }
}
