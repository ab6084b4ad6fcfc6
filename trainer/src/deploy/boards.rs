//! The boards that firmware exists for.

use super::uf2::{self, Family};
use crate::error::{Error, Result};
use crate::pack::Core;

/// A board: how to build for it and what runs it.
#[derive(Debug, PartialEq, Eq)]
pub struct Board {
    /// What the user calls it.
    pub name: &'static str,
    /// Its core, as programs read it: `m0`, `m3`, `m4`, `m7`, `m33`, `m55`, `riscv32`.
    pub core: &'static str,
    /// Its core, as people write it.
    pub core_name: &'static str,
    /// Its folder under `firmware/boards`.
    pub folder: &'static str,
    /// The compiler's name for the core.
    pub target: &'static str,
    /// The core itself, where the target's own instructions are fewer than the core has.
    pub cpu: Option<&'static str>,
    /// The order of an integer model's weights that it reads fastest.
    pub packing: Core,
    /// Features of the board's firmware.
    pub features: &'static [&'static str],
    /// How it is emulated, if it is.
    pub emulator: Option<Emulator>,
    /// How an image gets onto it, if it exists.
    pub hardware: Option<Hardware>,
    /// The linker that serves where the toolchain brings none.
    pub linker: Linker,
    /// Bytes of flash that the board has.
    pub flash: u64,
    /// Bytes of RAM that the board has.
    pub ram: u64,
}

/// How a board is emulated.
#[derive(Debug, PartialEq, Eq)]
pub struct Emulator {
    /// The emulator's program.
    pub program: &'static str,
    /// The Debian package of that program.
    pub package: &'static str,
    /// The emulator's name for the board.
    pub machine: &'static str,
    /// Further arguments.
    pub arguments: &'static [&'static str],
    /// Instructions that pass in so many ticks of the counter: what the calibration has to find.
    pub instructions_in_ticks: (u64, u64),
}

/// A board that can be bought, and how an image gets onto it.
#[derive(Debug, PartialEq, Eq)]
pub struct Hardware {
    /// Its name on the box.
    pub product: &'static str,
    /// How it takes an image without a probe, if it does.
    pub drive: Option<Drive>,
    /// What probe-rs calls its chip.
    pub chip: &'static str,
    /// Bytes of a slot for a model, of which it has two.
    pub slot: u64,
    /// How to connect it, as a sentence.
    pub connect: &'static str,
    /// Where its lines appear, as a sentence.
    pub listen: &'static str,
    /// The emulated board with the same core: what costs are counted on.
    pub counted_on: &'static str,
}

/// The drive as which a board shows itself.
#[derive(Debug, PartialEq, Eq)]
pub enum Drive {
    /// A boot loader that takes UF2 files.
    Uf2 {
        /// What chip they are for.
        family: Family,
        /// The `Board-ID` in the drive's `INFO_UF2.TXT`.
        id: &'static str,
    },
    /// A probe on the board that writes a flat file into flash.
    Flat {
        /// The drive's label.
        label: &'static str,
    },
}

/// A linker and where it comes from.
#[derive(Debug, PartialEq, Eq)]
pub struct Linker {
    /// The program.
    pub program: &'static str,
    /// The Debian package of that program.
    pub package: &'static str,
}

const BINUTILS: Linker = Linker { program: "arm-none-eabi-ld", package: "binutils-arm-none-eabi" };
const LLD: Linker = Linker { program: "ld.lld", package: "lld" };

const fn arm(machine: &'static str, instructions_in_ticks: (u64, u64)) -> Option<Emulator> {
    let program = "qemu-system-arm";
    Some(Emulator { program, package: program, machine, arguments: &[], instructions_in_ticks })
}

/// Arm's MPS2 board with a Cortex-M4F; its siblings differ from it in the core.
const MPS2: Board = Board {
    name: "qemu-m4",
    core: "m4",
    core_name: "Cortex-M4",
    folder: "qemu-mps2",
    target: "thumbv7em-none-eabihf",
    cpu: None,
    packing: Core::CortexM4,
    features: &[],
    emulator: arm("mps2-an386", (40, 1)),
    hardware: None,
    linker: BINUTILS,
    flash: 4 << 20,
    ram: 4 << 20,
};

/// All of them.
pub const BOARDS: &[Board] = &[
    Board {
        name: "qemu-m0",
        core: "m0",
        core_name: "Cortex-M0",
        folder: "qemu-microbit",
        target: "thumbv6m-none-eabi",
        packing: Core::CortexM0,
        emulator: arm("microbit", (125, 2)),
        flash: 256 << 10,
        ram: 16 << 10,
        ..MPS2
    },
    Board {
        name: "qemu-m3",
        core: "m3",
        core_name: "Cortex-M3",
        target: "thumbv7m-none-eabi",
        packing: Core::CortexM3,
        emulator: arm("mps2-an385", (40, 1)),
        ..MPS2
    },
    MPS2,
    Board {
        name: "qemu-m7",
        core: "m7",
        core_name: "Cortex-M7",
        packing: Core::CortexM7,
        emulator: arm("mps2-an500", (40, 1)),
        ..MPS2
    },
    Board {
        name: "qemu-m33",
        core: "m33",
        core_name: "Cortex-M33",
        target: "thumbv8m.main-none-eabihf",
        cpu: Some("cortex-m33"),
        packing: Core::CortexM33,
        features: &["dsp"],
        emulator: arm("mps2-an505", (50, 1)),
        ..MPS2
    },
    Board {
        name: "qemu-m55",
        core: "m55",
        core_name: "Cortex-M55",
        folder: "qemu-mps3",
        target: "thumbv8m.main-none-eabihf",
        cpu: Some("cortex-m55"),
        packing: Core::CortexM55,
        features: &["mve"],
        emulator: arm("mps3-an547", (125, 4)),
        flash: 512 << 10,
        ram: 512 << 10,
        ..MPS2
    },
    Board {
        name: "qemu-riscv32",
        core: "riscv32",
        core_name: "RV32IMAC",
        folder: "qemu-riscv32",
        target: "riscv32imac-unknown-none-elf",
        packing: Core::Riscv32,
        emulator: Some(Emulator {
            program: "qemu-system-riscv32",
            package: "qemu-system-misc",
            machine: "virt",
            arguments: &["-bios", "none"],
            instructions_in_ticks: (1, 1),
        }),
        linker: LLD,
        flash: 8 << 20,
        ram: 8 << 20,
        ..MPS2
    },
    Board {
        name: "rp2040",
        core: "m0",
        core_name: "Cortex-M0+",
        folder: "rp2040",
        target: "thumbv6m-none-eabi",
        packing: Core::CortexM0,
        emulator: None,
        hardware: Some(Hardware {
            product: "Raspberry Pi Pico",
            drive: Some(Drive::Uf2 { family: uf2::RP2040, id: "RPI-RP2" }),
            chip: "RP2040",
            slot: 256 << 10,
            connect: BOOTSEL,
            listen: USB_SERIAL,
            counted_on: "qemu-m0",
        }),
        flash: 2 << 20,
        ram: 264 << 10,
        ..MPS2
    },
    Board {
        name: "rp2350",
        core: "m33",
        core_name: "Cortex-M33",
        folder: "rp2350",
        target: "thumbv8m.main-none-eabihf",
        cpu: Some("cortex-m33"),
        packing: Core::CortexM33,
        emulator: None,
        hardware: Some(Hardware {
            product: "Raspberry Pi Pico 2",
            drive: Some(Drive::Uf2 { family: uf2::RP2350_ARM, id: "RP2350" }),
            chip: "RP235x",
            slot: 256 << 10,
            connect: BOOTSEL,
            listen: USB_SERIAL,
            counted_on: "qemu-m33",
        }),
        flash: 4 << 20,
        ram: 520 << 10,
        ..MPS2
    },
    Board {
        name: "stm32f4",
        folder: "stm32f4",
        emulator: None,
        hardware: Some(Hardware {
            product: "ST Nucleo-F411RE",
            drive: Some(Drive::Flat { label: "NODE_F411RE" }),
            chip: "STM32F411RETx",
            slot: 128 << 10,
            connect: "plug the board's USB into the computer: the probe on it is all it needs",
            listen: "its lines come from the probe's serial port, 115200 baud (Linux: /dev/ttyACM0)",
            counted_on: "qemu-m4",
        }),
        flash: 512 << 10,
        ram: 128 << 10,
        ..MPS2
    },
    Board {
        name: "nrf52840",
        folder: "nrf52840",
        emulator: None,
        hardware: Some(Hardware {
            product: "Nordic nRF52840-DK",
            drive: None,
            chip: "nRF52840_xxAA",
            slot: 192 << 10,
            connect: "plug the board's USB (J2) into the computer: the probe on it is all it needs",
            listen: "its lines come from the probe's serial port, 115200 baud (Linux: /dev/ttyACM0)",
            counted_on: "qemu-m4",
        }),
        flash: 1 << 20,
        ram: 256 << 10,
        ..MPS2
    },
];

const BOOTSEL: &str = "hold the button BOOTSEL, plug the board's USB into the computer, let go: it shows itself as a drive";
const USB_SERIAL: &str = "its lines come from a serial port by USB (Linux: /dev/ttyACM0)";

/// Those that an emulator runs.
pub fn emulated() -> impl Iterator<Item = &'static Board> {
    BOARDS.iter().filter(|board| board.emulator.is_some())
}

/// Those that can be bought, with how an image gets onto each.
pub fn real() -> impl Iterator<Item = (&'static Board, &'static Hardware)> {
    BOARDS.iter().filter_map(|board| Some((board, board.hardware.as_ref()?)))
}

impl Board {
    /// Refuses a model file that the board's flash cannot hold, before a build that would end with the linker's words.
    pub fn expect_room(&self, model: u64) -> Result<()> {
        if model < self.flash {
            return Ok(());
        }
        Err(Error::failed(format!(
            "the model file has {model} bytes and {} {} bytes of flash: train a smaller network or choose another board",
            self.name, self.flash
        )))
    }
}

/// The board of that name.
pub fn find(name: &str) -> Result<&'static Board> {
    BOARDS.iter().find(|board| board.name == name).ok_or_else(|| unknown(name, BOARDS.iter()))
}

/// The emulated board of that name.
pub fn find_emulated(name: &str) -> Result<&'static Board> {
    emulated().find(|board| board.name == name).ok_or_else(|| match find(name) {
        Ok(_) => Error::input(format!("--board {name} is not emulated: choose one of {}", names(emulated()))),
        Err(_) => unknown(name, emulated()),
    })
}

fn unknown(name: &str, known: impl Iterator<Item = &'static Board>) -> Error {
    Error::input(format!("--board {name}: no such board; the known ones are {}", names(known)))
}

fn names(boards: impl Iterator<Item = &'static Board>) -> String {
    boards.map(|board| board.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_are_found_by_name() {
        for board in BOARDS {
            assert_eq!(find(board.name).unwrap(), board);
            assert!(board.emulator.is_some() || board.hardware.is_some(), "{}", board.name);
        }
        for board in emulated() {
            assert_eq!(find_emulated(board.name).unwrap(), board);
            assert_eq!(board.name, format!("qemu-{}", board.core));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known() {
        let error = find("esp32").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let emulated = "qemu-m0, qemu-m3, qemu-m4, qemu-m7, qemu-m33, qemu-m55, qemu-riscv32";
        let known = format!("{emulated}, rp2040, rp2350, stm32f4, nrf52840");
        assert_eq!(error.to_string(), format!("--board esp32: no such board; the known ones are {known}"));
        let error = find_emulated("esp32").unwrap_err();
        assert_eq!(error.to_string(), format!("--board esp32: no such board; the known ones are {emulated}"));
        let error = find_emulated("rp2040").unwrap_err();
        assert_eq!(error.to_string(), format!("--board rp2040 is not emulated: choose one of {emulated}"));
    }

    #[test]
    fn costs_are_counted_on_the_same_core() {
        for (board, hardware) in real() {
            let emulated = find_emulated(hardware.counted_on).unwrap();
            assert_eq!(
                (emulated.core, emulated.target, emulated.cpu, emulated.packing),
                (board.core, board.target, board.cpu, board.packing)
            );
        }
    }

    #[test]
    fn boards_of_one_build_are_of_one_kind() {
        // Boards that share target and folder link the same programs; what differs may only be the machine.
        for (a, b) in BOARDS.iter().flat_map(|a| BOARDS.iter().map(move |b| (a, b))) {
            if (a.target, a.cpu, a.folder) == (b.target, b.cpu, b.folder) {
                assert_eq!((a.features, a.flash, a.ram), (b.features, b.flash, b.ram), "{} {}", a.name, b.name);
            }
        }
    }

    #[test]
    fn a_model_that_flash_cannot_hold_is_refused_with_both_sizes() {
        let board = find("qemu-m0").unwrap();
        assert!(board.expect_room(200_000).is_ok());
        let error = board.expect_room(300_000).unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert!(error.to_string().contains("300000 bytes and qemu-m0 262144 bytes of flash"), "{error}");
    }
}
