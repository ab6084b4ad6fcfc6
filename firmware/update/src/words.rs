//! Bytes gathered to whole words of flash.

use embedded_storage::nor_flash::NorFlash;

/// The longest word of flash that is supported, and what is written at once at most.
pub(crate) const LONGEST: usize = 256;

/// Writes bytes one after the other, each word of flash once.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    buffer: [u8; LONGEST],
    filled: usize,
    /// Where the buffer's first byte goes.
    offset: u32,
}

impl Words {
    /// Begins at an offset that is a word's.
    pub fn new(offset: u32) -> Self {
        Words { buffer: [0xFF; LONGEST], filled: 0, offset }
    }

    /// Takes bytes in; whole buffers go to the flash.
    pub fn push<F: NorFlash>(&mut self, flash: &mut F, mut bytes: &[u8]) -> Result<(), F::Error> {
        while let Some(space) = self.buffer.get_mut(self.filled..).filter(|_| !bytes.is_empty()) {
            let (now, later) = bytes.split_at(space.len().min(bytes.len()));
            for (slot, byte) in space.iter_mut().zip(now) {
                *slot = *byte;
            }
            self.filled += now.len();
            bytes = later;
            if self.filled == LONGEST {
                self.flush(flash)?;
            }
        }
        Ok(())
    }

    /// Writes what there is; the rest of the last word is left as erased flash reads.
    pub fn flush<F: NorFlash>(&mut self, flash: &mut F) -> Result<(), F::Error> {
        // A word is at most the buffer and divides it, so that what is rounded up still lies within.
        let whole = self.filled.next_multiple_of(F::WRITE_SIZE);
        if let Some(words) = self.buffer.get(..whole).filter(|words| !words.is_empty()) {
            flash.write(self.offset, words)?;
        }
        *self = Words::new(self.offset.saturating_add(whole as u32));
        Ok(())
    }
}

/// Whether the flash's words can be gathered here.
pub(crate) const fn supported<F: NorFlash>() -> bool {
    F::WRITE_SIZE > 0 && LONGEST.is_multiple_of(F::WRITE_SIZE) && F::ERASE_SIZE.is_multiple_of(F::WRITE_SIZE)
}
