//! What the Pico and the Pico 2 share. A module of both: their HALs have the same names for what is the same, and `crate::hal` is the
//! one, `crate::Counter` its timer.

use core::{arch::naked_asm, ptr};

use embedded_rnn_app::{Analog, AnalogInput, Clock};
use embedded_rnn_hardware::{Assembled, Flash, Found, Watchdog, usb_console::UsbConsole};
use embedded_storage::nor_flash::NorFlashErrorKind;

use crate::{
    Counter, SETUP,
    hal::{
        self,
        adc::{Adc, TempSense},
        fugit::MicrosDurationU32,
        rom_data,
        usb::UsbBus,
    },
};

/// The crystal, in hertz.
pub const CRYSTAL: u32 = 12_000_000;

/// The Pico's watchdog can wait for 8.3 s at most, the Pico 2's for longer.
const PATIENCE: MicrosDurationU32 = MicrosDurationU32::millis(8_000);

/// The board.
pub type Pico<I2C> = Assembled<Microseconds, Running, UsbConsole<'static, UsbBus>, Found<I2C, Analog<Diode>>, Qspi>;

/// The timer that counts microseconds.
pub struct Microseconds(pub Counter);

impl Clock for Microseconds {
    fn microseconds(&mut self) -> u64 {
        self.0.get_counter().ticks()
    }
}

/// The watchdog, started.
pub struct Running(hal::Watchdog);

impl Running {
    /// Starts it.
    pub fn start(mut watchdog: hal::Watchdog) -> Self {
        watchdog.pause_on_debug(true);
        watchdog.start(PATIENCE);
        Running(watchdog)
    }
}

impl Watchdog for Running {
    fn feed(&mut self) {
        self.0.feed();
    }

    fn patience(&self) -> Option<u32> {
        Some(PATIENCE.to_millis())
    }
}

/// The chip's thermometer, a diode, and the converter that reads it.
pub struct Diode {
    converter: Adc,
    diode: TempSense,
}

impl AnalogInput for Diode {
    type Error = ();

    fn convert(&mut self) -> Result<u16, ()> {
        self.converter.read(&mut self.diode).map_err(|_| ())
    }
}

/// The chip's thermometer; `None` if it was taken before. The mean of 64 conversions is finer than a step of the converter, which is
/// half a degree.
pub fn thermometer(mut converter: Adc) -> Option<Analog<Diode>> {
    /// The diode at 27 degrees, and its slope (datasheets of the RP2040, 4.9.5, and RP2350, 12.4.6): typical values, so that a board may be
    /// some degrees off.
    const VOLTS: f32 = 0.706;
    const VOLTS_PER_DEGREE: f32 = -0.001_721;
    const VOLTS_PER_COUNT: f32 = 3.3 / 4096.0;
    let diode = converter.take_temp_sensor()?;
    Some(Analog::new(Diode { converter, diode }, 27.0 - VOLTS / VOLTS_PER_DEGREE, VOLTS_PER_COUNT / VOLTS_PER_DEGREE, 64))
}

/// The flash chip, which the core reads in place and cannot while it is written.
pub struct Qspi {
    /// What sets the chip up for reading in place: 256 bytes of code, which are called where they lie. In RAM, since flash is not there to
    /// be read when they run.
    setup: [u32; 64],
}

/// Where flash begins in the address space.
const XIP: usize = 0x1000_0000;

/// A function and its arguments, as [`in_turn`] calls it.
#[repr(C)]
struct Call {
    arguments: [usize; 4],
    function: usize,
}

impl Call {
    fn of(function: usize, arguments: [usize; 4]) -> Self {
        Call { arguments, function }
    }
}

impl Qspi {
    /// Keeps the code that sets flash up.
    pub fn new() -> Self {
        let mut setup = [0; 64];
        for (index, word) in setup.iter_mut().enumerate() {
            // SAFETY: 256 bytes from there on are readable: the second stage of the boot loader in flash (RP2040), or what the boot ROM
            // has left in its RAM for this purpose (RP2350).
            *word = unsafe { (SETUP as *const u32).add(index).read_volatile() };
        }
        Qspi { setup }
    }

    /// Takes flash out of the address space, calls a function of the boot ROM, and puts flash back.
    fn away(&mut self, call: Call) {
        let calls = [
            Call::of(rom_data::connect_internal_flash::ptr() as usize, [0; 4]),
            Call::of(rom_data::flash_exit_xip::ptr() as usize, [0; 4]),
            call,
            Call::of(rom_data::flash_flush_cache::ptr() as usize, [0; 4]),
            // Thumb code, which the lowest bit of the address says.
            Call::of(self.setup.as_ptr() as usize | 1, [0; 4]),
        ];
        let range = calls.as_ptr_range();
        // No handler may run, for it lies in flash. The second core is asleep in the boot ROM, where it waits to be started; no transfer
        // of data without the core is under way.
        cortex_m::interrupt::free(|_| {
            // SAFETY: `in_turn` and all that it calls lie in RAM and ROM; the arguments are on the stack, in RAM too. When it returns,
            // flash reads as before.
            unsafe { in_turn(range.start, range.end) }
        });
    }
}

impl Flash for Qspi {
    /// A page.
    const WORD: usize = 256;
    const SLOT_SECTOR: usize = 4096;
    const JOURNAL_SECTOR: usize = 4096;

    unsafe fn erase(&mut self, address: *mut u8) -> Result<(), NorFlashErrorKind> {
        // The block's size is larger than the sector's: its command is never used.
        let arguments = [address.addr() - XIP, Self::SLOT_SECTOR, 1 << 16, 0xD8];
        self.away(Call::of(rom_data::flash_range_erase::ptr() as usize, arguments));
        Ok(())
    }

    unsafe fn write(&mut self, address: *mut u8, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        for (index, from) in bytes.chunks_exact(Self::WORD).enumerate() {
            // What is to be written may lie in flash, which cannot be read meanwhile.
            let mut page = [0; 256];
            page.copy_from_slice(from);
            let offset = address.addr() - XIP + index * Self::WORD;
            let arguments = [offset, ptr::from_ref(&page).addr(), page.len(), 0];
            self.away(Call::of(rom_data::flash_range_program::ptr() as usize, arguments));
        }
        Ok(())
    }
}

/// Calls each of the calls from the first to the one before `end`, and touches nothing but them and the stack: in RAM, since flash is not
/// there to be read meanwhile. Assembly, for a compiler may call or read something in flash wherever it likes.
///
/// # Safety
///
/// As of the functions called.
#[unsafe(naked)]
#[unsafe(link_section = ".data.in_turn")]
unsafe extern "C" fn in_turn(first: *const Call, end: *const Call) {
    naked_asm!(
        "push {{r4, r5, r6, lr}}",
        "mov r4, r0",
        "mov r5, r1",
        "2:",
        "cmp r4, r5",
        "beq 3f",
        "ldmia r4!, {{r0, r1, r2, r3, r6}}",
        "blx r6",
        "b 2b",
        "3:",
        "pop {{r4, r5, r6, pc}}",
    )
}
