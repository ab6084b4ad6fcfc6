//! A stretch of flash that holds one model file and is seen in the address space.

use embedded_storage::nor_flash::NorFlash;

/// Flash for one model. Offsets begin at 0 and the capacity is the slot's; it is one of two, and they overlap neither each other nor the
/// journal.
///
/// What an implementation vouches for:
///
/// - [`Slot::bytes`] begins at a multiple of 16 and is contiguous, for models run in place.
/// - When `erase` or `write` returns, the flash reads as memory again. Most chips cannot read a bank of flash while it is written: the core
///   stalls (STM32F4, nRF52) or reads garbage (RP2040, whose flash leaves the address space). There the routine that writes has to lie in
///   RAM or in another bank, interrupts whose handlers lie in flash have to be off while it runs, a second core has to be parked, and the
///   watchdog's period has to be longer than the erase of a sector. Forecasts stop for that long, and samples fall due meanwhile.
/// - Where that cannot be had, [`Slot::WRITABLE`] is false, and every update is refused before anything is erased.
/// - A word whose writing was cut short reads as some value or as an error; reading it must not end the program. (Flash with error
///   correction, as on STM32H7 and L4, raises an interrupt that the board has to handle.)
pub trait Slot: NorFlash {
    /// Whether this flash can be written while the program runs.
    const WRITABLE: bool = true;

    /// The whole slot, as memory.
    fn bytes(&self) -> &[u8];
}
