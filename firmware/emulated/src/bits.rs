//! The bits of forecasts, with or without quantiles.

/// A forecast whose values' bits are logged and compared: text would round them.
pub(crate) trait Bits {
    /// Shows the bits of all values as they lie in memory.
    fn bits<Seen>(&self, see: impl FnOnce(&[u32]) -> Seen) -> Seen;
}

impl<const HORIZON: usize, const TARGETS: usize> Bits for [[f32; HORIZON]; TARGETS] {
    fn bits<Seen>(&self, see: impl FnOnce(&[u32]) -> Seen) -> Seen {
        see(self.map(|target| target.map(f32::to_bits)).as_flattened())
    }
}

impl<const QUANTILES: usize, const HORIZON: usize, const TARGETS: usize> Bits for [[[f32; QUANTILES]; HORIZON]; TARGETS] {
    fn bits<Seen>(&self, see: impl FnOnce(&[u32]) -> Seen) -> Seen {
        see(self.map(|target| target.map(|value| value.map(f32::to_bits))).as_flattened().as_flattened())
    }
}
