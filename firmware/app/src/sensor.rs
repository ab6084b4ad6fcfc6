//! What can be read when a sample is due.

/// A sensor of one or several values: the columns of the model's samples, in their order and in raw units.
pub trait Sensor {
    /// One reading, for a model of `F` columns `[f32; F]`.
    type Sample;
    /// Why a reading failed.
    type Error;

    /// Reads all values now.
    fn read(&mut self) -> Result<Self::Sample, Self::Error>;
}
