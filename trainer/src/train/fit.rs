//! The training loop.

use std::ops::Range;
use std::time::Instant;

use super::average;
use super::batches::{Windows, batch_count, batches, shuffled};
use super::checkpoint::{Best, CheckpointFile, State};
use super::equal_average;
use super::loss::Objective;
use super::observer::{EpochReport, Observer, StepReport};
use crate::config::Training;
use crate::error::{Error, Result};
use crate::network::{MaskKey, Mode, Params, Shape, Workspace, threads};
use crate::optimize::Decay;
use crate::optimize::clip::clip;
use crate::optimize::max_norm;
use crate::optimize::proximal;
use crate::optimize::schedule::learning_rate;
use crate::regularize::group_lasso::Groups;
use crate::regularize::penalty;
use crate::regularize::settings::Regularization;

/// What is to be trained, and on what.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// The network's sizes.
    pub shape: &'a Shape,
    /// T
    pub steps: usize,
    /// `[regularization]`
    pub regularization: &'a Regularization,
    /// `[training]`
    pub training: &'a Training,
    /// Windows to learn from.
    pub train: &'a dyn Windows,
    /// Windows that choose the best epoch.
    pub validation: &'a dyn Windows,
    /// Threads that share a step; as many as it is worth if left out. The results are the same.
    pub threads: Option<usize>,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All epochs done.
    Completed,
    /// No better validation loss for as many epochs as `patience` says.
    Patience,
    /// The observer asked for it; the checkpoint can be resumed.
    Asked,
}

/// A trained network.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The parameters with the best validation loss, with its epoch.
    pub best: Best,
    /// The parameters that the last epoch's validation loss was measured with.
    pub last: Params<f32>,
    /// One report for each epoch.
    pub history: Vec<EpochReport>,
    /// Why there are no more.
    pub ending: Ending,
}

/// Trains from a state, fresh or loaded, to the end. With a checkpoint file, the state after every epoch is kept there.
pub fn fit(task: &Task<'_>, start: State, checkpoint: Option<&CheckpointFile>, observer: &mut dyn Observer) -> Result<Outcome> {
    for (count, what) in [(task.train.count(), "training"), (task.validation.count(), "validation")] {
        if count == 0 {
            return Err(Error::input(format!(
                "there are no {what} windows: lengthen the {what} part of data.split, or shorten window.lookback or window.horizon"
            )));
        }
    }
    for (value, key) in [(task.training.epochs, "epochs"), (task.training.batch, "batch")] {
        if value == 0 {
            return Err(Error::input(format!("training.{key} is 0: give at least 1")));
        }
    }
    let begun = Instant::now();
    let mut run = Run::new(task, start);
    let ending = loop {
        if let Some(ending) = run.ended() {
            break ending;
        }
        let report = run.epoch(observer).map_err(|error| run.with_best(error, checkpoint))?;
        if let Some(file) = checkpoint {
            file.save(&run.state)?;
        }
        if observer.epoch(&report, begun.elapsed()).is_break() {
            break run.ended().unwrap_or(Ending::Asked);
        }
    };
    let State { params, average, best, history, .. } = run.state;
    let last = average.unwrap_or(params);
    // Every epoch that ends without an error has a finite validation loss, so the first one is a best one.
    let best = best.ok_or_else(|| Error::failed("the training ended without a finished epoch"))?;
    Ok(Outcome { best, last, history, ending })
}

/// The mean loss of the validation windows in the mean network of `params`.
pub fn evaluate(task: &Task<'_>, params: &Params<f32>) -> Result<f64> {
    Run::new(task, State::from_params(params.clone())).validate(0)
}

/// Optimizer steps of an epoch.
fn steps_of_epoch(windows: &dyn Windows, batch: usize) -> usize {
    batch_count(windows.count(), windows.streams().unwrap_or(batch))
}

/// The mean loss of the steps of segments that count, and their number. Predictions and targets are `[B][T][O]`.
fn loss_of_counted(
    objective: &Objective,
    (predictions, targets): (&[f32], &[f32]),
    counted: &[Range<usize>],
    (steps, outputs): (usize, usize),
) -> (f64, usize) {
    let (mut sum, mut count) = (0.0, 0);
    for (row, steps_of_row) in counted.iter().enumerate().filter(|(_, range)| !range.is_empty()) {
        let values = (row * steps + steps_of_row.start) * outputs..(row * steps + steps_of_row.end) * outputs;
        sum += objective.value(&predictions[values.clone()], &targets[values]) * steps_of_row.len() as f64;
        count += steps_of_row.len();
    }
    (if count > 0 { sum / count as f64 } else { 0.0 }, count)
}

/// A training at work, its buffers allocated once.
struct Run<'a> {
    task: Task<'a>,
    objective: Objective,
    state: State,
    workspace: Workspace<f32>,
    gradients: Params<f32>,
    /// The groups that the group lasso shrinks, if it does.
    groups: Option<Groups>,
    /// When weights are averaged with equal weights, if they are.
    averaging: Option<equal_average::Schedule>,
    /// Values that the network says of a window: O, of streams T*O.
    outputs: usize,
    /// `[B][T][I]`
    inputs: Vec<f32>,
    /// `[B][O]`, of streams `[B][T][O]`, and so below.
    targets: Vec<f32>,
    /// Gradients of the predictions.
    d_predictions: Vec<f32>,
}

impl<'a> Run<'a> {
    fn new(task: &Task<'a>, mut state: State) -> Self {
        if task.regularization.average > 0.0 && state.average.is_none() {
            state.average = Some(state.params.clone());
        }
        let steps = steps_of_epoch(task.train, task.training.batch);
        let streams = task.train.streams().max(task.validation.streams());
        let batch = streams.unwrap_or(task.training.batch.min(task.train.count().max(task.validation.count())));
        let outputs = task.shape.outputs * if streams.is_some() { task.steps } else { 1 };
        let workspace = Workspace::new(task.shape, task.regularization, task.steps, batch);
        let workspace = if streams.is_some() { workspace.reading_every_step() } else { workspace };
        Run {
            task: *task,
            objective: Objective::new(task.training, task.shape.outputs),
            state,
            outputs,
            workspace: workspace.with_threads(task.threads.unwrap_or_else(|| threads::automatic(task.shape, task.steps, batch))),
            gradients: Params::zeros(task.shape),
            groups: (task.regularization.group_lasso.strength > 0.0).then(|| Groups::new(task.shape)),
            averaging: equal_average::Schedule::new(&task.regularization.swa, task.training.epochs, steps),
            inputs: vec![0.0; batch * task.steps * task.shape.inputs],
            targets: vec![0.0; batch * outputs],
            d_predictions: vec![0.0; batch * outputs],
        }
    }

    /// Why there is nothing left to do, if so.
    fn ended(&self) -> Option<Ending> {
        let (done, patience) = (self.state.history.len(), self.task.training.patience);
        let best = self.state.best.as_ref().map_or(0, |best| best.epoch);
        if done >= self.task.training.epochs {
            Some(Ending::Completed)
        } else if patience > 0 && done >= best + patience {
            Some(Ending::Patience)
        } else {
            None
        }
    }

    /// One pass over the training windows, and one over the validation windows.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<EpochReport> {
        let Task { training, train, .. } = self.task;
        let epoch = self.state.history.len() + 1;
        let total = (training.epochs * steps_of_epoch(train, training.batch)) as u64;
        // Segments of streams come in their order: what is random about them is where their streams begin.
        let (order, size) = match train.streams() {
            None => (shuffled(train.count(), training.seed, epoch), training.batch),
            Some(streams) => ((0..train.count()).collect(), streams),
        };
        let (mut sum, mut rate, mut largest) = (0.0, 0.0, 0.0f64);
        for batch in batches(&order, size) {
            let warmup = training.warmup as u64;
            let step = self.state.optimizer.steps;
            let step = self.averaging.map_or(step, |averaging| averaging.rate_of(step, warmup));
            rate = learning_rate(training.learning_rate, warmup, total, step);
            let (loss, norm) = self.step(epoch, batch, rate)?;
            sum += loss * batch.len() as f64;
            largest = largest.max(norm);
            observer.step(&StepReport { epoch, step: self.state.optimizer.steps, total, loss });
        }
        if let Some(place) = self.averaging.and_then(|averaging| averaging.after_epoch(epoch)) {
            self.take_into_average(place);
        }
        let validation_loss = self.validate(epoch)?;
        let best = self.state.best.as_ref().is_none_or(|best| validation_loss < best.loss);
        if best {
            self.state.best = Some(Best { epoch, loss: validation_loss, params: self.state.evaluated().clone() });
        }
        let report = EpochReport {
            epoch,
            step: self.state.optimizer.steps,
            train_loss: sum / train.count() as f64,
            validation_loss,
            learning_rate: rate,
            gradient_norm: largest,
            best,
        };
        self.state.history.push(report);
        Ok(report)
    }

    /// One optimizer step; returns the loss and the gradients' norm before clipping.
    fn step(&mut self, epoch: usize, batch: &[usize], rate: f64) -> Result<(f64, f64)> {
        let Task { shape, steps, regularization, training, train, .. } = self.task;
        let inputs = &mut self.inputs[..batch.len() * steps * shape.inputs];
        let targets = &mut self.targets[..batch.len() * self.outputs];
        train.fill(epoch, batch, inputs, targets);
        let params = &mut self.state.params;
        // Of streams, too, masks of a sequence last for a segment, as in AWD-LSTM (Merity et al., arXiv 1708.02182): kept for a whole stream,
        // an epoch would meet no more masks than there are streams, each always with the same rows.
        let key = MaskKey { seed: training.seed, step: self.state.optimizer.steps, first_row: 0 };
        let fresh: Vec<bool> = batch.iter().map(|&window| train.is_fresh(epoch, window)).collect();
        let predictions = self.workspace.forward_carried(params, inputs, Mode::Training(key), &fresh);
        let d_predictions = &mut self.d_predictions[..targets.len()];
        let loss = self.objective.gradient(predictions, targets, d_predictions);
        self.workspace.backward(params, inputs, d_predictions, &mut self.gradients);
        penalty::add_gradient(regularization, params, &mut self.gradients);
        let norm = clip(&mut self.gradients, training.clip);
        if !(loss.is_finite() && norm.is_finite()) {
            let finite = |values: &[f32]| values.iter().all(|v| v.is_finite());
            let (width, outputs) = (steps * shape.inputs, self.outputs);
            let windows = inputs.chunks(width).zip(targets.chunks(outputs)).zip(batch);
            let broken = windows.into_iter().find(|((x, y), _)| !(finite(x) && finite(y))).map(|(_, &window)| window);
            let what = if loss.is_finite() { "the gradient's norm" } else { "the loss" };
            let value = if loss.is_finite() { norm } else { loss };
            let step = self.state.optimizer.steps + 1;
            return Err(Error::failed(format!(
                "training diverged in epoch {epoch} at step {step}: {what} is {value}; {}",
                self.cause(broken, "training")
            )));
        }
        let decay = Decay { rate: regularization.decay, biases: regularization.decay_biases };
        let optimizer = &mut self.state.optimizer;
        optimizer.step(params, &self.gradients, rate, decay);
        if let Some(groups) = &self.groups {
            proximal::shrink(params, groups, regularization.group_lasso.strength, optimizer, rate);
        }
        if regularization.max_norm > 0.0 {
            max_norm::project(params, regularization.max_norm);
        }
        if regularization.average > 0.0
            && let Some(average) = &mut self.state.average
        {
            average::update(average, params, regularization.average, optimizer.steps);
            if let Some(groups) = &self.groups {
                proximal::clear_removed(average, params, groups);
            }
        }
        if let Some(place) = self.averaging.and_then(|averaging| averaging.after_step(self.state.optimizer.steps)) {
            self.take_into_average(place);
        }
        Ok((loss, norm))
    }

    /// Takes the parameters into the equally weighted mean.
    fn take_into_average(&mut self, place: u64) {
        equal_average::take(&mut self.state.average, &self.state.params, place);
        if let (Some(average), Some(groups)) = (&mut self.state.average, &self.groups) {
            proximal::clear_removed(average, &self.state.params, groups);
        }
    }

    /// The mean loss of the validation windows in the mean network.
    fn validate(&mut self, epoch: usize) -> Result<f64> {
        let Task { shape, steps, training, validation, .. } = self.task;
        let order: Vec<usize> = (0..validation.count()).collect();
        let (mut sum, mut count) = (0.0, 0);
        for batch in batches(&order, validation.streams().unwrap_or(training.batch)) {
            let inputs = &mut self.inputs[..batch.len() * steps * shape.inputs];
            let targets = &mut self.targets[..batch.len() * self.outputs];
            validation.fill(epoch, batch, inputs, targets);
            let fresh: Vec<bool> = batch.iter().map(|&window| validation.is_fresh(epoch, window)).collect();
            let predictions = self.workspace.forward_carried(self.state.evaluated(), inputs, Mode::Evaluation, &fresh);
            let (loss, counted) = if validation.streams().is_some() {
                let counted: Vec<_> = batch.iter().map(|&window| validation.counted(window)).collect();
                loss_of_counted(&self.objective, (predictions, targets), &counted, (steps, shape.outputs))
            } else {
                (self.objective.value(predictions, targets), batch.len())
            };
            if !loss.is_finite() {
                let finite = inputs.iter().chain(targets.iter()).all(|v| v.is_finite());
                let step = self.state.optimizer.steps;
                return Err(Error::failed(format!(
                    "training diverged in epoch {epoch} at step {step}: the validation loss is {loss}; {}",
                    self.cause((!finite).then(|| batch[0]), "validation")
                )));
            }
            sum += loss * counted as f64;
            count += counted;
        }
        Ok(sum / count.max(1) as f64)
    }

    /// The likely cause of a divergence, and its mend.
    fn cause(&self, broken: Option<usize>, part: &str) -> String {
        let Training { learning_rate, clip, .. } = self.task.training;
        match broken {
            Some(window) => {
                format!("a value near {part} window {window} is not finite after normalization: look at that row of the data")
            }
            None if *clip == 0.0 => {
                format!("likely too large steps: lower training.learning_rate = {learning_rate}, or set training.clip = 1.0")
            }
            None => format!("likely too large steps: lower training.learning_rate = {learning_rate}"),
        }
    }

    /// Says beside an error where the best parameters before it are.
    fn with_best(&self, error: Error, checkpoint: Option<&CheckpointFile>) -> Error {
        match (error, &self.state.best, checkpoint) {
            (Error::Failed(message), Some(best), Some(file)) => Error::Failed(format!(
                "{message} (the best epoch before, {} with validation loss {:.6}, is kept in {})",
                best.epoch,
                best.loss,
                file.path.display()
            )),
            (error, _, _) => error,
        }
    }
}
