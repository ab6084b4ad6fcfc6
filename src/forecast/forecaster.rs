//! Windowed forecasting: the last samples of one sensor, and the network run over them when a forecast is asked for.

use core::iter::empty;
use core::marker::PhantomData;

use super::history::History;
use super::pipeline::Recurrent;
use super::snapshot::{self, Content};
use super::{Level, Model, NotReady, SampleError, SnapshotError};
use crate::arithmetic::Number;
use crate::network::Topology;

/// The last `LOOKBACK` samples of one sensor.
///
/// [`Forecaster::push`] costs a copy; [`Forecaster::forecast`] costs `(LOOKBACK - SEASON) / PATCH` network steps and the head, and what
/// [`Normalization`](super::Normalization) says; it borrows the network's state from the stack for that long, so that a board's sensors
/// share it.
#[derive(Clone, Debug)]
pub struct Forecaster<
    'a,
    'm,
    N: Number,
    T: Topology<N>,
    const FEATURES: usize,
    const LOOKBACK: usize,
    const PATCH: usize,
    const SEASON: usize = 0,
> {
    model: &'a Model<'m, N, T, FEATURES, LOOKBACK, PATCH, SEASON>,
    history: History<FEATURES, LOOKBACK>,
    clamped: u32,
}

/// The network while a window runs through it.
struct Run<'w, 'm, N: Number, T: Topology<N>> {
    weights: &'w T::Weights<'m>,
    state: T::State,
    number: PhantomData<N>,
}

impl<N: Number, T: Topology<N>> Recurrent<N> for Run<'_, '_, N, T> {
    #[inline]
    fn reset(&mut self) {
        self.state = T::ZERO;
    }

    #[inline]
    fn input(&mut self) -> &mut [N::Activation] {
        T::input(&mut self.state)
    }

    #[inline]
    fn step(&mut self) {
        T::step(self.weights, &mut self.state);
    }
}

impl<'a, 'm, N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize, const SEASON: usize>
    Forecaster<'a, 'm, N, T, FEATURES, LOOKBACK, PATCH, SEASON>
{
    /// Bytes of a snapshot: model, number of samples, samples, checksum.
    pub const SNAPSHOT_LENGTH: usize = snapshot::OVERHEAD + 4 + LOOKBACK * FEATURES * 4;

    pub(super) fn new(model: &'a Model<'m, N, T, FEATURES, LOOKBACK, PATCH, SEASON>) -> Self {
        Forecaster { model, history: History::new(), clamped: 0 }
    }

    /// Takes the next sample, in raw sensor units. A refused sample leaves the history as it was.
    pub fn push(&mut self, sample: &[f32; FEATURES]) -> Result<(), SampleError> {
        let mut z = [0.0; FEATURES];
        self.model.pipeline.transform(sample, &mut z)?;
        self.history.push(z);
        Ok(())
    }

    /// Samples still missing before the first forecast; 0 when there can be one.
    pub fn missing(&self) -> usize {
        LOOKBACK - self.history.len()
    }

    /// The next `HORIZON` values of each target, in raw sensor units: `[[f32; HORIZON]; TARGETS]`. Of a network with
    /// [`Quantiles`](crate::Quantiles) these are the medians, and it costs what [`Self::quantiles`] costs.
    pub fn forecast(&mut self) -> Result<T::Output, NotReady> {
        self.quantiles().map(|quantiles| T::point(&quantiles))
    }

    /// The next `HORIZON` values of each target with all their quantiles, ascending, in raw sensor units:
    /// `[[[f32; QUANTILES]; HORIZON]; TARGETS]`; of a network without quantiles, a forecast.
    ///
    /// Beside the network's steps it costs `QUANTILES * H` multiply-accumulates a value in the head, `QUANTILES * (QUANTILES - 1) / 2`
    /// comparisons to sort them, two additions and two comparisons a pair; and `QUANTILES` floats a value on the stack.
    pub fn quantiles(&mut self) -> Result<T::Quantiles, NotReady> {
        let (Some(last), 0) = (self.history.last(), self.missing()) else {
            return Err(NotReady { missing: self.missing() });
        };
        let pipeline = &self.model.pipeline;
        let mut run = Run::<N, T> { weights: &self.model.weights, state: T::ZERO, number: PhantomData };
        let window = self.history.iter().map(|sample| &sample[..]);
        let mut levels = [Level::default(); FEATURES];
        pipeline.measure(window.clone(), last, &mut levels);
        let steps = (LOOKBACK - SEASON) / PATCH;
        // Networks without a season link nothing of it.
        self.clamped = if SEASON > 0 {
            pipeline.run::<N>(&mut run, steps, window.clone().skip(SEASON), window.clone(), &levels)
        } else {
            pipeline.run::<N>(&mut run, steps, window.clone(), empty(), &levels)
        };
        let mut quantiles = T::head(&self.model.weights, &run.state);
        T::settle(&self.model.weights, &mut quantiles);
        // Logits are no values of a series.
        if T::CLASSES == 0 {
            for (column, (row, level)) in T::quantile_rows(&mut quantiles).zip(&levels).enumerate() {
                if SEASON > 0 {
                    let last_season = window.clone().skip(LOOKBACK - SEASON);
                    pipeline.decode(row, T::QUANTILES, level, last_season.filter_map(|sample| sample.get(column).copied()));
                } else {
                    pipeline.decode(row, T::QUANTILES, level, empty());
                }
            }
        }
        Ok(quantiles)
    }

    /// How many inputs of the last forecast's window lay beyond the largest that the file was made for, and were clamped. Anything but
    /// 0 means that the sensor does what it did not do in training.
    pub fn clamped(&self) -> u32 {
        self.clamped
    }

    /// Forgets all samples.
    pub fn reset(&mut self) {
        self.history.clear();
        self.clamped = 0;
    }

    /// Saves the history into `buffer`, which has [`Self::SNAPSHOT_LENGTH`] bytes.
    pub fn save(&self, buffer: &mut [u8]) -> Result<(), SnapshotError> {
        snapshot::save(buffer, Content::History, Self::SNAPSHOT_LENGTH, self.model.digest, |writer| {
            writer(&(self.history.len() as u32).to_le_bytes());
            for sample in self.history.iter() {
                writer(bytemuck::bytes_of(sample));
            }
        })
    }

    /// Restores a history that was saved from a forecaster of the same model file.
    pub fn restore(&mut self, buffer: &[u8]) -> Result<(), SnapshotError> {
        let content = snapshot::open(buffer, Content::History, Self::SNAPSHOT_LENGTH, self.model.digest)?;
        let (count, values) = content.split_first_chunk::<4>().ok_or(SnapshotError::Damaged)?;
        let count = u32::from_le_bytes(*count) as usize;
        if count > LOOKBACK {
            return Err(SnapshotError::Damaged);
        }
        self.reset();
        // Every chunk has a sample's size, so that reading it cannot fail.
        for sample in values.chunks_exact(4 * FEATURES).take(count).flat_map(bytemuck::try_pod_read_unaligned) {
            self.history.push(sample);
        }
        Ok(())
    }
}
