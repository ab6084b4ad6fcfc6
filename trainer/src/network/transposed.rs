//! The weights as the backward pass reads them, refreshed once a batch and shared by all its rows.

use super::buffer::Buffer;
use super::lanes::{LANES, Lanes, transpose};
use super::params::LayerParams;
use super::real::Real;
use super::shape::blocks;

/// One layer's.
#[derive(Clone, Debug)]
pub struct Transposed<R> {
    /// Transposed U, `[N][64 N]`.
    pub u: Buffer<Lanes<R>>,
    /// Transposed W, `[N'][64 N]`; empty in the first layer.
    pub w: Buffer<Lanes<R>>,
    inputs: usize,
    hidden: usize,
}

impl<R: Real> Transposed<R> {
    /// For a layer; the first one has no use for W.
    pub fn new(inputs: usize, hidden: usize, above: bool) -> Self {
        let n = blocks(hidden);
        let w = if above { blocks(inputs) * n * 4 * LANES } else { 0 };
        Transposed { u: Buffer::new(n * n * 4 * LANES), w: Buffer::new(w), inputs, hidden }
    }

    /// From the weights of the batch.
    pub fn refresh(&mut self, params: &LayerParams<'_, R>) {
        transpose(params.u, self.hidden, &mut self.u);
        if !self.w.is_empty() {
            transpose(params.w, self.inputs, &mut self.w);
        }
    }
}
