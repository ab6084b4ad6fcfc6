//! A series, split, scaled and transformed: the source of all windows.

use super::scaler::Scaler;
use super::series::{Column, Series};
use super::split::{Part, Partition};
use super::windows::Windows;
use crate::config::{Split, Window};
use crate::error::{Error, Result};

/// A series with everything that turns it into windows.
#[derive(Clone, Debug)]
pub struct Dataset {
    series: Series,
    window: Window,
    partition: Partition,
    scaler: Scaler,
    /// `[F][rows]`: the columns in the transformed domain.
    z: Vec<Vec<f32>>,
}

impl Dataset {
    /// Splits a series and fits the scaler on its training rows. Every part must hold at least one window.
    pub fn new(series: Series, window: &Window, split: &Split) -> Result<Dataset> {
        let refuse = |sentence: String| Error::input(format!("{}: {sentence}", series.path.display()));
        let partition = Partition::new(split, series.rows()).map_err(refuse)?;
        for part in [Part::Training, Part::Validation, Part::Test] {
            if partition.origins(part, window.lookback, window.horizon).is_empty() && series.labels.is_some() {
                return Err(refuse(format!(
                    "of {} rows the split leaves {} for {part} and no window of lookback {}: use a longer series, a shorter window or \
                     another data.split",
                    series.rows(),
                    partition.rows(part).len(),
                    window.lookback
                )));
            }
            if partition.origins(part, window.lookback, window.horizon).is_empty() {
                let unused = if part == Part::Training { partition.train_from } else { 0 };
                let left = partition.rows(part).len().saturating_sub(unused);
                let needs = match part {
                    Part::Training => {
                        format!(
                            "lookback {} and horizon {} need {}",
                            window.lookback,
                            window.horizon,
                            window.lookback + window.horizon
                        )
                    }
                    Part::Validation | Part::Test => format!("horizon {} needs as many", window.horizon),
                };
                return Err(refuse(format!(
                    "of {} rows the split leaves {} for {part} and {needs}: use a longer series, a shorter window or another data.split",
                    series.rows(),
                    left
                )));
            }
        }
        let z = transformed(&series, window)?;
        let scaler = Scaler::fit(&series, &z, partition.training.clone()).map_err(refuse)?;
        let dataset = Dataset { series, window: *window, partition, scaler, z };
        dataset.expect_classes()?;
        Ok(dataset)
    }

    /// A series to evaluate a model on. The scaler, which benchmark figures are stated in, comes from the training rows; where there
    /// are none, from all rows.
    pub fn with_partition(series: Series, window: &Window, partition: Partition) -> Result<Dataset> {
        let z = transformed(&series, window)?;
        let rows = if partition.training.is_empty() { 0..series.rows() } else { partition.training.clone() };
        let scaler =
            Scaler::fit(&series, &z, rows).map_err(|sentence| Error::input(format!("{}: {sentence}", series.path.display())))?;
        Self::with_scaler(series, window, partition, scaler)
    }

    /// A series under the scaler of a model that was trained before, on this series or another.
    pub fn with_scaler(series: Series, window: &Window, partition: Partition, scaler: Scaler) -> Result<Dataset> {
        if scaler.columns.len() != series.columns.len() {
            return Err(Error::input(format!(
                "{}: {} columns were chosen and the model has {}: choose the model's columns",
                series.path.display(),
                series.columns.len(),
                scaler.columns.len()
            )));
        }
        if partition.origins(Part::Test, window.lookback, window.horizon).is_empty() && series.labels.is_some() {
            return Err(Error::input(format!(
                "{}: {} rows are too few to test on: lookback {} needs as many, beside the rows that baselines are fitted on",
                series.path.display(),
                series.rows(),
                window.lookback
            )));
        }
        if partition.origins(Part::Test, window.lookback, window.horizon).is_empty() {
            return Err(Error::input(format!(
                "{}: {} rows are too few to test on: lookback {} and horizon {} need {} and the rows that baselines are fitted on",
                series.path.display(),
                series.rows(),
                window.lookback,
                window.horizon,
                window.lookback + window.horizon
            )));
        }
        let z = transformed(&series, window)?;
        Ok(Dataset { series, window: *window, partition, scaler, z })
    }

    /// The series.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// The window's settings.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Which rows are whose.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The training rows' moments.
    pub fn scaler(&self) -> &Scaler {
        &self.scaler
    }

    /// A column in the transformed domain, `[rows]`.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn transformed(&self, column: usize) -> &[f32] {
        &self.z[column]
    }

    /// F: the columns, targets included, all of which are inputs.
    pub fn features(&self) -> usize {
        self.z.len()
    }

    /// K: the targets.
    pub fn targets(&self) -> usize {
        self.series.targets
    }

    /// T: the network's steps in a window.
    pub fn steps(&self) -> usize {
        (self.window.lookback - self.window.normalization.season()) / self.window.patch
    }

    /// I: the network's inputs in a step.
    pub fn step_inputs(&self) -> usize {
        self.window.patch * self.features()
    }

    /// O: the network's outputs. K*Z, or the number of classes.
    pub fn outputs(&self) -> usize {
        if self.series.labels.is_some() { self.classes().len() } else { self.targets() * self.window.horizon }
    }

    /// The classes' names; none where values are forecast.
    pub fn classes(&self) -> &[String] {
        self.series.labels.as_ref().map_or(&[], |labels| &labels.classes)
    }

    /// Windows of a part by class, `[classes]`.
    pub fn class_counts(&self, part: Part) -> Vec<usize> {
        let mut counts = vec![0; self.classes().len()];
        let windows = self.windows(part);
        (0..windows.len()).filter_map(|index| windows.class(index)).for_each(|class| counts[class] += 1);
        counts
    }

    /// Every class that the series has is there to be learned, and there is more than one.
    fn expect_classes(&self) -> Result<()> {
        let Some(labels) = &self.series.labels else { return Ok(()) };
        let refuse = |sentence: String| {
            Err(Error::input(format!("{}, column \"{}\": {sentence}", self.series.path.display(), labels.name)))
        };
        if let [only] = &labels.classes[..] {
            return refuse(format!(
                "every row is of the class \"{only}\" and there is nothing to tell apart: choose another column"
            ));
        }
        match self.class_counts(Part::Training).iter().position(|count| *count == 0) {
            None => Ok(()),
            Some(missing) => {
                let row = labels.of_row.iter().position(|class| usize::from(*class) == missing).unwrap_or_default();
                refuse(format!(
                    "no training window is of the class \"{}\", which line {} has: give training more rows with data.split, or take the \
                     rows of that class out",
                    labels.classes[missing],
                    self.series.line(row)
                ))
            }
        }
    }

    /// All windows of a part, stride 1, in the order of time.
    pub fn windows(&self, part: Part) -> Windows<'_> {
        Windows::new(self, self.partition.origins(part, self.window.lookback, self.window.horizon))
    }
}

/// The columns through the device's own transform.
fn transformed(series: &Series, window: &Window) -> Result<Vec<Vec<f32>>> {
    let column = |column: &Column| {
        let values = column.values.iter().enumerate().map(|(row, value)| {
            window.transform.forward(*value).ok_or_else(|| {
                Error::input(format!(
                    "{}, line {}, column \"{}\": {value} is outside the transform's domain: mend the value, or choose transform = \"none\"",
                    series.path.display(),
                    series.line(row),
                    column.name
                ))
            })
        });
        values.collect::<Result<Vec<f32>>>()
    };
    series.columns.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use embedded_rnn::forecast::Transform;

    use super::*;
    use crate::config::Normalization;
    use crate::data::testing::{select, synthetic, window, write_csv};

    #[test]
    fn too_few_rows_are_refused_with_what_is_needed() {
        let refusal = |rows: usize, split: Split| {
            let series = synthetic(rows, 1, 1, |row, _| row as f32);
            let path = series.path.display().to_string();
            let error = Dataset::new(series, &window(12, 1, 3, Normalization::Last), &split).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            error.to_string().strip_prefix(&format!("{path}: ")).unwrap().to_owned()
        };
        let mend = "use a longer series, a shorter window or another data.split";
        assert_eq!(
            refusal(20, Split::default()),
            format!("of 20 rows the split leaves 14 for training and lookback 12 and horizon 3 need 15: {mend}")
        );
        assert_eq!(
            refusal(30, Split::Fractions([0.8, 0.05, 0.15])),
            format!("of 30 rows the split leaves 1 for validation and horizon 3 needs as many: {mend}")
        );
        assert_eq!(
            refusal(30, Split::Rows { train_from: 0, train: 20, validation: 5, test: 2 }),
            format!("of 30 rows the split leaves 2 for test and horizon 3 needs as many: {mend}")
        );
        assert_eq!(
            refusal(30, Split::Rows { train_from: 0, train: 20, validation: 5, test: 6 }),
            "data.split asks for 31 rows and the series has 30: ask for fewer"
        );
    }

    #[test]
    fn constant_columns_are_refused() {
        let refusal = |constant: usize| {
            let series = synthetic(100, 2, 1, |row, column| if column == constant && row < 70 { 58.0 } else { row as f32 });
            Dataset::new(series, &window(4, 1, 3, Normalization::Last), &Split::default()).unwrap_err().to_string()
        };
        assert!(
            refusal(0)
                .ends_with("column \"c0\" is constant (58 in all 70 training rows): choose a column that varies, or more rows")
        );
        assert!(refusal(1).ends_with("column \"c1\" is constant (58 in all 70 training rows): take it out of the features"));
    }

    #[test]
    fn a_models_scaler_serves_another_series() {
        let series = synthetic(100, 3, 2, |row, column| (row * (column + 1)) as f32);
        let trained = Dataset::new(series, &window(6, 2, 3, Normalization::Last), &Split::default()).unwrap();
        let other = |rows: usize, columns: usize| synthetic(rows, columns, columns.min(2), |row, _| (row % 5) as f32);
        let partition = Partition::foreign(40, 0);
        let foreign = Dataset::with_scaler(other(40, 3), trained.window(), partition, trained.scaler().clone()).unwrap();
        assert_eq!(foreign.windows(Part::Test).len(), 40 - 6 - 3 + 1);
        let wrong = Dataset::with_scaler(other(40, 1), trained.window(), Partition::foreign(40, 0), trained.scaler().clone());
        assert!(
            wrong.unwrap_err().to_string().ends_with("1 columns were chosen and the model has 3: choose the model's columns")
        );
        let short = Dataset::with_scaler(other(8, 3), trained.window(), Partition::foreign(8, 0), trained.scaler().clone());
        assert!(short.unwrap_err().to_string().contains("8 rows are too few to test on: lookback 6 and horizon 3 need 9"));
        let negative = Series::read(write_csv("v\n1\n-1\n3\n").path(), &select("v")).unwrap();
        let settings = Window { transform: Transform::Sqrt, ..window(1, 1, 1, Normalization::Last) };
        let scaler = Scaler { columns: trained.scaler().columns[..1].to_vec() };
        let outside = Dataset::with_scaler(negative, &settings, Partition::foreign(3, 0), scaler).unwrap_err().to_string();
        assert!(outside.contains(", line 3, column \"v\": -1 is outside the transform's domain"), "{outside}");
    }
}
