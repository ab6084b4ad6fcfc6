//! Classification: the last samples of one sensor, and what class they show when that is asked for.

use super::{Forecaster, Model, NotReady, SampleError, Scores, SnapshotError};
use crate::arithmetic::Number;
use crate::network::Topology;

/// The last `LOOKBACK` samples of one sensor, and a network of [`Classes`](crate::Classes) that tells what they show.
///
/// ```
/// # mod model {
/// # // What `rnn export` writes beside the model file.
/// # use embedded_rnn::*;
/// # pub type Model<'m> = embedded_rnn::Model<'m, Int8, Network<Lstm<6, 6, ZoneoutCell>, Classes<Dense<6, 3, 1>>>, 2, 6, 3>;
/// # }
/// use model::Model;
///
/// static MODEL: &[u8] = embedded_rnn::include_model!("../../tests/fixtures/classes-int8.rnn");
///
/// let model = Model::load(MODEL)?;
/// let mut classifier = model.classifier();
/// for sample in [[20.5, 18.0], [20.9, 18.1], [21.4, 18.1], [21.8, 18.3], [22.0, 18.2], [22.1, 18.4]] {
///     classifier.push(&sample)?;                       // raw sensor units in
/// }
/// let scores = classifier.classify()?;
/// let name = model.class_name(scores.class());         // of the newest sample
/// let certainty = scores.probabilities()[scores.class()];
/// # assert!(name.is_some() && certainty > 1.0 / 3.0);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// What is true of a [`Forecaster`]'s cost, memory and snapshots is true here: it is one whose network's outputs are logits.
#[derive(Clone, Debug)]
pub struct Classifier<
    'a,
    'm,
    N: Number,
    T: Topology<N>,
    const FEATURES: usize,
    const LOOKBACK: usize,
    const PATCH: usize,
    const SEASON: usize = 0,
> {
    window: Forecaster<'a, 'm, N, T, FEATURES, LOOKBACK, PATCH, SEASON>,
}

impl<'a, 'm, N, T, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize, const SEASON: usize, const CLASSES: usize>
    Classifier<'a, 'm, N, T, FEATURES, LOOKBACK, PATCH, SEASON>
where
    N: Number,
    T: Topology<N, Output = [f32; CLASSES]>,
{
    /// Bytes of a snapshot: model, number of samples, samples, checksum.
    pub const SNAPSHOT_LENGTH: usize = Forecaster::<'a, 'm, N, T, FEATURES, LOOKBACK, PATCH, SEASON>::SNAPSHOT_LENGTH;

    pub(super) fn new(model: &'a Model<'m, N, T, FEATURES, LOOKBACK, PATCH, SEASON>) -> Self {
        Classifier { window: model.forecaster() }
    }

    /// Takes the next sample, in raw sensor units. A refused sample leaves the history as it was.
    pub fn push(&mut self, sample: &[f32; FEATURES]) -> Result<(), SampleError> {
        self.window.push(sample)
    }

    /// Samples still missing before a class can be told; 0 when one can.
    pub fn missing(&self) -> usize {
        self.window.missing()
    }

    /// The class of the newest sample, as the window up to it shows it.
    pub fn classify(&mut self) -> Result<Scores<CLASSES>, NotReady> {
        self.window.forecast().map(Scores::new)
    }

    /// How many inputs of the last window lay beyond the largest that the file was made for, and were clamped.
    pub fn clamped(&self) -> u32 {
        self.window.clamped()
    }

    /// Forgets all samples.
    pub fn reset(&mut self) {
        self.window.reset();
    }

    /// Saves the history into `buffer`, which has [`Self::SNAPSHOT_LENGTH`] bytes.
    pub fn save(&self, buffer: &mut [u8]) -> Result<(), SnapshotError> {
        self.window.save(buffer)
    }

    /// Restores a history that was saved from a classifier of the same model file.
    pub fn restore(&mut self, buffer: &[u8]) -> Result<(), SnapshotError> {
        self.window.restore(buffer)
    }
}
