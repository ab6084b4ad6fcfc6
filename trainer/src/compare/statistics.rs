//! Means and deviations over seeds.

use serde::Serialize;

/// One figure over the seeds that have it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample deviation (divided by n - 1); none of a single seed.
    pub deviation: Option<f64>,
}

impl Spread {
    /// Of some values; none of none.
    pub fn new(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Spread { mean, deviation: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()) })
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.deviation {
            Some(deviation) => write!(f, "{:.4} ± {deviation:.4}", self.mean),
            None => write!(f, "{:.4}", self.mean),
        }
    }
}

/// The value that a tenth of them lie below: of a program's times on a busy machine, where other work can only add, one that it would
/// have alone. None of none.
pub(super) fn tenth(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 10).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_the_samples() {
        let spread = Spread::new(&[1.0, 2.0, 3.0, 6.0]).unwrap();
        assert_eq!(spread.mean, 3.0);
        assert!((spread.deviation.unwrap() - (14.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(spread.to_string(), "3.0000 ± 2.1602");
        assert_eq!(Spread::new(&[0.5]), Some(Spread { mean: 0.5, deviation: None }));
        assert_eq!(Spread::new(&[0.5]).unwrap().to_string(), "0.5000");
        assert_eq!(Spread::new(&[]), None);
    }

    #[test]
    fn a_tenth_lies_below() {
        assert_eq!(tenth((0..100).rev().map(f64::from).collect()), Some(10.0));
        assert_eq!(tenth(vec![3.0, 1.0, 2.0]), Some(1.0));
        assert_eq!(tenth(vec![]), None);
    }
}
