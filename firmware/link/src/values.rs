//! Parts of samples and forecasts.

/// Values that one frame carries at most.
pub const PART: usize = 56;

/// `f32` values as they stand in a frame: their bits, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values<'a>(pub(crate) &'a [u8]);

impl<'a> Values<'a> {
    /// The values of a body's rest; `None` if they are not whole, none, or too many.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        (bytes.len().is_multiple_of(4) && (1..=4 * PART).contains(&bytes.len())).then_some(Values(bytes))
    }

    /// Values whose bytes are given, little-endian; `None` if they are not whole, none, or more than [`PART`].
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        Self::read(bytes)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len() / 4
    }

    /// Each value.
    pub fn iter(&self) -> impl Iterator<Item = f32> + use<'a> {
        self.0.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }
}
