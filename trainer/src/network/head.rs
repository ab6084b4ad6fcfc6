//! The dense head, `y = V h + d` or `y = V LN(h) + d`, on the last h or on that of every step: forward and backward. The output mask stands between norm and V.

use super::kernel::Width;
use super::lanes::{LANES, Lanes, accumulate, accumulate_outer, add, multiply, transpose, zeros};
use super::layer::Extent;
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
    /// h, normalized where there is a norm, under the output mask, `[T][B][N]`; T is 1 where only the last step is read, and so below.
    features: Vec<Lanes<R>>,
    /// Gradients of the outputs, padded, `[T][B][M]`.
    d_outputs: Vec<Lanes<R>>,
    /// Gradients of h, `[T][B][N]`.
    d_features: Vec<Lanes<R>>,
    /// Transposed V, `[N][16 M]`.
    v_transposed: Vec<Lanes<R>>,
}

impl<R: Real> Head<R> {
    /// Buffers for up to `rows`, those of all steps that are read.
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

    /// `h` is `[T][B][N]`, `y` is `[B][T][O]`.
    pub fn forward(&mut self, params: HeadParams<'_, R>, h: &[Lanes<R>], extent: Extent, mask: Option<&Factors<R>>, y: &mut [R]) {
        let n = blocks(self.hidden);
        self.features[..h.len()].copy_from_slice(h);
        if let (Some(norm), Some(params)) = (&mut self.norm, &params.norm) {
            norm.forward(params, &mut self.features[..h.len()]);
        }
        if let Some(mask) = mask {
            scale(&mut self.features[..h.len()], n, extent, mask);
        }
        let places = places(h.len() / n, extent.rows);
        for (features, place) in self.features.chunks_exact(n).zip(places) {
            let y = &mut y[place * self.outputs..][..self.outputs];
            for (block, y) in y.chunks_mut(LANES).enumerate() {
                let mut acc = [params.d[block]];
                let v = &params.v[block * self.hidden..][..self.hidden];
                accumulate(&mut acc, [&features.as_flattened()[..self.hidden]], v.as_chunks::<1>().0, 0);
                y.copy_from_slice(&acc[0][..y.len()]);
            }
        }
    }

    /// After [`Head::forward`]: adds to the gradients and returns that of h, `[T][B][N]`. `d_y` is `[B][T][O]`.
    pub fn backward(
        &mut self,
        params: HeadParams<'_, R>,
        d_y: &[R],
        extent: Extent,
        mask: Option<&Factors<R>>,
        gradients: &mut HeadGradients<'_, R>,
    ) -> &[Lanes<R>] {
        let (n, m, hidden) = (blocks(self.hidden), blocks(self.outputs), self.hidden);
        let rows = d_y.len() / self.outputs;
        let d_outputs = &mut self.d_outputs[..rows * m];
        d_outputs.fill(zeros());
        for (padded, place) in d_outputs.chunks_exact_mut(m).zip(places(rows, extent.rows)) {
            padded.as_flattened_mut()[..self.outputs].copy_from_slice(&d_y[place * self.outputs..][..self.outputs]);
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
            scale(d_features, n, extent, mask);
        }
        if let (Some(norm), Some(params), Some(gradients)) = (&mut self.norm, &params.norm, &mut gradients.norm) {
            norm.backward(params, gradients, d_features);
        }
        d_features
    }
}

/// Where each of `[T][B]` stands in `[B][T]`.
fn places(all: usize, rows: usize) -> impl Iterator<Item = usize> {
    let steps = all / rows.max(1);
    (0..all).map(move |index| index % rows * steps + index / rows)
}

/// Multiplies `[T][B][N]` values by their factors, one for all steps of a row.
fn scale<R: Real>(values: &mut [Lanes<R>], blocks: usize, extent: Extent, mask: &Factors<R>) {
    for (index, values) in values.chunks_exact_mut(blocks).enumerate() {
        let row = extent.first_row + index % extent.rows;
        for (block, values) in values.iter_mut().enumerate() {
            multiply(values, &mask.lanes(row, 0, block));
        }
    }
}
