//! Two slots and the journal that says which is active.

use embedded_rnn::image::{ALIGNMENT, MAGIC};
use embedded_storage::nor_flash::NorFlash;

use crate::{Journal, OpenError, Refused, Slot, Spare, words};

/// Bytes of the journal's records: slot, length, digest.
const RECORD: usize = 12;

/// What the journal says of the active model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub slot: u32,
    pub length: u32,
    pub digest: u32,
}

impl Record {
    pub fn to_bytes(self) -> [u8; RECORD] {
        let [[a, b, c, d], [e, f, g, h], [i, j, k, l]] = [self.slot, self.length, self.digest].map(u32::to_le_bytes);
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    fn from_bytes([a, b, c, d, e, f, g, h, i, j, k, l]: [u8; RECORD]) -> Self {
        let [slot, length, digest] = [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_le_bytes);
        Record { slot, length, digest }
    }
}

/// Two slots for models, and the journal.
#[derive(Debug)]
pub struct Store<S, J> {
    slots: [S; 2],
    journal: Journal<J>,
}

/// The model to run.
#[derive(Clone, Copy, Debug)]
pub struct Active<'s> {
    /// Which slot it lies in.
    pub slot: usize,
    /// The model file's CRC-32.
    pub digest: u32,
    /// The model file, 16-aligned.
    pub bytes: &'s [u8],
    /// The journal names another model, which is not whole or failed its test: this one stands in for it.
    pub fallback: bool,
}

/// A store that is in use: what runs, and what can be written meanwhile.
#[derive(Debug)]
pub struct Opened<'s, S, J> {
    /// The model to run; `None` if neither slot holds one.
    pub active: Option<Active<'s>>,
    /// The other slot.
    pub spare: Spare<'s, S, J>,
}

impl<S: Slot, J: NorFlash<Error = S::Error>> Store<S, J> {
    /// Joins the slots and the journal's flash. Nothing is written.
    pub fn new(slots: [S; 2], journal: J) -> Result<Self, OpenError<S::Error>> {
        for (slot, flash) in slots.iter().enumerate() {
            let bytes = flash.bytes();
            let sound = bytes.as_ptr().addr().is_multiple_of(ALIGNMENT)
                && bytes.len() == flash.capacity()
                && flash.capacity().is_multiple_of(S::ERASE_SIZE)
                && flash.capacity() > 0;
            if !sound || !words::supported::<S>() {
                return Err(OpenError::Geometry { slot });
            }
        }
        Ok(Store { slots, journal: Journal::open(journal, RECORD).map_err(OpenError::Journal)? })
    }

    /// Finds the model to run. `check` binds a file to the firmware's network and runs its own test; it returns the file's digest:
    ///
    /// ```
    /// # mod model { include!("../../../tests/fixtures/tiny-int8.rs"); }
    /// use embedded_rnn_update::Refused;
    /// fn check(bytes: &[u8]) -> Result<u32, Refused> {
    ///     let model = model::Model::load(bytes)?;
    ///     model.self_test()?;
    ///     Ok(model.digest())
    /// }
    /// # assert!(check(&[]).is_err());
    /// ```
    ///
    /// The model that the journal names comes first, then whatever whole model lies in the other slot. Without a record, as a board comes
    /// from production, the first slot comes first.
    pub fn open<'s>(
        &'s mut self,
        check: impl Fn(&[u8]) -> Result<u32, Refused>,
    ) -> Result<Opened<'s, S, J>, OpenError<S::Error>> {
        let mut bytes = [0; RECORD];
        let record = self
            .journal
            .read(&mut bytes)
            .map_err(OpenError::Journal)?
            .then(|| Record::from_bytes(bytes))
            .filter(|record| record.slot < 2);
        let first = record.map_or(0, |record| record.slot as usize);
        let candidates = [first, 1 - first];
        let found = candidates.into_iter().find_map(|slot| {
            let file = file(self.slots[slot].bytes())?;
            let digest = check(file).ok()?;
            let named =
                record.is_none_or(|record| slot != first || (record.digest == digest && record.length as usize == file.len()));
            named.then_some((slot, digest, file.len()))
        });
        let active = found.map_or(first, |(slot, ..)| slot);
        let [zero, one] = &mut self.slots;
        let (running, spare) = if active == 0 { (zero, one) } else { (one, zero) };
        let running: &'s S = running;
        Ok(Opened {
            active: found.and_then(|(slot, digest, length)| {
                Some(Active { slot, digest, bytes: running.bytes().get(..length)?, fallback: record.is_some() && slot != first })
            }),
            spare: Spare::new(spare, 1 - active, &mut self.journal),
        })
    }

    /// Gives slots and journal flash back.
    pub fn release(self) -> ([S; 2], J) {
        (self.slots, self.journal.release())
    }
}

/// The model file that a slot begins with, by its own account.
pub(crate) fn file(slot: &[u8]) -> Option<&[u8]> {
    let (magic, rest) = slot.split_first_chunk::<8>()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*rest.first_chunk()?);
    (*magic == MAGIC).then(|| slot.get(..length as usize)).flatten()
}
