//! Flash in RAM: the emulated boards have none that can be written, and an update wants some.

use embedded_rnn_update::Slot;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write};

/// Bytes of a sector.
pub const SECTOR: usize = 4096;

/// Flash of whole sectors, 16-aligned. Bits go to 0 by writing and to 1 by erasing.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct MemoryFlash<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> MemoryFlash<BYTES> {
    /// Erased flash, but for `content` at its beginning.
    pub fn holding(content: &[u8]) -> Self {
        const { assert!(BYTES.is_multiple_of(SECTOR), "flash consists of whole sectors") }
        let mut bytes = [0xFF; BYTES];
        for (slot, byte) in bytes.iter_mut().zip(content) {
            *slot = *byte;
        }
        MemoryFlash(bytes)
    }
}

impl<const BYTES: usize> ErrorType for MemoryFlash<BYTES> {
    type Error = NorFlashErrorKind;
}

impl<const BYTES: usize> ReadNorFlash for MemoryFlash<BYTES> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        BYTES
    }
}

impl<const BYTES: usize> NorFlash for MemoryFlash<BYTES> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.0[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        for (slot, byte) in self.0[offset as usize..].iter_mut().zip(bytes) {
            *slot &= *byte;
        }
        Ok(())
    }
}

impl<const BYTES: usize> Slot for MemoryFlash<BYTES> {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}
