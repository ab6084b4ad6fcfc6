//! From a line's bytes to frames.

use crate::frame::{Frame, HEAD, PLAIN, SUM, checksum};

/// What stood between two zero bytes and is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// More bytes than a frame has.
    TooLong,
    /// Fewer bytes than a frame has.
    TooShort,
    /// The stuffing does not come out even.
    Stuffing,
    /// The checksum does not fit.
    Checksum,
}

/// Takes bytes one by one. After damage, the next zero byte begins anew.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// The stuffed bytes since the last zero byte.
    buffer: [u8; PLAIN + 1],
    length: usize,
    too_long: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// At the beginning of a line.
    pub const fn new() -> Self {
        Decoder { buffer: [0; PLAIN + 1], length: 0, too_long: false }
    }

    /// Takes the next byte; a zero byte completes what came before it. Zero bytes in a row are no damage.
    pub fn push(&mut self, byte: u8) -> Option<Result<Frame<'_>, Damage>> {
        if byte != 0 {
            match self.buffer.get_mut(self.length) {
                Some(slot) => {
                    *slot = byte;
                    self.length += 1;
                }
                None => self.too_long = true,
            }
            return None;
        }
        let (length, too_long) = (self.length, self.too_long);
        (self.length, self.too_long) = (0, false);
        match length {
            0 => None,
            _ if too_long => Some(Err(Damage::TooLong)),
            _ => Some(self.frame(length)),
        }
    }

    fn frame(&mut self, length: usize) -> Result<Frame<'_>, Damage> {
        let stuffed = self.buffer.get_mut(..length).ok_or(Damage::TooLong)?;
        unstuff(stuffed)?;
        // The first byte was the first distance.
        let plain = stuffed.get(1..).ok_or(Damage::TooShort)?;
        let (content, sum) = plain.split_last_chunk::<SUM>().ok_or(Damage::TooShort)?;
        let ([kind, a, b], body) = content.split_first_chunk::<HEAD>().ok_or(Damage::TooShort)?;
        if checksum(content) != *sum {
            return Err(Damage::Checksum);
        }
        Ok(Frame { kind: *kind, number: u16::from_le_bytes([*a, *b]), body })
    }
}

/// Puts the zeros back in place: each distance but the first stands where one was.
fn unstuff(bytes: &mut [u8]) -> Result<(), Damage> {
    let mut at = 0;
    while at < bytes.len() {
        let distance = bytes.get_mut(at).map(core::mem::take).unwrap_or_default();
        // Zero bytes end a frame, so that none is within.
        at += usize::from(distance.max(1));
    }
    if at == bytes.len() { Ok(()) } else { Err(Damage::Stuffing) }
}
