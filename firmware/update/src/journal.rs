//! Small records in NOR flash, of which the newest whole one counts.
//!
//! The flash is two halves of whole sectors. Records of one length are appended to one half; when it is full the other is erased and begun.
//! A record carries its number and a CRC-32, so that one whose writing was cut short is none; the half with the newest record is never erased.
//! The first record after a reset begins the other half anew, too: the writing of a record may have been cut so early that its place still
//! reads as erased, and no word of flash may be written twice. That costs an erase for each reset after which something is written.

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use embedded_storage::nor_flash::NorFlash;

use crate::words::{self, LONGEST, Words};

const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// Bytes before a record's content: its checksum and its number.
const HEADER: usize = 8;

/// A journal that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalError<E> {
    /// The flash has no two halves of whole sectors that hold a record each.
    Geometry,
    /// The content has another length than the journal's records.
    Length {
        /// Bytes of a record's content.
        expected: usize,
    },
    /// What was written did not read back, nowhere in the half that is free.
    Worn,
    /// The flash reported an error.
    Flash(E),
}

impl<E: fmt::Debug> fmt::Display for JournalError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::Geometry => f.write_str("the journal's flash has no two halves of whole sectors for a record each"),
            JournalError::Length { expected } => write!(f, "a record of this journal has {expected} bytes"),
            JournalError::Worn => f.write_str("the journal's flash does not hold what is written"),
            JournalError::Flash(error) => write!(f, "the journal's flash reported {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for JournalError<E> {}

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    half: u32,
    index: u32,
}

/// The newest record.
#[derive(Clone, Copy, Debug)]
struct Newest {
    place: Place,
    number: u32,
}

/// A journal of records of one length.
#[derive(Debug)]
pub struct Journal<F> {
    flash: F,
    length: usize,
    newest: Option<Newest>,
    /// Where the next record goes; `None` if the half of the newest one is full, or was not begun since the reset.
    next: Option<Place>,
}

impl<F: NorFlash> Journal<F> {
    /// Bytes that a record of such content occupies.
    pub const fn stride(length: usize) -> usize {
        (HEADER + length).next_multiple_of(F::WRITE_SIZE)
    }

    /// Looks for the newest whole record; nothing is written.
    pub fn open(flash: F, length: usize) -> Result<Self, JournalError<F::Error>> {
        let half = flash.capacity() / 2;
        let sectors = half.is_multiple_of(F::ERASE_SIZE) && flash.capacity().is_multiple_of(2);
        // A word must hold in the buffer in which it is gathered and read.
        if !words::supported::<F>() || !LONGEST.is_multiple_of(F::READ_SIZE) || !sectors || half < Self::stride(length) {
            return Err(JournalError::Geometry);
        }
        let mut journal = Journal { flash, length, newest: None, next: None };
        let places = journal.places();
        for place in (0..2).flat_map(|half| (0..places).map(move |index| Place { half, index })) {
            if let Some(number) = journal.number(place)
                && journal.newest.is_none_or(|newest| newest.number < number)
            {
                journal.newest = Some(Newest { place, number });
            }
        }
        Ok(journal)
    }

    /// Gives the flash back.
    pub fn release(self) -> F {
        self.flash
    }

    /// Reads the newest record's content into `content`, which has the records' length. Whether there is one.
    pub fn read(&mut self, content: &mut [u8]) -> Result<bool, JournalError<F::Error>> {
        if content.len() != self.length {
            return Err(JournalError::Length { expected: self.length });
        }
        let Some(newest) = self.newest else { return Ok(false) };
        let mut at = 0;
        self.parts(newest.place, |part| {
            for byte in part {
                if let Some(slot) = content.get_mut(at) {
                    *slot = *byte;
                }
                at += 1;
            }
        })
        .map_err(JournalError::Flash)?;
        Ok(true)
    }

    /// Appends a record; after this one returns with success, it is the newest, and until then the one before is.
    pub fn write(&mut self, content: &[u8]) -> Result<(), JournalError<F::Error>> {
        if content.len() != self.length {
            return Err(JournalError::Length { expected: self.length });
        }
        let number = self.newest.map_or(0, |newest| newest.number.saturating_add(1));
        // A place that does not hold its record is passed over; after the end of a half that was just erased, there is no other.
        let mut erased = false;
        loop {
            let place = match self.next {
                Some(place) => place,
                None if erased => return Err(JournalError::Worn),
                None => {
                    erased = true;
                    self.erase()?
                }
            };
            self.next = Some(Place { index: place.index + 1, ..place }).filter(|next| next.index < self.places());
            self.put(place, number, content).map_err(JournalError::Flash)?;
            if self.number(place) == Some(number) {
                self.newest = Some(Newest { place, number });
                return Ok(());
            }
        }
    }

    /// Records of a half.
    fn places(&self) -> u32 {
        (self.flash.capacity() / 2 / Self::stride(self.length)) as u32
    }

    fn offset(&self, place: Place) -> u32 {
        place.half * (self.flash.capacity() / 2) as u32 + place.index * Self::stride(self.length) as u32
    }

    /// Erases the half in which the newest record is not, sector by sector.
    fn erase(&mut self) -> Result<Place, JournalError<F::Error>> {
        let half = self.newest.map_or(0, |newest| 1 - newest.place.half);
        let place = Place { half, index: 0 };
        let from = self.offset(place);
        let to = from + (self.flash.capacity() / 2) as u32;
        for sector in (from..to).step_by(F::ERASE_SIZE) {
            self.flash.erase(sector, sector + F::ERASE_SIZE as u32).map_err(JournalError::Flash)?;
        }
        Ok(place)
    }

    fn put(&mut self, place: Place, number: u32, content: &[u8]) -> Result<(), F::Error> {
        let mut digest = CRC.digest();
        digest.update(&number.to_le_bytes());
        digest.update(content);
        let mut words = Words::new(self.offset(place));
        words.push(&mut self.flash, &digest.finalize().to_le_bytes())?;
        words.push(&mut self.flash, &number.to_le_bytes())?;
        words.push(&mut self.flash, content)?;
        words.flush(&mut self.flash)
    }

    /// The number of the whole record at a place. A place that cannot be read holds none.
    fn number(&mut self, place: Place) -> Option<u32> {
        let mut header = [0; HEADER];
        let mut at = 0;
        let mut digest = CRC.digest();
        let length = HEADER + self.length;
        self.raw(place, Self::stride(self.length), |part| {
            for byte in part {
                if let Some(slot) = header.get_mut(at) {
                    *slot = *byte;
                }
                if (4..length).contains(&at) {
                    digest.update(&[*byte]);
                }
                at += 1;
            }
        })
        .ok()?;
        let [a, b, c, d, number @ ..] = header;
        // What is erased does not pass: its number would be the last one of all.
        let number = u32::from_le_bytes(number);
        (digest.finalize() == u32::from_le_bytes([a, b, c, d]) && number != u32::MAX).then_some(number)
    }

    /// Hands a record's content to `take`, part by part.
    fn parts(&mut self, place: Place, mut take: impl FnMut(&[u8])) -> Result<(), F::Error> {
        let mut before = HEADER;
        self.raw(place, Self::stride(self.length), |part| {
            let (_, content) = part.split_at(before.min(part.len()));
            before -= before.min(part.len());
            take(content);
        })
    }

    /// Reads `length` bytes from a place on, which are whole words, and hands them on part by part.
    fn raw(&mut self, place: Place, length: usize, mut take: impl FnMut(&[u8])) -> Result<(), F::Error> {
        let mut buffer = [0; LONGEST];
        let offset = self.offset(place);
        let mut read = 0;
        while read < length {
            let now = (length - read).min(LONGEST);
            if let Some(part) = buffer.get_mut(..now) {
                self.flash.read(offset + read as u32, part)?;
                take(part);
            }
            read += now;
        }
        Ok(())
    }
}
