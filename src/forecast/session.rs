//! Streaming: the network's state is kept from step to step.

use core::iter::empty;

use super::snapshot::{self, Content};
use super::{Level, Model, SampleError, SnapshotError};
use crate::arithmetic::Number;
use crate::network::Topology;

/// A network whose state is kept from step to step; each step reads `PATCH` samples.
///
/// Steps over a window give the same bits as a forecaster's run over that window from the zero state.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a, 'm, N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize> {
    model: &'a Model<'m, N, T, FEATURES, LOOKBACK, PATCH>,
    state: T::State,
    clamped: u32,
}

impl<'a, 'm, N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize>
    Session<'a, 'm, N, T, FEATURES, LOOKBACK, PATCH>
{
    pub(super) fn new(model: &'a Model<'m, N, T, FEATURES, LOOKBACK, PATCH>) -> Self {
        Session { model, state: T::ZERO, clamped: 0 }
    }

    /// One network step over the next `PATCH` samples, in raw sensor units, oldest first. A refused sample leaves the state as it was.
    pub fn step(&mut self, samples: &[[f32; FEATURES]; PATCH]) -> Result<(), SampleError> {
        let pipeline = &self.model.pipeline;
        let mut z = [[0.0; FEATURES]; PATCH];
        for (sample, z) in samples.iter().zip(&mut z) {
            pipeline.transform(sample, z)?;
        }
        let mut samples = z.iter().map(|sample| &sample[..]);
        let mut levels = [Level::default(); FEATURES];
        pipeline.measure(empty(), &[], &mut levels);
        let clamped = pipeline.encode::<N>(&mut samples, &mut empty(), &levels, T::input(&mut self.state));
        // A session may run for years.
        self.clamped = self.clamped.saturating_add(clamped);
        T::step(&self.model.weights, &mut self.state);
        Ok(())
    }

    /// The next `HORIZON` values of each target, in raw sensor units; the medians of a network with [`Quantiles`](crate::Quantiles).
    pub fn forecast(&self) -> T::Output {
        T::point(&self.quantiles())
    }

    /// The same with all quantiles of each value, as [`Forecaster::quantiles`](crate::Forecaster::quantiles) gives them.
    pub fn quantiles(&self) -> T::Quantiles {
        let mut quantiles = T::head(&self.model.weights, &self.state);
        T::settle(&self.model.weights, &mut quantiles);
        // Logits are no values of a series.
        if T::CLASSES == 0 {
            for row in T::quantile_rows(&mut quantiles) {
                self.model.pipeline.decode(row, T::QUANTILES, &Level::default(), empty());
            }
        }
        quantiles
    }

    /// The network's state.
    pub fn state(&self) -> &T::State {
        &self.state
    }

    /// Inputs that were clamped since the last reset.
    pub fn clamped(&self) -> u32 {
        self.clamped
    }

    /// Back to the state before the first step.
    pub fn reset(&mut self) {
        *self = Self::new(self.model);
    }

    /// Bytes of a snapshot.
    pub fn snapshot_length(&self) -> usize {
        let mut length = snapshot::OVERHEAD;
        T::visit(&mut self.state.clone(), &mut |bytes| length += bytes.len());
        length
    }

    /// Saves the state into `buffer`, which has [`Self::snapshot_length`] bytes.
    pub fn save(&self, buffer: &mut [u8]) -> Result<(), SnapshotError> {
        snapshot::save(buffer, Content::State, self.snapshot_length(), self.model.digest, |writer| {
            T::visit(&mut self.state.clone(), &mut |bytes| writer(bytes));
        })
    }

    /// Restores a state that was saved from a session of the same model file.
    pub fn restore(&mut self, buffer: &[u8]) -> Result<(), SnapshotError> {
        let mut content = snapshot::open(buffer, Content::State, self.snapshot_length(), self.model.digest)?;
        T::visit(&mut self.state, &mut |bytes| {
            if let Some((saved, rest)) = content.split_at_checked(bytes.len()) {
                bytes.copy_from_slice(saved);
                content = rest;
            }
        });
        Ok(())
    }
}
