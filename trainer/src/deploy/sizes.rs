//! What an image occupies in flash and RAM, from its section headers.

use std::path::Path;

use object::{Object, ObjectSection, SectionFlags, elf};

use crate::error::{Error, Result};

/// Bytes by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Code, and the vector table.
    pub text: u64,
    /// Constants: weights and tables, and whatever test data is linked in.
    pub rodata: u64,
    /// Variables with initial values, which occupy flash too.
    pub data: u64,
    /// Variables that start as zero or not initialized. The stack comes on top of it.
    pub bss: u64,
}

impl Sizes {
    /// Bytes of flash.
    pub fn flash(&self) -> u64 {
        self.text + self.rodata + self.data
    }

    /// Bytes of RAM for variables, without the stack.
    pub fn ram(&self) -> u64 {
        self.data + self.bss
    }
}

/// Reads them from an ELF file's bytes; `path` only names it in an error.
pub fn of(elf: &[u8], path: &Path) -> Result<Sizes> {
    let file = object::File::parse(elf).map_err(|reason| Error::file("read the sections of", path, reason))?;
    let mut sizes = Sizes::default();
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, sh_type } = section.flags() else { continue };
        // Debug information and the log's strings are in the file and never on the board.
        if !sh_flags.contains(elf::SHF_ALLOC) {
            continue;
        }
        // A stretch of memory that the linker script sets aside: nothing lies in it.
        if matches!(section.name(), Ok(".stack" | ".heap")) {
            continue;
        }
        let size = section.size();
        // The vector table holds addresses and no code, yet belongs to the program rather than to its constants.
        let code = sh_flags.contains(elf::SHF_EXECINSTR) || section.name() == Ok(".vector_table");
        let kind = if sh_type == elf::SHT_NOBITS {
            &mut sizes.bss
        } else if sh_flags.contains(elf::SHF_WRITE) {
            // Code that runs in RAM lies among the variables.
            &mut sizes.data
        } else if code {
            &mut sizes.text
        } else {
            &mut sizes.rodata
        };
        *kind += size;
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_elf_is_refused_by_name() {
        let error = of(b"not an ELF file", Path::new("demo")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read the sections of demo: "), "{error}");
    }

    #[test]
    fn sums() {
        let sizes = Sizes { text: 1, rodata: 20, data: 300, bss: 4000 };
        assert_eq!((sizes.flash(), sizes.ram()), (321, 4300));
    }
}
