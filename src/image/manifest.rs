//! What a model file says of itself, encoded with postcard. Strings are borrowed from the file.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::LoadError;
use crate::forecast::Transform;

/// A number system and, where its results depend on more than its name, which one of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Arithmetic {
    /// `f32` with the named sigmoid and tanh.
    F32 {
        /// Sigmoid and tanh.
        functions: Functions,
    },
    /// `int8` weights, `i16` activations, `i32` cell.
    Int8 {
        /// Counts changes that change bits.
        revision: u8,
    },
    /// `int8` weights, `i16` activations, `i16` cell: for cores without a long multiplication.
    Int8Cell16 {
        /// Counts changes that change bits.
        revision: u8,
    },
}

impl Arithmetic {
    /// `f32`, `int8` or `int8-cell16`.
    pub const fn name(self) -> &'static str {
        match self {
            Arithmetic::F32 { .. } => "f32",
            Arithmetic::Int8 { .. } => "int8",
            Arithmetic::Int8Cell16 { .. } => "int8-cell16",
        }
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arithmetic::F32 { functions } => write!(f, "f32 ({functions})"),
            Arithmetic::Int8 { revision } | Arithmetic::Int8Cell16 { revision } => {
                write!(f, "{} (revision {revision})", self.name())
            }
        }
    }
}

/// The sigmoid and tanh of `f32` arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Functions {
    /// This crate's rational polynomial.
    Rational,
    /// The `libm` crate.
    Libm,
    /// The `micromath` crate.
    Micromath,
}

impl fmt::Display for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Functions::Rational => "rational",
            Functions::Libm => "libm",
            Functions::Micromath => "micromath",
        })
    }
}

/// The order of weights in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Layout {
    /// Four gates of a column side by side (`f32`).
    Interleaved,
    /// Two gates of a column in a halfword (`int8`), see [`crate::kernel`].
    PackedPair,
    /// Row after row, in groups of eight columns (`int8`), see [`crate::kernel`].
    RowMajor,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Interleaved => "interleaved",
            Layout::PackedPair => "packed-pair",
            Layout::RowMajor => "row-major",
        })
    }
}

/// What is subtracted from a window before it enters the network, in the transformed domain.
///
/// Beyond the network a forecast costs, for each sample and column of the window: nothing by the last value, two additions by the mean,
/// five additions and multiplications in all where it is scaled (and a division, a root, a division more for each column), and nothing
/// seasonally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(rename_all = "lowercase")]
pub enum Normalization {
    /// The training rows' mean: one constant for all windows.
    None,
    /// The window's last value of the same column, which is added back to the forecast.
    #[default]
    Last,
    /// The window's mean of the same column, which is added back to the forecast.
    Mean,
    /// The window's mean, and the rest is divided by the window's deviation: reversible instance normalization (Kim et al., ICLR 2022)
    /// without learned gains. The forecast is multiplied with the deviation, and the mean is added back.
    Scaled,
    /// From each sample the one of a season before is subtracted; to each value of the forecast the window's one a season before it is
    /// added, and beyond the first season the same again. The window's first season only serves to be subtracted: the network reads the rest.
    Seasonal {
        /// Samples of a season, at least 1 and fewer than the window has.
        season: u16,
    },
}

impl Normalization {
    /// Samples of the window that are only subtracted from others; 0 but for [`Self::Seasonal`].
    pub const fn season(self) -> usize {
        match self {
            Normalization::Seasonal { season } => season as usize,
            _ => 0,
        }
    }
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Normalization::None => "none",
            Normalization::Last => "last value",
            Normalization::Mean => "mean",
            Normalization::Scaled => "mean and deviation",
            Normalization::Seasonal { season } => return write!(f, "a season of {season} before"),
        })
    }
}

impl Normalization {
    /// Whether it is defined for a stream, which has no window: see [`crate::Session`].
    pub const fn streams(self) -> bool {
        matches!(self, Normalization::None | Normalization::Last)
    }
}

/// How the network meets samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mode {
    /// Every forecast runs the network from its zero state over the last samples.
    #[default]
    Windowed,
    /// The network's state is kept from step to step.
    Streaming {
        /// Steps from the zero state after which forecasts are as good as they will be; at least 1.
        warmup: u32,
    },
}

impl Mode {
    /// Steps from the zero state before the first forecast, where the state is kept.
    pub const fn warmup(self) -> Option<u32> {
        match self {
            Mode::Windowed => None,
            Mode::Streaming { warmup } => Some(warmup),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Windowed => "windowed",
            Mode::Streaming { .. } => "streaming",
        })
    }
}

/// The sampling interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Interval {
    /// The series had no time stamps.
    Unknown,
    /// Microseconds from one sample to the next.
    Microseconds(u64),
    /// Calendar months from one sample to the next.
    Months(u32),
}

/// The series that the model forecasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series<'m> {
    /// The CSV headers of a sample's columns, targets first, then of a classifier that of its labels, each ended by a line feed.
    pub columns: &'m str,
    /// The CSV header of the time stamps; empty if there were none.
    pub time: &'m str,
    /// The targets' unit, for people.
    pub unit: &'m str,
    /// The sampling interval.
    pub interval: Interval,
}

/// How samples become a network's steps, and its output a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Columns of a sample.
    pub features: u16,
    /// The first so many columns are forecast; 0 of a classifier.
    pub targets: u16,
    /// Samples in a window, those included that are only subtracted from others (see [`Normalization::Seasonal`]); of a streaming model,
    /// samples of a segment that it was trained on, and of its self-test.
    pub lookback: u16,
    /// Samples that enter the network together as one step.
    pub patch: u16,
    /// Samples forecast; 0 of a classifier.
    pub horizon: u16,
    /// LSTM layers.
    pub layers: u16,
    /// The value transform.
    pub transform: Transform,
    /// What is subtracted from a window.
    pub normalization: Normalization,
    /// How the network meets samples.
    pub mode: Mode,
}

/// Where the model comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance<'m> {
    /// The trainer's name and version.
    pub trainer: &'m str,
    /// The training's seed.
    pub seed: u64,
    /// SHA-256 of the CSV.
    pub data: [u8; 32],
    /// Rows of the CSV that are training rows: `[0, training)`.
    pub training: u32,
    /// Rows of validation targets, after the training rows.
    pub validation: u32,
    /// Rows of test targets, after the validation rows.
    pub test: u32,
    /// SHA-256 of the folding certificate.
    pub certificate: [u8; 32],
}

/// What a model file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest<'m> {
    /// The number system.
    pub arithmetic: Arithmetic,
    /// The order of weights.
    pub layout: Layout,
    /// How samples become steps.
    pub window: Window,
    /// Names of a classifier's classes, each ended by a line feed; empty of a forecaster.
    pub classes: &'m str,
    /// What is forecast.
    #[serde(borrow)]
    pub series: Series<'m>,
    /// Where the model comes from.
    #[serde(borrow)]
    pub provenance: Provenance<'m>,
}

impl<'m> Series<'m> {
    /// The columns' names, targets first; of a classifier, the labels' column last.
    pub fn columns(&self) -> impl Iterator<Item = &'m str> + use<'m> {
        self.columns.lines()
    }
}

impl<'m> Manifest<'m> {
    /// The classes' names.
    pub fn classes(&self) -> impl Iterator<Item = &'m str> + use<'m> {
        self.classes.split_terminator('\n')
    }

    /// How many classes there are: 0 of a forecaster, at least 2 of a classifier. Names that are not each ended are refused.
    pub fn class_count(&self) -> Result<u16, LoadError> {
        let ended = self.classes.is_empty() || self.classes.as_bytes().last() == Some(&b'\n');
        let count = self.classes.bytes().filter(|byte| *byte == b'\n').count();
        u16::try_from(count).ok().filter(|count| ended && *count != 1).ok_or(LoadError::Manifest)
    }
}
