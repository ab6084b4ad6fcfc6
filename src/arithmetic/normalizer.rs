//! Layer norm's statistics in integers.
//!
//! A block of N rows (some of which may be gone and count as 0) has `S1 = Σ z` and `S2 = Σ z^2`. In these terms
//!
//! `(z - mean)/sqrt(var + ε) = (N z - S1)/sqrt(N S2 - S1^2 + N^2 ε)`,
//!
//! where everything but the root is exact in integers, whatever real number a unit of z stands for: there is no division, no rounded
//! mean, and the residual mean of centered rows that were rounded to `int8` is subtracted with the rest. z is clamped to
//! [`NormBlock::limit`], so that no sum can overflow, whatever a file says.

use super::int8::multiply_high;
use super::reciprocal_root::spread_root;

/// The rows that a norm's statistics are over, and the integer formats that follow from their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormBlock {
    /// N, at most [`NormBlock::LARGEST`].
    rows: i32,
    /// The least b with `N <= 2^b`.
    bits: u32,
}

/// Running sums of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    first: i32,
    second: u64,
}

impl Sums {
    /// Adds a value within [`NormBlock::limit`]; at most as many as the block has rows.
    #[inline(always)]
    pub fn add(&mut self, z: i32) {
        self.first = self.first.wrapping_add(z);
        self.second = self.second.wrapping_add((i64::from(z) * i64::from(z)) as u64);
    }

    /// Sums that a kernel has made.
    #[cfg(kernel = "armv7m")]
    #[inline(always)]
    pub fn new(first: i32, second: u64) -> Self {
        Sums { first, second }
    }

    /// The sums of two parts of a block.
    #[inline(always)]
    pub fn join(self, other: Sums) -> Sums {
        Sums { first: self.first.wrapping_add(other.first), second: self.second.wrapping_add(other.second) }
    }
}

impl NormBlock {
    /// The most rows that a block may have: four gates of 65535 units.
    pub const LARGEST: u32 = 1 << 18;

    /// The largest `N^2 ε` in squared units of z.
    pub const LARGEST_EPSILON: u64 = 1 << 60;

    /// A block of `rows` rows.
    pub fn new(rows: u32) -> Self {
        let rows = rows.clamp(1, Self::LARGEST);
        NormBlock { rows: rows as i32, bits: u32::BITS - (rows - 1).leading_zeros() }
    }

    /// Values must lie within ±limit: `2^(30-b) - 1`. Then `|N z - S1| < 2^31` and `N S2 <= 2^60`.
    #[inline(always)]
    pub fn limit(self) -> i32 {
        (1 << (30 - self.bits)) - 1
    }

    /// The bits of [`Self::limit`].
    #[cfg(kernel = "armv7m")]
    #[inline(always)]
    pub fn limit_bits(self) -> u32 {
        30 - self.bits
    }

    /// How far values of up to `width` bits and sign must be shifted to lie within the limit.
    #[inline(always)]
    pub(super) fn shift(self, width: u32) -> u32 {
        width.saturating_sub(30 - self.bits)
    }

    /// b/2, rounded up: a normalized value is at most `sqrt(N) <= 2^root_bits`.
    #[inline(always)]
    fn root_bits(self) -> u32 {
        self.bits.div_ceil(2)
    }

    /// The fractional bits of a normalized value: as many as leave room for `sqrt(N)` in 31 bits, and two to spare.
    #[inline(always)]
    pub fn fraction(self) -> u32 {
        29 - self.root_bits()
    }

    /// The statistics of a block. `epsilon`: `N^2 ε` in squared units of z, at most [`Self::LARGEST_EPSILON`].
    #[inline]
    pub(super) fn normalizer(self, sums: Sums, epsilon: u64) -> Normalizer {
        let square = (i64::from(sums.first) * i64::from(sums.first)) as u64;
        // Cauchy and Schwarz: N S2 >= S1^2 for N rows and for fewer. At least 1, so that equal rows give 0 and not 0/0.
        let spread = (self.rows as u64).wrapping_mul(sums.second).wrapping_sub(square).wrapping_add(epsilon);
        let (half, root) = spread_root(spread);
        // (d * 2^up * root) >> 32 has `fraction` bits: d/sqrt(spread) = d * 2^half * root / 2^62.
        Normalizer { rows: self.rows, first: sums.first, root, up: half as i32 - 1 - self.root_bits() as i32 }
    }
}

/// A block's statistics, ready to be applied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Normalizer {
    rows: i32,
    first: i32,
    root: i32,
    up: i32,
}

impl Normalizer {
    /// `N`, `-S1`, the root, and a shift to the right, for `((N z - S1) >> shift) * root`: a shift to the left is in N and S1, for it loses
    /// nothing modulo 2^32.
    #[cfg(kernel = "armv7m")]
    #[inline(always)]
    pub fn shifted(self) -> [i32; 4] {
        let (left, right) = if self.up >= 0 { (self.up & 31, 0) } else { (0, -self.up & 31) };
        [self.rows << left, (self.first << left).wrapping_neg(), self.root, right]
    }

    /// `(z - mean)/sqrt(var + ε)` with [`NormBlock::fraction`] fractional bits. Largest error: 2 units, and 2e-9 of the value.
    #[inline(always)]
    pub fn apply(self, z: i32) -> i32 {
        let difference = self.rows.wrapping_mul(z).wrapping_sub(self.first);
        // |difference| <= sqrt(N * spread), so that a shift to the left loses nothing; one to the right cuts what the result's last bit
        // does not show.
        let scaled = if self.up >= 0 { difference << (self.up & 31) } else { difference >> (-self.up & 31) };
        multiply_high(scaled, self.root)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn sums(values: &[i32]) -> Sums {
        let mut sums = Sums::default();
        values.iter().for_each(|z| sums.add(*z));
        sums
    }

    /// Largest difference from `f64` in units of the result, beyond 2e-9 of the value.
    fn largest_difference(rows: u32, values: &[i32], epsilon: u64) -> f64 {
        let block = NormBlock::new(rows);
        let normalizer = block.normalizer(sums(values), epsilon);
        let n = f64::from(rows);
        let mean = values.iter().map(|z| f64::from(*z)).sum::<f64>() / n;
        let missing = n - values.len() as f64;
        let variance = (values.iter().map(|z| (f64::from(*z) - mean).powi(2)).sum::<f64>() + missing * mean * mean) / n;
        let deviation = (variance + epsilon as f64 / (n * n)).sqrt().max(f64::MIN_POSITIVE);
        let unit = f64::from(1u32 << block.fraction());
        let differences = values.iter().map(|z| {
            let exact = (f64::from(*z) - mean) / deviation * unit;
            (f64::from(normalizer.apply(*z)) - exact).abs() - 2e-9 * exact.abs()
        });
        differences.fold(0.0, f64::max)
    }

    fn random(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        }
    }

    #[test]
    fn differs_from_exact_by_two_units_at_most() {
        let mut random = random(1);
        let mut worst = 0.0f64;
        for rows in [2u32, 3, 5, 16, 64, 100, 256, 1000, 4096, 262_140] {
            let kept = (rows as usize).min(3000);
            for magnitude in 0..(31 - NormBlock::new(rows).bits) {
                let limit = f64::from(((1u32 << magnitude) - 1).min(NormBlock::new(rows).limit() as u32));
                for (offset, epsilon) in [(0.0, 0), (0.7, 1), (0.0, 1 << 20), (-0.9, 1 << 40), (0.2, NormBlock::LARGEST_EPSILON)]
                {
                    let values: Vec<i32> =
                        (0..kept).map(|_| ((random() * (1.0 - f64::abs(offset)) + offset) * limit) as i32).collect();
                    worst = worst.max(largest_difference(rows, &values, epsilon));
                }
            }
        }
        assert!((0.5..=2.0).contains(&worst), "{worst}");
    }

    /// One row that differs from all others is the largest that a norm can give: `sqrt(N - 1)`.
    #[test]
    fn outliers_stay_within_the_format() {
        for rows in [2u32, 4, 7, 64, 255, 256, 4096, 65_536] {
            let block = NormBlock::new(rows);
            for low in [-block.limit(), 0, 17] {
                let mut values = std::vec![low; rows as usize];
                values[0] = block.limit();
                assert!(largest_difference(rows, &values, 0) <= 2.0, "{rows} {low}");
            }
        }
    }

    #[test]
    fn equal_rows_give_zero() {
        for (value, epsilon) in [(0, 0), (5, 0), (-1000, 1), (1000, 1 << 50)] {
            let normalizer = NormBlock::new(12).normalizer(sums(&[value; 12]), epsilon);
            assert_eq!(normalizer.apply(value), 0);
        }
    }

    #[test]
    fn the_largest_sums_do_not_overflow() {
        for rows in [1u32, 2, 3, 64, 65, 4 * 65_535, NormBlock::LARGEST] {
            let block = NormBlock::new(rows);
            for sign in [[1, 1], [-1, -1], [1, -1]] {
                let values: Vec<i32> = (0..rows as usize).map(|k| block.limit() * sign[k % 2]).collect();
                assert!(largest_difference(rows, &values, NormBlock::LARGEST_EPSILON) <= 2.0);
            }
        }
    }
}
