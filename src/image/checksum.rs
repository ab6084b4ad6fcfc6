//! CRC-32 (ISO-HDLC, as in zip and PNG) over a whole file, its own field taken as zero.

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

use super::header::{CHECKSUM_AT, HEADER_LENGTH};

/// Without a table: a file is checked once at start-up, where flash is dearer than time.
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// The checksum that a file of these bytes should state. Files shorter than a header have one too.
pub fn checksum(bytes: &[u8]) -> u32 {
    let (header, rest) = bytes.split_at(HEADER_LENGTH.min(bytes.len()));
    let mut digest = CRC.digest();
    for (at, byte) in header.iter().enumerate() {
        digest.update(&[if CHECKSUM_AT.contains(&at) { 0 } else { *byte }]);
    }
    digest.update(rest);
    digest.finalize()
}

/// CRC-32 of a forecast `[targets][horizon]`: of its `f32`, little-endian.
pub fn forecast_checksum<'a>(forecast: impl IntoIterator<Item = &'a f32>) -> u32 {
    let mut digest = CRC.digest();
    for value in forecast {
        digest.update(&value.to_le_bytes());
    }
    digest.finalize()
}

/// CRC-32 over a snapshot's kind and bytes.
pub(crate) fn snapshot_checksum(kind: u8, bytes: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&[kind]);
    digest.update(bytes);
    digest.finalize()
}
