//! The Raspberry Pi Pico as a board, its line a serial port by USB.
//!
//! A thermometer of the LM75's family is used where one is wired to GP4 (SDA) and GP5 (SCL); else the chip's own.
#![no_std]

#[path = "../../../hardware/pico.rs"]
mod pico;

pub use rp2040_hal as hal;

use cortex_m::singleton;
use embedded_rnn_hardware::{Board, Found, usb_console::UsbConsole};
use hal::{Adc, Clock, I2C, Sio, Watchdog, clocks::init_clocks_and_plls, fugit::RateExtU32, gpio, pac, usb::UsbBus};
use usb_device::bus::UsbBusAllocator;

use pico::{CRYSTAL, Microseconds, Pico, Qspi, Running};

/// The timer that counts microseconds.
type Counter = hal::Timer;

/// Where the code that sets flash up lies: the second stage of the boot loader, at the beginning of flash.
const SETUP: usize = 0x1000_0000;

/// The second stage of the boot loader: sets up the Pico's flash.
#[unsafe(link_section = ".boot2")]
#[used]
pub static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

/// Starts all parts of the board. Once.
pub fn start() -> impl Board {
    let mut parts = pac::Peripherals::take().expect("taken once");
    let mut watchdog = Watchdog::new(parts.WATCHDOG);
    let resets = &mut parts.RESETS;
    let clocks =
        init_clocks_and_plls(CRYSTAL, parts.XOSC, parts.CLOCKS, parts.PLL_SYS, parts.PLL_USB, resets, &mut watchdog).ok();
    let clocks = clocks.expect("the crystal and both PLLs start");
    let clock = Microseconds(hal::Timer::new(parts.TIMER, resets, &clocks));
    let pins = gpio::Pins::new(parts.IO_BANK0, parts.PADS_BANK0, Sio::new(parts.SIO).gpio_bank0, resets);

    // Before the bus is used: one that is held low would be waited for without end.
    let watchdog = Running::start(watchdog);
    let (data, serial_clock) = (pins.gpio4.reconfigure(), pins.gpio5.reconfigure());
    let i2c = I2C::i2c0(parts.I2C0, data, serial_clock, 100.kHz(), resets, clocks.system_clock.freq());
    let diode = pico::thermometer(Adc::new(parts.ADC, resets)).expect("its thermometer is taken once");

    let bus = UsbBus::new(parts.USBCTRL_REGS, parts.USBCTRL_DPRAM, clocks.usb_clock, true, resets);
    let bus = singleton!(: UsbBusAllocator<UsbBus> = UsbBusAllocator::new(bus)).expect("made once");
    let console = UsbConsole::new(bus, "Pico");

    let thermometer = Found::find(i2c, diode);
    Pico { name: "rp2040", clock, watchdog, console, thermometer, flash: Qspi::new() }
}
