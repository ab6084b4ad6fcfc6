//! Why a model file was refused.

use core::fmt;

use super::manifest::{Arithmetic, Layout, Mode};
use super::record::RecordKind;
use crate::network::{CellForm, HeadForm};

/// Which size of a network a [`LoadError::Shape`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Dimension {
    /// Columns of a sample.
    Features,
    /// Columns that are forecast.
    Targets,
    /// Samples in a window.
    Lookback,
    /// Samples in a network step.
    Patch,
    /// Samples forecast.
    Horizon,
    /// A layer's inputs.
    Inputs,
    /// A layer's units, or a head's outputs.
    Outputs,
    /// LSTM layers.
    Layers,
    /// Products of the window that a linear skip takes.
    Rank,
    /// Quantiles of each value of a forecast.
    Quantiles,
    /// Samples in a season that is subtracted from the next.
    Season,
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dimension::Features => "features",
            Dimension::Targets => "targets",
            Dimension::Lookback => "lookback",
            Dimension::Patch => "patch",
            Dimension::Horizon => "horizon",
            Dimension::Inputs => "inputs",
            Dimension::Outputs => "outputs",
            Dimension::Layers => "layers",
            Dimension::Rank => "rank",
            Dimension::Quantiles => "quantiles",
            Dimension::Season => "season",
        })
    }
}

/// Why a model file was refused. Nothing of a refused file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes do not begin at a multiple of 16; [`crate::include_model!`] aligns them.
    Misaligned {
        /// The address modulo 16.
        remainder: u8,
    },
    /// Fewer bytes than a header has.
    TooShort {
        /// Bytes given.
        found: usize,
    },
    /// The first bytes are not a model file's.
    NotAModel,
    /// A format version that this crate does not read.
    Version {
        /// The version that it reads.
        expected: u16,
        /// The file's.
        found: u16,
    },
    /// The header's length and the number of bytes differ: the file is cut, or something follows it.
    Length {
        /// Bytes that the header states.
        stated: u32,
        /// Bytes given.
        found: usize,
    },
    /// The bytes changed since the file was written.
    Checksum {
        /// CRC-32 that the header states.
        stated: u32,
        /// CRC-32 of the bytes.
        found: u32,
    },
    /// The header's sections do not lie within the file, or bytes between them that must be zero are not.
    Sections,
    /// The manifest cannot be decoded.
    Manifest,
    /// Written for another number system than the type's.
    Arithmetic {
        /// The type's.
        expected: Arithmetic,
        /// The file's.
        found: Arithmetic,
    },
    /// Weights packed for other kernels than the type's.
    LayoutMismatch {
        /// The type's.
        expected: Layout,
        /// The file's.
        found: Layout,
    },
    /// A record of another kind stands where one was expected.
    Record {
        /// The kind that the type asks for.
        expected: RecordKind,
        /// The file's, as a number; 0 where the file ends.
        found: u16,
    },
    /// A record's length or parameters do not fit its own shape, or bytes of it that must be zero are not.
    Malformed {
        /// The record's kind.
        record: RecordKind,
    },
    /// A size differs between type and file.
    Shape {
        /// Which size.
        dimension: Dimension,
        /// The LSTM layer (or, after the last, the head) that it belongs to, counted from 0.
        layer: u16,
        /// The type's.
        expected: u32,
        /// The file's.
        found: u32,
    },
    /// The cell's form differs between type and file.
    Form {
        /// The LSTM layer, counted from 0.
        layer: u16,
        /// The type's.
        expected: CellForm,
        /// The file's, as a number.
        found: u16,
    },
    /// The arithmetic does not compute the cell's form.
    FormOfArithmetic {
        /// The arithmetic.
        arithmetic: Arithmetic,
        /// The form that it lacks.
        form: CellForm,
    },
    /// The head's form differs between type and file.
    HeadForm {
        /// The type's.
        expected: HeadForm,
        /// The file's, as a number.
        found: u16,
    },
    /// The network's type is a classifier and the file a forecaster, the other way round, or they have not as many classes.
    Classes {
        /// The type's classes; 0 where it is a forecaster.
        expected: u32,
        /// The file's.
        found: u32,
    },
    /// The file's forecasts are of the other mode than the type's.
    Mode {
        /// The file's.
        found: Mode,
    },
    /// Bytes follow the last record.
    TrailingBytes {
        /// How many.
        found: usize,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            LoadError::Misaligned { remainder } => {
                write!(f, "the model begins {remainder} bytes past a multiple of 16: link it with include_model!")
            }
            LoadError::TooShort { found } => write!(f, "{found} bytes are too few for a model file"),
            LoadError::NotAModel => f.write_str("this is not a model file: its first bytes are others"),
            LoadError::Version { expected, found } => {
                write!(f, "the file has format version {found}, this crate reads {expected}")
            }
            LoadError::Length { stated, found } => {
                write!(f, "the file should have {stated} bytes and has {found}: it was cut, or something follows it")
            }
            LoadError::Checksum { stated, found } => {
                write!(f, "the file is damaged: CRC-32 {found:08x} where {stated:08x} is stated")
            }
            LoadError::Sections => f.write_str("the file's sections do not lie within it"),
            LoadError::Manifest => f.write_str("the file's manifest cannot be decoded"),
            LoadError::Arithmetic { expected, found } => {
                write!(f, "the file is for {found} arithmetic, the network's type for {expected}")
            }
            LoadError::LayoutMismatch { expected, found } => {
                write!(f, "the file's weights are laid out {found}, the network's type reads {expected}")
            }
            LoadError::Record { expected, found } => {
                write!(f, "a record of kind {found} stands where one of kind {} ({expected}) was expected", expected as u16)
            }
            LoadError::Malformed { record } => write!(f, "the {record} record does not fit its own shape"),
            LoadError::Shape { dimension, layer, expected, found } => {
                write!(f, "{dimension} of layer {layer}: the network's type has {expected}, the file {found}")
            }
            LoadError::Form { layer, expected, found } => {
                write!(
                    f,
                    "layer {layer} of the network's type is {expected} ({}), the file's cell form is {found}",
                    expected.number()
                )
            }
            LoadError::FormOfArithmetic { arithmetic, form } => {
                write!(f, "{arithmetic} arithmetic has no layer norm, which {form} ({}) needs: use int8", form.number())
            }
            LoadError::HeadForm { expected, found } => {
                write!(f, "the head of the network's type is {expected} ({}), the file's head form is {found}", expected.number())
            }
            LoadError::Classes { expected: 0, found } => {
                write!(f, "the file is a classifier of {found} classes, the network's type a forecaster")
            }
            LoadError::Classes { expected, found: 0 } => {
                write!(f, "the file is a forecaster, the network's type a classifier of {expected} classes")
            }
            LoadError::Classes { expected, found } => {
                write!(f, "the network's type has {expected} classes, the file {found}")
            }
            LoadError::Mode { found: Mode::Windowed } => {
                f.write_str("the file forecasts from windows, the type is for a stream: leave Streaming out of it")
            }
            LoadError::Mode { found: Mode::Streaming { .. } } => {
                f.write_str("the file forecasts from a stream, the type is for windows: add Streaming to it")
            }
            LoadError::TrailingBytes { found } => write!(f, "{found} bytes follow the last record"),
        }
    }
}

impl core::error::Error for LoadError {}
