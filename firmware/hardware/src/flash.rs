//! The flash that holds models: two slots and a journal, where the board's linker script has set them aside.

use core::{cell::RefCell, marker::PhantomData};

use embedded_rnn_update::Slot;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write};

use crate::Board;

/// What erases and writes a chip's flash. When a function returns, the flash reads as memory again; [`Slot`] tells what that takes.
pub trait Flash {
    /// Bytes that are written at once.
    const WORD: usize;
    /// Bytes of a sector where the slots lie.
    const SLOT_SECTOR: usize;
    /// Bytes of a sector where the journal lies.
    const JOURNAL_SECTOR: usize;

    /// Erases the sector that begins at this address.
    ///
    /// # Safety
    ///
    /// It is one of a slot's or the journal's, and nobody holds a reference into it.
    unsafe fn erase(&mut self, address: *mut u8) -> Result<(), NorFlashErrorKind>;

    /// Writes whole words that are erased.
    ///
    /// # Safety
    ///
    /// They are a slot's or the journal's, and nobody holds a reference into them.
    unsafe fn write(&mut self, address: *mut u8, bytes: &[u8]) -> Result<(), NorFlashErrorKind>;
}

/// A stretch of flash, as the core sees it.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    start: *mut u8,
    length: usize,
}

impl Stretch {
    /// So many bytes from an address on.
    ///
    /// # Safety
    ///
    /// They are readable for as long as the program runs, consist of whole sectors, overlap no other stretch, and change by the board's
    /// [`Flash`] alone.
    pub unsafe fn new(start: *mut u8, length: usize) -> Self {
        Stretch { start, length }
    }
}

/// The stretches that hold models.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// For a model each.
    pub slots: [Stretch; 2],
    /// For the record of which is active.
    pub journal: Stretch,
}

/// Whose sectors a region has.
pub trait Part<F: Flash> {
    /// Bytes of a sector.
    const SECTOR: usize;
}

/// A slot's.
#[derive(Debug)]
pub struct OfSlot;

/// The journal's.
#[derive(Debug)]
pub struct OfJournal;

impl<F: Flash> Part<F> for OfSlot {
    const SECTOR: usize = F::SLOT_SECTOR;
}

impl<F: Flash> Part<F> for OfJournal {
    const SECTOR: usize = F::JOURNAL_SECTOR;
}

/// A stretch of a board's flash as storage. The board idles before each sector that is erased: its watchdog and its USB do not wait for a
/// whole slot.
#[derive(Debug)]
pub struct Region<'a, B, P> {
    board: &'a RefCell<B>,
    stretch: Stretch,
    part: PhantomData<P>,
}

impl<'a, B, P> Region<'a, B, P> {
    /// The stretch, erased and written by the board.
    pub fn new(board: &'a RefCell<B>, stretch: Stretch) -> Self {
        Region { board, stretch, part: PhantomData }
    }

    fn memory(&self) -> &[u8] {
        // SAFETY: who made the stretch vouches that its bytes can be read. They change in `erase` and `write` alone, which borrow the
        // region mutably and so end this borrow.
        unsafe { core::slice::from_raw_parts(self.stretch.start, self.stretch.length) }
    }

    /// The address of an offset that was checked.
    fn address(&self, offset: u32) -> *mut u8 {
        self.stretch.start.wrapping_add(offset as usize)
    }
}

impl<B, P> ErrorType for Region<'_, B, P> {
    type Error = NorFlashErrorKind;
}

impl<B, P> ReadNorFlash for Region<'_, B, P> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        let from = self.memory().get(offset as usize..).unwrap_or_default();
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.stretch.length
    }
}

impl<B: Board, P: Part<B::Flash>> NorFlash for Region<'_, B, P> {
    const WRITE_SIZE: usize = B::Flash::WORD;
    const ERASE_SIZE: usize = P::SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        for sector in (from..to).step_by(P::SECTOR) {
            let mut board = self.board.borrow_mut();
            board.idle();
            // SAFETY: a sector of this stretch, into which nobody holds a reference while the region is borrowed mutably.
            unsafe { board.flash().erase(self.address(sector))? };
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        // SAFETY: as for erasing.
        unsafe { self.board.borrow_mut().flash().write(self.address(offset), bytes) }
    }
}

impl<B: Board> Slot for Region<'_, B, OfSlot> {
    fn bytes(&self) -> &[u8] {
        self.memory()
    }
}
