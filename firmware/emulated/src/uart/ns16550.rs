//! The serial port of the emulator's RISC-V machine.

use super::{Port, port};

const DATA: usize = 0;
const FIFO: usize = 2;
const STATE: usize = 5;

const HAS_ONE: u8 = 0x01;
const CAN_SEND: u8 = 0x20;

/// An NS16550A, one byte a register.
#[derive(Clone, Copy, Debug)]
pub struct Ns16550(usize);

impl Ns16550 {
    /// The port at that address, switched on.
    ///
    /// # Safety
    ///
    /// There is such a port, and nobody else uses it.
    pub unsafe fn at(address: usize) -> Self {
        let port = Ns16550(address);
        port.write(FIFO, 1);
        port
    }

    fn read(self, offset: usize) -> u8 {
        // SAFETY: the constructor asks for the address of such a port; its registers may be read at any time.
        unsafe { ((self.0 + offset) as *const u8).read_volatile() }
    }

    fn write(self, offset: usize, value: u8) {
        // SAFETY: as for reading; the registers touch no memory.
        unsafe { ((self.0 + offset) as *mut u8).write_volatile(value) }
    }
}

impl Port for Ns16550 {
    fn take(&mut self) -> Option<u8> {
        (Ns16550::read(*self, STATE) & HAS_ONE != 0).then(|| Ns16550::read(*self, DATA))
    }

    fn give(&mut self, byte: u8) {
        while Ns16550::read(*self, STATE) & CAN_SEND == 0 {}
        self.write(DATA, byte);
    }
}

port!(Ns16550);
