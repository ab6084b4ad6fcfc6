//! What is kept of a run.

use serde::{Deserialize, Serialize};

use super::measure::Errors;

/// A run's result, as its file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The variant's name.
    pub variant: String,
    /// The seed.
    pub seed: u64,
    /// What the result depends on.
    pub digest: String,
    /// What came of it.
    pub outcome: Fate,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// A trained network.
    Trained(Box<Trained>),
    /// A trained network of which nothing but validation was measured.
    Validated(Box<Validated>),
    /// Training diverged: a result too, and with this seed always the same one.
    Diverged {
        /// Where and why.
        reason: String,
    },
}

/// A training's figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// The epoch with the lowest validation loss, from 1.
    pub best_epoch: usize,
    /// Optimizer steps.
    pub steps: u64,
    /// The time of an optimizer step (batch, forward, backward, update) that a tenth of them stayed below: other work on the machine only
    /// adds.
    pub seconds_per_step: f64,
    /// With the weights of the best epoch.
    pub best: Measured,
    /// With the weights of the last epoch.
    pub last: Measured,
    /// A point an epoch.
    pub curve: Vec<Point>,
    /// The first seed's network, best epoch, as an int8 file.
    pub device: Option<DeviceCost>,
    /// The same with the last epoch's weights, where the two may differ in size: under group lasso.
    pub device_last: Option<DeviceCost>,
    /// Why there is no such file where there should be one.
    pub export_failure: Option<String>,
}

/// A training's figures where only validation was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validated {
    /// The epoch with the lowest validation loss, from 1.
    pub best_epoch: usize,
    /// Validation errors with the weights of the best epoch.
    pub best: Errors,
    /// Validation errors with the weights of the last epoch.
    pub last: Errors,
    /// A point an epoch.
    pub curve: Vec<Point>,
}

/// Errors of one set of weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// On the validation windows.
    pub validation: Errors,
    /// On the test windows.
    pub test: Errors,
}

/// An epoch's losses, as training states them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// From 1.
    pub epoch: usize,
    /// Under masks and noise, without penalties.
    pub training_loss: f64,
    /// In the mean network.
    pub validation_loss: f64,
}

/// What an exported file costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceCost {
    /// The file's name in the comparison's folder `models`.
    pub model: String,
    /// Its LSTM layers, first to last.
    pub layers: Vec<LayerShape>,
    /// Its head's form, by the device crate's name of it.
    pub head: String,
    /// Bytes of the file.
    pub flash_bytes: usize,
    /// Bytes of RAM: history, state and scratch.
    pub ram_bytes: usize,
    /// Multiply-accumulates of a forecast.
    pub macs: usize,
    /// RMS of the file's forecasts minus the float network's, relative to the target's deviation.
    pub agreement: Option<f64>,
}

/// One LSTM layer on the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerShape {
    /// Inputs.
    pub inputs: usize,
    /// Units, after pruned ones are gone.
    pub hidden: usize,
    /// The cell's form, by the device crate's name of it.
    pub form: String,
}
