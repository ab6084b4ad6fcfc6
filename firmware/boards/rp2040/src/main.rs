//! Forecasts of a temperature on the Raspberry Pi Pico, on its serial port by USB.
//!
//! A thermometer of the LM75's family is used where one is wired to GP4 (SDA) and GP5 (SCL); else the chip's own.
#![no_std]
#![no_main]

mod chip;
mod pico;

use cortex_m::singleton;
use embedded_rnn_hardware::{Linked, Thermometer, console::UsbConsole, run};
use embedded_rnn_panic_record::Text;
use hal::{Adc, Clock, I2C, Sio, Timer, Watchdog, clocks::init_clocks_and_plls, fugit::RateExtU32, gpio, pac, usb::UsbBus};
use rp2040_hal as hal;
use usb_device::bus::UsbBusAllocator;

use chip::Chip;
use pico::Pico;

embedded_rnn_hardware::link_model!();
embedded_rnn_panic_record::reset_on_panic!(hal::reset);

/// The second stage of the boot loader: sets up the Pico's flash.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

/// The Pico's crystal, in hertz.
const CRYSTAL: u32 = 12_000_000;

#[hal::entry]
fn main() -> ! {
    let before = embedded_rnn_panic_record::take();
    let mut parts = pac::Peripherals::take().expect("taken once");
    let mut watchdog = Watchdog::new(parts.WATCHDOG);
    let resets = &mut parts.RESETS;
    let clocks =
        init_clocks_and_plls(CRYSTAL, parts.XOSC, parts.CLOCKS, parts.PLL_SYS, parts.PLL_USB, resets, &mut watchdog).ok();
    let clocks = clocks.expect("the crystal and both PLLs start");
    let timer = Timer::new(parts.TIMER, resets, &clocks);
    let pins = gpio::Pins::new(parts.IO_BANK0, parts.PADS_BANK0, Sio::new(parts.SIO).gpio_bank0, resets);

    // Before the bus is used: one that is held low would be waited for without end.
    let watchdog = pico::started(watchdog);
    let (data, clock) = (pins.gpio4.reconfigure(), pins.gpio5.reconfigure());
    let i2c = I2C::i2c0(parts.I2C0, data, clock, 100.kHz(), resets, clocks.system_clock.freq());
    let chip = Chip::new(Adc::new(parts.ADC, resets)).expect("its thermometer is taken once");

    let bus = UsbBus::new(parts.USBCTRL_REGS, parts.USBCTRL_DPRAM, clocks.usb_clock, true, resets);
    let bus = singleton!(: UsbBusAllocator<UsbBus> = UsbBusAllocator::new(bus)).expect("made once");
    let console = UsbConsole::new(bus, "Pico");

    let board = Pico::new(timer, watchdog, console, Thermometer::find(i2c, chip));
    let linked = Linked { image: MODEL, bind: model::Model::bind, period: model::PERIOD };
    run(board, &linked, before.as_ref().map(Text::as_str))
}
