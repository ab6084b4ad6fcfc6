//! The window and the checksum of its forecast by which a target shows that it computes the trainer's bits.

use crate::image::{Fields, LoadError, Record, RecordKind};

/// A model file's own test. The window is stored short and repeated, for a long one would cost more flash than some networks.
#[derive(Clone, Copy, Debug)]
pub struct SelfTest<'m> {
    /// Raw samples, `[n][features]`; sample k of the window is sample k modulo n of these.
    samples: &'m [f32],
    features: usize,
    lookback: usize,
    /// CRC-32 of the forecast.
    checksum: u32,
}

impl<'m> SelfTest<'m> {
    /// Checks a self-test record's length and borrows its samples.
    pub fn read(record: &Record<'m>, lookback: usize, features: usize) -> Result<Self, LoadError> {
        let malformed = LoadError::Malformed { record: RecordKind::SelfTest };
        let mut fields: Fields<'m> = record.fields();
        let sample = features.checked_mul(size_of::<f32>()).filter(|bytes| *bytes > 0).ok_or(malformed)?;
        let count = fields.remaining().saturating_sub(size_of::<u32>()) / sample;
        if !(1..=lookback).contains(&count) {
            return Err(malformed);
        }
        let samples = fields.slice(count * features)?;
        let &[checksum] = fields.array::<u32, 1>()?;
        fields.end()?;
        Ok(SelfTest { samples, features, lookback, checksum })
    }

    /// The window's raw samples `[features]`, oldest first: as many as the model looks back.
    pub fn window(&self) -> impl Iterator<Item = &'m [f32]> {
        self.samples.chunks_exact(self.features.max(1)).cycle().take(self.lookback)
    }

    /// CRC-32 of the forecast that the file promises, see [`forecast_checksum`](crate::image::forecast_checksum).
    pub fn checksum(&self) -> u32 {
        self.checksum
    }
}
