//! Mean and deviation of the training rows, in the transformed domain.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::series::Series;

/// A column's mean and population deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// The mean.
    pub mean: f64,
    /// The population deviation (divided by n), above zero.
    pub deviation: f64,
}

/// One [`Moments`] a column: the z-score `(z - mean)/deviation` of transformed values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// Targets first, then features, as in [`Series::columns`].
    pub columns: Vec<Moments>,
}

impl Scaler {
    /// Fits on the given rows of the transformed columns `z`; a refusal (a constant column) is a sentence without the file's name.
    pub(super) fn fit(series: &Series, z: &[Vec<f32>], rows: Range<usize>) -> std::result::Result<Scaler, String> {
        let columns = z.iter().enumerate().map(|(index, column)| {
            let rows = rows.clone();
            let moments = moments(&column[rows.clone()]);
            if moments.deviation > 0.0 {
                return Ok(moments);
            }
            let Series { columns, targets, .. } = series;
            let mend = if index < *targets { "choose a column that varies, or more rows" } else { "take it out of the features" };
            let name = &columns[index].name;
            let value = columns[index].values[rows.start];
            Err(format!("column \"{name}\" is constant ({value} in all {} training rows): {mend}", rows.len()))
        });
        Ok(Scaler { columns: columns.collect::<std::result::Result<_, _>>()? })
    }
}

/// Two passes in `f64`; exactly zero deviation for a constant.
fn moments(values: &[f32]) -> Moments {
    let Some(first) = values.first() else { return Moments { mean: 0.0, deviation: 0.0 } };
    if values.iter().all(|value| value == first) {
        return Moments { mean: f64::from(*first), deviation: 0.0 };
    }
    let n = values.len() as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
    let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / n;
    Moments { mean, deviation: variance.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::moments;
    use crate::config::{Normalization, Split};
    use crate::data::Dataset;
    use crate::data::testing::{etth1, synthetic, window};

    #[test]
    fn moments_are_the_populations() {
        let m = moments(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((m.mean, m.deviation), (5.0, 2.0));
        // 0.1 is not exact in binary: a sum of squares would leave a rest.
        assert_eq!(moments(&[0.1; 600]).deviation, 0.0);
        assert_eq!(moments(&[]).deviation, 0.0);
    }

    #[test]
    fn only_training_rows_are_seen() {
        let series = |later: f32| synthetic(100, 1, 1, move |row, _| if row < 70 { (row % 7) as f32 } else { later });
        let fitted = |later| {
            let split = Split::Fractions([0.7, 0.15, 0.15]);
            Dataset::new(series(later), &window(4, 1, 2, Normalization::Last), &split).unwrap().scaler().clone()
        };
        // 100 * 0.7 is 70 in doubles.
        assert_eq!(fitted(0.0), fitted(1e6));
        assert!((fitted(0.0).columns[0].mean - 3.0).abs() < 1e-12);
        assert!((fitted(0.0).columns[0].deviation - 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_benchmarks_scaler_is_the_published_one() {
        let Some(dataset) = etth1(24) else { return };
        let moments = dataset.scaler().columns[0];
        assert!((moments.mean - 17.128261698).abs() < 1e-7 && (moments.deviation - 9.176491025).abs() < 1e-7, "{moments:?}");
    }
}
