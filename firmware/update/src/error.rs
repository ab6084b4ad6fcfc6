//! What can go wrong with two slots.

use core::fmt;

use crate::{JournalError, Refused};

/// An update that was not made; the active model is what it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UpdateError<E> {
    /// This flash cannot be written while the program runs.
    NotWritable,
    /// The file does not fit the slot.
    TooLong {
        /// Bytes of a slot.
        capacity: u32,
    },
    /// No update was begun, or it was given up.
    NotBegun,
    /// The chunk is not the one that follows on the last.
    Offset {
        /// Where the next chunk begins.
        expected: u32,
    },
    /// The file's end came before all of its bytes.
    Incomplete {
        /// Bytes that there are.
        received: u32,
    },
    /// The file in the slot has another checksum than was announced.
    Digest {
        /// The file's checksum.
        found: u32,
    },
    /// The new model does not run here.
    Refused(Refused),
    /// The flash reported an error.
    Flash(E),
    /// The record that would make the model active could not be written.
    Record(JournalError<E>),
}

impl<E: fmt::Debug> fmt::Display for UpdateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpdateError::NotWritable => f.write_str("this board's flash cannot be written while its program runs"),
            UpdateError::TooLong { capacity } => write!(f, "the model is longer than the slot's {capacity} bytes"),
            UpdateError::NotBegun => f.write_str("no update has begun"),
            UpdateError::Offset { expected } => write!(f, "the next chunk begins at byte {expected}"),
            UpdateError::Incomplete { received } => write!(f, "only {received} bytes of the model were received"),
            UpdateError::Digest { found } => write!(f, "the file received has the checksum {found:08x}, which was not announced"),
            UpdateError::Refused(refused) => refused.fmt(f),
            UpdateError::Flash(error) => write!(f, "the flash reported {error:?}"),
            UpdateError::Record(error) => write!(f, "the new model could not be made active: {error}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for UpdateError<E> {}

/// A store that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError<E> {
    /// A slot does not begin at a multiple of 16, has no whole sectors, or is written in words of more than 256 bytes.
    Geometry {
        /// Which of the two.
        slot: usize,
    },
    /// The journal's flash is too small or has no whole sectors.
    Journal(JournalError<E>),
}

impl<E: fmt::Debug> fmt::Display for OpenError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Geometry { slot } => {
                write!(f, "slot {slot} does not begin at a multiple of 16 or does not consist of whole sectors of whole words")
            }
            OpenError::Journal(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for OpenError<E> {}
