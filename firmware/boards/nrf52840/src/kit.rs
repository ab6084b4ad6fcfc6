//! The development kit's clock and watchdog, and the nRF52840's own thermometer.

use core::convert::Infallible;

use embedded_rnn_app::{Clock, Sensor};
use embedded_rnn_hardware::{Watchdog, WideCounter};
use nrf52840_hal::{
    Temp, Timer,
    pac::{TIMER0, WDT},
    timer::Periodic,
    wdt::{self, WatchdogHandle, count, handles::Hdl0},
};

/// Milliseconds without feeding after which the watchdog resets.
const PATIENCE: u32 = 8_000;
/// The watchdog counts the slow clock.
const SLOW_CLOCK: u32 = 32_768;

/// A timer of 32 bits, made wider.
pub struct Microseconds {
    /// Counts microseconds.
    pub timer: Timer<TIMER0, Periodic>,
    /// And its turns.
    pub wide: WideCounter,
}

impl Clock for Microseconds {
    fn microseconds(&mut self) -> u64 {
        self.wide.extend(self.timer.read())
    }
}

/// What feeds the watchdog, if it runs.
pub struct Running(Option<WatchdogHandle<Hdl0>>);

impl Running {
    /// Starts it. No reset but that of power-on stops it: after a panic it runs already, and is only fed again.
    pub fn start(watchdog: WDT) -> Self {
        Running(match wdt::Watchdog::try_new(watchdog) {
            Ok(mut watchdog) => {
                watchdog.set_lfosc_ticks(PATIENCE / 1000 * SLOW_CLOCK);
                watchdog.run_during_debug_halt(false);
                Some(watchdog.activate::<count::One>().handles.0)
            }
            Err(running) => wdt::Watchdog::try_recover::<count::One>(running).ok().map(|parts| parts.handles.0),
        })
    }
}

impl Watchdog for Running {
    fn feed(&mut self) {
        if let Some(watchdog) = &mut self.0 {
            watchdog.pet();
        }
    }

    fn patience(&self) -> Option<u32> {
        self.0.as_ref().map(|_| PATIENCE)
    }
}

/// The chip's thermometer: quarters of a degree.
pub struct Chip(pub Temp);

impl Sensor for Chip {
    type Sample = [f32; 1];
    type Error = Infallible;

    fn read(&mut self) -> Result<[f32; 1], Infallible> {
        Ok([self.0.measure().to_num()])
    }
}
