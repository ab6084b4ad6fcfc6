//! The configuration file: TOML to validated settings.

mod allowance;
mod names;
mod normalization;
pub(crate) mod place;
mod read;
mod validate;

use std::path::PathBuf;

use embedded_rnn::forecast::Transform;
use serde::{Deserialize, Serialize};

use crate::regularize::settings::Regularization;
pub use allowance::{Allowance, Costs};
pub use names::{Names, Split};
pub use validate::{MAX_CLASSES, MAX_HIDDEN, MAX_HORIZON, MAX_LAYERS, MAX_LOOKBACK, MAX_OUTPUTS, MAX_QUANTILES, MAX_STEP_INPUTS};

/// A whole configuration file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[data]`
    pub data: Data,
    /// `[window]`
    pub window: Window,
    /// `[network]`
    pub network: Network,
    /// `[regularization]`
    #[serde(default)]
    pub regularization: Regularization,
    /// `[training]`
    #[serde(default)]
    pub training: Training,
    /// `[export]`
    #[serde(default)]
    pub export: Export,
    /// `[budget]`
    #[serde(default, skip_serializing_if = "Allowance::is_unlimited")]
    pub budget: Allowance,
}

/// `[export]`: what happens to a trained network before it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Export {
    /// What becomes of layer norm.
    pub fold: Fold,
    /// Epochs of training after static folding.
    pub fine_tune: usize,
    /// The share by which static folding may raise the validation loss.
    pub tolerance: f64,
    /// How weights are rounded to `int8`.
    pub rounding: Rounding,
}

impl Default for Export {
    fn default() -> Self {
        Export { fold: Fold::Exact, fine_tune: 10, tolerance: 0.05, rounding: Rounding::Compensated }
    }
}

/// How weights are rounded to `int8`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Rounding {
    /// Each to the nearest.
    Nearest,
    /// Each so that it takes back the errors of others, as the calibration windows tell.
    #[default]
    Compensated,
}

/// What becomes of layer norm at export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fold {
    /// It is computed on the device; only what does not change the network is folded.
    #[default]
    Exact,
    /// The joint form is replaced by calibrated constants and trained on: the device runs a plain LSTM.
    Static,
}

/// `[data]`: the CSV and what of it is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The CSV, relative to the configuration file.
    pub path: PathBuf,
    /// Header of the column with time stamps; without it rows are taken as evenly spaced and unnamed.
    #[serde(default)]
    pub time: Option<String>,
    /// What kind of clock wrote the time stamps.
    #[serde(default, skip_serializing_if = "Clock::is_steady")]
    pub clock: Clock,
    /// Headers of the columns to forecast; a single string is read as a list of one. None where windows are classified.
    #[serde(default, skip_serializing_if = "Names::is_none")]
    pub target: Names,
    /// Header of a column of text or whole numbers, the class of each row: windows are classified, not continued. A window's class is that
    /// of its newest row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Headers of further input columns.
    #[serde(default, skip_serializing_if = "Names::is_none")]
    pub features: Names,
    /// Samples in a season, for the seasonal naive baseline, which finds it by autocorrelation where it is not given, and for
    /// `window.normalization = "seasonal"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub season: Option<usize>,
    /// The targets' unit, for people.
    #[serde(default)]
    pub unit: String,
    /// Where training, validation and test begin and end.
    #[serde(default)]
    pub split: Split,
}

/// The clock that wrote a series' time stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// It only goes forward: every stamp is one interval after the one before.
    #[default]
    Steady,
    /// A clock on the wall, which is set an hour back or forward now and then (daylight saving). Where stamps without a zone step by
    /// exactly an hour less or more than the interval, the rows are taken as evenly spaced and the clock as set. Whoever says so vouches
    /// that no rows overlap or are missing there, which the stamps alone cannot tell.
    Wall,
}

impl Clock {
    /// Whether the clock only goes forward.
    pub fn is_steady(&self) -> bool {
        *self == Clock::Steady
    }
}

pub use embedded_rnn::forecast::Normalization;
pub use normalization::name as normalization_name;

/// How the network meets samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every forecast runs the network from its zero state over the last `lookback` samples.
    #[default]
    Windowed,
    /// The network's state is kept from step to step; training propagates gradients back through segments of `lookback` samples.
    Streaming,
}

impl Mode {
    /// Whether every forecast begins at the zero state.
    pub fn is_windowed(&self) -> bool {
        *self == Mode::Windowed
    }

    /// Whether the state is kept.
    pub fn is_streaming(&self) -> bool {
        *self == Mode::Streaming
    }
}

/// `[window]`: what the network sees and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// How the network meets samples, in training and on the device.
    #[serde(default, skip_serializing_if = "Mode::is_windowed")]
    pub mode: Mode,
    /// Samples in a window; of streams, samples of a segment through which training propagates gradients back.
    pub lookback: usize,
    /// Samples that enter the network together as one step; divides `lookback`, without the season where that is subtracted.
    #[serde(default = "one")]
    pub patch: usize,
    /// Samples forecast, all at once; 0, and not written, where windows are classified.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub horizon: usize,
    /// The value transform.
    #[serde(default)]
    pub transform: Transform,
    /// Per-window normalization. "seasonal" subtracts from each sample the one `data.season` before, and the window's first season only
    /// serves for that: the network reads `lookback` less `data.season` samples.
    #[serde(default, with = "normalization")]
    pub normalization: Normalization,
}

fn one() -> usize {
    1
}

fn is_zero(value: &usize) -> bool {
    *value == 0
}

/// `[network]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Units of each LSTM layer, first to last.
    pub hidden: Vec<usize>,
    /// What the forecast gets beside the network's output.
    #[serde(default, skip_serializing_if = "Skip::is_none")]
    pub skip: Skip,
    /// Products of the window that the skip takes; the fewest that are nearly as good as all where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_rank: Option<usize>,
    /// Bytes of the skip in an `int8` file, at most. Quantiles repeat the part of it that spreads products over the forecast, which is
    /// counted once here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_flash: Option<usize>,
    /// When the network is trained, the skip is fitted once more on training and validation rows, with all that was chosen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_refit: bool,
}

/// A linear function of the window that is added to the network's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Skip {
    /// None.
    #[default]
    None,
    /// The ridge solution that is best on validation, reduced in rank and frozen; the network learns what it leaves.
    Ridge,
}

impl Skip {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Skip::None
    }
}

/// What training minimizes, on normalized targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// Mean of squared errors.
    #[default]
    Mse,
    /// Mean of absolute errors.
    Mae,
    /// Quadratic up to `delta`, linear beyond (Huber 1964), as PyTorch's `huber_loss`.
    Huber,
    /// Of each of `quantiles`: an error costs its level where too little was forecast, and one less the level where too much was (Koenker &
    /// Bassett 1978).
    Pinball,
    /// Of a window's class: the negative logarithm of the probability that the softmax of the network's outputs gives it.
    #[serde(rename = "cross-entropy")]
    CrossEntropy,
}

/// What a window counts in the cross-entropy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// Each the same, so that rare classes count little together.
    #[default]
    None,
    /// The more, the rarer its class is among the training windows: every class counts the same.
    Balanced,
}

impl ClassWeights {
    /// Whether windows count the same.
    pub fn is_none(&self) -> bool {
        *self == ClassWeights::None
    }
}

/// `[training]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// The loss.
    pub loss: Loss,
    /// Huber's threshold, in normalized units.
    pub delta: f64,
    /// Levels of the quantiles that the pinball loss asks for, ascending: 0.5, which is the forecast, and symmetric pairs around it, which
    /// are the ends of prediction intervals.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<f64>,
    /// What a window counts in the cross-entropy, in training and validation alike.
    #[serde(skip_serializing_if = "ClassWeights::is_none")]
    pub class_weights: ClassWeights,
    /// Passes over the training windows.
    pub epochs: usize,
    /// Windows in an optimizer step.
    pub batch: usize,
    /// AdamW's peak step size.
    pub learning_rate: f64,
    /// Optimizer steps of linear warm-up; then the rate follows half a cosine to zero.
    pub warmup: usize,
    /// The gradient's largest global 2-norm; 0 switches clipping off.
    pub clip: f64,
    /// Epochs without a better validation loss before training stops; 0 never stops early.
    pub patience: usize,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Training {
            loss: Loss::Mse,
            delta: 1.0,
            quantiles: Vec::new(),
            class_weights: ClassWeights::None,
            epochs: 30,
            batch: 64,
            learning_rate: 1e-3,
            warmup: 10,
            clip: 1.0,
            patience: 0,
            seed: 0,
        }
    }
}

impl Training {
    /// Outputs of the network for each value of the forecast: its quantiles, or one.
    pub fn outputs_per_value(&self) -> usize {
        self.quantiles.len().max(1)
    }
}
