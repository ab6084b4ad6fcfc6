//! The serial port of the micro:bit's chip.

use super::{Port, Registers, port};

const START_RECEIVING: usize = 0x000;
const START_SENDING: usize = 0x008;
const RECEIVED: usize = 0x108;
const SENT: usize = 0x11C;
const ENABLE: usize = 0x500;
const RECEIVE: usize = 0x518;
const SEND: usize = 0x51C;

/// An nRF51 UART.
#[derive(Clone, Copy, Debug)]
pub struct Nrf51(Registers);

impl Nrf51 {
    /// The port at that address, switched on.
    ///
    /// # Safety
    ///
    /// There is such a port, and nobody else uses it.
    pub unsafe fn at(address: usize) -> Self {
        let registers = Registers(address);
        registers.write(ENABLE, 4);
        registers.write(START_RECEIVING, 1);
        registers.write(START_SENDING, 1);
        Nrf51(registers)
    }
}

impl Port for Nrf51 {
    fn take(&mut self) -> Option<u8> {
        if self.0.read(RECEIVED) == 0 {
            return None;
        }
        // Cleared first: it is set again if another byte waits.
        self.0.write(RECEIVED, 0);
        Some(self.0.read(RECEIVE) as u8)
    }

    fn give(&mut self, byte: u8) {
        self.0.write(SENT, 0);
        self.0.write(SEND, byte.into());
        while self.0.read(SENT) == 0 {}
    }
}

port!(Nrf51);
