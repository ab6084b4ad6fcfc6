//! Records: a small header and a run of tensors, read in place.

use core::fmt;

use bytemuck::Pod;

use super::header::ALIGNMENT;
use super::{Dimension, LoadError};

/// Bytes of a record's header.
pub const RECORD_HEADER_LENGTH: usize = 16;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
#[repr(u16)]
pub enum RecordKind {
    /// `[features]` of offset, scale, limit.
    Scaling = 1,
    /// An LSTM layer.
    Lstm = 2,
    /// The head.
    Dense = 3,
    /// A window of raw samples and the forecast that it must give.
    SelfTest = 4,
    /// A linear map from the window to the forecast.
    Skip = 5,
    /// Levels of quantiles, and by how much their intervals are widened.
    Intervals = 6,
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecordKind::Scaling => "scaling",
            RecordKind::Lstm => "LSTM",
            RecordKind::Dense => "dense",
            RecordKind::SelfTest => "self-test",
            RecordKind::Skip => "skip",
            RecordKind::Intervals => "intervals",
        })
    }
}

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// What the record holds.
    pub kind: RecordKind,
    /// For an LSTM its cell's form, for a dense record its head's, for a skip its rank, else 0.
    pub form: u16,
    /// Inputs (columns).
    pub inputs: u16,
    /// Units or outputs (rows).
    pub outputs: u16,
    /// Bytes of the tensors, without the padding that follows them.
    pub length: u32,
}

impl RecordHeader {
    /// The header as it stands in a file.
    pub fn to_bytes(self) -> [u8; RECORD_HEADER_LENGTH] {
        let [a, b, c, d] = [self.kind as u16, self.form, self.inputs, self.outputs].map(u16::to_le_bytes);
        let [e, f, g, h] = self.length.to_le_bytes();
        [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1], e, f, g, h, 0, 0, 0, 0]
    }
}

/// A record whose header has been read and whose tensors lie within the file.
#[derive(Clone, Copy, Debug)]
pub struct Record<'m> {
    header: RecordHeader,
    payload: &'m [u8],
}

impl<'m> Record<'m> {
    /// The header.
    pub fn header(&self) -> RecordHeader {
        self.header
    }

    /// Inputs (columns).
    pub fn inputs(&self) -> usize {
        self.header.inputs.into()
    }

    /// Units or outputs (rows).
    pub fn outputs(&self) -> usize {
        self.header.outputs.into()
    }

    /// The tensors, first to last.
    pub fn fields(&self) -> Fields<'m> {
        Fields { kind: self.header.kind, rest: self.payload }
    }

    /// The error that says that this record contradicts itself.
    pub fn malformed(&self) -> LoadError {
        LoadError::Malformed { record: self.header.kind }
    }

    /// Refuses a record whose shape is not the type's.
    pub fn expect_shape(&self, layer: u16, inputs: usize, outputs: usize) -> Result<(), LoadError> {
        for (dimension, expected, found) in
            [(Dimension::Inputs, inputs, self.header.inputs), (Dimension::Outputs, outputs, self.header.outputs)]
        {
            if expected != usize::from(found) {
                return Err(LoadError::Shape { dimension, layer, expected: expected as u32, found: found.into() });
            }
        }
        Ok(())
    }
}

/// Walks a file's records.
#[derive(Clone, Debug)]
pub struct Cursor<'m> {
    rest: &'m [u8],
    layer: u16,
}

impl<'m> Cursor<'m> {
    /// Walks bytes that hold records and nothing else.
    pub fn new(records: &'m [u8]) -> Self {
        Cursor { rest: records, layer: 0 }
    }

    /// Bytes not yet read.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The number of the next LSTM or dense record, counted from 0.
    pub fn layer(&self) -> u16 {
        self.layer
    }

    /// The next record's kind as a number; `None` where the file ends.
    pub fn upcoming(&self) -> Option<u16> {
        self.rest.first_chunk().map(|kind| u16::from_le_bytes(*kind))
    }

    /// The next record, which must be of the given kind.
    pub fn next(&mut self, expected: RecordKind) -> Result<Record<'m>, LoadError> {
        let malformed = LoadError::Malformed { record: expected };
        if self.rest.is_empty() {
            return Err(LoadError::Record { expected, found: 0 });
        }
        let (head, rest) = self.rest.split_first_chunk::<RECORD_HEADER_LENGTH>().ok_or(malformed)?;
        let [k0, k1, f0, f1, i0, i1, o0, o1, l0, l1, l2, l3, reserved @ ..] = *head;
        let kind = u16::from_le_bytes([k0, k1]);
        if kind != expected as u16 {
            return Err(LoadError::Record { expected, found: kind });
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let padded = (length as usize).checked_next_multiple_of(ALIGNMENT).ok_or(malformed)?;
        let (payload, rest) = rest.split_at_checked(padded).ok_or(malformed)?;
        let (payload, padding) = payload.split_at_checked(length as usize).ok_or(malformed)?;
        let form = u16::from_le_bytes([f0, f1]);
        let has_form = matches!(expected, RecordKind::Lstm | RecordKind::Dense | RecordKind::Skip);
        if reserved != [0; 4] || padding.iter().any(|byte| *byte != 0) || (form != 0 && !has_form) {
            return Err(malformed);
        }
        self.rest = rest;
        if matches!(expected, RecordKind::Lstm | RecordKind::Dense) {
            self.layer = self.layer.saturating_add(1);
        }
        let header = RecordHeader {
            kind: expected,
            form,
            inputs: u16::from_le_bytes([i0, i1]),
            outputs: u16::from_le_bytes([o0, o1]),
            length,
        };
        Ok(Record { header, payload })
    }

    /// Refuses bytes after the last record.
    pub fn end(&self) -> Result<(), LoadError> {
        if self.rest.is_empty() { Ok(()) } else { Err(LoadError::TrailingBytes { found: self.rest.len() }) }
    }
}

/// Takes tensors from a record, one after the other.
#[derive(Clone, Debug)]
pub struct Fields<'m> {
    kind: RecordKind,
    rest: &'m [u8],
}

impl<'m> Fields<'m> {
    /// The next `count` elements.
    pub fn slice<T: Pod>(&mut self, count: usize) -> Result<&'m [T], LoadError> {
        let malformed = LoadError::Malformed { record: self.kind };
        let (taken, rest) =
            count.checked_mul(size_of::<T>()).and_then(|bytes| self.rest.split_at_checked(bytes)).ok_or(malformed)?;
        self.rest = rest;
        bytemuck::try_cast_slice(taken).map_err(|_| malformed)
    }

    /// The next `N` elements.
    pub fn array<T: Pod, const N: usize>(&mut self) -> Result<&'m [T; N], LoadError> {
        self.slice(N)?.first_chunk().ok_or(LoadError::Malformed { record: self.kind })
    }

    /// Bytes that have not been taken.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Refuses bytes after the last tensor.
    pub fn end(&self) -> Result<(), LoadError> {
        if self.rest.is_empty() { Ok(()) } else { Err(LoadError::Malformed { record: self.kind }) }
    }
}
