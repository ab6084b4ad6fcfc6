//! The ST Nucleo-F411RE as a board, its line the serial port of the probe on it (115200 baud).
//!
//! A thermometer of the LM75's family is used where one is wired to D14 (SDA, PB9) and D15 (SCL, PB8); else the chip's own.
//! The clock is the chip's own oscillator of 16 MHz: a forecast takes some ten milliseconds, and nothing has to start up.
#![no_std]

mod chip;
mod flash;
mod nucleo;

use embedded_rnn_hardware::{Assembled, Board, Found, WideCounter};
use stm32f4xx_hal::{
    adc::{Adc, config::AdcConfig},
    gpio::Pull,
    i2c::{I2c, Mode},
    pac,
    prelude::*,
    serial::{Serial, config::Config},
    watchdog::IndependentWatchdog,
};

use flash::Internal;
use nucleo::{Microseconds, Port, Running};

/// Starts all parts of the board. Once.
pub fn start() -> impl Board {
    let parts = pac::Peripherals::take().expect("taken once");
    let mut rcc = parts.RCC.constrain();
    let (a, b) = (parts.GPIOA.split(&mut rcc), parts.GPIOB.split(&mut rcc));

    let rate = Config::default().baudrate(115_200.bps());
    let console = Serial::new(parts.USART2, (a.pa2, a.pa3), rate, &mut rcc).expect("a rate that 16 MHz gives");
    let mut timer = parts.TIM2.counter_us(&mut rcc);
    timer.start(u32::MAX.micros()).expect("a timer of 32 bits");

    // Pulled up, so that a bus without a thermometer is idle and not stuck.
    let clock = b.pb8.into_alternate_open_drain().internal_resistor(Pull::Up);
    let data = b.pb9.into_alternate_open_drain().internal_resistor(Pull::Up);
    let i2c = I2c::new(parts.I2C1, (clock, data), Mode::standard(100.kHz()), &mut rcc);
    let chip = chip::thermometer(Adc::new(parts.ADC1, true, AdcConfig::default(), &mut rcc));

    // Before the bus is used: one that is held low would be waited for without end.
    let watchdog = IndependentWatchdog::new(parts.IWDG);
    watchdog.stop_on_debug(&parts.DBGMCU, true);
    let watchdog = Running::start(watchdog);

    Assembled {
        name: "stm32f4",
        clock: Microseconds { timer, wide: WideCounter::new() },
        watchdog,
        console: Port(console.split()),
        thermometer: Found::find(i2c, chip),
        flash: Internal(parts.FLASH),
    }
}
