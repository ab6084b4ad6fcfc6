//! The Nucleo's clock, watchdog and line.

use embedded_rnn_app::Clock;
use embedded_rnn_hardware::{Console, Watchdog, WideCounter};
use stm32f4xx_hal::{
    nb,
    pac::{TIM2, USART2},
    prelude::*,
    serial::{Rx, Tx},
    timer::CounterUs,
    watchdog::IndependentWatchdog,
};

/// The watchdog's longest period is 32 s; erasing a sector of 128 KB, byte by byte in parallel, takes 4 s at most.
const PATIENCE: u32 = 8_000;

/// A timer of 32 bits, made wider.
pub struct Microseconds {
    /// Counts microseconds.
    pub timer: CounterUs<TIM2>,
    /// And its turns.
    pub wide: WideCounter,
}

impl Clock for Microseconds {
    fn microseconds(&mut self) -> u64 {
        self.wide.extend(self.timer.now().ticks())
    }
}

/// The watchdog, which nothing can stop again.
pub struct Running(IndependentWatchdog);

impl Running {
    /// Starts it.
    pub fn start(mut watchdog: IndependentWatchdog) -> Self {
        watchdog.start(PATIENCE.millis());
        Running(watchdog)
    }
}

impl Watchdog for Running {
    fn feed(&mut self) {
        self.0.feed();
    }

    fn patience(&self) -> Option<u32> {
        Some(PATIENCE)
    }
}

/// The serial port of the probe.
pub struct Port(pub (Tx<USART2>, Rx<USART2>));

impl Console for Port {
    /// The port holds one byte. Another that comes before it is fetched is lost, and the desk asks again.
    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let mut count = 0;
        while let Some(slot) = buffer.get_mut(count) {
            match self.0.1.read() {
                Ok(byte) => {
                    *slot = byte;
                    count += 1;
                }
                Err(nb::Error::WouldBlock) => break,
                // Noise, or a byte that was lost: the frame's checksum will tell.
                Err(nb::Error::Other(_)) => {}
            }
        }
        count
    }

    fn send(&mut self, bytes: &[u8]) {
        // The port takes a byte as soon as the one before is gone, and fails at nothing.
        for byte in bytes {
            let _ = nb::block!(self.0.0.write(*byte));
        }
    }
}
