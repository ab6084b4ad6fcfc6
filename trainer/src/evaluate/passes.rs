//! Windows through a model file: each on its own, or as points of a stream.

use std::ops::Range;

use super::device::DeviceModel;
use crate::data::{Series, Windows};
use crate::error::Error;

/// A sample that a model refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The row after the samples that the model was given.
    pub before: usize,
    /// Which of them, and why.
    pub reason: String,
}

impl Refused {
    /// The refusal with its place in the series' file.
    pub fn of(self, series: &Series) -> Error {
        let line = series.line(self.before - 1);
        Error::input(format!("{}, the samples that end in line {line}: {}", series.path.display(), self.reason))
    }
}

/// What a model says before each of some rows, as a stream that begins at `begin`: `say` is told the row of the first forecast value.
/// Where a step has several samples there are as many streams, each a sample later, so that every row is met.
pub fn stream(
    model: &mut DeviceModel<'_>,
    series: &Series,
    begin: usize,
    rows: Range<usize>,
    say: &mut dyn FnMut(usize, &DeviceModel<'_>),
) -> Result<(), Refused> {
    let patch = usize::from(model.manifest.window.patch);
    let mut samples = Vec::new();
    for first in rows.clone().take(patch) {
        assert!(first >= begin + patch, "a step before the first forecast");
        model.restart();
        for row in (begin + (first - begin) % patch + patch..rows.end).step_by(patch) {
            samples.clear();
            samples.extend((row - patch..row).flat_map(|row| series.sample(row)));
            model.advance(&samples).map_err(|reason| Refused { before: row, reason })?;
            if row >= rows.start {
                say(row, model);
            }
        }
    }
    Ok(())
}

/// What a model says of each window, in their order: from the window alone, or as a stream from the series' first row on.
pub fn over<T>(
    model: &mut DeviceModel<'_>,
    windows: &Windows<'_>,
    say: impl Fn(&DeviceModel<'_>) -> T,
) -> Result<Vec<T>, Refused> {
    if windows.is_empty() {
        return Ok(Vec::new());
    }
    let count = windows.len();
    if model.is_streaming() {
        let mut said: Vec<Option<T>> = (0..count).map(|_| None).collect();
        let first = windows.origin(0);
        stream(model, windows.dataset().series(), 0, first..first + count, &mut |row, model| {
            said[row - first] = Some(say(model));
        })?;
        return Ok(said.into_iter().flatten().collect());
    }
    let mut window = vec![0.0; windows.raw_len()];
    let one = |index| {
        windows.raw_input(index, &mut window);
        model.see(&window).map_err(|reason| Refused { before: windows.origin(index), reason })?;
        Ok(say(model))
    };
    (0..count).map(one).collect()
}
