//! Reading and writing a frame's body, field by field, little-endian.

use core::fmt;

use crate::frame::MAX_BODY;

/// A frame whose checksum fits and whose kind or body means nothing: the two sides are of different versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The frame's kind.
    pub kind: u8,
    /// Whether frames of that kind exist, and the body is what is wrong.
    pub known: bool,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.known { "a body that is not such a frame's" } else { "a kind that is not known" };
        write!(f, "a frame of kind {:#04x} has {what}: the two sides are of different versions", self.kind)
    }
}

impl core::error::Error for Malformed {}

/// Takes fields from a body.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }
}

/// Puts fields into a body.
pub(crate) struct Writer {
    bytes: [u8; MAX_BODY],
    length: usize,
}

impl Writer {
    pub fn new() -> Self {
        Writer { bytes: [0; MAX_BODY], length: 0 }
    }

    /// What does not fit is left out; no message is that long.
    pub fn put(&mut self, bytes: &[u8]) -> &mut Self {
        if let Some(space) = self.bytes.get_mut(self.length..).and_then(|space| space.get_mut(..bytes.len())) {
            space.copy_from_slice(bytes);
            self.length += bytes.len();
        }
        self
    }

    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
