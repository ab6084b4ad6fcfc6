//! The Nucleo as a board.

use core::fmt;

use embedded_hal::i2c::I2c;
use embedded_rnn_hardware::{Board, SensorError, Thermometer, WideCounter};
use stm32f4xx_hal::{
    pac::{TIM2, USART2},
    prelude::*,
    serial::Tx,
    timer::CounterUs,
    watchdog::IndependentWatchdog,
};

use crate::chip::Chip;

/// The watchdog's longest period is 32 s.
const PATIENCE: u32 = 8_000;

/// Starts the watchdog, which nothing can stop again.
pub fn started(mut watchdog: IndependentWatchdog) -> IndependentWatchdog {
    watchdog.start(PATIENCE.millis());
    watchdog
}

/// Clock, watchdog, console and thermometer.
pub struct Nucleo<I2C> {
    timer: CounterUs<TIM2>,
    wide: WideCounter,
    watchdog: IndependentWatchdog,
    console: Tx<USART2>,
    thermometer: Thermometer<I2C, Chip>,
}

impl<I2C: I2c> Nucleo<I2C> {
    /// Of parts that all run.
    pub fn new(
        timer: CounterUs<TIM2>,
        watchdog: IndependentWatchdog,
        console: Tx<USART2>,
        thermometer: Thermometer<I2C, Chip>,
    ) -> Self {
        Nucleo { timer, wide: WideCounter::new(), watchdog, console, thermometer }
    }
}

impl<I2C: I2c> fmt::Write for Nucleo<I2C> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.console.write_str(text)
    }
}

impl<I2C: I2c> Board for Nucleo<I2C> {
    const NAME: &'static str = "stm32f4";

    fn now(&mut self) -> u64 {
        self.wide.extend(self.timer.now().ticks())
    }

    fn idle(&mut self) {
        self.watchdog.feed();
    }

    fn temperature(&mut self) -> Result<f32, SensorError> {
        self.thermometer.celsius()
    }

    fn sensor(&self) -> &'static str {
        self.thermometer.name()
    }

    fn watchdog(&self) -> Option<u32> {
        Some(PATIENCE)
    }
}
