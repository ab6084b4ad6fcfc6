//! What an ELF file puts into flash.

use std::path::Path;

use object::{elf, read::elf::ProgramHeader};

use crate::error::{Error, Result};

/// What is to lie in flash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Addresses and the bytes from each on, in the order of the addresses; they do not overlap. The first is there.
    stretches: Vec<(u32, Vec<u8>)>,
}

impl Memory {
    /// Of one stretch at least, in order and without overlap.
    #[cfg(test)]
    pub fn new(stretches: Vec<(u32, Vec<u8>)>) -> Self {
        Memory { stretches }
    }

    /// Its stretches.
    pub fn stretches(&self) -> &[(u32, Vec<u8>)] {
        &self.stretches
    }

    /// From the first address to the last, as a flat file; what lies between stretches reads as erased flash does.
    pub fn flat(&self) -> Vec<u8> {
        let start = self.stretches[0].0 as usize;
        let mut bytes = Vec::new();
        for (address, stretch) in &self.stretches {
            bytes.resize(*address as usize - start, 0xFF);
            bytes.extend_from_slice(stretch);
        }
        bytes
    }
}

/// Reads the loaded segments of an ELF file's bytes, by the addresses at which they are stored, which for variables with initial values are not
/// those at which they are used. `path` only names the file in an error; what lies beyond `flash` bytes from the first does not fit the board.
pub fn of(file: &[u8], path: &Path, flash: u64) -> Result<Memory> {
    let mut segments = segments(file).map_err(|reason| Error::file("read the segments of", path, reason))?;
    segments.sort_by_key(|(address, _)| *address);
    let Some(&(start, _)) = segments.first() else {
        return Err(Error::file("read the segments of", path, "it puts nothing into flash"));
    };
    let mut end = u64::from(start);
    for (address, bytes) in &segments {
        if u64::from(*address) < end {
            return Err(Error::file("read the segments of", path, format!("two of them lie at {address:#010x}")));
        }
        end = u64::from(*address) + bytes.len() as u64;
    }
    let length = end - u64::from(start);
    if length > flash {
        return Err(Error::failed(format!("{} occupies {length} bytes of flash and the board has {flash}", path.display())));
    }
    Ok(Memory { stretches: segments.into_iter().map(|(address, bytes)| (address, bytes.to_vec())).collect() })
}

fn segments(file: &[u8]) -> std::result::Result<Vec<(u32, &[u8])>, String> {
    let object::File::Elf32(parsed) = object::File::parse(file).map_err(|reason| reason.to_string())? else {
        return Err("it is no ELF file of 32 bits".into());
    };
    let endian = parsed.endian();
    let mut segments = Vec::new();
    for header in parsed.elf_program_headers() {
        let data = header.data(endian, file).map_err(|()| "a segment lies outside of the file".to_string())?;
        if header.p_type(endian) == elf::PT_LOAD && !data.is_empty() {
            segments.push((header.p_paddr(endian), data));
        }
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLASH: u64 = 1 << 20;

    /// An ELF file of program headers alone: type, address where stored, address where used, bytes.
    fn elf(segments: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
        let mut file = b"\x7fELF\x01\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend([2u16, 40].iter().flat_map(|half| half.to_le_bytes()));
        file.extend([1u32, 0, 52, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
        file.extend([52u16, 32, segments.len() as u16, 40, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
        let mut offset = 52 + 32 * segments.len() as u32;
        for (kind, stored, used, bytes) in segments {
            let length = bytes.len() as u32;
            file.extend([*kind, offset, *used, *stored, length, length, 5, 4].iter().flat_map(|word| word.to_le_bytes()));
            offset += length;
        }
        segments.iter().for_each(|(.., bytes)| file.extend_from_slice(bytes));
        file
    }

    #[test]
    fn segments_lie_where_they_are_stored_and_gaps_are_erased() {
        let file = elf(&[
            (1, 0x1000_0100, 0x1000_0100, b"code"),
            (1, 0x1000_0106, 0x2000_0000, b"data"),
            (1, 0x2000_0004, 0x2000_0004, b""),
            (2, 0, 0, b"no segment that is loaded"),
        ]);
        let memory = of(&file, Path::new("station"), FLASH).unwrap();
        assert_eq!(memory.stretches(), [(0x1000_0100, b"code".to_vec()), (0x1000_0106, b"data".to_vec())]);
        assert_eq!(memory.flat(), b"code\xFF\xFFdata");
    }

    #[test]
    fn what_cannot_be_in_flash_is_refused() {
        let path = Path::new("station");
        let refusal = |file: &[u8]| of(file, path, FLASH).unwrap_err();
        assert_eq!(refusal(b"no ELF").exit_code(), 2);
        assert!(refusal(b"no ELF").to_string().starts_with("cannot read the segments of station: "));
        assert!(refusal(&elf(&[])).to_string().ends_with("it puts nothing into flash"));
        let twice = refusal(&elf(&[(1, 0x1000_0000, 0x1000_0000, b"code"), (1, 0x1000_0003, 0x1000_0003, b"data")]));
        assert!(twice.to_string().ends_with("two of them lie at 0x10000003"), "{twice}");
        let wide = refusal(&elf(&[(1, 0x1000_0000, 0x1000_0000, b"a"), (1, 0x2000_0000, 0x2000_0000, b"b")]));
        assert_eq!(
            (wide.exit_code(), wide.to_string().contains("268435457 bytes of flash and the board has 1048576")),
            (1, true)
        );
    }
}
