//! What the world can do wrong after a model was loaded.

use core::error::Error;
use core::fmt;

/// A sample that was refused; the history is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SampleError {
    /// NaN or infinite.
    NotFinite {
        /// The sample's column.
        feature: u16,
    },
    /// Outside the value transform's domain: negative under a square root, not positive under a logarithm.
    OutOfDomain {
        /// The sample's column.
        feature: u16,
    },
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SampleError::NotFinite { feature } => write!(f, "column {feature} of the sample is not a finite number"),
            SampleError::OutOfDomain { feature } => {
                write!(f, "column {feature} of the sample lies outside the value transform's domain")
            }
        }
    }
}

impl Error for SampleError {}

/// A forecast was asked for before the window was full, or before the stream had settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotReady {
    /// Samples still missing.
    pub missing: usize,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} more samples are needed before the first forecast", self.missing)
    }
}

impl Error for NotReady {}

/// A model that does not give the forecast that its file promises: the crate or the compiler computes other bits than the trainer's.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SelfTestError {
    /// A sample of the file's test window was refused.
    Sample(SampleError),
    /// The file's test window is shorter than the model's window. No file that was bound has such a one.
    NotReady(NotReady),
    /// The forecast's bits differ.
    Mismatch {
        /// The file's CRC-32 of the forecast.
        expected: u32,
        /// That of what this target computed.
        found: u32,
    },
}

impl fmt::Display for SelfTestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SelfTestError::Sample(error) => write!(f, "the self-test's window was refused: {error}"),
            SelfTestError::NotReady(error) => write!(f, "the self-test's window is short: {error}"),
            SelfTestError::Mismatch { expected, found } => {
                write!(f, "the self-test's forecast has the checksum {found:08x} where the file states {expected:08x}")
            }
        }
    }
}

impl Error for SelfTestError {}

/// A snapshot that was not saved or not restored; the state is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SnapshotError {
    /// The buffer has another size than the snapshot.
    Length {
        /// Bytes that a snapshot has.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// Taken from another model file.
    OtherModel {
        /// This model's CRC-32.
        expected: u32,
        /// The snapshot's.
        found: u32,
    },
    /// The bytes changed since they were saved.
    Damaged,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SnapshotError::Length { expected, found } => {
                write!(f, "a snapshot of this state has {expected} bytes, the buffer {found}")
            }
            SnapshotError::OtherModel { expected, found } => {
                write!(f, "the snapshot belongs to model {found:08x}, this one is {expected:08x}")
            }
            SnapshotError::Damaged => f.write_str("the snapshot's checksum does not fit its bytes"),
        }
    }
}

impl Error for SnapshotError {}
