//! The dense head, `y = V h + d` or `y = V LN(h) + d`, on the last h: forward and backward. The output mask stands between norm and V.

use super::kernel::Width;
use super::lanes::{LANES, Lanes, accumulate, accumulate_outer, add, multiply, transpose, zeros};
use super::norm_head::HeadNorm;
use super::params::{HeadGradients, HeadParams};
use super::real::Real;
use super::shape::{Shape, blocks};
use crate::regularize::factors::Factors;

/// The buffers of a head; N counts blocks of units, M blocks of outputs.
#[derive(Clone, Debug)]
pub struct Head<R> {
    hidden: usize,
    outputs: usize,
    /// Layer norm of h.
    norm: Option<HeadNorm<R>>,
    /// h, normalized where there is a norm, under the output mask, `[B][N]`.
    features: Vec<Lanes<R>>,
    /// Gradients of the outputs, padded, `[B][M]`.
    d_outputs: Vec<Lanes<R>>,
    /// Gradients of h, `[B][N]`.
    d_features: Vec<Lanes<R>>,
    /// Transposed V, `[N][16 M]`.
    v_transposed: Vec<Lanes<R>>,
}

impl<R: Real> Head<R> {
    /// Buffers for up to `rows`.
    pub fn new(width: Width, shape: &Shape, rows: usize) -> Self {
        let (hidden, outputs) = (shape.head_inputs(), shape.outputs);
        let (n, m) = (blocks(hidden), blocks(outputs));
        Head {
            hidden,
            outputs,
            norm: shape.head_norm.map(|epsilon| HeadNorm::new(width, hidden, epsilon, rows)),
            features: vec![zeros(); rows * n],
            d_outputs: vec![zeros(); rows * m],
            d_features: vec![zeros(); rows * n],
            v_transposed: vec![zeros(); n * m * LANES],
        }
    }

    /// `h` is `[B][N]`, `y` is `[B][O]`.
    pub fn forward(
        &mut self,
        params: HeadParams<'_, R>,
        h: &[Lanes<R>],
        first_row: usize,
        mask: Option<&Factors<R>>,
        y: &mut [R],
    ) {
        let n = blocks(self.hidden);
        self.features[..h.len()].copy_from_slice(h);
        if let (Some(norm), Some(params)) = (&mut self.norm, &params.norm) {
            norm.forward(params, &mut self.features[..h.len()]);
        }
        if let Some(mask) = mask {
            scale(&mut self.features[..h.len()], n, first_row, mask);
        }
        for (features, y) in self.features.chunks_exact(n).zip(y.chunks_exact_mut(self.outputs)) {
            for (block, y) in y.chunks_mut(LANES).enumerate() {
                let mut acc = [params.d[block]];
                let v = &params.v[block * self.hidden..][..self.hidden];
                accumulate(&mut acc, [&features.as_flattened()[..self.hidden]], v.as_chunks::<1>().0, 0);
                y.copy_from_slice(&acc[0][..y.len()]);
            }
        }
    }

    /// After [`Head::forward`]: adds to the gradients and returns that of h, `[B][N]`. `d_y` is `[B][O]`.
    pub fn backward(
        &mut self,
        params: HeadParams<'_, R>,
        d_y: &[R],
        first_row: usize,
        mask: Option<&Factors<R>>,
        gradients: &mut HeadGradients<'_, R>,
    ) -> &[Lanes<R>] {
        let (n, m, hidden) = (blocks(self.hidden), blocks(self.outputs), self.hidden);
        let rows = d_y.len() / self.outputs;
        let d_outputs = &mut self.d_outputs[..rows * m];
        d_outputs.fill(zeros());
        for (padded, d_y) in d_outputs.chunks_exact_mut(m).zip(d_y.chunks_exact(self.outputs)) {
            padded.as_flattened_mut()[..d_y.len()].copy_from_slice(d_y);
        }
        let features = self.features[..rows * n].as_flattened();
        for (row, deltas) in d_outputs.chunks_exact(m).enumerate() {
            let features = &features[row * n * LANES..][..n * LANES];
            for (block, delta) in deltas.iter().enumerate() {
                add(&mut gradients.d[block], delta);
                let v = &mut gradients.v[block * hidden..][..hidden];
                for (k, v) in v.iter_mut().enumerate() {
                    let mut acc = [*v];
                    accumulate_outer(&mut acc, features, n * LANES, k, &[[*delta]], 0);
                    *v = acc[0];
                }
            }
        }
        transpose(params.v.as_chunks::<1>().0, hidden, &mut self.v_transposed);
        let d_features = &mut self.d_features[..rows * n];
        for (d_h, deltas) in d_features.chunks_exact_mut(n).zip(d_outputs.chunks_exact(m)) {
            for (d_h, panel) in d_h.iter_mut().zip(self.v_transposed.chunks_exact(m * LANES)) {
                let mut acc = [zeros()];
                accumulate(&mut acc, [deltas.as_flattened()], panel.as_chunks::<1>().0, 0);
                *d_h = acc[0];
            }
        }
        if let Some(mask) = mask {
            scale(d_features, n, first_row, mask);
        }
        if let (Some(norm), Some(params), Some(gradients)) = (&mut self.norm, &params.norm, &mut gradients.norm) {
            norm.backward(params, gradients, d_features);
        }
        d_features
    }
}

/// Multiplies `[B][N]` values by their factors.
fn scale<R: Real>(values: &mut [Lanes<R>], blocks: usize, first_row: usize, mask: &Factors<R>) {
    for (row, values) in values.chunks_exact_mut(blocks).enumerate() {
        for (block, values) in values.iter_mut().enumerate() {
            multiply(values, &mask.lanes(first_row + row, 0, block));
        }
    }
}
