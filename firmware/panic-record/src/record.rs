//! The record: bytes that are told from noise.

use core::fmt::{self, Display, Write};

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

/// Bytes of a record.
pub const SIZE: usize = 256;
const HEADER: usize = 12;
const CAPACITY: usize = SIZE - HEADER;

/// Begins a record: "PNIC" as it lies in memory.
const MAGIC: u32 = u32::from_le_bytes(*b"PNIC");

const CHECKSUM: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// What a panic said; any bytes are one, though hardly ever a whole one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Record {
    magic: u32,
    length: u32,
    checksum: u32,
    text: [u8; CAPACITY],
}

const _: () = assert!(size_of::<Record>() == SIZE);

impl Record {
    /// No record.
    pub const NONE: Record = Record { magic: 0, length: 0, checksum: 0, text: [0; CAPACITY] };

    /// A record of what is displayed, cut off where there is no room for more.
    pub fn of(what: impl Display) -> Self {
        let mut text = Text { length: 0, bytes: [0; CAPACITY] };
        // The only error is that of a text that ends early, which then is what is kept.
        let _ = write!(text, "{what}");
        let length = text.length as u32;
        Record { magic: MAGIC, length, checksum: checksum(length, &text.bytes), text: text.bytes }
    }

    /// The text, if these bytes are a record.
    pub fn text(&self) -> Option<Text> {
        let whole = self.magic == MAGIC && self.length <= CAPACITY as u32 && self.checksum == checksum(self.length, &self.text);
        let text = Text { length: self.length as usize, bytes: self.text };
        (whole && core::str::from_utf8(text.written()).is_ok()).then_some(text)
    }
}

/// Over all bytes, those behind the text too: no bit of a record may differ.
fn checksum(length: u32, text: &[u8; CAPACITY]) -> u32 {
    let mut digest = CHECKSUM.digest();
    digest.update(&length.to_le_bytes());
    digest.update(text);
    digest.finalize()
}

/// What a panic said.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    length: usize,
    bytes: [u8; CAPACITY],
}

impl Text {
    fn written(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }

    /// The text; it may have several lines.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.written()).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = CAPACITY - self.length;
        let mut length = part.len().min(room);
        while !part.is_char_boundary(length) {
            length -= 1;
        }
        self.bytes[self.length..self.length + length].copy_from_slice(&part.as_bytes()[..length]);
        self.length += length;
        if length == part.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;

    use super::*;

    /// The record as bytes, as it lies in memory.
    fn bytes(record: &Record) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        for (to, from) in bytes.chunks_exact_mut(4).zip([record.magic, record.length, record.checksum]) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        bytes[HEADER..].copy_from_slice(&record.text);
        bytes
    }

    fn record(bytes: &[u8; SIZE]) -> Record {
        let word = |index: usize| u32::from_le_bytes(bytes[4 * index..][..4].try_into().unwrap());
        Record { magic: word(0), length: word(1), checksum: word(2), text: bytes[HEADER..].try_into().unwrap() }
    }

    #[test]
    fn what_was_said_comes_back() {
        for said in ["", "panicked at src/main.rs:12:5:\nindex out of bounds", "21 °C"] {
            assert_eq!(Record::of(said).text().unwrap().as_str(), said);
        }
    }

    #[test]
    fn noise_is_no_record() {
        assert!(Record::NONE.text().is_none());
        for byte in [0x00, 0xFF, 0xA5] {
            assert!(record(&[byte; SIZE]).text().is_none());
        }
        // A length beyond the text, with a checksum that fits.
        let length = CAPACITY as u32 + 1;
        let text = [b'x'; CAPACITY];
        assert!(Record { magic: MAGIC, length, checksum: checksum(length, &text), text }.text().is_none());
        // Bytes that are no text.
        let text = [0xFF; CAPACITY];
        assert!(Record { magic: MAGIC, length: 4, checksum: checksum(4, &text), text }.text().is_none());
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let whole = bytes(&Record::of("panicked at src/main.rs:12:5"));
        assert!(record(&whole).text().is_some());
        for bit in 0..8 * SIZE {
            let mut damaged = whole;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(record(&damaged).text().is_none(), "bit {bit}");
        }
    }

    #[test]
    fn a_long_text_is_cut_off_between_characters() {
        let long = format!("{}°°°", "x".repeat(CAPACITY - 3));
        let kept = Record::of(&long).text().unwrap();
        assert_eq!(kept.as_str(), format!("{}°", "x".repeat(CAPACITY - 3)));
        let exact = "y".repeat(CAPACITY);
        assert_eq!(Record::of(&exact).text().unwrap().as_str(), exact);
        // What comes after a part that did not fit is not appended to it.
        let parts = Record::of(format_args!("{}{}", "z".repeat(CAPACITY + 1), "tail")).text().unwrap();
        assert_eq!(parts.as_str(), "z".repeat(CAPACITY));
    }
}
