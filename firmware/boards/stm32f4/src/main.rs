//! Forecasts of a temperature on the ST Nucleo-F411RE, on the serial port of the probe on the board (115200 baud).
//!
//! A thermometer of the LM75's family is used where one is wired to D14 (SDA, PB9) and D15 (SCL, PB8); else the chip's own.
//! The clock is the chip's own oscillator of 16 MHz: a forecast takes some ten milliseconds, and nothing has to start up.
#![no_std]
#![no_main]

mod chip;
mod nucleo;

use cortex_m::peripheral::SCB;
use embedded_rnn_hardware::{Linked, Thermometer, run};
use embedded_rnn_panic_record::Text;
use stm32f4xx_hal::{
    adc::{Adc, config::AdcConfig},
    gpio::Pull,
    i2c::{I2c, Mode},
    pac,
    prelude::*,
    serial::config::Config,
    watchdog::IndependentWatchdog,
};

use chip::Chip;
use nucleo::Nucleo;

embedded_rnn_hardware::link_model!();
embedded_rnn_panic_record::reset_on_panic!(SCB::sys_reset);

#[cortex_m_rt::entry]
fn main() -> ! {
    let before = embedded_rnn_panic_record::take();
    let parts = pac::Peripherals::take().expect("taken once");
    let mut rcc = parts.RCC.constrain();
    let (a, b) = (parts.GPIOA.split(&mut rcc), parts.GPIOB.split(&mut rcc));

    let console = parts.USART2.tx(a.pa2, Config::default().baudrate(115_200.bps()), &mut rcc).expect("a rate that 16 MHz gives");
    let mut timer = parts.TIM2.counter_us(&mut rcc);
    timer.start(u32::MAX.micros()).expect("a timer of 32 bits");

    // Pulled up, so that a bus without a thermometer is idle and not stuck.
    let clock = b.pb8.into_alternate_open_drain().internal_resistor(Pull::Up);
    let data = b.pb9.into_alternate_open_drain().internal_resistor(Pull::Up);
    let i2c = I2c::new(parts.I2C1, (clock, data), Mode::standard(100.kHz()), &mut rcc);
    let chip = Chip::new(Adc::new(parts.ADC1, true, AdcConfig::default(), &mut rcc));

    // Before the bus is used: one that is held low would be waited for without end.
    let watchdog = IndependentWatchdog::new(parts.IWDG);
    watchdog.stop_on_debug(&parts.DBGMCU, true);
    let watchdog = nucleo::started(watchdog);

    let board = Nucleo::new(timer, watchdog, console, Thermometer::find(i2c, chip));
    let linked = Linked { image: MODEL, bind: model::Model::bind, period: model::PERIOD };
    run(board, &linked, before.as_ref().map(Text::as_str))
}
