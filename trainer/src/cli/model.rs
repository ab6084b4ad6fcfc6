//! A model file and the CSV that it is run on.

use std::path::Path;

use embedded_rnn::image::{self, Manifest};
use sha2::{Digest, Sha256};

use crate::config::{Clock, Mode, Window};
use crate::data::{Dataset, LabelColumn, Partition, Selection, Series};
use crate::error::{Error, Result};

/// The columns that a model reads, by the names of the series that it was trained on; with `labeled`, a classifier's labels too.
fn selection(manifest: &Manifest<'_>, clock: Clock, labeled: bool) -> Selection {
    let [targets, columns] = [manifest.window.targets, manifest.window.features].map(usize::from);
    let mut names: Vec<String> = manifest.series.columns().map(str::to_owned).collect();
    let label = names.split_off(columns.min(names.len())).pop();
    let (targets, features) = names.split_at(targets.min(names.len()));
    let classes = || manifest.classes().map(str::to_owned).collect();
    Selection {
        clock,
        time: (!manifest.series.time.is_empty()).then(|| manifest.series.time.to_owned()),
        targets: targets.to_vec(),
        features: features.to_vec(),
        label: label.filter(|_| labeled).map(|name| LabelColumn { name, classes: classes() }),
        transform: manifest.window.transform,
    }
}

/// The window's settings, as the file states them.
fn window(manifest: &Manifest<'_>) -> Window {
    let window = &manifest.window;
    // Rows before the first forecast: a stream's must be warm by then.
    let (mode, reach) = match window.mode {
        image::Mode::Windowed => (Mode::Windowed, 0),
        image::Mode::Streaming { warmup } => (Mode::Streaming, (warmup as usize).saturating_mul(window.patch.into())),
    };
    Window {
        mode,
        lookback: reach.max(window.lookback.into()),
        patch: window.patch.into(),
        horizon: window.horizon.into(),
        transform: window.transform,
        normalization: window.normalization,
    }
}

/// The model's columns of a CSV. The file that the model was trained on is read as in training, whose configuration vouched for its
/// clock; of another one the clock must only go forward.
pub fn series(manifest: &Manifest<'_>, csv: &Path) -> Result<Series> {
    series_by(manifest, csv, clock(manifest, csv))
}

fn clock(manifest: &Manifest<'_>, csv: &Path) -> Clock {
    let is_own = std::fs::read(csv).is_ok_and(|bytes| Sha256::digest(bytes)[..] == manifest.provenance.data);
    if is_own { Clock::Wall } else { Clock::Steady }
}

/// The model's columns of a CSV whose stamps were written by that clock.
pub fn series_by(manifest: &Manifest<'_>, csv: &Path, clock: Clock) -> Result<Series> {
    Series::read(csv, &selection(manifest, clock, false))
}

/// Whether a series is the one that the model was trained on.
pub fn is_own(manifest: &Manifest<'_>, series: &Series) -> bool {
    series.sha256 == manifest.provenance.data
}

/// A CSV as a dataset for the model: split as in training if it is the file that the model was trained on; else all of it is test, but
/// for `fit` rows that baselines are fitted on.
pub fn dataset(manifest: &Manifest<'_>, csv: &Path, fit: Option<usize>) -> Result<Dataset> {
    let series = Series::read(csv, &selection(manifest, clock(manifest, csv), true))?;
    let rows = series.rows();
    let provenance = &manifest.provenance;
    let partition = if is_own(manifest, &series) {
        if fit.is_some() {
            return Err(Error::input(format!(
                "--train: {} is the file that the model was trained on, whose training rows are known: leave --train out",
                csv.display()
            )));
        }
        let [training, validation, test] =
            [provenance.training, provenance.validation, provenance.test].map(|rows| rows as usize);
        let borders = [training, training + validation, training + validation + test];
        Partition {
            training: 0..borders[0],
            validation: borders[0]..borders[1],
            test: borders[1]..borders[2].min(rows),
            train_from: 0,
        }
    } else {
        Partition::foreign(rows, fit.unwrap_or(0))
    };
    Dataset::with_partition(series, &window(manifest), partition)
}
