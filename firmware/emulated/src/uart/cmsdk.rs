//! The serial port of Arm's MPS2 and MPS3 boards.

use super::{Port, Registers, port};

const DATA: usize = 0x00;
const STATE: usize = 0x04;
const CONTROL: usize = 0x08;
const DIVIDER: usize = 0x10;

const SENDS_ONE: u32 = 1;
const HAS_ONE: u32 = 2;

/// A CMSDK APB UART.
#[derive(Clone, Copy, Debug)]
pub struct Cmsdk(Registers);

impl Cmsdk {
    /// The port at that address, switched on.
    ///
    /// # Safety
    ///
    /// There is such a port, and nobody else uses it.
    pub unsafe fn at(address: usize) -> Self {
        let registers = Registers(address);
        // The smallest divider; the emulator's line has no speed.
        registers.write(DIVIDER, 16);
        registers.write(CONTROL, 0b11);
        Cmsdk(registers)
    }
}

impl Port for Cmsdk {
    fn take(&mut self) -> Option<u8> {
        (self.0.read(STATE) & HAS_ONE != 0).then(|| self.0.read(DATA) as u8)
    }

    fn give(&mut self, byte: u8) {
        while self.0.read(STATE) & SENDS_ONE != 0 {}
        self.0.write(DATA, byte.into());
    }
}

port!(Cmsdk);
