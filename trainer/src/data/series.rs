//! A series: the chosen columns of a CSV, every value finite, every row one interval after the one before.

use std::path::PathBuf;

use embedded_rnn::forecast::Transform;

use super::labels::{LabelColumn, Labels};
use super::timeline::Timeline;
use crate::config::{Clock, Config};

/// Which columns of a CSV are read, and the transform whose domain their values must lie in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Header of the time stamps' column.
    pub time: Option<String>,
    /// The clock that wrote them.
    pub clock: Clock,
    /// Headers of the columns to forecast.
    pub targets: Vec<String>,
    /// Headers of further inputs.
    pub features: Vec<String>,
    /// The column of classes.
    pub label: Option<LabelColumn>,
    /// Values outside its domain are refused by line.
    pub transform: Transform,
}

impl From<&Config> for Selection {
    fn from(config: &Config) -> Self {
        Selection {
            time: config.data.time.clone(),
            clock: config.data.clock,
            targets: config.data.target.to_vec(),
            features: config.data.features.to_vec(),
            label: config.data.label.clone().map(|name| LabelColumn { name, classes: Vec::new() }),
            transform: config.window.transform,
        }
    }
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its header.
    pub name: String,
    /// `[rows]`, raw units, all finite.
    pub values: Vec<f32>,
}

/// The chosen columns, targets first, and their time stamps.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The file that was read.
    pub path: PathBuf,
    /// SHA-256 of the file's bytes.
    pub sha256: [u8; 32],
    /// Targets in the order chosen, then features; equally long.
    pub columns: Vec<Column>,
    /// How many of the columns are targets.
    pub targets: usize,
    /// The class of each row, where their column was chosen.
    pub labels: Option<Labels>,
    /// The time column, where one was chosen.
    pub times: Option<Timeline>,
    /// Each row's line in the file, from 1.
    pub(super) lines: Vec<usize>,
}

impl Series {
    /// Samples.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// A row's line in the file, from 1.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn line(&self, row: usize) -> usize {
        self.lines[row]
    }

    /// The targets' names.
    pub fn target_names(&self) -> impl Iterator<Item = &str> {
        self.columns[..self.targets].iter().map(|column| column.name.as_str())
    }

    /// A row's sample, one value a column, as a device's sensor would deliver it.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn sample(&self, row: usize) -> impl Iterator<Item = f32> + '_ {
        self.columns.iter().map(move |column| column.values[row])
    }

    /// The file's SHA-256 in hexadecimal.
    pub fn sha256_hex(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Where the clock on the wall was set, in a sentence; `None` where it was not.
    pub fn clock_changes(&self) -> Option<String> {
        let rows = self.times.as_ref()?.clock_set();
        let lines: Vec<String> = rows.iter().map(|row| self.line(*row).to_string()).collect();
        let (line, was) = if lines.len() == 1 { ("line", "was") } else { ("lines", "was each time") };
        (!lines.is_empty()).then(|| {
            format!(
                "{}, {line} {}: the clock {was} set by an hour; its rows are taken as evenly spaced",
                self.path.display(),
                lines.join(", ")
            )
        })
    }

    /// The stamp of the `ahead`-th sample after the last row (1: the next one), where there are time stamps.
    pub fn stamp_after_end(&self, ahead: usize) -> Option<String> {
        self.times.as_ref().and_then(|times| times.after_end(ahead))
    }
}
