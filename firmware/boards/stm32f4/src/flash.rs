//! The flash of the STM32F411: one bank, which cannot be read while it is erased or written.
//!
//! The core stalls at its next access until the flash is done (RM0383, 3.5): that code lies in flash too delays it, and harms nothing.
//! Interrupts that come meanwhile wait; this firmware uses none.

use core::sync::atomic::{Ordering, compiler_fence};

use embedded_rnn_hardware::Flash;
use embedded_storage::nor_flash::NorFlashErrorKind;
use stm32f4xx_hal::{flash::FlashExt, pac::FLASH};

/// The flash of the chip.
pub struct Internal(pub FLASH);

impl Internal {
    /// Empties the caches of instructions and of constants, in which the old content may stand (RM0383, 3.4.2): they do it only while they
    /// are off.
    fn forget(&mut self) {
        let control = self.0.acr();
        let before = control.read().bits();
        control.modify(|_, w| w.icen().clear_bit().dcen().clear_bit());
        control.modify(|_, w| w.icrst().set_bit().dcrst().set_bit());
        control.modify(|_, w| w.icrst().clear_bit().dcrst().clear_bit());
        // SAFETY: what the register held.
        control.write(|w| unsafe { w.bits(before) });
        // What was read before is read again.
        compiler_fence(Ordering::SeqCst);
        cortex_m::asm::dsb();
        cortex_m::asm::isb();
    }

    fn offset(&self, address: *mut u8) -> usize {
        address.addr() - self.0.address()
    }
}

impl Flash for Internal {
    const WORD: usize = 4;
    const SLOT_SECTOR: usize = 128 << 10;
    const JOURNAL_SECTOR: usize = 16 << 10;

    unsafe fn erase(&mut self, address: *mut u8) -> Result<(), NorFlashErrorKind> {
        let offset = self.offset(address);
        let sector = self.0.sector(offset).filter(|sector| sector.offset == offset).ok_or(NorFlashErrorKind::OutOfBounds)?;
        let erased = self.0.unlocked().erase(sector.number);
        self.forget();
        erased.map_err(|_| NorFlashErrorKind::Other)
    }

    unsafe fn write(&mut self, address: *mut u8, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let offset = self.offset(address);
        let written = self.0.unlocked().program(offset, bytes.iter());
        self.forget();
        written.map_err(|_| NorFlashErrorKind::Other)
    }
}
