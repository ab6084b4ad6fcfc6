//! Flash in memory, for one small model.

use embedded_rnn_update::Slot;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write};

/// Two sectors of 512 bytes, 16-aligned; bits go to 0 by writing and to 1 by erasing.
#[repr(C, align(16))]
pub struct Memory([u8; Memory::BYTES]);

impl Memory {
    pub const BYTES: usize = 1024;

    pub fn holding(content: &[u8]) -> Self {
        let mut bytes = [0xFF; Memory::BYTES];
        bytes[..content.len()].copy_from_slice(content);
        Memory(bytes)
    }
}

impl ErrorType for Memory {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Memory {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        Memory::BYTES
    }
}

impl NorFlash for Memory {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 512;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.0[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        self.0[offset as usize..].iter_mut().zip(bytes).for_each(|(slot, byte)| *slot &= *byte);
        Ok(())
    }
}

impl Slot for Memory {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}
