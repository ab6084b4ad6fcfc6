//! Windows: views of a series, normalized for the network or raw for the device and the metrics.
//!
//! Dimensions: F columns, L lookback, P patch, T = L/P steps, I = P*F inputs of a step, K targets, Z horizon.
//! An input is `[T][I]` with the oldest sample first and, in a step, index `p*F + f`: that is `[L][F]` in memory.
//! A target is `[K][Z]`, the horizon running fastest.

use std::ops::Range;

use super::dataset::Dataset;
use crate::config::Normalization;

/// The windows of one part. Cheap to clone; nothing is copied before it is asked for.
#[derive(Clone, Debug)]
pub struct Windows<'a> {
    dataset: &'a Dataset,
    origins: Range<usize>,
}

impl<'a> Windows<'a> {
    pub(super) fn new(dataset: &'a Dataset, origins: Range<usize>) -> Self {
        Windows { dataset, origins }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.origins.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// What they are views of.
    pub fn dataset(&self) -> &'a Dataset {
        self.dataset
    }

    /// The first target's row of a window: its inputs are the `lookback` rows before.
    ///
    /// # Panics
    /// If there is no such window; so do all the others here.
    pub fn origin(&self, index: usize) -> usize {
        assert!(index < self.len(), "window {index} of {}", self.len());
        self.origins.start + index
    }

    /// Values of an input: L*F.
    pub fn input_len(&self) -> usize {
        self.dataset.window().lookback * self.dataset.features()
    }

    /// Values of a target: K*Z.
    pub fn target_len(&self) -> usize {
        self.dataset.outputs()
    }

    /// What is subtracted from a column's transformed values before they are divided by its deviation.
    pub fn offset(&self, index: usize, column: usize) -> f64 {
        match self.dataset.window().normalization {
            Normalization::Last => f64::from(self.dataset.transformed(column)[self.origin(index) - 1]),
            Normalization::None => self.dataset.scaler().columns[column].mean,
        }
    }

    /// The network's input `[T][I]`, normalized.
    pub fn input(&self, index: usize, input: &mut [f32]) {
        let (origin, features) = (self.origin(index), self.dataset.features());
        assert_eq!(input.len(), self.input_len(), "an input is [T][I]");
        for column in 0..features {
            let (offset, deviation) = (self.offset(index, column), self.dataset.scaler().columns[column].deviation);
            let rows = &self.dataset.transformed(column)[origin - self.dataset.window().lookback..origin];
            for (sample, value) in input.chunks_exact_mut(features).zip(rows) {
                sample[column] = ((f64::from(*value) - offset) / deviation) as f32;
            }
        }
    }

    /// What the network should say, `[K][Z]`, normalized.
    pub fn target(&self, index: usize, target: &mut [f32]) {
        let (origin, horizon) = (self.origin(index), self.dataset.window().horizon);
        assert_eq!(target.len(), self.target_len(), "a target is [K][Z]");
        for (column, out) in target.chunks_exact_mut(horizon).enumerate() {
            let (offset, deviation) = (self.offset(index, column), self.dataset.scaler().columns[column].deviation);
            for (out, value) in out.iter_mut().zip(&self.dataset.transformed(column)[origin..origin + horizon]) {
                *out = ((f64::from(*value) - offset) / deviation) as f32;
            }
        }
    }

    /// The window's samples in raw units, `[L][F]`, as a device is fed.
    pub fn raw_input(&self, index: usize, input: &mut [f32]) {
        let (origin, features) = (self.origin(index), self.dataset.features());
        assert_eq!(input.len(), self.input_len(), "a window is [L][F]");
        for (column, values) in self.dataset.series().columns.iter().enumerate() {
            let rows = &values.values[origin - self.dataset.window().lookback..origin];
            for (sample, value) in input.chunks_exact_mut(features).zip(rows) {
                sample[column] = *value;
            }
        }
    }

    /// What came, in raw units, `[K][Z]`.
    pub fn raw_target(&self, index: usize, target: &mut [f32]) {
        let (origin, horizon) = (self.origin(index), self.dataset.window().horizon);
        assert_eq!(target.len(), self.target_len(), "a target is [K][Z]");
        for (column, out) in self.dataset.series().columns.iter().zip(target.chunks_exact_mut(horizon)) {
            out.copy_from_slice(&column.values[origin..origin + horizon]);
        }
    }

    /// A normalized output of the network `[K][Z]` in raw units, in place.
    pub fn to_raw(&self, index: usize, outputs: &mut [f32]) {
        assert_eq!(outputs.len(), self.target_len(), "a forecast is [K][Z]");
        let window = self.dataset.window();
        for (column, values) in outputs.chunks_exact_mut(window.horizon).enumerate() {
            let (offset, deviation) = (self.offset(index, column), self.dataset.scaler().columns[column].deviation);
            for value in values {
                *value = window.transform.inverse((f64::from(*value) * deviation + offset) as f32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use embedded_rnn::forecast::Transform;
    use proptest::prelude::*;

    use crate::config::{Normalization, Split, Window};
    use crate::data::testing::{sunspots, synthetic, window};
    use crate::data::{Dataset, Part};

    /// Columns that tell row and column: `row + 1000*column`, with a wiggle so that nothing is constant.
    fn dataset(normalization: Normalization) -> Dataset {
        let series = synthetic(100, 3, 2, |row, column| (row + 1000 * column) as f32);
        let split = Split::Rows { train_from: 0, train: 50, validation: 20, test: 20 };
        Dataset::new(series, &window(6, 2, 3, normalization), &split).unwrap()
    }

    #[test]
    fn samples_stand_where_they_should() {
        let dataset = dataset(Normalization::Last);
        assert_eq!((dataset.steps(), dataset.step_inputs(), dataset.outputs()), (3, 6, 6));
        let validation = dataset.windows(Part::Validation);
        // The first validation window reaches back into training rows.
        assert_eq!(validation.origin(0), 50);
        let (mut input, mut target) = (vec![0.0; 18], vec![0.0; 6]);
        validation.raw_input(0, &mut input);
        assert_eq!(input[..6], [44.0, 1044.0, 2044.0, 45.0, 1045.0, 2045.0]);
        assert_eq!(input[15..], [49.0, 1049.0, 2049.0]);
        validation.raw_target(0, &mut target);
        assert_eq!(target, [50.0, 51.0, 52.0, 1050.0, 1051.0, 1052.0]);
        let deviation = dataset.scaler().columns[0].deviation;
        validation.input(0, &mut input);
        let expected: Vec<f32> = (-5..=0).flat_map(|back| [(f64::from(back) / deviation) as f32; 3]).collect();
        assert_eq!(input, expected);
        validation.target(0, &mut target);
        let expected: Vec<f32> = [1, 2, 3, 1, 2, 3].map(|ahead| (f64::from(ahead) / deviation) as f32).to_vec();
        assert_eq!(target, expected);
    }

    #[test]
    fn without_window_normalization_values_are_z_scores() {
        let dataset = dataset(Normalization::None);
        let windows = dataset.windows(Part::Training);
        let (mut input, mut target) = (vec![0.0; 18], vec![0.0; 6]);
        windows.input(0, &mut input);
        windows.target(0, &mut target);
        // Rows 0..50: mean 24.5 and variance (50^2 - 1)/12.
        let deviation = (2499f64 / 12.0).sqrt();
        assert!((f64::from(input[0]) - (0.0 - 24.5) / deviation).abs() < 1e-6);
        assert!((f64::from(input[17]) - (5.0 - 24.5) / deviation).abs() < 1e-6);
        assert!((f64::from(target[5]) - (8.0 - 24.5) / deviation).abs() < 1e-6);
    }

    #[test]
    fn the_shipped_series_has_its_windows() {
        let settings = Window { transform: Transform::Sqrt, ..window(132, 12, 12, Normalization::Last) };
        let dataset = Dataset::new(sunspots(), &settings, &Split::default()).unwrap();
        assert_eq!(dataset.windows(Part::Training).len(), 1830);
        assert_eq!((dataset.steps(), dataset.step_inputs(), dataset.outputs()), (11, 12, 12));
        let test = dataset.windows(Part::Test);
        let (mut input, mut target, mut raw) = (vec![0.0; 132], vec![0.0; 12], vec![0.0; 12]);
        for index in [0, 100, test.len() - 1] {
            test.input(index, &mut input);
            assert_eq!(input[131], 0.0);
            test.target(index, &mut target);
            test.raw_target(index, &mut raw);
            test.to_raw(index, &mut target);
            assert!(raw.iter().zip(&target).all(|(raw, back)| (raw - back).abs() <= 1e-4 * raw.max(1.0)), "{raw:?} {target:?}");
        }
    }

    proptest! {
        #[test]
        fn normalization_and_its_inverse_meet(
            values in proptest::collection::vec(0.01f32..1000.0, 60..90),
            transform in prop_oneof![Just(Transform::None), Just(Transform::Sqrt), Just(Transform::Log)],
            last in any::<bool>(),
        ) {
            let normalization = if last { Normalization::Last } else { Normalization::None };
            let series = synthetic(values.len(), 1, 1, |row, _| values[row]);
            let settings = Window { transform, ..window(8, 4, 3, normalization) };
            let dataset = Dataset::new(series, &settings, &Split::default()).unwrap();
            for part in [Part::Training, Part::Validation, Part::Test] {
                let windows = dataset.windows(part);
                let (mut target, mut raw) = (vec![0.0; 3], vec![0.0; 3]);
                for index in 0..windows.len() {
                    windows.target(index, &mut target);
                    windows.to_raw(index, &mut target);
                    windows.raw_target(index, &mut raw);
                    for (back, raw) in target.iter().zip(&raw) {
                        // A few roundings of the largest value in play.
                        prop_assert!((back - raw).abs() <= 2e-6 * 1000.0, "{back} {raw}");
                    }
                }
            }
        }
    }
}
