//! The errors of a model file's forecasts, sample by sample.

use std::ops::Range;

use crate::data::Series;
use crate::error::{Error, Result};
use crate::evaluate::device::DeviceModel;

/// What came less what was forecast, from a row on.
#[derive(Clone, Debug)]
pub struct Residuals {
    /// The first row.
    pub first: usize,
    /// A forecast is made every so many samples, and so many of its steps are compared.
    pub steps: usize,
    /// The forecast columns.
    pub targets: usize,
    /// `[rows][targets]`, raw units.
    pub values: Vec<f32>,
}

impl Residuals {
    /// Runs a model over rows of a series, through the device crate. There must be a window before the first row.
    pub fn of(model: &mut DeviceModel<'_>, series: &Series, rows: Range<usize>, steps: usize) -> Result<Residuals> {
        let shape = model.manifest.window;
        let [lookback, horizon, targets] = [shape.lookback, shape.horizon, shape.targets].map(usize::from);
        assert!(rows.start >= lookback && rows.end <= series.rows() && (1..=horizon).contains(&steps));
        let mut values = Vec::with_capacity(rows.len() * targets);
        for origin in rows.clone().step_by(steps) {
            let window: Vec<f32> = (origin - lookback..origin).flat_map(|row| series.sample(row)).collect();
            let forecast = model.forecast(&window).map_err(|reason| {
                let line = series.line(origin - 1);
                Error::input(format!("{}, the window that ends in line {line}: {reason}", series.path.display()))
            })?;
            for row in origin..(origin + steps).min(rows.end) {
                for (column, ahead) in series.columns[..targets].iter().zip(forecast.chunks_exact(horizon)) {
                    values.push(column.values[row] - ahead[row - origin]);
                }
            }
        }
        Ok(Residuals { first: rows.start, steps, targets, values })
    }

    /// The rows.
    pub fn rows(&self) -> Range<usize> {
        self.first..self.first + self.values.len() / self.targets
    }

    /// The step ahead, from 0, with which a row was forecast.
    pub fn step(&self, row: usize) -> usize {
        (row - self.first) % self.steps
    }

    /// A row's residuals, one a target.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[(row - self.first) * self.targets..][..self.targets]
    }
}
