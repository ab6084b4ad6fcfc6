//! Layer norm before the head: its parameters and its one statistic, in both arithmetics.
//!
//! Gain, shift and mean are in the weights; what is left is `r = 1/sqrt(var h + ε)`, one number a forecast. Units that were removed count
//! as zeros: N is the number that the last layer had when it was trained.

use crate::image::{Fields, LoadError, Record};

/// The largest `N^2 ε` in squared units of an activation: with it, no sum of [`HeadNormInt8::root`] overflows.
const LARGEST_EPSILON: u64 = 1 << 60;

/// The norm before a head in `f32`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadNormF32 {
    /// ε
    epsilon: f32,
    /// N
    rows: f32,
    /// Units that are gone.
    missing: f32,
}

impl HeadNormF32 {
    /// `[ε, N, 0, 0]`
    pub(super) fn read(fields: &mut Fields<'_>, record: &Record<'_>) -> Result<Self, LoadError> {
        let &[epsilon, rows, reserved @ ..] = fields.array::<f32, 4>()?;
        let hidden = record.inputs() as f32;
        let whole = rows >= hidden && rows <= f32::from(u16::MAX) && rows as u16 as f32 == rows;
        if !(epsilon > 0.0 && epsilon.is_finite() && whole) || reserved != [0.0; 2] {
            return Err(record.malformed());
        }
        Ok(HeadNormF32 { epsilon, rows, missing: rows - hidden })
    }

    /// r
    #[inline]
    pub fn root(&self, h: &[f32]) -> f32 {
        let mean = h.iter().fold(0.0, |sum, h| sum + h) / self.rows;
        let squares = h.iter().fold(0.0, |sum, h| sum + (h - mean) * (h - mean));
        1.0 / libm::sqrtf((squares + self.missing * mean * mean) / self.rows + self.epsilon)
    }
}

/// The norm before a head in integers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadNormInt8 {
    /// N
    rows: u64,
    /// `N^2 ε` in squared units of an activation.
    epsilon: u64,
}

impl HeadNormInt8 {
    /// `[N, 0]`, then `N^2 ε`.
    pub(super) fn read(fields: &mut Fields<'_>, record: &Record<'_>) -> Result<Self, LoadError> {
        let &[rows, reserved] = fields.array::<u32, 2>()?;
        let &[epsilon] = fields.array::<u64, 1>()?;
        if reserved != 0 || epsilon > LARGEST_EPSILON || rows < record.inputs() as u32 || rows > u16::MAX.into() {
            return Err(record.malformed());
        }
        Ok(HeadNormInt8 { rows: rows.into(), epsilon })
    }

    /// `1/sqrt(N S2 - S1^2 + N^2 ε)`, which is `r/N` an activation's unit: everything but the root is exact.
    #[inline]
    pub fn root(&self, h: &[i16]) -> f32 {
        let (first, second) = h.iter().fold((0i64, 0u64), |(first, second), h| {
            let h = i64::from(*h);
            (first + h, second + (h * h) as u64)
        });
        // N S2 >= S1^2 by Cauchy and Schwarz. Both are at most 2^62, because N is below 2^16 and h below 2^15.
        let spread = self.rows * second - (first * first) as u64 + self.epsilon;
        1.0 / libm::sqrtf(spread.max(1) as f32)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn states(count: usize) -> impl Iterator<Item = Vec<i16>> {
        let mut state = 5u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        (0..count).map(move |k| (0..3 + k % 90).map(|_| (2048.0 * random() * libm::exp2(-((k % 9) as f64))) as i16).collect())
    }

    /// Both against `f64`, with all units and with some gone.
    #[test]
    fn roots_are_those_of_the_variance() {
        let epsilon = 1e-5;
        for h in states(500) {
            for gone in [0, 1, 7] {
                let n = (h.len() + gone) as f64;
                let real: Vec<f64> = h.iter().map(|h| f64::from(*h) / 2048.0).collect();
                let mean = real.iter().sum::<f64>() / n;
                let variance = real.iter().map(|h| h * h).sum::<f64>() / n - mean * mean;
                let exact = 1.0 / libm::sqrt(variance + epsilon);
                let narrow: Vec<f32> = real.iter().map(|h| *h as f32).collect();
                let float = HeadNormF32 { epsilon: epsilon as f32, rows: n as f32, missing: gone as f32 }.root(&narrow);
                assert!((f64::from(float) / exact - 1.0).abs() < 1e-5, "{float} {exact}");
                let integer = HeadNormInt8 { rows: n as u64, epsilon: (n * n * epsilon * libm::exp2(22.0)) as u64 };
                let integer = f64::from(integer.root(&h)) * n * 2048.0;
                // What is left is ε's rounding to a whole unit.
                assert!((integer / exact - 1.0).abs() < 1e-3, "{integer} {exact}");
            }
        }
    }

    #[test]
    fn no_state_overflows_and_none_divides_by_zero() {
        for h in [[i16::MIN; 40], [i16::MAX; 40], [0; 40]] {
            for (rows, epsilon) in [(40, 0), (40, LARGEST_EPSILON), (65_535, LARGEST_EPSILON)] {
                let root = HeadNormInt8 { rows, epsilon }.root(&h);
                assert!(root > 0.0 && root <= 1.0, "{root}");
            }
        }
        let most = std::vec![i16::MIN; 65_535];
        assert_eq!(HeadNormInt8 { rows: 65_535, epsilon: 0 }.root(&most), 1.0);
    }
}
