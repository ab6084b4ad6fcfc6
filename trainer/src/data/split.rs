//! Which rows are for training, which for validation, which for the test.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::config::Split;

/// A part of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What the network learns from.
    Training,
    /// What training is stopped and settings are chosen by.
    Validation,
    /// What is reported.
    Test,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Part::Training => "training",
            Part::Validation => "validation",
            Part::Test => "test",
        })
    }
}

/// The rows of each part, in the order of time. *Targets* never straddle a border. Training windows lie wholly in training rows;
/// validation and test windows may reach back over the border for their inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Training rows.
    pub training: Range<usize>,
    /// Rows of validation targets.
    pub validation: Range<usize>,
    /// Rows of test targets.
    pub test: Range<usize>,
    /// The first row that training windows may use; 0 but where the configuration says `train_from`.
    pub train_from: usize,
}

impl Partition {
    /// Splits `rows` rows; a refusal is a sentence without the file's name.
    ///
    /// Fractions of the rows are products of doubles cut to whole rows, as Python's `int(rows * 0.7)`: 2820 rows at 0.7, 0.15, 0.15 are
    /// 1973 (0.7 is a little less than seven tenths), 423 and, where the fractions add up to 1, the rest: 424.
    pub fn new(split: &Split, rows: usize) -> std::result::Result<Partition, String> {
        let mut from = 0;
        let [training, validation, test] = match *split {
            Split::Rows { train_from, train, validation, test } => {
                from = train_from;
                let asked = train.saturating_add(validation).saturating_add(test);
                if asked > rows {
                    return Err(format!("data.split asks for {asked} rows and the series has {rows}: ask for fewer"));
                }
                [train, validation, test]
            }
            Split::Fractions(fractions) => {
                let whole = (fractions.iter().sum::<f64>() - 1.0).abs() < 1e-9;
                let [training, validation, test] = fractions.map(|fraction| (rows as f64 * fraction) as usize);
                let rest = rows.saturating_sub(training).saturating_sub(validation);
                [training, validation, if whole { rest } else { test.min(rest) }]
            }
        };
        let borders = [training, training + validation, training + validation + test];
        Ok(Partition {
            training: 0..borders[0],
            validation: borders[0]..borders[1],
            test: borders[1]..borders[2],
            train_from: from,
        })
    }

    /// A series that another model was trained on none of: all of it is test, but for `fit` rows at its beginning on which baselines are
    /// fitted, four fifths as training and one fifth as validation.
    pub fn foreign(rows: usize, fit: usize) -> Partition {
        let fit = fit.min(rows);
        let training = fit - fit / 5;
        Partition { training: 0..training, validation: training..fit, test: fit..rows, train_from: 0 }
    }

    /// A part's rows.
    pub fn rows(&self, part: Part) -> Range<usize> {
        match part {
            Part::Training => self.training.clone(),
            Part::Validation => self.validation.clone(),
            Part::Test => self.test.clone(),
        }
    }

    /// The rows at which a forecast of this part may begin: the first target's row of each of its windows, stride 1. With a horizon of 0,
    /// which is that of classes, the rows after the newest ones of windows.
    pub fn origins(&self, part: Part, lookback: usize, horizon: usize) -> Range<usize> {
        let rows = self.rows(part);
        let reach = if part == Part::Training {
            rows.start.max(self.train_from) + lookback
        } else {
            // Without a horizon the newest row is what a window is judged by, and must be of the part.
            (rows.start + usize::from(horizon == 0)).max(lookback)
        };
        reach..(rows.end + 1).saturating_sub(horizon).max(reach)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Part, Partition};
    use crate::config::Split;
    use crate::data::testing::etth1;

    const PARTS: [Part; 3] = [Part::Training, Part::Validation, Part::Test];

    fn counts(partition: &Partition, lookback: usize, horizon: usize) -> [usize; 3] {
        PARTS.map(|part| partition.origins(part, lookback, horizon).len())
    }

    #[test]
    fn the_shipped_series_is_split_as_published() {
        let partition = Partition::new(&Split::Fractions([0.7, 0.15, 0.15]), 2820).unwrap();
        assert_eq!(PARTS.map(|part| partition.rows(part).len()), [1973, 423, 424]);
        assert_eq!(counts(&partition, 132, 12), [1830, 412, 413]);
    }

    #[test]
    fn the_benchmark_has_the_published_numbers_of_windows() {
        let split = Split::Rows { train_from: 0, train: 8640, validation: 2880, test: 2880 };
        let partition = Partition::new(&split, 17_420).unwrap();
        assert_eq!(counts(&partition, 336, 24), [8281, 2857, 2857]);
        assert_eq!(counts(&partition, 336, 96), [8209, 2785, 2785]);
        let Some(dataset) = etth1(24) else { return };
        assert_eq!(dataset.series().rows(), 17_420);
        assert_eq!(PARTS.map(|part| dataset.windows(part).len()), [8281, 2857, 2857]);
        let dataset = etth1(96).expect("it was there a moment ago");
        assert_eq!(PARTS.map(|part| dataset.windows(part).len()), [8209, 2785, 2785]);
    }

    #[test]
    fn training_may_begin_late_and_the_other_parts_stay() {
        let split = Split::Rows { train_from: 7200, train: 8640, validation: 2880, test: 2880 };
        let partition = Partition::new(&split, 17_420).unwrap();
        assert_eq!(counts(&partition, 336, 24), [1081, 2857, 2857]);
        assert_eq!(partition.origins(Part::Training, 336, 24), 7536..8617);
        assert_eq!(partition.rows(Part::Training), 0..8640, "the scaler's rows");
        assert!(partition.origins(Part::Training, 1500, 24).is_empty());
    }

    #[test]
    fn classes_are_of_newest_rows_and_those_do_not_straddle_either() {
        let partition = Partition::new(&Split::Rows { train_from: 0, train: 50, validation: 20, test: 30 }, 100).unwrap();
        let newest = |part| partition.origins(part, 8, 0).map(|origin| origin - 1).collect::<Vec<_>>();
        assert_eq!(newest(Part::Training), (7..50).collect::<Vec<_>>());
        assert_eq!(newest(Part::Validation), (50..70).collect::<Vec<_>>());
        assert_eq!(newest(Part::Test), (70..100).collect::<Vec<_>>());
        assert_eq!(Partition::foreign(20, 0).origins(Part::Test, 8, 0), 8..21);
    }

    #[test]
    fn more_rows_than_there_are_cannot_be_asked_for() {
        let split = Split::Rows { train_from: 0, train: 80, validation: 10, test: 11 };
        assert_eq!(
            Partition::new(&split, 100).unwrap_err(),
            "data.split asks for 101 rows and the series has 100: ask for fewer"
        );
        let all = Split::Rows { train_from: 0, train: usize::MAX, validation: 1, test: 1 };
        assert!(Partition::new(&all, 100).is_err());
    }

    #[test]
    fn a_foreign_series_is_all_test_but_for_what_baselines_need() {
        assert_eq!(Partition::foreign(100, 0), Partition { training: 0..0, validation: 0..0, test: 0..100, train_from: 0 });
        assert_eq!(Partition::foreign(100, 50), Partition { training: 0..40, validation: 40..50, test: 50..100, train_from: 0 });
        assert_eq!(Partition::foreign(100, 500).test, 100..100);
        assert_eq!(Partition::foreign(100, 0).origins(Part::Test, 30, 5), 30..96);
    }

    proptest! {
        #[test]
        fn targets_never_straddle_and_training_never_looks_out(
            rows in 0usize..3000, a in 0.01f64..0.9, share in 0.01f64..0.99, fill in 0.1f64..1.0, lookback in 1usize..200, horizon in 1usize..50,
        ) {
            let b = (1.0 - a) * share * fill;
            let split = Split::Fractions([a, b, (1.0 - a) * (1.0 - share) * fill]);
            let partition = Partition::new(&split, rows).unwrap();
            let mut end = 0;
            for part in PARTS {
                let of_part = partition.rows(part);
                prop_assert_eq!(of_part.start, end);
                end = of_part.end;
                let origins = partition.origins(part, lookback, horizon);
                for origin in origins.clone() {
                    prop_assert!(origin >= lookback && of_part.contains(&origin) && origin + horizon <= of_part.end);
                    prop_assert!(part != Part::Training || origin - lookback >= of_part.start);
                }
                // Not one window more would fit.
                prop_assert!(origins.is_empty() || origins.end + horizon > of_part.end);
            }
            prop_assert!(end <= rows);
        }
    }
}
