//! The whole network over a batch: forward, backward, and the buffers of both, allocated once.

use super::head::Head;
use super::inputs::Source;
use super::lanes::{Lanes, add, zeros};
use super::layer::{Extent, Layer, LayerSizes, Upstream};
use super::params::Params;
use super::real::Real;
use super::shape::{Shape, blocks};
use crate::regularize::activation::Activations;
use crate::regularize::plan::{LayerPlan, Plan};
pub use crate::regularize::plan::{MaskKey, Mode};
use crate::regularize::settings::{Gates, Regularization};
use crate::regularize::weights;

/// Buffers for batches of up to some rows of windows with a fixed number of steps.
#[derive(Clone, Debug)]
pub struct Workspace<R> {
    shape: Shape,
    regularization: Regularization,
    steps: usize,
    rows: usize,
    layers: Vec<Layer<R>>,
    head: Head<R>,
    /// `[B][O]`
    predictions: Vec<R>,
    /// The parameters as a batch sees them, where weight-drop or noise changes them.
    perturbed: Option<Params<R>>,
    /// Gradients of the last layer's h, `[T][B][N]`; empty without a penalty on it.
    d_outputs: Vec<Lanes<R>>,
    /// What the last forward pass did.
    plan: Plan<R>,
    /// The batch of the last forward pass.
    extent: Extent,
}

impl<R: Real> Workspace<R> {
    /// Buffers for `rows` windows of `steps`.
    pub fn new(shape: &Shape, regularization: &Regularization, steps: usize, rows: usize) -> Self {
        let copies = |drop: f64, gates: Gates| match gates {
            _ if drop == 0.0 => 0,
            Gates::Tied => 1,
            Gates::Separate => 4,
        };
        let Regularization { dropout, recurrent, weight_drop, noise, activation, .. } = regularization;
        let layer = |l: usize| {
            let sizes = LayerSizes {
                inputs: shape.layer_inputs(l),
                hidden: shape.hidden[l],
                above: l > 0,
                input_copies: copies(if l == 0 { dropout.input } else { dropout.between }, dropout.gates),
                recurrent_copies: copies(recurrent.drop, recurrent.gates),
                norm: shape.norm,
            };
            Layer::new(sizes, (steps, rows))
        };
        let penalized = activation.ar > 0.0 || activation.tar > 0.0;
        let outputs = if penalized { steps * rows * blocks(shape.head_inputs()) } else { 0 };
        Workspace {
            shape: shape.clone(),
            regularization: *regularization,
            steps,
            rows,
            layers: (0..shape.hidden.len()).map(layer).collect(),
            head: Head::new(shape.head_inputs(), shape.outputs, rows),
            predictions: vec![R::ZERO; rows * shape.outputs],
            perturbed: (weight_drop.drop > 0.0 || noise.weights > 0.0).then(|| Params::zeros(shape)),
            d_outputs: vec![zeros(); outputs],
            plan: Plan::new(regularization, shape.hidden.len(), Mode::Evaluation),
            extent: Extent { steps, rows: 0, first_row: 0 },
        }
    }

    /// Predictions `[B][O]` for windows `[B][T][I]`; B is at most the rows that the workspace was made for.
    pub fn forward(&mut self, params: &Params<R>, windows: &[R], mode: Mode) -> &[R] {
        assert_eq!(params.shape(), &self.shape, "parameters of another network");
        let window = self.steps * self.shape.inputs;
        assert!(windows.len().is_multiple_of(window), "windows of {window} values, {} given", windows.len());
        let rows = windows.len() / window;
        assert!(rows <= self.rows, "{rows} windows in a workspace for {}", self.rows);
        self.plan = Plan::new(&self.regularization, self.layers.len(), mode);
        self.extent = Extent { steps: self.steps, rows, first_row: self.plan.first_row };
        let extent = self.extent;
        let params = match &mut self.perturbed {
            Some(perturbed) if self.plan.layers.iter().any(LayerPlan::changes_weights) => {
                perturbed.values.copy_from_slice(&params.values);
                weights::perturb(&self.plan, perturbed);
                &*perturbed
            }
            _ => params,
        };
        for l in 0..self.layers.len() {
            let (below, rest) = self.layers.split_at_mut(l);
            let source = below.last().map_or(Source::Windows(windows), |below| Source::Below(below.outputs(extent)));
            rest[0].forward(params.layer(l), source, extent, &self.plan.layers[l]);
        }
        let last = self.layers[self.layers.len() - 1].last(extent);
        let predictions = &mut self.predictions[..rows * self.shape.outputs];
        self.head.forward(params.head(), last, extent.first_row, self.plan.output.as_ref(), predictions);
        predictions
    }

    /// The penalty on the last layer's h of the last forward pass, a mean over its batch.
    pub fn activation_penalty(&self) -> f64 {
        activations(&self.layers, self.extent, &self.plan).value(&self.regularization.activation)
    }

    /// After [`Workspace::forward`] with the same parameters and windows: overwrites `gradients` with those of a loss whose
    /// gradients with respect to the predictions are `d_predictions`, `[B][O]`, plus the penalty on activations. Once per forward pass.
    pub fn backward(&mut self, params: &Params<R>, windows: &[R], d_predictions: &[R], gradients: &mut Params<R>) {
        let extent = self.extent;
        assert_eq!(d_predictions.len(), extent.rows * self.shape.outputs, "gradients of another batch");
        gradients.values.fill(R::ZERO);
        let changed = self.plan.layers.iter().any(LayerPlan::changes_weights);
        let params = self.perturbed.as_ref().filter(|_| changed).unwrap_or(params);
        let mask = self.plan.output.as_ref();
        let d_last = self.head.backward(params.head(), d_predictions, extent.first_row, mask, &mut gradients.head_mut());
        let top = if self.d_outputs.is_empty() {
            Upstream::Last(d_last)
        } else {
            let d_outputs = &mut self.d_outputs[..extent.steps * d_last.len()];
            d_outputs.fill(zeros());
            let last = d_outputs.len() - d_last.len();
            d_outputs[last..].iter_mut().zip(d_last).for_each(|(d_h, d_last)| add(d_h, d_last));
            activations(&self.layers, extent, &self.plan).add_gradient(&self.regularization.activation, d_outputs);
            Upstream::Every(d_outputs)
        };
        for l in (0..self.layers.len()).rev() {
            let (below, rest) = self.layers.split_at_mut(l);
            let (layer, above) = rest.split_at_mut(1);
            let source = below.last().map_or(Source::Windows(windows), |below| Source::Below(below.outputs(extent)));
            let upstream = above.first().map_or(top, |above| Upstream::Every(above.input_gradients(extent)));
            let plan = &self.plan.layers[l];
            layer[0].backward(params.layer(l), source, extent, plan, upstream, &mut gradients.layer_mut(l));
        }
        weights::mask_gradients(&self.plan, gradients);
    }
}

/// The last layer's outputs, for the penalty on them.
fn activations<'a, R: Real>(layers: &'a [Layer<R>], extent: Extent, plan: &'a Plan<R>) -> Activations<'a, R> {
    let last = &layers[layers.len() - 1];
    Activations { h: last.outputs(extent), hidden: last.hidden(), extent, mask: plan.output.as_ref() }
}
