//! The flash of the nRF52840, which its NVMC writes.
//!
//! While a page is erased (85 ms) or a word written (41 us), a core that runs from flash is halted (product specification, 4.3): that code
//! lies in flash too delays it, and harms nothing. Interrupts that come meanwhile wait; this firmware uses none.

use embedded_rnn_hardware::Flash;
use embedded_storage::nor_flash::NorFlashErrorKind;
use nrf52840_hal::pac::NVMC;

/// The flash of the chip. Its cache of instructions is off, as after a reset.
pub struct Internal(pub NVMC);

impl Internal {
    fn wait(&self) {
        while self.0.ready.read().ready().is_busy() {}
    }

    /// Ends erasing or writing; what was read before is read again.
    fn end(&self) {
        self.wait();
        self.0.config.write(|w| w.wen().ren());
        cortex_m::asm::dsb();
    }
}

impl Flash for Internal {
    const WORD: usize = 4;
    const SLOT_SECTOR: usize = 4096;
    const JOURNAL_SECTOR: usize = 4096;

    unsafe fn erase(&mut self, address: *mut u8) -> Result<(), NorFlashErrorKind> {
        self.0.config.write(|w| w.wen().een());
        // SAFETY: the caller vouches for the page.
        self.0.erasepage().write(|w| unsafe { w.bits(address.addr() as u32) });
        self.end();
        Ok(())
    }

    unsafe fn write(&mut self, address: *mut u8, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        self.0.config.write(|w| w.wen().wen());
        let (words, _) = bytes.as_chunks::<4>();
        for (index, word) in words.iter().enumerate() {
            // SAFETY: the caller vouches for the words, which are aligned: regions and their offsets are whole words.
            unsafe { address.cast::<u32>().add(index).write_volatile(u32::from_le_bytes(*word)) };
            self.wait();
        }
        self.end();
        Ok(())
    }
}
