//! What a training tells while it runs, and how it is asked to stop.

use std::ops::ControlFlow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// After an optimizer step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Steps taken since the training began.
    pub step: u64,
    /// Steps of the whole training, if it does not stop early.
    pub total: u64,
    /// The batch's loss, without penalties.
    pub loss: f64,
}

/// After an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Steps taken since the training began.
    pub step: u64,
    /// Mean loss of the epoch's batches under their masks, without penalties.
    pub train_loss: f64,
    /// Mean loss of the validation windows in the mean network of test time.
    pub validation_loss: f64,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// Largest gradient norm of the epoch, before clipping.
    pub gradient_norm: f64,
    /// The best validation loss so far?
    pub best: bool,
}

/// Looks on while a network is trained.
pub trait Observer {
    /// After every optimizer step.
    fn step(&mut self, _report: &StepReport) {}

    /// After every epoch, its checkpoint already written; `elapsed` counts from the (resumed) start. `Break` ends the training
    /// here, to be resumed later.
    fn epoch(&mut self, _report: &EpochReport, _elapsed: Duration) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Nobody looks on.
impl Observer for () {}
