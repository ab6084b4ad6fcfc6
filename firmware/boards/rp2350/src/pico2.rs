//! The Pico 2 as a board.

use core::fmt;

use embedded_hal::i2c::I2c;
use embedded_rnn_hardware::{Board, SensorError, Thermometer, console::UsbConsole};
use rp235x_hal::{
    Watchdog,
    fugit::MicrosDurationU32,
    timer::{CopyableTimer0, Timer},
    usb::UsbBus,
};

use crate::chip::Chip;

/// The watchdog's longest period is 16.7 s; as long as the Pico's.
const PATIENCE: MicrosDurationU32 = MicrosDurationU32::millis(8_000);

/// Starts the watchdog.
pub fn started(mut watchdog: Watchdog) -> Watchdog {
    watchdog.pause_on_debug(true);
    watchdog.start(PATIENCE);
    watchdog
}

/// Clock, watchdog, console and thermometer.
pub struct Pico2<I2C> {
    timer: Timer<CopyableTimer0>,
    watchdog: Watchdog,
    console: UsbConsole<'static, UsbBus>,
    thermometer: Thermometer<I2C, Chip>,
}

impl<I2C: I2c> Pico2<I2C> {
    /// Of parts that all run.
    pub fn new(
        timer: Timer<CopyableTimer0>,
        watchdog: Watchdog,
        console: UsbConsole<'static, UsbBus>,
        thermometer: Thermometer<I2C, Chip>,
    ) -> Self {
        Pico2 { timer, watchdog, console, thermometer }
    }
}

impl<I2C: I2c> fmt::Write for Pico2<I2C> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.console.write_str(text)
    }
}

impl<I2C: I2c> Board for Pico2<I2C> {
    const NAME: &'static str = "rp2350";

    fn now(&mut self) -> u64 {
        self.timer.get_counter().ticks()
    }

    fn idle(&mut self) {
        self.watchdog.feed();
        self.console.poll();
    }

    fn temperature(&mut self) -> Result<f32, SensorError> {
        self.thermometer.celsius()
    }

    fn sensor(&self) -> &'static str {
        self.thermometer.name()
    }

    fn watchdog(&self) -> Option<u32> {
        Some(PATIENCE.to_millis())
    }

    fn someone_came(&mut self) -> bool {
        self.console.someone_came()
    }
}
