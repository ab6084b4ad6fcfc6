//! What an ELF file puts into flash.

use std::path::Path;

use object::{elf, read::elf::ProgramHeader};

use crate::error::{Error, Result};

/// A stretch of flash and what is to lie in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Its first address.
    pub start: u32,
    /// From there on, gaps as zeros.
    pub bytes: Vec<u8>,
}

/// Reads the loaded segments of an ELF file's bytes, by the addresses at which they are stored, which for variables with initial values are not
/// those at which they are used. `path` only names the file in an error; what lies beyond `flash` bytes from the first does not fit the board.
pub fn of(file: &[u8], path: &Path, flash: u64) -> Result<Memory> {
    let segments = segments(file).map_err(|reason| Error::file("read the segments of", path, reason))?;
    let Some(start) = segments.iter().map(|(address, _)| *address).min() else {
        return Err(Error::file("read the segments of", path, "it puts nothing into flash"));
    };
    let end = segments.iter().map(|(address, bytes)| u64::from(*address) + bytes.len() as u64).max().unwrap_or(0);
    let length = end - u64::from(start);
    if length > flash {
        return Err(Error::failed(format!("{} occupies {length} bytes of flash and the board has {flash}", path.display())));
    }
    let mut bytes = vec![0; length as usize];
    for (address, segment) in segments {
        bytes[(address - start) as usize..][..segment.len()].copy_from_slice(segment);
    }
    Ok(Memory { start, bytes })
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
    fn segments_lie_where_they_are_stored_and_gaps_are_zeros() {
        let file = elf(&[
            (1, 0x1000_0100, 0x1000_0100, b"code"),
            (1, 0x1000_0106, 0x2000_0000, b"data"),
            (1, 0x2000_0004, 0x2000_0004, b""),
            (2, 0, 0, b"no segment that is loaded"),
        ]);
        let memory = of(&file, Path::new("station"), FLASH).unwrap();
        assert_eq!(memory, Memory { start: 0x1000_0100, bytes: b"code\0\0data".to_vec() });
    }

    #[test]
    fn what_cannot_be_in_flash_is_refused() {
        let path = Path::new("station");
        let refusal = |file: &[u8]| of(file, path, FLASH).unwrap_err();
        assert_eq!(refusal(b"no ELF").exit_code(), 2);
        assert!(refusal(b"no ELF").to_string().starts_with("cannot read the segments of station: "));
        assert!(refusal(&elf(&[])).to_string().ends_with("it puts nothing into flash"));
        let wide = refusal(&elf(&[(1, 0x1000_0000, 0x1000_0000, b"a"), (1, 0x2000_0000, 0x2000_0000, b"b")]));
        assert_eq!(
            (wide.exit_code(), wide.to_string().contains("268435457 bytes of flash and the board has 1048576")),
            (1, true)
        );
    }
}
