//! The serial port of the probe: the UART without DMA, which keeps up to six bytes until they are fetched.

use embedded_rnn_hardware::Console;
use nrf52840_hal::{
    gpio::{Floating, Input, Output, Pin, PushPull},
    pac::UART0,
};

/// A port at 115200 baud, eight bits, no parity, no flow control.
pub struct Port(UART0);

impl Port {
    /// Switches it on; the pins stay what they are.
    pub fn new(uart: UART0, receives: &Pin<Input<Floating>>, sends: &Pin<Output<PushPull>>) -> Self {
        // SAFETY: the numbers of pins on port 0, whose registers take any.
        uart.psel.rxd.write(|w| unsafe { w.bits(receives.psel_bits()) });
        uart.psel.txd.write(|w| unsafe { w.bits(sends.psel_bits()) });
        uart.baudrate.write(|w| w.baudrate().baud115200());
        uart.enable.write(|w| w.enable().enabled());
        // SAFETY: a task begins when one is written.
        uart.tasks_startrx.write(|w| unsafe { w.bits(1) });
        uart.tasks_starttx.write(|w| unsafe { w.bits(1) });
        Port(uart)
    }
}

impl Console for Port {
    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let mut count = 0;
        while let Some(slot) = buffer.get_mut(count).filter(|_| self.0.events_rxdrdy.read().bits() != 0) {
            // Before the byte is fetched: the next one sets it again.
            self.0.events_rxdrdy.reset();
            *slot = self.0.rxd.read().rxd().bits();
            count += 1;
        }
        count
    }

    fn send(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0.events_txdrdy.reset();
            // SAFETY: any byte can be sent.
            self.0.txd.write(|w| unsafe { w.txd().bits(*byte) });
            while self.0.events_txdrdy.read().bits() == 0 {}
        }
    }
}
