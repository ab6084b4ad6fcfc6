//! Streaming forecasting: the network's state is kept from step to step.

use core::iter::empty;

use super::snapshot::{self, Content};
use super::{Level, Model, NotReady, SampleError, SnapshotError, Streaming};
use crate::arithmetic::Number;
use crate::network::Topology;

/// A network whose state is kept from step to step; each step reads `PATCH` samples.
///
/// [`Session::push`] costs a copy, and a network step with every `PATCH`-th sample; [`Session::forecast`] costs the head alone. Under
/// normalization by the last value a step's samples are seen relative to the sample right before the step (those of the first step: to
/// its own first sample), and a forecast is relative to the newest sample of the last step.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a, 'm, N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize> {
    model: &'a Model<'m, N, T, FEATURES, LOOKBACK, PATCH, 0, Streaming>,
    state: T::State,
    /// Steps since the zero state; no more are counted than a forecast waits for.
    steps: u32,
    /// The newest sample of the last step, a value of the transformed domain, and so below.
    last: [f32; FEATURES],
    /// The first samples of the next step.
    waiting: [[f32; FEATURES]; PATCH],
    /// How many they are.
    held: u32,
    clamped: u32,
}

impl<'a, 'm, N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize>
    Session<'a, 'm, N, T, FEATURES, LOOKBACK, PATCH>
{
    pub(super) fn new(model: &'a Model<'m, N, T, FEATURES, LOOKBACK, PATCH, 0, Streaming>) -> Self {
        Session { model, state: T::ZERO, steps: 0, last: [0.0; FEATURES], waiting: [[0.0; FEATURES]; PATCH], held: 0, clamped: 0 }
    }

    /// Takes the next sample, in raw sensor units; with the `PATCH`-th the network steps. A refused sample leaves everything as it was.
    pub fn push(&mut self, sample: &[f32; FEATURES]) -> Result<(), SampleError> {
        let mut z = [0.0; FEATURES];
        self.model.pipeline.transform(sample, &mut z)?;
        self.take(z);
        Ok(())
    }

    /// Takes the next `PATCH` samples, oldest first: one network step, whose place among the samples is that of the pushes before. If one
    /// of them is refused, none has entered.
    pub fn step(&mut self, samples: &[[f32; FEATURES]; PATCH]) -> Result<(), SampleError> {
        let pipeline = &self.model.pipeline;
        let mut z = [[0.0; FEATURES]; PATCH];
        for (sample, z) in samples.iter().zip(&mut z) {
            pipeline.transform(sample, z)?;
        }
        z.into_iter().for_each(|sample| self.take(sample));
        Ok(())
    }

    /// Takes a sample of the transformed domain.
    fn take(&mut self, z: [f32; FEATURES]) {
        let at = self.held as usize;
        if let Some(slot) = self.waiting.get_mut(at) {
            *slot = z;
        }
        if at + 1 < PATCH {
            self.held += 1;
            return;
        }
        self.held = 0;
        let first = self.waiting.first().unwrap_or(&self.last);
        let levels = self.levels(if self.steps == 0 { first } else { &self.last });
        let mut samples = self.waiting.iter().map(|sample| &sample[..]);
        let clamped = self.model.pipeline.encode::<N>(&mut samples, &mut empty(), &levels, T::input(&mut self.state));
        // A session may run for years.
        self.clamped = self.clamped.saturating_add(clamped);
        T::step(&self.model.weights, &mut self.state);
        self.last = z;
        self.steps = self.model.warmup.min(self.steps.saturating_add(1));
    }

    /// From where values are measured that come after the sample `before`.
    fn levels(&self, before: &[f32; FEATURES]) -> [Level; FEATURES] {
        let mut levels = [Level::default(); FEATURES];
        self.model.pipeline.measure(empty(), before, &mut levels);
        levels
    }

    /// Samples still missing before the first forecast; 0 when there can be one.
    pub fn missing(&self) -> usize {
        let steps = self.model.warmup.saturating_sub(self.steps) as usize;
        steps.saturating_mul(PATCH).saturating_sub(self.held as usize)
    }

    /// Samples that have come since the last step, and of which a forecast knows nothing yet; less than `PATCH`.
    pub fn waiting(&self) -> usize {
        self.held as usize
    }

    /// The next `HORIZON` values of each target after the last step, in raw sensor units; the medians of a network with
    /// [`Quantiles`](crate::Quantiles). Refused until the network has taken the warm-up steps that the file states.
    pub fn forecast(&self) -> Result<T::Output, NotReady> {
        self.quantiles().map(|quantiles| T::point(&quantiles))
    }

    /// The same with all quantiles of each value, as [`Forecaster::quantiles`](crate::Forecaster::quantiles) gives them.
    pub fn quantiles(&self) -> Result<T::Quantiles, NotReady> {
        if self.steps < self.model.warmup {
            return Err(NotReady { missing: self.missing() });
        }
        Ok(self.said())
    }

    /// What the network says, warmed up or not.
    pub(super) fn said(&self) -> T::Quantiles {
        let mut quantiles = T::head(&self.model.weights, &self.state);
        T::settle(&self.model.weights, &mut quantiles);
        let levels = self.levels(&self.last);
        for (row, level) in T::quantile_rows(&mut quantiles).zip(&levels) {
            self.model.pipeline.decode(row, T::QUANTILES, level, empty());
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

    /// Back to the state before the first sample.
    pub fn reset(&mut self) {
        *self = Self::new(self.model);
    }

    /// What a snapshot holds, part by part.
    fn visit(&self, visit: &mut dyn FnMut(&[u8])) {
        visit(bytemuck::bytes_of(&self.steps));
        visit(bytemuck::bytes_of(&self.held));
        visit(bytemuck::bytes_of(&self.last));
        self.waiting.iter().for_each(|sample| visit(bytemuck::bytes_of(sample)));
        T::visit(&mut self.state.clone(), &mut |bytes| visit(bytes));
    }

    /// Bytes of a snapshot.
    pub fn snapshot_length(&self) -> usize {
        let mut length = snapshot::OVERHEAD;
        self.visit(&mut |bytes| length += bytes.len());
        length
    }

    /// Saves the state into `buffer`, which has [`Self::snapshot_length`] bytes.
    pub fn save(&self, buffer: &mut [u8]) -> Result<(), SnapshotError> {
        snapshot::save(buffer, Content::State, self.snapshot_length(), self.model.digest, |writer| self.visit(writer))
    }

    /// Restores a state that was saved from a session of the same model file.
    pub fn restore(&mut self, buffer: &[u8]) -> Result<(), SnapshotError> {
        let mut content = snapshot::open(buffer, Content::State, self.snapshot_length(), self.model.digest)?;
        let mut read = |bytes: &mut [u8]| {
            if let Some((saved, rest)) = content.split_at_checked(bytes.len()) {
                bytes.copy_from_slice(saved);
                content = rest;
            }
        };
        read(bytemuck::bytes_of_mut(&mut self.steps));
        read(bytemuck::bytes_of_mut(&mut self.held));
        read(bytemuck::bytes_of_mut(&mut self.last));
        self.waiting.iter_mut().for_each(|sample| read(bytemuck::bytes_of_mut(sample)));
        T::visit(&mut self.state, &mut read);
        Ok(())
    }
}
