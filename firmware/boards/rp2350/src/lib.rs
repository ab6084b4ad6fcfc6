//! The Raspberry Pi Pico 2 as a board, its line a serial port by USB.
//!
//! A thermometer of the LM75's family is used where one is wired to GP4 (SDA) and GP5 (SCL); else the chip's own.
#![no_std]

#[path = "../../../hardware/pico.rs"]
mod pico;

pub use rp235x_hal as hal;

use cortex_m::singleton;
use embedded_rnn_hardware::{Board, Found, usb_console::UsbConsole};
use hal::{
    Adc, Clock, I2C, Sio, Watchdog, block::ImageDef, clocks::init_clocks_and_plls, fugit::RateExtU32, gpio, pac, usb::UsbBus,
};
use usb_device::bus::UsbBusAllocator;

use pico::{CRYSTAL, Microseconds, Pico, Qspi, Running};

/// The timer that counts microseconds.
type Counter = hal::Timer<hal::timer::CopyableTimer0>;

/// Where the code that sets flash up lies: the boot ROM has left it in its own RAM.
const SETUP: usize = 0x400E_0000;

/// Tells the boot ROM what kind of image this is.
#[unsafe(link_section = ".start_block")]
#[used]
pub static IMAGE_DEFINITION: ImageDef = ImageDef::secure_exe();

/// Starts all parts of the board. Once.
pub fn start() -> impl Board {
    let mut parts = pac::Peripherals::take().expect("taken once");
    let mut watchdog = Watchdog::new(parts.WATCHDOG);
    let resets = &mut parts.RESETS;
    let clocks =
        init_clocks_and_plls(CRYSTAL, parts.XOSC, parts.CLOCKS, parts.PLL_SYS, parts.PLL_USB, resets, &mut watchdog).ok();
    let clocks = clocks.expect("the crystal and both PLLs start");
    let clock = Microseconds(hal::Timer::new_timer0(parts.TIMER0, resets, &clocks));
    let pins = gpio::Pins::new(parts.IO_BANK0, parts.PADS_BANK0, Sio::new(parts.SIO).gpio_bank0, resets);

    // Before the bus is used: one that is held low would be waited for without end.
    let watchdog = Running::start(watchdog);
    let (data, serial_clock) = (pins.gpio4.reconfigure(), pins.gpio5.reconfigure());
    let i2c = I2C::i2c0(parts.I2C0, data, serial_clock, 100.kHz(), resets, clocks.system_clock.freq());
    let diode = pico::thermometer(Adc::new(parts.ADC, resets)).expect("its thermometer is taken once");

    let bus = UsbBus::new(parts.USB, parts.USB_DPRAM, clocks.usb_clock, true, resets);
    let bus = singleton!(: UsbBusAllocator<UsbBus> = UsbBusAllocator::new(bus)).expect("made once");
    let console = UsbConsole::new(bus, "Pico 2");

    let thermometer = Found::find(i2c, diode);
    Pico { name: "rp2350", clock, watchdog, console, thermometer, flash: Qspi::new() }
}
