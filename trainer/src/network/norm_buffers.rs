//! What a layer's norms keep from the forward pass for the backward pass, and the gradients of their biases.

use super::buffer::Buffer;
use super::gather::GatherBiases;
use super::kernel::Width;
use super::kernel::prefetch::prefetch;
use super::lanes::{Lanes, Row};
use super::norm::{BackMeans, Scope, Statistics};
use super::norm_cell::CellNorm;
use super::params::NormGradients;
use super::plain::NormForm;
use super::real::Real;
use super::shape::{Norm, blocks};

/// Most rows in a stage of [`crate::network::norm_step`].
pub const STAGE: usize = 16;

/// What a layer's norms keep from the forward pass for the backward pass.
#[derive(Clone, Debug)]
pub struct NormBuffers<R> {
    /// Where the norms stand.
    pub form: NormForm,
    /// Of the norms on pre-activations.
    pub gates: Scope<R>,
    /// The norm on c; empty in the joint form.
    pub cell: CellNorm<R>,
    /// Normalized `W x + b_x`, in the joint form `W x + U h + b`, `[T][N][B]`; the backward pass overwrites it with the gradients of what
    /// was normalized, and so below.
    pub x: Buffer<Row<R>>,
    /// Normalized `U h`, `[T][N][B]`; empty in the joint form.
    pub h: Buffer<Row<R>>,
    /// `[T][B]`
    pub statistics_x: Vec<Statistics<R, 4>>,
    /// The same of `U h`.
    pub statistics_h: Vec<Statistics<R, 4>>,
    /// Of gradients, `[STAGE]`.
    pub means_x: Vec<BackMeans<R, 4>>,
    /// The same of `U h`.
    pub means_h: Vec<BackMeans<R, 4>>,
    /// Gradients of the cell state that the output reads, `[STAGE][N]`.
    pub d_read: Buffer<Lanes<R>>,
}

impl<R: Real> NormBuffers<R> {
    /// For up to `steps` and `rows` of a layer with `hidden` units.
    pub fn new(norm: Norm, hidden: usize, (steps, rows): (usize, usize)) -> Self {
        let (n, epsilon) = (blocks(hidden), R::from_f64(norm.epsilon));
        let apart = if norm.form == NormForm::Joint { 0 } else { steps * rows };
        NormBuffers {
            form: norm.form,
            gates: Scope { units: hidden, per_gate: norm.per_gate, epsilon },
            cell: CellNorm::new(hidden, epsilon, apart, STAGE),
            x: Buffer::new(steps * rows * n),
            h: Buffer::new(apart * n),
            statistics_x: vec![Statistics::default(); steps * rows],
            statistics_h: vec![Statistics::default(); apart],
            means_x: vec![BackMeans::default(); STAGE],
            means_h: vec![BackMeans::default(); STAGE],
            d_read: Buffer::new(STAGE * n),
        }
    }

    /// After the backward pass of some steps: the gradients of what W and U gave, `[T][N][B]`.
    pub fn deltas(&self) -> (&[Row<R>], &[Row<R>]) {
        match self.form {
            NormForm::Joint => (&self.x, &self.x),
            NormForm::A | NormForm::B => (&self.x, &self.h),
        }
    }

    /// Has a step's share of the large buffers fetched; `size` is `B * N`.
    pub fn prefetch(&self, time: usize, size: usize) {
        prefetch(&self.x[time * size..][..size]);
        if self.form != NormForm::Joint {
            prefetch(&self.h[time * size..][..size]);
            self.cell.prefetch(time, size);
        }
    }

    /// Adds to the gradients of all biases and of the shifts of pre-activations. `deltas` are the gradients of the pre-activations and
    /// `d_x` those of what was normalized, `[steps][N][B]` of the same steps; `b` is the layer's bias.
    pub fn gather_biases(
        &self,
        width: Width,
        b: &mut [Row<R>],
        gradients: &mut NormGradients<'_, R>,
        (deltas, d_x): (&[Row<R>], &[Row<R>]),
        rows: usize,
    ) {
        let blocks = b.len();
        let gather =
            |gradients: &mut [&mut [Row<R>]], deltas| R::gather_biases(width, GatherBiases { gradients, deltas, blocks, rows });
        match self.form {
            NormForm::Joint => {
                gather(&mut [gradients.shift_x], deltas);
                gather(&mut [b], d_x);
            }
            NormForm::A | NormForm::B => {
                gather(&mut [gradients.shift_x, gradients.shift_h, b], deltas);
                gather(&mut [gradients.bias_x], d_x);
            }
        }
    }
}
