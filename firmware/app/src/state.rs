//! What a predictor remembers, kept in flash across a reset.

use core::fmt;

use embedded_rnn::{Forecaster, Session, arithmetic::Number, forecast::SnapshotError, network::Topology};
use embedded_rnn_link::Fault;
use embedded_rnn_update::{Journal, JournalError};
use embedded_storage::nor_flash::NorFlash;

use crate::{Abilities, Predict};

/// Something whose state fits a buffer.
pub trait Snapshot {
    /// Saves the state into a buffer of a snapshot's length.
    fn save(&self, buffer: &mut [u8]) -> Result<(), SnapshotError>;

    /// Restores what was saved from the same model file; the state is as it was if that cannot be.
    fn restore(&mut self, buffer: &[u8]) -> Result<(), SnapshotError>;
}

impl<N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize, const SEASON: usize> Snapshot
    for Forecaster<'_, '_, N, T, FEATURES, LOOKBACK, PATCH, SEASON>
{
    fn save(&self, buffer: &mut [u8]) -> Result<(), SnapshotError> {
        Forecaster::save(self, buffer)
    }

    fn restore(&mut self, buffer: &[u8]) -> Result<(), SnapshotError> {
        Forecaster::restore(self, buffer)
    }
}

impl<N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize> Snapshot
    for Session<'_, '_, N, T, FEATURES, LOOKBACK, PATCH>
{
    fn save(&self, buffer: &mut [u8]) -> Result<(), SnapshotError> {
        Session::save(self, buffer)
    }

    fn restore(&mut self, buffer: &[u8]) -> Result<(), SnapshotError> {
        Session::restore(self, buffer)
    }
}

/// A journal of snapshots of `BYTES` bytes; a forecaster's has `12 + 4 * LOOKBACK * FEATURES`.
#[derive(Debug)]
pub struct State<F, const BYTES: usize> {
    journal: Journal<F>,
}

/// A state that was not saved or not restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateError<E> {
    /// The flash.
    Journal(JournalError<E>),
    /// The snapshot: of another length or another model.
    Snapshot(SnapshotError),
}

impl<E: fmt::Debug> fmt::Display for StateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Journal(error) => error.fmt(f),
            StateError::Snapshot(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for StateError<E> {}

impl<F: NorFlash, const BYTES: usize> State<F, BYTES> {
    /// Looks for the latest snapshot; nothing is written.
    pub fn open(flash: F) -> Result<Self, StateError<F::Error>> {
        Journal::open(flash, BYTES).map(|journal| State { journal }).map_err(StateError::Journal)
    }

    /// Saves. If the power fails meanwhile, the snapshot before is still there.
    pub fn save(&mut self, from: &impl Snapshot) -> Result<(), StateError<F::Error>> {
        let mut buffer = [0; BYTES];
        from.save(&mut buffer).map_err(StateError::Snapshot)?;
        self.journal.write(&buffer).map_err(StateError::Journal)
    }

    /// Restores the latest snapshot; whether there is one.
    pub fn restore(&mut self, into: &mut impl Snapshot) -> Result<bool, StateError<F::Error>> {
        let mut buffer = [0; BYTES];
        if !self.journal.read(&mut buffer).map_err(StateError::Journal)? {
            return Ok(false);
        }
        into.restore(&buffer).map(|()| true).map_err(StateError::Snapshot)
    }

    /// Gives the flash back.
    pub fn release(self) -> F {
        self.journal.release()
    }
}

/// A board that can save, and whatever else it can.
#[derive(Debug)]
pub struct Saving<'s, B, F, const BYTES: usize> {
    board: B,
    state: &'s mut State<F, BYTES>,
}

impl<'s, B, F, const BYTES: usize> Saving<'s, B, F, BYTES> {
    /// Adds the ability to a board.
    pub fn new(board: B, state: &'s mut State<F, BYTES>) -> Self {
        Saving { board, state }
    }
}

impl<P: Predict + Snapshot, B: Abilities<P>, F: NorFlash, const BYTES: usize> Abilities<P> for Saving<'_, B, F, BYTES> {
    const MEASURES: bool = B::MEASURES;
    const SAVES: bool = true;

    fn measure(&mut self) -> Result<P::Sample, Fault> {
        self.board.measure()
    }

    fn save(&mut self, predictor: &P) -> Result<(), Fault> {
        self.state.save(predictor).map_err(|_| Fault::Flash)
    }

    fn capacity(&self) -> u32 {
        self.board.capacity()
    }

    fn begin(&mut self, length: u32, digest: u32) -> Result<(), Fault> {
        self.board.begin(length, digest)
    }

    fn chunk(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        self.board.chunk(offset, bytes)
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.board.finish()
    }

    fn abort(&mut self) -> Result<(), Fault> {
        self.board.abort()
    }

    fn activate(&mut self) -> Result<(), Fault> {
        self.board.activate()
    }
}
