//! The fixed header and the checked view of a whole file.

use core::ops::Range;

use super::LoadError;
use super::checksum::checksum;
use super::manifest::Manifest;
use super::record::Cursor;

/// The first eight bytes; the odd ones catch transfers that mangle text, as PNG's do.
pub const MAGIC: [u8; 8] = *b"\x8eRNN\r\n\x1a\n";

/// The format version that this crate reads and the trainer writes.
pub const FORMAT_VERSION: u16 = 4;

/// Bytes of the header.
pub const HEADER_LENGTH: usize = 32;

/// The file and each of its records begin at a multiple of this.
pub const ALIGNMENT: usize = 16;

/// Where the checksum stands.
pub(super) const CHECKSUM_AT: Range<usize> = 16..20;

/// The header's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the whole file.
    pub length: u32,
    /// CRC-32 of the whole file, this field taken as zero.
    pub checksum: u32,
    /// Bytes of the manifest, which follows the header.
    pub manifest: u32,
}

impl Header {
    /// The header as it stands in a file.
    pub fn to_bytes(self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        let version = FORMAT_VERSION.to_le_bytes();
        let fields = [
            &MAGIC[..],
            &version,
            &[0, 0],
            &self.length.to_le_bytes(),
            &self.checksum.to_le_bytes(),
            &self.manifest.to_le_bytes(),
        ];
        for (slot, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *slot = *byte;
        }
        bytes
    }
}

/// A little-endian field of the header.
fn field<const N: usize>(bytes: &[u8; HEADER_LENGTH], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// A model file whose bytes have been checked: header, length, checksum and manifest. What its records hold is checked when a network
/// is bound to them.
#[derive(Clone, Copy, Debug)]
pub struct Image<'m> {
    /// What the file says of itself.
    pub manifest: Manifest<'m>,
    /// The file's CRC-32, which names the model in snapshots.
    pub digest: u32,
    records: &'m [u8],
}

impl<'m> Image<'m> {
    /// Checks a whole file; trailing bytes are refused.
    pub fn open(bytes: &'m [u8]) -> Result<Self, LoadError> {
        let remainder = (bytes.as_ptr().addr() % ALIGNMENT) as u8;
        if remainder != 0 {
            return Err(LoadError::Misaligned { remainder });
        }
        let Some((header, body)) = bytes.split_first_chunk::<HEADER_LENGTH>() else {
            return Err(LoadError::TooShort { found: bytes.len() });
        };
        if field(header, 0) != MAGIC {
            return Err(LoadError::NotAModel);
        }
        let version = u16::from_le_bytes(field(header, 8));
        if version != FORMAT_VERSION {
            return Err(LoadError::Version { expected: FORMAT_VERSION, found: version });
        }
        let stated = u32::from_le_bytes(field(header, 12));
        if stated as usize != bytes.len() {
            return Err(LoadError::Length { stated, found: bytes.len() });
        }
        let stated = u32::from_le_bytes(field(header, CHECKSUM_AT.start));
        let found = checksum(bytes);
        if stated != found {
            return Err(LoadError::Checksum { stated, found });
        }
        // The header's length is a multiple of the alignment, so that what is aligned after it is aligned in the file.
        let manifest_length = u32::from_le_bytes(field(header, 20)) as usize;
        let padded = manifest_length.checked_next_multiple_of(ALIGNMENT).ok_or(LoadError::Sections)?;
        let (manifest, records) = body.split_at_checked(padded).ok_or(LoadError::Sections)?;
        let (encoded, padding) = manifest.split_at_checked(manifest_length).ok_or(LoadError::Sections)?;
        let reserved = field::<2>(header, 10).into_iter().chain(field::<8>(header, 24));
        if reserved.chain(padding.iter().copied()).any(|byte| byte != 0) {
            return Err(LoadError::Sections);
        }
        match postcard::take_from_bytes::<Manifest<'m>>(encoded) {
            Ok((manifest, [])) => Ok(Image { manifest, digest: stated, records }),
            _ => Err(LoadError::Manifest),
        }
    }

    /// The records after the manifest, first to last.
    pub fn records(&self) -> Cursor<'m> {
        Cursor::new(self.records)
    }
}
