//! A spare slot as a board's ability.

use embedded_rnn::forecast::SelfTestError;
use embedded_rnn_link::Fault;
use embedded_rnn_update::{Refused, Slot, Spare, UpdateError};
use embedded_storage::nor_flash::NorFlash;

use crate::{Abilities, Predict};

/// Updates go to the spare slot; `check` is as for [`Store::open`](embedded_rnn_update::Store::open).
#[derive(Debug)]
pub struct Updating<'s, S, J, C> {
    spare: Spare<'s, S, J>,
    check: C,
}

impl<'s, S, J, C> Updating<'s, S, J, C> {
    /// Joins the two.
    pub fn new(spare: Spare<'s, S, J>, check: C) -> Self {
        Updating { spare, check }
    }
}

impl<P, S, J, C> Abilities<P> for Updating<'_, S, J, C>
where
    P: Predict,
    S: Slot,
    J: NorFlash<Error = S::Error>,
    C: Fn(&[u8]) -> Result<u32, Refused>,
{
    fn capacity(&self) -> u32 {
        self.spare.capacity()
    }

    fn begin(&mut self, length: u32, digest: u32) -> Result<(), Fault> {
        self.spare.begin(length, digest).map_err(fault)
    }

    fn chunk(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        self.spare.chunk(offset, bytes).map_err(fault)
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.spare.finish(&self.check).map_err(fault)
    }

    fn abort(&mut self) -> Result<(), Fault> {
        self.spare.abort();
        Ok(())
    }

    fn activate(&mut self) -> Result<(), Fault> {
        self.spare.activate(&self.check).map_err(fault)
    }
}

/// What the line says of an update that was not made.
pub fn fault<E>(error: UpdateError<E>) -> Fault {
    match error {
        UpdateError::NotWritable => Fault::Unsupported,
        UpdateError::TooLong { capacity } => Fault::TooLong { capacity },
        UpdateError::NotBegun => Fault::NotBegun,
        UpdateError::Offset { expected } => Fault::Offset { expected },
        UpdateError::Incomplete { received } => Fault::Incomplete { received },
        UpdateError::Digest { found } => Fault::Digest { found },
        UpdateError::Refused(Refused::SelfTest(SelfTestError::Mismatch { found, .. })) => Fault::SelfTest { found },
        UpdateError::Refused(_) => Fault::Refused,
        UpdateError::Flash(_) | UpdateError::Record(_) => Fault::Flash,
    }
}
