//! A part of a batch's rows on its way through the whole network, with the buffers for it. Rows are independent of each other from
//! the first step to the last, so that parts can run on threads of their own and meet only when their gradients are added.

use super::head::Head;
use super::inputs::Source;
use super::kernel::Width;
use super::lanes::{Lanes, add, zeros};
use super::layer::{Extent, Layer, LayerSizes, Upstream};
use super::params::Params;
use super::real::Real;
use super::shape::{Shape, blocks};
use super::transposed::Transposed;
use crate::regularize::activation::Activations;
use crate::regularize::plan::Plan;
use crate::regularize::settings::{Gates, Regularization};

/// Fewest rows of a part: a tile's worth or two, below which a tile's loads outweigh its arithmetic.
const FEWEST_ROWS: usize = 16;

/// Most parts of a batch: each has a copy of the gradients.
const MOST_PARTS: usize = 4;

/// Rows of each part of a batch of up to `rows`; the last part may have fewer. Never a matter of threads: the parts decide in which
/// order gradients are added, and with it the bits.
pub fn part_rows(rows: usize) -> usize {
    rows.div_ceil(MOST_PARTS).max(FEWEST_ROWS).min(rows.max(1))
}

/// The buffers of a part.
#[derive(Clone, Debug)]
pub struct Part<R> {
    layers: Vec<Layer<R>>,
    head: Head<R>,
    /// Whether the head reads every step, or only the last.
    every_step: bool,
    /// Gradients of the last layer's h, `[T][B][N]`; empty without a penalty on it.
    d_outputs: Vec<Lanes<R>>,
    /// The rows of the last forward pass.
    extent: Extent,
}

impl<R: Real> Part<R> {
    /// For up to `rows` windows of `steps`, of which the head reads the last, or each.
    pub fn new(
        width: Width,
        shape: &Shape,
        regularization: &Regularization,
        (steps, rows): (usize, usize),
        every_step: bool,
    ) -> Self {
        let copies = |drop: f64, gates: Gates| match gates {
            _ if drop == 0.0 => 0,
            Gates::Tied => 1,
            Gates::Separate => 4,
        };
        let Regularization { dropout, recurrent, activation, .. } = regularization;
        let layer = |l: usize| {
            let sizes = LayerSizes {
                inputs: shape.layer_inputs(l),
                hidden: shape.hidden[l],
                above: l > 0,
                input_copies: copies(if l == 0 { dropout.input } else { dropout.between }, dropout.gates),
                recurrent_copies: copies(recurrent.drop, recurrent.gates),
                norm: shape.norm,
            };
            Layer::new(width, sizes, (steps, rows))
        };
        let outputs = if activation.is_on() { steps * rows * blocks(shape.head_inputs()) } else { 0 };
        Part {
            layers: (0..shape.hidden.len()).map(layer).collect(),
            head: Head::new(width, shape, if every_step { steps * rows } else { rows }),
            every_step,
            d_outputs: vec![zeros(); outputs],
            extent: Extent { steps, rows: 0, first_row: 0, batch: 0 },
        }
    }

    /// Predictions `[B][O]`, of every step `[B][T][O]`, for windows `[B][T][I]`; from where the pass before ended, if `fresh` says in which
    /// rows not.
    pub fn forward(
        &mut self,
        params: &Params<R>,
        plan: &Plan<R>,
        (extent, fresh): (Extent, Option<&[bool]>),
        windows: &[R],
        predictions: &mut [R],
    ) {
        self.extent = extent;
        for l in 0..self.layers.len() {
            let (below, rest) = self.layers.split_at_mut(l);
            let source = below.last().map_or(Source::Windows(windows), |below| Source::Below(below.outputs(extent)));
            rest[0].forward(params.layer(l), source, (extent, fresh), &plan.layers[l]);
        }
        let top = &self.layers[self.layers.len() - 1];
        let read = if self.every_step { top.outputs(extent) } else { top.last(extent) };
        self.head.forward(params.head(), read, extent, plan.output.as_ref(), predictions);
    }

    /// Overwrites `gradients` with the part's share of them, after [`Part::forward`] with the same arguments.
    pub fn backward(
        &mut self,
        (params, transposed): (&Params<R>, &[Transposed<R>]),
        (plan, regularization): (&Plan<R>, &Regularization),
        windows: &[R],
        d_predictions: &[R],
        gradients: &mut Params<R>,
    ) {
        let extent = self.extent;
        gradients.values.fill(R::ZERO);
        let mask = plan.output.as_ref();
        let d_read = self.head.backward(params.head(), d_predictions, extent, mask, &mut gradients.head_mut());
        let top = if !self.d_outputs.is_empty() {
            let steps = if self.every_step { 1 } else { extent.steps };
            let d_outputs = &mut self.d_outputs[..steps * d_read.len()];
            d_outputs.fill(zeros());
            let first = d_outputs.len() - d_read.len();
            d_outputs[first..].iter_mut().zip(d_read).for_each(|(d_h, d_read)| add(d_h, d_read));
            activations(&self.layers, extent, plan).add_gradient(&regularization.activation, d_outputs);
            Upstream::Every(d_outputs)
        } else if self.every_step {
            Upstream::Every(d_read)
        } else {
            Upstream::Last(d_read)
        };
        for l in (0..self.layers.len()).rev() {
            let (below, rest) = self.layers.split_at_mut(l);
            let (layer, above) = rest.split_at_mut(1);
            let source = below.last().map_or(Source::Windows(windows), |below| Source::Below(below.outputs(extent)));
            let upstream = above.first().map_or(top, |above| Upstream::Every(above.input_gradients(extent)));
            let params = (params.layer(l), &transposed[l]);
            layer[0].backward(params, source, extent, upstream, &mut gradients.layer_mut(l));
        }
    }

    /// The part's share of the penalty on the last layer's h.
    pub fn activation_penalty(&self, plan: &Plan<R>, regularization: &Regularization) -> f64 {
        activations(&self.layers, self.extent, plan).value(&regularization.activation)
    }
}

/// The last layer's outputs, for the penalty on them.
fn activations<'a, R: Real>(layers: &'a [Layer<R>], extent: Extent, plan: &'a Plan<R>) -> Activations<'a, R> {
    let last = &layers[layers.len() - 1];
    Activations { h: last.outputs(extent), hidden: last.hidden(), extent, mask: plan.output.as_ref() }
}

#[cfg(test)]
mod tests {
    use super::part_rows;

    #[test]
    fn parts_are_neither_too_small_nor_too_many() {
        for (rows, expected) in [(1, 1), (10, 10), (16, 16), (20, 16), (64, 16), (65, 17), (130, 33)] {
            assert_eq!(part_rows(rows), expected, "{rows} rows");
        }
    }
}
