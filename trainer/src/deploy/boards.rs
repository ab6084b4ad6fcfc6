//! The boards that firmware exists for.

use crate::error::{Error, Result};

/// A board: how to build for it and what runs it.
#[derive(Debug, PartialEq, Eq)]
pub struct Board {
    /// What the user calls it.
    pub name: &'static str,
    /// Its core, as programs read it: `m0`, `m3`, `m4`, `m7`, `m33`, `m55`, `riscv32`.
    pub core: &'static str,
    /// Its folder under `firmware/boards`.
    pub folder: &'static str,
    /// The compiler's name for the core.
    pub target: &'static str,
    /// The emulator's program, which is also the name of its Debian package.
    pub emulator: &'static str,
    /// The emulator's name for the board.
    pub machine: &'static str,
    /// A linker that serves where the toolchain brings none.
    pub linker: &'static str,
    /// The Debian package of that linker.
    pub linker_package: &'static str,
}

/// All of them.
pub const BOARDS: &[Board] = &[Board {
    name: "qemu-m4",
    core: "m4",
    folder: "qemu-mps2",
    target: "thumbv7em-none-eabihf",
    emulator: "qemu-system-arm",
    machine: "mps2-an386",
    linker: "arm-none-eabi-ld",
    linker_package: "binutils-arm-none-eabi",
}];

/// The board of that name.
pub fn find(name: &str) -> Result<&'static Board> {
    BOARDS.iter().find(|board| board.name == name).ok_or_else(|| {
        let known: Vec<&str> = BOARDS.iter().map(|board| board.name).collect();
        Error::input(format!("--board {name}: no such board; the known ones are {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_are_found_by_name() {
        assert_eq!(find("qemu-m4").unwrap().machine, "mps2-an386");
    }

    #[test]
    fn an_unknown_name_lists_the_known() {
        let error = find("stm32").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--board stm32") && error.to_string().contains("qemu-m4"), "{error}");
    }
}
