//! An LSTM layer over all steps of a batch: forward, and backward through time beside it.
//!
//! Buffers are sized once for the largest batch; a smaller one uses their front. Legend of dimensions: see [`crate::network`];
//! N' counts the blocks of the layer's inputs, G the copies of what a matrix multiplies: 4 where the gates have masks of their own.

use super::buffer::Buffer;
use super::deltas::Deltas;
use super::gather::{Gather, GatherBiases};
use super::inputs::{Inputs, Source};
use super::kernel::Width;
use super::kernel::prefetch::prefetch;
use super::lanes::{LANES, Lanes, Row, multiply, zeros};
use super::masks::{GateMasks, LayerMasks};
use super::norm_buffers::NormBuffers;
use super::norm_step::{NormBackward, NormForward};
use super::params::{LayerGradients, LayerParams};
use super::products::{Back, Operand};
use super::real::Real;
use super::shape::{Norm, blocks};
use super::step::{Backward, BackwardInputs, BackwardStep, Forward, ForwardStep};
use super::transposed::Transposed;
use crate::regularize::plan::LayerPlan;

/// Steps and rows of the batch at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// T
    pub steps: usize,
    /// B
    pub rows: usize,
    /// The batch row of the first window, for masks.
    pub first_row: usize,
    /// Rows of the whole batch, of which this is a part: what means are taken over.
    pub batch: usize,
}

/// Gradients of a layer's outputs.
#[derive(Clone, Copy, Debug)]
pub enum Upstream<'a, R> {
    /// Of the last step, `[B][N]`.
    Last(&'a [Lanes<R>]),
    /// Of every step, `[T][B][N]`.
    Every(&'a [Lanes<R>]),
}

/// The sizes of a layer and of its masks.
#[derive(Clone, Copy, Debug)]
pub struct LayerSizes {
    /// I
    pub inputs: usize,
    /// H
    pub hidden: usize,
    /// Is there a layer below that wants gradients?
    pub above: bool,
    /// Copies of the inputs that their mask may ask for; 0 without a mask.
    pub input_copies: usize,
    /// The same of h(t-1).
    pub recurrent_copies: usize,
    /// Its layer norm.
    pub norm: Option<Norm>,
}

/// The buffers of one layer.
#[derive(Clone, Debug)]
pub struct Layer<R> {
    width: Width,
    sizes: LayerSizes,
    /// N
    blocks: usize,
    /// N'
    input_blocks: usize,
    inputs: Inputs<R>,
    /// Activated gates, `[T][N][B]`.
    gates: Buffer<Row<R>>,
    /// `[T+1][B][N]`, from the initial state on.
    c: Buffer<Lanes<R>>,
    /// `[T+1][B][N]`
    h: Buffer<Lanes<R>>,
    /// h under the recurrent mask, `[T+1][G][B][N]`; empty without.
    masked_h: Buffer<Lanes<R>>,
    /// tanh of the cell state that the output reads, `[T][B][N]`.
    tanh_c: Buffer<Lanes<R>>,
    /// Gradients of the pre-activations; empty with layer norm, which has those of its products instead.
    deltas: Deltas<R>,
    /// Of layer norm.
    norm: Option<NormBuffers<R>>,
    /// Gradient of c on its way back, `[B][N]`.
    d_c: Buffer<Lanes<R>>,
    /// Gradient of h on its way back past the gates, `[B][N]`.
    d_h: Buffer<Lanes<R>>,
    /// Gradient of the inputs, `[T][B][N']`; empty in the first layer.
    d_x: Buffer<Lanes<R>>,
    /// Masks inside the cell.
    masks: LayerMasks<R>,
    /// Masks of h before U.
    recurrent_masks: GateMasks<R>,
}

/// The state before a step and after it, split so that one can be read while the other is written.
fn around<T>(buffer: &mut [T], step: usize, size: usize) -> (&[T], &mut [T]) {
    let (before, after) = buffer[step * size..][..2 * size].split_at_mut(size);
    (before, after)
}

impl<R: Real> Layer<R> {
    /// Buffers for up to `steps` and `rows`.
    pub fn new(width: Width, sizes: LayerSizes, (steps, rows): (usize, usize)) -> Self {
        let LayerSizes { inputs, hidden, above, input_copies, recurrent_copies, norm } = sizes;
        let (n, n_input) = (blocks(hidden), blocks(inputs));
        Layer {
            width,
            sizes,
            blocks: n,
            input_blocks: n_input,
            inputs: Inputs::new(inputs, above, (steps, rows), input_copies),
            gates: Buffer::new(steps * n * rows),
            c: Buffer::new((steps + 1) * rows * n),
            h: Buffer::new((steps + 1) * rows * n),
            masked_h: Buffer::new((steps + 1) * recurrent_copies * rows * n),
            tanh_c: Buffer::new(steps * rows * n),
            deltas: Deltas::new(if norm.is_none() { (steps, rows) } else { (0, 0) }, n),
            norm: norm.map(|norm| NormBuffers::new(norm, hidden, (steps, rows))),
            d_c: Buffer::new(rows * n),
            d_h: Buffer::new(rows * n),
            d_x: Buffer::new(if above { steps * rows * n_input } else { 0 }),
            masks: LayerMasks::default(),
            recurrent_masks: GateMasks::default(),
        }
    }

    /// H
    pub fn hidden(&self) -> usize {
        self.sizes.hidden
    }

    /// Outputs of all steps, `[T][B][N]`.
    pub fn outputs(&self, extent: Extent) -> &[Lanes<R>] {
        let size = extent.rows * self.blocks;
        &self.h[size..(extent.steps + 1) * size]
    }

    /// Outputs of the last step, `[B][N]`.
    pub fn last(&self, extent: Extent) -> &[Lanes<R>] {
        let size = extent.rows * self.blocks;
        &self.h[extent.steps * size..][..size]
    }

    /// Gradients of the inputs, `[T][B][N']`.
    pub fn input_gradients(&self, extent: Extent) -> &[Lanes<R>] {
        &self.d_x[..extent.steps * extent.rows * self.input_blocks]
    }

    /// Has a step's share of the large buffers fetched.
    fn prefetch(&self, time: usize, size: usize) {
        prefetch(&self.gates[time * size..][..size]);
        prefetch(&self.tanh_c[time * size..][..size]);
        prefetch(&self.c[time * size..][..size]);
        if let Some(norm) = &self.norm {
            norm.prefetch(time, size);
        }
    }

    /// The state before the first step: where the forward pass before ended, but zero in the rows that are `fresh`; zero in all rows where
    /// nothing is carried.
    fn begin(&mut self, fresh: Option<&[bool]>, extent: Extent) {
        let Extent { steps, rows, .. } = extent;
        let (n, size) = (self.blocks, rows * self.blocks);
        for state in [&mut self.c, &mut self.h] {
            let Some(fresh) = fresh else {
                state[..size].fill(zeros());
                continue;
            };
            state.copy_within(steps * size..(steps + 1) * size, 0);
            for (row, fresh) in state.chunks_exact_mut(n).zip(fresh) {
                if *fresh {
                    row.fill(zeros());
                }
            }
        }
        let mask = self.recurrent_masks.at(0);
        for (copy, mask) in mask.copies().iter().enumerate() {
            for (place, masked) in self.masked_h[copy * size..][..size].iter_mut().enumerate() {
                *masked = self.h[place];
                multiply(masked, &mask.lanes(place));
            }
        }
    }

    /// All steps forward, from where the forward pass before ended if `fresh` says in which rows not; the outputs stay in the layer.
    pub fn forward(
        &mut self,
        params: LayerParams<'_, R>,
        source: Source<'_, R>,
        (extent, fresh): (Extent, Option<&[bool]>),
        plan: &LayerPlan<R>,
    ) {
        self.inputs.load(self.width, source, extent, plan);
        self.masks.draw(plan, extent, self.blocks, self.width);
        self.recurrent_masks.draw(plan.recurrent.as_ref(), extent, self.blocks, self.width);
        let Extent { steps, rows, .. } = extent;
        let (size, copies) = (rows * self.blocks, self.recurrent_masks.copies());
        let widths = (self.sizes.hidden, self.blocks * LANES);
        self.begin(fresh, extent);
        let x = self.inputs.operand(source, extent);
        for time in 0..steps {
            let (c_before, c) = around(&mut self.c, time, size);
            let (h_before, h) = around(&mut self.h, time, size);
            let (recurrent, masked_h) = match copies {
                0 => (h_before, Default::default()),
                _ => around(&mut self.masked_h, time, copies * size),
            };
            let mut step = ForwardStep {
                time,
                rows,
                blocks: self.blocks,
                params,
                masks: self.masks.at(time),
                recurrent_mask: self.recurrent_masks.at(time),
                x: x.from(time),
                recurrent: Operand::new(recurrent.as_flattened(), widths, rows, copies.max(1)),
                c_before,
                h_before,
                gates: &mut self.gates[time * size..][..size],
                c,
                h,
                masked_h,
                tanh_c: &mut self.tanh_c[time * size..][..size],
            };
            match (&mut self.norm, &params.norm) {
                (Some(norm), Some(params)) => R::norm_forward(self.width, NormForward { norm, step: &mut step, params }),
                _ => R::forward(self.width, Forward(&mut step)),
            }
        }
    }

    /// All steps backward, after [`Layer::forward`] with the same arguments; adds to the gradients. `transposed` are the weights that
    /// the forward pass read.
    pub fn backward(
        &mut self,
        (params, transposed): (LayerParams<'_, R>, &Transposed<R>),
        source: Source<'_, R>,
        extent: Extent,
        upstream: Upstream<'_, R>,
        gradients: &mut LayerGradients<'_, R>,
    ) {
        let Extent { steps, rows, .. } = extent;
        let (n, size, width) = (self.blocks, rows * self.blocks, self.width);
        self.d_c[..size].fill(zeros());
        self.d_h[..size].fill(zeros());
        let x = self.inputs.operand(source, extent);
        let copies = self.recurrent_masks.copies();
        let recurrent = if copies > 0 { &self.masked_h } else { &self.h };
        let recurrent = Operand::new(recurrent.as_flattened(), (self.sizes.hidden, n * LANES), rows, copies.max(1));
        match &mut self.norm {
            Some(norm) => norm.begin_back((steps, rows), n),
            None => self.deltas.begin((steps, rows), n),
        }
        for time in (0..steps).rev() {
            if time > 0 {
                self.prefetch(time - 1, size);
            }
            let last = time + 1 == steps;
            let mut step = BackwardStep {
                time,
                last,
                rows,
                blocks: n,
                masks: self.masks.at(time),
                recurrent_mask: self.recurrent_masks.at(time),
                u_transposed: &transposed.u,
                upstream: match upstream {
                    Upstream::Every(all) => Some(&all[time * size..][..size]),
                    Upstream::Last(d_last) => last.then_some(d_last),
                },
                gates: &self.gates[time * size..][..size],
                c_before: &self.c[time * size..][..size],
                tanh_c: &self.tanh_c[time * size..][..size],
                d_c: &mut self.d_c[..size],
                d_h: &mut self.d_h[..size],
            };
            match (&mut self.norm, &params.norm, &mut gradients.norm) {
                (Some(norm), Some(params), Some(gradients)) => {
                    R::norm_backward(width, NormBackward { norm, step: &mut step, params, gradients });
                }
                _ => {
                    let (deltas, later) = self.deltas.step_back();
                    R::backward(width, Backward { step: &mut step, deltas, later: if last { &[] } else { later } });
                }
            }
            let (d_x, d_h) = self.norm.as_ref().map_or((&self.deltas, &self.deltas), NormBuffers::deltas);
            if self.sizes.above {
                let input = rows * self.input_blocks;
                let back = Back {
                    deltas: d_x.current(),
                    rows,
                    panels: &transposed.w,
                    blocks: self.input_blocks,
                    mask: self.inputs.masks.at(time),
                };
                R::backward_inputs(width, BackwardInputs { back, d_x: &mut self.d_x[time * input..][..input] });
            }
            if d_x.full() || time == 0 {
                let gather = |gradients, operand, deltas: &Deltas<R>| {
                    R::gather(width, Gather { gradients, operand, deltas: deltas.pending(), blocks: n, rows });
                };
                gather(gradients.w, x.from(time), d_x);
                gather(gradients.u, recurrent.from(time), d_h);
                match &mut self.norm {
                    Some(norm) => norm.products.iter_mut().for_each(|product| product.deltas.empty()),
                    None => {
                        let deltas = self.deltas.pending();
                        R::gather_biases(width, GatherBiases { gradients: gradients.b, deltas, blocks: n, rows });
                        self.deltas.empty();
                    }
                }
            }
        }
        if let (Some(norm), Some(inner)) = (&self.norm, &mut gradients.norm) {
            norm.add_biases(gradients.b, inner);
        }
    }
}
