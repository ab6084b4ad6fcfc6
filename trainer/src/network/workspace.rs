//! The whole network over a batch: forward, backward, and the buffers of both, allocated once.

use super::centered::center;
use super::kernel::Width;
use super::layer::Extent;
use super::params::Params;
use super::part::{Part, part_rows};
use super::real::Real;
use super::shape::Shape;
use super::threads::Threads;
use super::transposed::Transposed;
use crate::regularize::plan::{LayerPlan, Plan};
pub use crate::regularize::plan::{MaskKey, Mode};
use crate::regularize::settings::Regularization;
use crate::regularize::weights;

/// Buffers for batches of up to some rows of windows with a fixed number of steps.
#[derive(Clone, Debug)]
pub struct Workspace<R> {
    shape: Shape,
    regularization: Regularization,
    steps: usize,
    rows: usize,
    /// Rows of each part but the last.
    part_rows: usize,
    threads: Threads,
    parts: Vec<Part<R>>,
    /// The gradients of each part but the first, which writes into the batch's.
    gradients: Vec<Params<R>>,
    /// The weights of each layer as the backward pass reads them.
    transposed: Vec<Transposed<R>>,
    width: Width,
    /// Steps of a window that the head reads: the last, or all.
    read: usize,
    /// `[B][O]`, or `[B][T][O]`.
    predictions: Vec<R>,
    /// The parameters as a batch sees them, where weight-drop, noise or a layer norm's centering changes them.
    seen: Option<Params<R>>,
    /// What the last forward pass did.
    plan: Plan<R>,
    /// The rows of the last forward pass.
    batch: usize,
}

impl<R: Real> Workspace<R> {
    /// Buffers for `rows` windows of `steps`.
    pub fn new(shape: &Shape, regularization: &Regularization, steps: usize, rows: usize) -> Self {
        Workspace::on(Width::default_width(), shape, regularization, steps, rows)
    }

    /// The same on a given instruction set.
    pub fn on(width: Width, shape: &Shape, regularization: &Regularization, steps: usize, rows: usize) -> Self {
        let Regularization { weight_drop, noise, .. } = regularization;
        let part_rows = part_rows(rows);
        let parts = rows.div_ceil(part_rows);
        let transposed = |l: usize| Transposed::new(shape.layer_inputs(l), shape.hidden[l], l > 0);
        Workspace {
            shape: shape.clone(),
            regularization: *regularization,
            steps,
            rows,
            part_rows,
            threads: Threads::default(),
            parts: (0..parts).map(|_| Part::new(width, shape, regularization, (steps, part_rows), false)).collect(),
            gradients: (1..parts).map(|_| Params::zeros(shape)).collect(),
            transposed: (0..shape.hidden.len()).map(transposed).collect(),
            width,
            read: 1,
            predictions: vec![R::ZERO; rows * shape.outputs],
            seen: (weight_drop.drop > 0.0 || noise.weights > 0.0 || shape.norm.is_some()).then(|| Params::zeros(shape)),
            plan: Plan::new(regularization, shape.hidden.len(), Mode::Evaluation),
            batch: 0,
        }
    }

    /// The same with a head that reads every step: predictions and their gradients are `[B][T][O]`.
    pub fn reading_every_step(self) -> Self {
        let Workspace { width, shape, regularization, steps, part_rows, rows, parts, .. } = &self;
        let part = |_| Part::new(*width, shape, regularization, (*steps, *part_rows), true);
        let parts = (0..parts.len()).map(part).collect();
        let (read, predictions) = (*steps, vec![R::ZERO; rows * steps * shape.outputs]);
        Workspace { parts, read, predictions, ..self }
    }

    /// The same on so many threads. The results have the same bits.
    pub fn with_threads(self, count: usize) -> Self {
        Workspace { threads: Threads::new(count.min(self.parts.len())), ..self }
    }

    /// Predictions `[B][O]` for windows `[B][T][I]`; B is at most the rows that the workspace was made for.
    pub fn forward(&mut self, params: &Params<R>, windows: &[R], mode: Mode) -> &[R] {
        self.forward_from(params, windows, mode, None)
    }

    /// The same for windows that go on where those of the last forward pass ended: the network begins in their last state, as if it were
    /// given, but at zero in the rows that are `fresh`, `[B]`. A batch of other rows than the last one's must be fresh in all.
    pub fn forward_carried(&mut self, params: &Params<R>, windows: &[R], mode: Mode, fresh: &[bool]) -> &[R] {
        let rows = windows.len() / (self.steps * self.shape.inputs);
        assert_eq!(fresh.len(), rows, "one for each window");
        if fresh.iter().all(|fresh| *fresh) {
            return self.forward_from(params, windows, mode, None);
        }
        assert_eq!(rows, self.batch, "a batch of the last one's rows");
        self.forward_from(params, windows, mode, Some(fresh))
    }

    fn forward_from(&mut self, params: &Params<R>, windows: &[R], mode: Mode, fresh: Option<&[bool]>) -> &[R] {
        assert_eq!(params.shape(), &self.shape, "parameters of another network");
        let window = self.steps * self.shape.inputs;
        assert!(windows.len().is_multiple_of(window), "windows of {window} values, {} given", windows.len());
        let batch = windows.len() / window;
        assert!(batch <= self.rows, "{batch} windows in a workspace for {}", self.rows);
        self.plan = Plan::new(&self.regularization, self.shape.hidden.len(), mode);
        self.batch = batch;
        let changed = self.changes_weights();
        let params = match &mut self.seen {
            Some(seen) if changed => {
                seen.values.copy_from_slice(&params.values);
                weights::perturb(&self.plan, seen);
                center(seen);
                &*seen
            }
            _ => params,
        };
        let outputs = self.read * self.shape.outputs;
        let predictions = &mut self.predictions[..batch * outputs];
        let windows = windows.chunks(self.part_rows * window);
        let parts = windows.zip(predictions.chunks_mut(self.part_rows * outputs)).zip(&mut self.parts);
        let plan = &self.plan;
        self.threads.each(parts.enumerate(), |(index, ((windows, predictions), part))| {
            let first_row = plan.first_row + index * self.part_rows;
            let extent = Extent { steps: self.steps, rows: windows.len() / window, first_row, batch };
            let fresh = fresh.map(|fresh| &fresh[index * self.part_rows..][..extent.rows]);
            part.forward(params, plan, (extent, fresh), windows, predictions);
        });
        predictions
    }

    /// Does the batch see other parameters than it was given?
    fn changes_weights(&self) -> bool {
        self.shape.norm.is_some() || self.plan.layers.iter().any(LayerPlan::changes_weights)
    }

    /// The penalty on the last layer's h of the last forward pass, a mean over its batch.
    pub fn activation_penalty(&self) -> f64 {
        let parts = &self.parts[..self.batch.div_ceil(self.part_rows)];
        parts.iter().map(|part| part.activation_penalty(&self.plan, &self.regularization)).sum()
    }

    /// After [`Workspace::forward`] with the same parameters and windows: overwrites `gradients` with those of a loss whose
    /// gradients with respect to the predictions are `d_predictions`, `[B][O]` (of every step `[B][T][O]`), plus the penalty on activations.
    /// Once per forward pass. Nothing is propagated into a carried state.
    pub fn backward(&mut self, params: &Params<R>, windows: &[R], d_predictions: &[R], gradients: &mut Params<R>) {
        let (window, outputs) = (self.steps * self.shape.inputs, self.read * self.shape.outputs);
        assert_eq!(d_predictions.len(), self.batch * outputs, "gradients of another batch");
        let changed = self.changes_weights();
        let params = self.seen.as_ref().filter(|_| changed).unwrap_or(params);
        for (l, transposed) in self.transposed.iter_mut().enumerate() {
            transposed.refresh(&params.layer(l));
        }
        let parts = self.batch.div_ceil(self.part_rows);
        if parts == 0 {
            gradients.values.fill(R::ZERO);
        }
        let (params, plan) = ((params, &self.transposed[..]), (&self.plan, &self.regularization));
        let each = windows.chunks(self.part_rows * window).zip(d_predictions.chunks(self.part_rows * outputs));
        let buffers = std::iter::once(&mut *gradients).chain(&mut self.gradients);
        let work = each.zip(&mut self.parts).zip(buffers);
        self.threads.each(work, |(((windows, d_predictions), part), gradients)| {
            part.backward(params, plan, windows, d_predictions, gradients);
        });
        let mut sums: Vec<&mut Params<R>> = std::iter::once(&mut *gradients).chain(&mut self.gradients).take(parts).collect();
        add_as_tree(&mut sums);
        center(gradients);
        weights::mask_gradients(&self.plan, gradients);
    }
}

/// Adds all to the first: neighbors, then neighbors of their sums, and so on.
fn add_as_tree<R: Real>(parts: &mut [&mut Params<R>]) {
    let mut distance = 1;
    while distance < parts.len() {
        for pair in parts.chunks_mut(2 * distance) {
            let (left, right) = pair.split_at_mut(distance.min(pair.len()));
            if let Some(right) = right.first() {
                for (sum, &value) in left[0].values.iter_mut().zip(&right.values) {
                    *sum += value;
                }
            }
        }
        distance *= 2;
    }
}
