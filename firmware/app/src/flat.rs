//! The values of a forecast in a row.

/// A forecast whose values lie one after the other: target after target, step after step, and of each step its quantiles where the
/// model has them.
pub trait Flat {
    /// All of them.
    fn flat(&self) -> &[f32];
}

impl<const HORIZON: usize, const TARGETS: usize> Flat for [[f32; HORIZON]; TARGETS] {
    fn flat(&self) -> &[f32] {
        self.as_flattened()
    }
}

impl<const QUANTILES: usize, const HORIZON: usize, const TARGETS: usize> Flat for [[[f32; QUANTILES]; HORIZON]; TARGETS] {
    fn flat(&self) -> &[f32] {
        self.as_flattened().as_flattened()
    }
}
