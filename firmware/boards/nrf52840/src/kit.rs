//! The development kit as a board, and the nRF52840's own thermometer.

use core::fmt;

use embedded_hal::i2c::I2c;
use embedded_rnn_hardware::{Board, OnChip, SensorError, Thermometer, WideCounter};
use nrf52840_hal::{
    Temp, Timer, Uarte,
    pac::{TIMER0, UARTE0, WDT},
    timer::Periodic,
    wdt::{Watchdog, WatchdogHandle, count, handles::Hdl0},
};

/// Milliseconds without feeding after which the watchdog resets.
const PATIENCE: u32 = 8_000;
/// The watchdog counts the slow clock.
const SLOW_CLOCK: u32 = 32_768;

/// What feeds the watchdog.
pub type Feeder = WatchdogHandle<Hdl0>;

/// Starts the watchdog, which no reset but that of power-on stops: after a panic it runs already, and is only fed again.
pub fn started(watchdog: WDT) -> Option<Feeder> {
    match Watchdog::try_new(watchdog) {
        Ok(mut watchdog) => {
            watchdog.set_lfosc_ticks(PATIENCE / 1000 * SLOW_CLOCK);
            watchdog.run_during_debug_halt(false);
            Some(watchdog.activate::<count::One>().handles.0)
        }
        Err(running) => Watchdog::try_recover::<count::One>(running).ok().map(|parts| parts.handles.0),
    }
}

/// The chip's thermometer: quarters of a degree.
pub struct Chip(pub Temp);

impl OnChip for Chip {
    fn celsius(&mut self) -> Result<f32, SensorError> {
        Ok(self.0.measure().to_num())
    }
}

/// Clock, watchdog, console and thermometer.
pub struct Kit<I2C> {
    timer: Timer<TIMER0, Periodic>,
    wide: WideCounter,
    watchdog: Option<Feeder>,
    console: Uarte<UARTE0>,
    thermometer: Thermometer<I2C, Chip>,
}

impl<I2C: I2c> Kit<I2C> {
    /// Of parts that all run.
    pub fn new(
        timer: Timer<TIMER0, Periodic>,
        watchdog: Option<Feeder>,
        console: Uarte<UARTE0>,
        thermometer: Thermometer<I2C, Chip>,
    ) -> Self {
        Kit { timer, wide: WideCounter::new(), watchdog, console, thermometer }
    }
}

impl<I2C: I2c> fmt::Write for Kit<I2C> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The port's own `write_str` brings the text into RAM, from where alone it can be sent.
        self.console.write_str(text)
    }
}

impl<I2C: I2c> Board for Kit<I2C> {
    const NAME: &'static str = "nrf52840";

    fn now(&mut self) -> u64 {
        self.wide.extend(self.timer.read())
    }

    fn idle(&mut self) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.pet();
        }
    }

    fn temperature(&mut self) -> Result<f32, SensorError> {
        self.thermometer.celsius()
    }

    fn sensor(&self) -> &'static str {
        self.thermometer.name()
    }

    fn watchdog(&self) -> Option<u32> {
        self.watchdog.as_ref().map(|_| PATIENCE)
    }
}
