//! The slot that does not run: where a new model goes.

use embedded_storage::nor_flash::NorFlash;

use crate::{Journal, Refused, Slot, UpdateError, store::Record, store::file, words::Words};

/// An update under way.
#[derive(Clone, Debug)]
struct Transfer {
    length: u32,
    digest: u32,
    received: u32,
    words: Words,
}

/// The slot that does not run, and the journal.
#[derive(Debug)]
pub struct Spare<'s, S, J> {
    flash: &'s mut S,
    slot: usize,
    journal: &'s mut Journal<J>,
    transfer: Option<Transfer>,
}

impl<'s, S: Slot, J: NorFlash<Error = S::Error>> Spare<'s, S, J> {
    pub(crate) fn new(flash: &'s mut S, slot: usize, journal: &'s mut Journal<J>) -> Self {
        Spare { flash, slot, journal, transfer: None }
    }

    /// Which slot this is.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Bytes that a model may have; 0 where the flash cannot be written.
    pub fn capacity(&self) -> u32 {
        if S::WRITABLE { u32::try_from(self.flash.capacity()).unwrap_or(u32::MAX) } else { 0 }
    }

    /// Begins an update with a file of so many bytes and this CRC-32: erases the slot, as much of it as the file needs. An update that was
    /// under way is given up.
    pub fn begin(&mut self, length: u32, digest: u32) -> Result<(), UpdateError<S::Error>> {
        self.transfer = None;
        if !S::WRITABLE {
            return Err(UpdateError::NotWritable);
        }
        if length > self.capacity() {
            return Err(UpdateError::TooLong { capacity: self.capacity() });
        }
        let sector = S::ERASE_SIZE as u32;
        for from in (0..length).step_by(S::ERASE_SIZE) {
            // Also where it reads as erased: an erase that was cut short may leave bits that do not stay.
            self.flash.erase(from, from + sector).map_err(UpdateError::Flash)?;
        }
        self.transfer = Some(Transfer { length, digest, received: 0, words: Words::new(0) });
        Ok(())
    }

    /// Bytes received so far of the update under way.
    pub fn received(&self) -> Option<u32> {
        self.transfer.as_ref().map(|transfer| transfer.received)
    }

    /// Takes the next bytes of the file, which begin at `offset`. After an error of the flash the update has to begin anew.
    pub fn chunk(&mut self, offset: u32, bytes: &[u8]) -> Result<(), UpdateError<S::Error>> {
        let transfer = self.transfer.as_mut().ok_or(UpdateError::NotBegun)?;
        if offset != transfer.received {
            return Err(UpdateError::Offset { expected: transfer.received });
        }
        let end = u32::try_from(bytes.len()).ok().and_then(|length| offset.checked_add(length));
        let Some(end) = end.filter(|end| *end <= transfer.length) else {
            return Err(UpdateError::TooLong { capacity: transfer.length });
        };
        let written = transfer.words.push(self.flash, bytes);
        transfer.received = end;
        written.map_err(|error| {
            self.transfer = None;
            UpdateError::Flash(error)
        })
    }

    /// Ends the transfer: the whole file is there, has the announced checksum, and `check` (see [`Store::open`](crate::Store::open)) binds it
    /// and runs its own test. Then, and not before, it is the model that the next [`Store::open`](crate::Store::open) finds.
    pub fn finish(&mut self, check: impl Fn(&[u8]) -> Result<u32, Refused>) -> Result<(), UpdateError<S::Error>> {
        let mut transfer = self.transfer.take().ok_or(UpdateError::NotBegun)?;
        if transfer.received < transfer.length {
            let received = transfer.received;
            // Nothing is lost: the rest may still come.
            self.transfer = Some(transfer);
            return Err(UpdateError::Incomplete { received });
        }
        transfer.words.flush(self.flash).map_err(UpdateError::Flash)?;
        let file = self.flash.bytes().get(..transfer.length as usize).unwrap_or_default();
        let found = check(file).map_err(UpdateError::Refused)?;
        if found != transfer.digest {
            return Err(UpdateError::Digest { found });
        }
        self.record(transfer.length, found)
    }

    /// Gives up the update under way. The slot's old content is gone.
    pub fn abort(&mut self) {
        self.transfer = None;
    }

    /// Makes the model in this slot active again, for instance the one before the last update: the next
    /// [`Store::open`](crate::Store::open) finds it.
    pub fn activate(&mut self, check: impl Fn(&[u8]) -> Result<u32, Refused>) -> Result<(), UpdateError<S::Error>> {
        if self.transfer.is_some() {
            return Err(UpdateError::Incomplete { received: self.received().unwrap_or(0) });
        }
        let file = file(self.flash.bytes()).unwrap_or_default();
        let (length, digest) = (file.len() as u32, check(file).map_err(UpdateError::Refused)?);
        self.record(length, digest)
    }

    fn record(&mut self, length: u32, digest: u32) -> Result<(), UpdateError<S::Error>> {
        let record = Record { slot: self.slot as u32, length, digest };
        self.journal.write(&record.to_bytes()).map_err(UpdateError::Record)
    }
}
