//! What stands between two zero bytes.

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

/// Bytes of a frame's body at most. With head and checksum it stays below 255, so that stuffing costs one byte whatever it holds.
pub const MAX_BODY: usize = 240;

/// Bytes of kind and number.
pub(crate) const HEAD: usize = 3;
/// Bytes of the checksum.
pub(crate) const SUM: usize = 4;
/// Bytes of a frame at most, before stuffing.
pub(crate) const PLAIN: usize = HEAD + MAX_BODY + SUM;

/// Bytes of a frame on the line at most: a zero byte, the stuffed frame, a zero byte.
pub const ENCODED: usize = 1 + 1 + PLAIN + 1;

const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// A frame as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the body means.
    pub kind: u8,
    /// A request's number, which its replies carry too.
    pub number: u16,
    /// The rest.
    pub body: &'a [u8],
}

/// CRC-32 of a frame's head and body.
pub(crate) fn checksum(plain: &[u8]) -> [u8; SUM] {
    CRC.checksum(plain).to_le_bytes()
}

/// Writes a frame as it goes on the line and returns what was written. Of a body that is too long, nothing is.
pub fn encode<'o>(frame: &Frame<'_>, line: &'o mut [u8; ENCODED]) -> &'o [u8] {
    let mut plain = [0; PLAIN];
    let length = HEAD + frame.body.len() + SUM;
    let head = [&[frame.kind][..], &frame.number.to_le_bytes(), frame.body];
    for (slot, byte) in plain.iter_mut().zip(head.into_iter().flatten()) {
        *slot = *byte;
    }
    let Some((content, sum)) = plain.get_mut(..length).and_then(<[u8]>::split_last_chunk_mut::<SUM>) else { return &[] };
    *sum = checksum(content);
    let plain = plain.get(..length).unwrap_or_default();

    // Consistent overhead byte stuffing (Cheshire and Baker, 1999): each zero is replaced by the distance to the next.
    let written = length + 3;
    line.fill(0);
    let mut code = 1;
    for (index, byte) in plain.iter().enumerate() {
        let at = index + 2;
        if *byte == 0 {
            stuff(line, code, at);
            code = at;
        } else if let Some(slot) = line.get_mut(at) {
            *slot = *byte;
        }
    }
    stuff(line, code, length + 2);
    line.get(..written).unwrap_or_default()
}

/// Writes the distance between two places into the first. It fits: a frame is shorter.
fn stuff(line: &mut [u8], from: usize, to: usize) {
    if let Some(slot) = line.get_mut(from) {
        *slot = (to - from) as u8;
    }
}
