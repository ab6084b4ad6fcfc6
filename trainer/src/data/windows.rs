//! Windows: views of a series, normalized for the network or raw for the device and the metrics.
//!
//! Dimensions: F columns, L lookback, P patch, T = L/P steps, I = P*F inputs of a step, K targets, Z horizon.
//! An input is `[T][I]` with the oldest sample first and, in a step, index `p*F + f`: that is `[L][F]` in memory. Under seasonal
//! normalization the network reads the samples after the first season, so many fewer.
//! A target is `[K][Z]`, the horizon running fastest.

use std::ops::Range;

use super::dataset::Dataset;
use super::level::{Level, base};
use crate::config::Normalization;

/// The windows of one part. Cheap to clone; nothing is copied before it is asked for.
#[derive(Clone, Debug)]
pub struct Windows<'a> {
    dataset: &'a Dataset,
    origins: Range<usize>,
    normalization: Normalization,
}

impl<'a> Windows<'a> {
    pub(super) fn new(dataset: &'a Dataset, origins: Range<usize>) -> Self {
        Windows { dataset, origins, normalization: dataset.window().normalization }
    }

    /// The same windows, normalized otherwise.
    pub fn under(self, normalization: Normalization) -> Self {
        Windows { normalization, ..self }
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

    /// How they are normalized.
    pub fn normalization(&self) -> Normalization {
        self.normalization
    }

    /// The first target's row of a window: its inputs are the `lookback` rows before.
    ///
    /// # Panics
    /// If there is no such window; so do all the others here.
    pub fn origin(&self, index: usize) -> usize {
        assert!(index < self.len(), "window {index} of {}", self.len());
        self.origins.start + index
    }

    /// Values of an input: those of a window, without its first season where that only serves to be subtracted.
    pub fn input_len(&self) -> usize {
        self.raw_len() - self.normalization.season() * self.dataset.features()
    }

    /// Values of a window of raw samples: L*F.
    pub fn raw_len(&self) -> usize {
        self.dataset.window().lookback * self.dataset.features()
    }

    /// Values of a target: K*Z, or one a class.
    pub fn target_len(&self) -> usize {
        self.dataset.outputs()
    }

    /// A column's transformed values in a window, and how they are measured.
    fn column(&self, index: usize, column: usize) -> (&'a [f32], Level) {
        let origin = self.origin(index);
        let rows = &self.dataset.transformed(column)[origin - self.dataset.window().lookback..origin];
        (rows, Level::of(self.normalization, &self.dataset.scaler().columns[column], rows))
    }

    /// Deviations of a column's training rows in a unit of its normalized values: 1, but where windows are scaled.
    pub fn unit(&self, index: usize, column: usize) -> f64 {
        match self.normalization {
            Normalization::Scaled => self.column(index, column).1.deviation / self.dataset.scaler().columns[column].deviation,
            _ => 1.0,
        }
    }

    /// The network's input `[T][I]`, normalized.
    pub fn input(&self, index: usize, input: &mut [f32]) {
        let (features, season) = (self.dataset.features(), self.normalization.season());
        assert_eq!(input.len(), self.input_len(), "an input is [T][I]");
        for column in 0..features {
            let (rows, Level { offset, deviation }) = self.column(index, column);
            for (t, sample) in input.chunks_exact_mut(features).enumerate() {
                let offset = if season > 0 { f64::from(rows[t]) } else { offset };
                sample[column] = ((f64::from(rows[season + t]) - offset) / deviation) as f32;
            }
        }
    }

    /// The class of the newest row, where there are classes.
    pub fn class(&self, index: usize) -> Option<usize> {
        let newest = self.origin(index) - 1;
        self.dataset.series().labels.as_ref().map(|labels| labels.of_row[newest].into())
    }

    /// What the network should say, `[K][Z]`, normalized; of a classifier, 1 for the window's class and 0 for the others.
    pub fn target(&self, index: usize, target: &mut [f32]) {
        let (origin, horizon) = (self.origin(index), self.dataset.window().horizon);
        assert_eq!(target.len(), self.target_len(), "a target is [K][Z]");
        if let Some(class) = self.class(index) {
            target.fill(0.0);
            target[class] = 1.0;
            return;
        }
        for (column, out) in target.chunks_exact_mut(horizon).enumerate() {
            let (rows, level) = self.column(index, column);
            let came = &self.dataset.transformed(column)[origin..origin + horizon];
            for (ahead, (out, value)) in out.iter_mut().zip(came).enumerate() {
                let base = base(self.normalization, &level, rows, ahead);
                *out = ((f64::from(*value) - base) / level.deviation) as f32;
            }
        }
    }

    /// The window's samples in raw units, `[L][F]`, as a device is fed.
    pub fn raw_input(&self, index: usize, input: &mut [f32]) {
        let (origin, features) = (self.origin(index), self.dataset.features());
        assert_eq!(input.len(), self.raw_len(), "a window is [L][F]");
        for (column, values) in self.dataset.series().columns.iter().enumerate() {
            let rows = &values.values[origin - self.dataset.window().lookback..origin];
            for (sample, value) in input.chunks_exact_mut(features).zip(rows) {
                sample[column] = *value;
            }
        }
    }

    /// The samples before a window's first target in raw units, `[n][F]`: as many whole steps as there are, but no more than `most` samples.
    pub fn raw_stretch(&self, index: usize, most: usize) -> Vec<f32> {
        let (origin, patch) = (self.origin(index), self.dataset.window().patch);
        let length = origin.min(most) / patch * patch;
        (origin - length..origin).flat_map(|row| self.dataset.series().sample(row)).collect()
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
            let (rows, level) = self.column(index, column);
            for (ahead, value) in values.iter_mut().enumerate() {
                let base = base(self.normalization, &level, rows, ahead);
                *value = window.transform.inverse((f64::from(*value) * level.deviation + base) as f32);
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
    fn seasonal_windows_hold_differences_and_read_one_season_less() {
        let series = synthetic(100, 2, 1, |row, column| ((row % 4) * 10 + row * (1 + column)) as f32);
        let split = Split::Rows { train_from: 0, train: 50, validation: 20, test: 20 };
        let normalization = Normalization::Seasonal { season: 4 };
        let dataset = Dataset::new(series, &window(10, 3, 6, normalization), &split).unwrap();
        let windows = dataset.windows(Part::Validation);
        assert_eq!((dataset.steps(), windows.input_len(), windows.raw_len()), (2, 12, 20));
        let (mut input, mut target) = (vec![0.0; 12], vec![0.0; 6]);
        let deviations = [0, 1].map(|column| dataset.scaler().columns[column].deviation);
        // The pattern is gone; four rows of slope stay, and in the second season ahead eight.
        windows.input(3, &mut input);
        let expected: Vec<f32> = (0..6).flat_map(|_| [(4.0 / deviations[0]) as f32, (8.0 / deviations[1]) as f32]).collect();
        assert_eq!(input, expected);
        windows.target(3, &mut target);
        let expected: Vec<f32> = [4.0, 4.0, 4.0, 4.0, 8.0, 8.0].map(|slope| (slope / deviations[0]) as f32).to_vec();
        assert_eq!(target, expected);
        // The same windows under another normalization are whole.
        let last = windows.clone().under(Normalization::Last);
        assert_eq!(last.input_len(), 20);
        let mut input = vec![1.0; 20];
        last.input(3, &mut input);
        assert_eq!(input[18..], [0.0, 0.0]);
    }

    #[test]
    fn scaled_windows_have_no_mean_and_a_deviation_of_one() {
        let dataset = dataset(Normalization::Scaled);
        let windows = dataset.windows(Part::Test);
        let (mut input, mut target) = (vec![0.0; 18], vec![0.0; 6]);
        windows.input(4, &mut input);
        windows.target(4, &mut target);
        let deviation = (35f64 / 12.0).sqrt();
        for column in 0..3 {
            for (t, sample) in input.chunks_exact(3).enumerate() {
                assert!((f64::from(sample[column]) - (t as f64 - 2.5) / deviation).abs() < 1e-6, "{input:?}");
            }
        }
        assert!((f64::from(target[5]) - 5.5 / deviation).abs() < 1e-6, "{target:?}");
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
            normalization in prop_oneof![
                Just(Normalization::None), Just(Normalization::Last), Just(Normalization::Mean), Just(Normalization::Scaled),
                (1u16..3).prop_map(|half| Normalization::Seasonal { season: 4 * half - 2 }),
            ],
        ) {
            let series = synthetic(values.len(), 1, 1, |row, _| values[row]);
            let settings = Window { transform, ..window(8, 2, 3, normalization) };
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
