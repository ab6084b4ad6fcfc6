//! Forecasts of a temperature on the Nordic nRF52840-DK, on the serial port of the probe on the board (115200 baud).
//!
//! A thermometer of the LM75's family is used where one is wired to P0.26 (SDA) and P0.27 (SCL); else the chip's own.
#![no_std]
#![no_main]

mod kit;

use cortex_m::peripheral::SCB;
use embedded_rnn_hardware::{Linked, Thermometer, run};
use embedded_rnn_panic_record::Text;
use nrf52840_hal::{
    Clocks, Temp, Timer, Twim, Uarte,
    gpio::{Level, p0},
    pac,
    twim::{self, Frequency},
    uarte::{self, Baudrate, Parity},
};

use kit::{Chip, Kit};

embedded_rnn_hardware::link_model!();
embedded_rnn_panic_record::reset_on_panic!(SCB::sys_reset);

#[cortex_m_rt::entry]
fn main() -> ! {
    let before = embedded_rnn_panic_record::take();
    let parts = pac::Peripherals::take().expect("taken once");
    // The crystal keeps the sampling period better than the oscillator in the chip.
    Clocks::new(parts.CLOCK).enable_ext_hfosc();
    let pins = p0::Parts::new(parts.P0);

    let port = uarte::Pins {
        rxd: pins.p0_08.into_floating_input().degrade(),
        txd: pins.p0_06.into_push_pull_output(Level::High).degrade(),
        cts: None,
        rts: None,
    };
    let console = Uarte::new(parts.UARTE0, port, Parity::EXCLUDED, Baudrate::BAUD115200);
    let mut timer = Timer::periodic(parts.TIMER0);
    timer.start(u32::MAX);

    // Before the bus is used: one that is held low would be waited for without end.
    let watchdog = kit::started(parts.WDT);

    let bus = twim::Pins { scl: pins.p0_27.into_floating_input().degrade(), sda: pins.p0_26.into_floating_input().degrade() };
    let i2c = Twim::new(parts.TWIM0, bus, Frequency::K100);
    let board = Kit::new(timer, watchdog, console, Thermometer::find(i2c, Chip(Temp::new(parts.TEMP))));
    let linked = Linked { image: MODEL, bind: model::Model::bind, period: model::PERIOD };
    run(board, &linked, before.as_ref().map(Text::as_str))
}
