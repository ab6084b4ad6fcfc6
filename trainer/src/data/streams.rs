//! Streams: stretches of a series cut into segments that follow each other, so that a network's state can be carried from each to the next.
//!
//! Dimensions as in [`super::windows`]. An input is `[T][I]`; a target is `[T][K][Z]`, what the network should say after each step. As on the
//! device, under last-value normalization a step is seen from the sample before it, the first step after a zero state from its own first
//! sample, and what should be said from the step's newest sample.

use std::ops::Range;

use super::augment::amplitude_factor;
use super::dataset::Dataset;
use super::split::Part;
use crate::config::Normalization;
use crate::error::{Error, Result};
use crate::random::Key;

/// Segments before the validation rows that bring the state to where a long stream's is.
const BURN_IN: usize = 4;

/// One segment of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    /// Its first row.
    row: usize,
    /// Whether the state before it is zero.
    fresh: bool,
}

/// Streams side by side, whose segments follow each other.
#[derive(Clone, Debug)]
pub struct Streams<'a> {
    dataset: &'a Dataset,
    kind: Kind,
    /// Streams side by side.
    rows: usize,
    /// Segments of each stream in an epoch.
    length: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Drawn anew in each epoch.
    Training { seed: u64, amplitude: f64, passes: usize, segments: usize },
    /// One stream for each sample of a step at which it may begin; of the first steps only the state matters.
    Validation { origins: Range<usize>, burn_in: usize },
}

impl<'a> Streams<'a> {
    /// The training rows as `rows` streams side by side.
    ///
    /// An epoch passes over the rows once for each sample of a patch, so that every row ends a step about once; where a pass begins is drawn
    /// anew in each epoch, and so is the order of the passes. Their segments, one after the other, are dealt to the streams in runs of equal
    /// length; a stream begins at the zero state, and so does each pass. The few segments that are left over differ from epoch to epoch.
    pub fn training(dataset: &'a Dataset, rows: usize, amplitude: f64, seed: u64) -> Result<Self> {
        let (lookback, passes) = (dataset.window().lookback, dataset.window().patch);
        let (from, end) = Self::training_rows(dataset);
        let usable = (end - from).saturating_sub(dataset.window().horizon);
        // A pass may begin anywhere in a segment's worth of rows.
        let segments = ((usable + 1).saturating_sub(lookback) / lookback).max(usize::from(usable >= lookback));
        let all = segments * passes;
        if rows > all {
            return Err(Error::input(format!(
                "{}: training.batch = {rows} asks for as many streams side by side, and the training rows have {all} segments of \
                 window.lookback = {lookback} samples: use at most {all}, or shorter segments",
                dataset.series().path.display()
            )));
        }
        Ok(Streams { dataset, kind: Kind::Training { seed, amplitude, passes, segments }, rows, length: all / rows })
    }

    /// The validation rows in the order of time: all that a stream says of them, wherever its steps begin.
    pub fn validation(dataset: &'a Dataset) -> Self {
        let (patch, steps) = (dataset.window().patch, dataset.steps());
        let windows = dataset.windows(Part::Validation);
        let first = if windows.is_empty() { 0 } else { windows.origin(0) };
        let origins = first..first + windows.len();
        let rows = patch.min(windows.len());
        // At least the step that ends at the first origin, which is counted.
        let burn_in = (first / patch).saturating_sub(1).min(BURN_IN * steps);
        let length = (burn_in + windows.len().div_ceil(patch)).div_ceil(steps);
        Streams { dataset, kind: Kind::Validation { origins, burn_in }, rows, length }
    }

    /// The first row of the training streams, and the row after the last.
    fn training_rows(dataset: &Dataset) -> (usize, usize) {
        let training = &dataset.partition().training;
        (training.start.max(dataset.partition().train_from), training.end)
    }

    /// Streams side by side.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Segments of all streams in an epoch; segment `k * rows + r` is the k-th of stream r.
    pub fn len(&self) -> usize {
        self.rows * self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Steps of a segment whose forecasts count.
    pub fn counted(&self, index: usize) -> Range<usize> {
        let steps = self.dataset.steps();
        let Kind::Validation { origins, burn_in } = &self.kind else { return 0..steps };
        let (stream, before) = (index % self.rows, index / self.rows * steps);
        let count = (origins.len() - stream).div_ceil(self.dataset.window().patch);
        let [first, end] = [*burn_in, burn_in + count].map(|step| step.saturating_sub(before).min(steps));
        first..end
    }

    /// Whether the state before a segment is zero.
    pub fn is_fresh(&self, epoch: usize, index: usize) -> bool {
        self.segment(&self.passes(epoch), index).fresh
    }

    /// The first rows of an epoch's passes, in their order.
    fn passes(&self, epoch: usize) -> Vec<usize> {
        let Kind::Training { seed, passes, segments, .. } = self.kind else { return Vec::new() };
        let (from, end) = Self::training_rows(self.dataset);
        let window = self.dataset.window();
        let slack = end - from - window.horizon - segments * window.lookback;
        // "strm" in ASCII: apart from every other use of the same seed.
        let key = Key::new(seed).with(0x7374_726d).with(epoch as u64);
        let start = |pass: usize| {
            let key = key.with(pass as u64);
            // Each pass has steps that end at other rows than the others', where there is room for that.
            if slack < passes { key.below(slack + 1) } else { pass + window.patch * key.below((slack - pass) / window.patch + 1) }
        };
        let mut starts: Vec<usize> = (0..passes).map(|pass| from + start(pass)).collect();
        for last in (1..passes).rev() {
            starts.swap(last, key.with((passes + last) as u64).below(last + 1));
        }
        starts
    }

    fn segment(&self, passes: &[usize], index: usize) -> Segment {
        let (stream, place) = (index % self.rows, index / self.rows);
        let window = self.dataset.window();
        match &self.kind {
            Kind::Training { segments, .. } => {
                let number = stream * self.length + place;
                let row = passes[number / segments] + number % segments * window.lookback;
                Segment { row, fresh: place == 0 || number.is_multiple_of(*segments) }
            }
            Kind::Validation { origins, burn_in } => {
                let start = origins.start + stream - (burn_in + 1) * window.patch;
                Segment { row: start + place * window.lookback, fresh: place == 0 }
            }
        }
    }

    /// Fills inputs `[B][T][I]` and targets `[B][T][K][Z]` with the segments that `indices` `[B]` names.
    ///
    /// # Panics
    /// If a buffer's length does not fit or an index is out of range.
    pub fn fill(&self, epoch: usize, indices: &[usize], inputs: &mut [f32], targets: &mut [f32]) {
        let (input, target) = (self.dataset.steps() * self.dataset.step_inputs(), self.dataset.steps() * self.dataset.outputs());
        assert_eq!(inputs.len(), indices.len() * input, "inputs are [B][T][I]");
        assert_eq!(targets.len(), indices.len() * target, "targets are [B][T][K][Z]");
        let passes = self.passes(epoch);
        for (&index, (input, target)) in indices.iter().zip(inputs.chunks_exact_mut(input).zip(targets.chunks_exact_mut(target)))
        {
            self.fill_one(self.segment(&passes, index), self.counted(index), input, target);
            if let Kind::Training { seed, amplitude, .. } = self.kind
                && amplitude != 0.0
            {
                // A stream is as loud as it began, or its state would be another stream's.
                let factor = amplitude_factor(amplitude, seed, epoch, index % self.rows) as f32;
                input.iter_mut().chain(target).for_each(|value| *value *= factor);
            }
        }
    }

    fn fill_one(&self, segment: Segment, counted: Range<usize>, inputs: &mut [f32], targets: &mut [f32]) {
        let window = self.dataset.window();
        let (features, patch, horizon) = (self.dataset.features(), window.patch, window.horizon);
        let steps = inputs.chunks_exact_mut(patch * features).zip(targets.chunks_exact_mut(self.dataset.outputs()));
        for (step, (input, target)) in steps.enumerate() {
            let rows = segment.row + step * patch..segment.row + (step + 1) * patch;
            if step >= counted.end {
                // After the last forecast that counts: nothing depends on it, and there may be no rows.
                input.fill(0.0);
                target.fill(0.0);
                continue;
            }
            let before = if segment.fresh && step == 0 { rows.start } else { rows.start - 1 };
            for column in 0..features {
                let (z, moments) = (self.dataset.transformed(column), self.dataset.scaler().columns[column]);
                let offset = |row: usize| match window.normalization {
                    Normalization::Last => f64::from(z[row]),
                    _ => moments.mean,
                };
                let normal = |value: f32, offset: f64| ((f64::from(value) - offset) / moments.deviation) as f32;
                for (sample, value) in input.chunks_exact_mut(features).zip(&z[rows.clone()]) {
                    sample[column] = normal(*value, offset(before));
                }
                if column < self.dataset.targets() {
                    let out = &mut target[column * horizon..][..horizon];
                    if counted.contains(&step) {
                        let ahead = &z[rows.end..rows.end + horizon];
                        out.iter_mut().zip(ahead).for_each(|(out, value)| *out = normal(*value, offset(rows.end - 1)));
                    } else {
                        out.fill(0.0);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::config::{Mode, Split, Window};
    use crate::data::testing::{synthetic, window};

    /// Columns that tell row and column: `row + 1000*column`.
    fn dataset(normalization: Normalization, rows: usize) -> Dataset {
        let series = synthetic(rows, 2, 1, |row, column| (row + 1000 * column) as f32);
        let split = Split::Rows { train_from: 0, train: rows / 2, validation: rows / 4, test: rows / 4 };
        let window = Window { mode: Mode::Streaming, ..window(6, 2, 3, normalization) };
        Dataset::new(series, &window, &split).unwrap()
    }

    /// The rows that a step's samples and its targets are of, from z-scores of values that are the rows' numbers.
    fn row_of(dataset: &Dataset, value: f32) -> usize {
        let moments = dataset.scaler().columns[0];
        (f64::from(value) * moments.deviation + moments.mean).round() as usize
    }

    fn filled(streams: &Streams<'_>, epoch: usize, index: usize) -> (Vec<f32>, Vec<f32>) {
        let dataset = streams.dataset;
        let (mut input, mut target) = (vec![0.0; 3 * dataset.step_inputs()], vec![0.0; 3 * dataset.outputs()]);
        streams.fill(epoch, &[index], &mut input, &mut target);
        (input, target)
    }

    #[test]
    fn segments_follow_each_other_and_every_row_is_met() {
        let dataset = dataset(Normalization::None, 200);
        let streams = Streams::training(&dataset, 4, 0.0, 5).unwrap();
        let mut ends = HashSet::new();
        for epoch in 1..30 {
            let mut next = [0; 4];
            for index in 0..streams.len() {
                let (input, target) = filled(&streams, epoch, index);
                let first = row_of(&dataset, input[0]);
                let fresh = streams.is_fresh(epoch, index);
                assert_eq!(fresh || index < 4, fresh, "each stream begins fresh");
                assert!(fresh || first == next[index % 4], "epoch {epoch}, segment {index}");
                for step in 0..3 {
                    // Two samples of two columns a step; three values ahead.
                    let rows = [input[4 * step], input[4 * step + 2]].map(|value| row_of(&dataset, value));
                    assert_eq!(rows, [first + 2 * step, first + 2 * step + 1]);
                    let ahead = [0, 1, 2].map(|k| row_of(&dataset, target[3 * step + k]));
                    assert_eq!(ahead, [2, 3, 4].map(|k| rows[0] + k));
                    assert!(ahead[2] < 100, "targets stay within the training rows");
                    ends.insert(ahead[0]);
                }
                next[index % 4] = first + 6;
            }
        }
        assert_eq!(ends.len(), 100 - 3 - 2 + 1, "every row that can end a step does in some epoch");
    }

    #[test]
    fn epochs_and_seeds_draw_their_own_streams() {
        let dataset = dataset(Normalization::Last, 200);
        let layout = |seed, epoch| {
            let streams = Streams::training(&dataset, 3, 0.0, seed).unwrap();
            let passes = streams.passes(epoch);
            (0..streams.len()).map(|index| streams.segment(&passes, index).row).collect::<Vec<_>>()
        };
        assert_eq!(layout(1, 1), layout(1, 1));
        assert!(layout(1, 1) != layout(1, 2) && layout(1, 1) != layout(2, 1));
    }

    #[test]
    fn a_step_is_seen_from_the_sample_before_it() {
        let dataset = dataset(Normalization::Last, 200);
        let deviation = dataset.scaler().columns[0].deviation;
        let streams = Streams::training(&dataset, 2, 0.0, 5).unwrap();
        for index in 0..streams.len() {
            let (input, target) = filled(&streams, 1, index);
            for step in 0..3 {
                // From its own first sample: 0 and 1; from the one before: 1 and 2.
                let first = if streams.is_fresh(1, index) && step == 0 { 0.0 } else { 1.0 };
                for sample in 0..2 {
                    let expected = ((first + f64::from(sample as u8)) / deviation) as f32;
                    assert_eq!(input[4 * step + 2 * sample..][..2], [expected; 2], "segment {index}, step {step}");
                }
                assert_eq!(target[3 * step..][..3], [1.0, 2.0, 3.0].map(|ahead| (ahead / deviation) as f32));
            }
        }
    }

    #[test]
    fn validation_counts_every_window_once_after_a_burn_in() {
        for rows in [200, 201, 206, 40] {
            let dataset = dataset(Normalization::None, rows);
            let streams = Streams::validation(&dataset);
            let windows = dataset.windows(Part::Validation);
            let mut seen = Vec::new();
            for index in 0..streams.len() {
                assert_eq!(streams.is_fresh(1, index), index < 2);
                let counted = streams.counted(index);
                let (input, target) = filled(&streams, 1, index);
                for step in 0..3 {
                    if counted.contains(&step) {
                        let newest = row_of(&dataset, input[4 * step + 2]);
                        assert_eq!(row_of(&dataset, target[3 * step]), newest + 1);
                        seen.push(newest + 1);
                    }
                }
            }
            seen.sort_unstable();
            let origins: Vec<usize> = (0..windows.len()).map(|index| windows.origin(index)).collect();
            assert_eq!(seen, origins, "{rows} rows");
        }
    }

    #[test]
    fn more_streams_than_segments_are_refused() {
        let dataset = dataset(Normalization::None, 100);
        // 50 rows: 7 segments of 6 with room to begin anywhere, twice.
        let error = Streams::training(&dataset, 15, 0.0, 1).unwrap_err();
        assert!(error.to_string().contains("training.batch = 15") && error.to_string().contains("use at most 14"), "{error}");
        assert_eq!(error.exit_code(), 2);
        assert_eq!(Streams::training(&dataset, 14, 0.0, 1).unwrap().len(), 14);
    }
}
