//! What a board can do for a desk beyond forecasting what it is fed.

use embedded_rnn_link::Fault;

use crate::Predict;

/// Each ability is refused as unsupported unless a board has it.
pub trait Abilities<P: Predict> {
    /// Whether there is a sensor.
    const MEASURES: bool = false;
    /// Whether a history can be saved.
    const SAVES: bool = false;

    /// Reads the board's own sensor.
    fn measure(&mut self) -> Result<P::Sample, Fault> {
        Err(Fault::Unsupported)
    }

    /// Saves what the predictor remembers, so that it outlives a reset.
    fn save(&mut self, predictor: &P) -> Result<(), Fault> {
        let _ = predictor;
        Err(Fault::Unsupported)
    }

    /// Bytes that a new model may have; 0 if there is no slot to write.
    fn capacity(&self) -> u32 {
        0
    }

    /// Erases the spare slot for a model of so many bytes and this CRC-32.
    fn begin(&mut self, length: u32, digest: u32) -> Result<(), Fault> {
        let _ = (length, digest);
        Err(Fault::Unsupported)
    }

    /// Writes the model's next bytes.
    fn chunk(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        let _ = (offset, bytes);
        Err(Fault::Unsupported)
    }

    /// Tests the new model and makes it active.
    fn finish(&mut self) -> Result<(), Fault> {
        Err(Fault::Unsupported)
    }

    /// Gives the update up.
    fn abort(&mut self) -> Result<(), Fault> {
        Err(Fault::Unsupported)
    }

    /// Makes the model in the other slot active again.
    fn activate(&mut self) -> Result<(), Fault> {
        Err(Fault::Unsupported)
    }
}

/// A board that forecasts what it is fed, and no more.
#[derive(Clone, Copy, Debug, Default)]
pub struct FedOnly;

impl<P: Predict> Abilities<P> for FedOnly {}
