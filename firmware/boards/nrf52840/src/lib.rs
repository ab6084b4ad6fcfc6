//! The Nordic nRF52840-DK as a board, its line the serial port of the probe on it (115200 baud).
//!
//! A thermometer of the LM75's family is used where one is wired to P0.26 (SDA) and P0.27 (SCL); else the chip's own.
#![no_std]

mod flash;
mod kit;
mod port;

use embedded_rnn_hardware::{Assembled, Board, Found, WideCounter};
use nrf52840_hal::{
    Clocks, Temp, Timer, Twim,
    gpio::{Level, p0},
    pac,
    twim::{self, Frequency},
};

use flash::Internal;
use kit::{Chip, Microseconds, Running};
use port::Port;

/// Starts all parts of the board. Once.
pub fn start() -> impl Board {
    let parts = pac::Peripherals::take().expect("taken once");
    // The crystal keeps the sampling period better than the oscillator in the chip.
    Clocks::new(parts.CLOCK).enable_ext_hfosc();
    let pins = p0::Parts::new(parts.P0);

    let (receives, sends) = (pins.p0_08.into_floating_input().degrade(), pins.p0_06.into_push_pull_output(Level::High).degrade());
    let console = Port::new(parts.UART0, &receives, &sends);
    let mut timer = Timer::periodic(parts.TIMER0);
    timer.start(u32::MAX);

    // Before the bus is used: one that is held low would be waited for without end.
    let watchdog = Running::start(parts.WDT);

    let bus = twim::Pins { scl: pins.p0_27.into_floating_input().degrade(), sda: pins.p0_26.into_floating_input().degrade() };
    let i2c = Twim::new(parts.TWIM0, bus, Frequency::K100);
    Assembled {
        name: "nrf52840",
        clock: Microseconds { timer, wide: WideCounter::new() },
        watchdog,
        console,
        thermometer: Found::find(i2c, Chip(Temp::new(parts.TEMP))),
        flash: Internal(parts.NVMC),
    }
}
