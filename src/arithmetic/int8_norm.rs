//! Layer norm's parameters and formats in integer arithmetic.
//!
//! | value | format | range |
//! |---|---|---|
//! | pre-activation before a norm | `i32`, a power of two a norm, chosen by the exporter | clamped to `2^(30-b) - 1` |
//! | the same with its gain, where [`super::input_norm`] normalizes it | `i32`, a power of two | not clamped |
//! | normalized value | `i32`, `f = 29 - b/2` (b/2 rounded up) fractional bits | `sqrt(N)` |
//! | gain of a pre-activation | `44 - f` fractional bits, twice the value for `g` | `2^(f-13)` |
//! | shift of a pre-activation | Q12, twice the value for `g` | |
//! | gain of c | `49 - f` fractional bits | `2^(f-18)` |
//! | shift of c, normalized c | Q17, then stored as Q22 | clamped to ±512 |
//!
//! N is the number of rows that a norm's statistics are over and `2^b` the least power of two that is not below it. The number that a
//! unit of a pre-activation stands for cancels in the norm, except against ε, which is given in squares of that unit. With one power of
//! two for all rows, per-row weight scales meet the norm as one block.
//!
//! The format of c is fixed (Q22), but c may be large: it is shifted by as many bits as the largest of a step needs.

use super::input_norm::InputNormInt8;
use super::int8::multiply_high;
use super::int8_layout::{IntegerLayout, Rows};
use super::normalizer::{NormBlock, Normalizer, Sums};
use crate::image::{Fields, LoadError, Record};

/// A layer's norms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormInt8<'m> {
    /// The rows of a block of pre-activations.
    block: NormBlock,
    /// The rows of c: H.
    cell_block: NormBlock,
    /// Each gate's rows are a block of their own.
    per_gate: bool,
    /// `N^2 ε` of the norms over `W x` (or all columns), `U h` and c, in squared units of what they normalize.
    pub epsilon: [u64; 3],
    /// A unit: gains of `W x` (or all columns) where they are not in the weights, gains of `U h` where they are apart, shifts, gain and
    /// shift of c where it is normalized.
    pub affine: &'m [[i32; 4]],
    /// The norm over `W x` from its inputs: its gains are in the weights.
    pub from_inputs: Option<InputNormInt8<'m>>,
    /// I
    pub inputs: usize,
    /// Weights of h where they are apart: columns from the last multiple of the layout's columns that is not beyond I, so that a kernel
    /// reads whole groups; columns of x among them meet zero weights.
    pub recurrent: Rows<'m>,
}

impl<'m> NormInt8<'m> {
    /// `separate`: `W x` and `U h` are normalized apart, and c too.
    pub(super) fn read<L: IntegerLayout>(
        fields: &mut Fields<'m>,
        record: &Record<'_>,
        separate: bool,
    ) -> Result<Self, LoadError> {
        let (inputs, hidden) = (record.inputs(), record.outputs());
        let malformed = record.malformed();
        let &[divisor, per_gate, words, shift] = fields.array::<u32, 4>()?;
        let &[epsilon @ .., reserved_epsilon] = fields.array::<u64, 4>()?;
        let unused: &[u64] = if separate { &[] } else { epsilon.get(1..).unwrap_or_default() };
        let from_inputs = shift > 0;
        if (from_inputs && (!separate || epsilon[0] != 0))
            || reserved_epsilon != 0
            || per_gate > 1
            || (!separate && words != 0)
            || unused.iter().any(|epsilon| *epsilon != 0)
            || epsilon.iter().any(|epsilon| *epsilon > NormBlock::LARGEST_EPSILON)
            // Statistics over fewer rows than there are have no meaning.
            || divisor < hidden as u32
            || divisor > u16::MAX.into()
        {
            return Err(malformed);
        }
        let rows_of_unit = if from_inputs {
            3
        } else if separate {
            4
        } else {
            2
        };
        let affine = fields.slice::<[i32; 4]>(hidden.saturating_mul(rows_of_unit))?;
        let from_inputs = from_inputs.then(|| InputNormInt8::read(fields, record, per_gate == 1, shift)).transpose()?;
        let recurrent = if separate {
            Rows::read::<L>(fields, record, i32::try_from(words).map_err(|_| malformed)?, inputs, hidden)?
        } else {
            Rows::NONE
        };
        Ok(NormInt8 {
            block: NormBlock::new(if per_gate == 1 { divisor } else { 4 * divisor }),
            cell_block: NormBlock::new(hidden as u32),
            per_gate: per_gate == 1,
            epsilon,
            affine,
            from_inputs,
            inputs,
            recurrent,
        })
    }

    /// Pre-activations are clamped to this before they are summed.
    #[inline(always)]
    pub fn limit(&self) -> i32 {
        self.block.limit()
    }

    /// The bits of [`Self::limit`].
    #[cfg(kernel = "armv7m")]
    #[inline(always)]
    pub fn limit_bits(&self) -> u32 {
        self.block.limit_bits()
    }

    /// The statistics of all gates together, if they are one block, from their joint sums.
    #[cfg(kernel = "armv7m")]
    #[inline]
    pub fn joint_normalizer(&self, sums: Sums, epsilon: u64) -> Option<Normalizer> {
        (!self.per_gate).then(|| self.block.normalizer(sums, epsilon))
    }

    /// Each gate's statistics, from its own sums.
    #[inline]
    pub fn normalizers(&self, sums: [Sums; 4], epsilon: u64) -> [Normalizer; 4] {
        if self.per_gate {
            sums.map(|sums| self.block.normalizer(sums, epsilon))
        } else {
            let [i, f, g, o] = sums;
            [self.block.normalizer(i.join(f).join(g).join(o), epsilon); 4]
        }
    }

    /// The statistics of a c (Q22), and the bits that it has to be shifted by before they are applied.
    #[inline]
    pub fn cell_normalizer(&self, c: impl Iterator<Item = i32> + Clone) -> (Normalizer, u32) {
        // The magnitude's bits: of -1 as many as of 0, which the shift takes alike.
        let bits = c.clone().fold(0, |bits, c| bits | (c ^ (c >> 31)));
        let shift = self.cell_block.shift(i32::BITS - bits.leading_zeros());
        let mut sums = Sums::default();
        c.for_each(|c| sums.add(c >> shift));
        let [.., epsilon] = self.epsilon;
        (self.cell_block.normalizer(sums, epsilon >> (2 * shift)), shift)
    }
}

/// A normalized c (Q22) from what was shifted, its statistics and the unit's gain and shift.
#[inline(always)]
pub(crate) fn normalized_cell(shifted: i32, normalizer: Normalizer, gain: i32, shift: i32) -> i32 {
    let q17 = multiply_high(normalizer.apply(shifted), gain).saturating_add(shift);
    q17.clamp(-(1 << 26), (1 << 26) - 1) << 5
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn norm(hidden: u32, epsilon: f64) -> NormInt8<'static> {
        let n = f64::from(hidden);
        let epsilon = (n * n * epsilon * libm::exp2(44.0)) as u64;
        NormInt8 {
            block: NormBlock::new(4 * hidden),
            cell_block: NormBlock::new(hidden),
            per_gate: false,
            epsilon: [0, 0, epsilon],
            affine: &[],
            from_inputs: None,
            inputs: 0,
            recurrent: Rows::NONE,
        }
    }

    /// Against `f64`, from cells near nothing to cells near the format's end: the error is that of Q17 and of a shifted c's last bit.
    #[test]
    fn a_normalized_cell_is_exact_to_its_last_bit() {
        let mut state = 7u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        let mut worst = 0.0f64;
        for hidden in [2u32, 5, 16, 64, 300] {
            let norm = norm(hidden, 1e-5);
            let gain_bits = 49 - NormBlock::new(hidden).fraction();
            for magnitude in [1e-4, 0.01, 0.4, 3.0, 60.0, 511.0] {
                let c: Vec<i32> = (0..hidden).map(|_| (magnitude * random() * 4_194_304.0) as i32).collect();
                let (normalizer, shift) = norm.cell_normalizer(c.iter().copied());
                let real: Vec<f64> = c.iter().map(|c| f64::from(*c) / 4_194_304.0).collect();
                let mean = real.iter().sum::<f64>() / f64::from(hidden);
                let variance = real.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / f64::from(hidden);
                for (c, real) in c.iter().zip(&real) {
                    let (gain, offset) = (1.5, -0.25);
                    let exact = gain * (real - mean) / libm::sqrt(variance + 1e-5) + offset;
                    let gain = (gain * libm::exp2(f64::from(gain_bits))) as i32;
                    let got = normalized_cell(c >> shift, normalizer, gain, (offset * 131_072.0) as i32);
                    worst = worst.max((f64::from(got) / 4_194_304.0 - exact).abs());
                }
            }
        }
        assert!((3e-6..=1e-5).contains(&worst), "{worst:e}");
    }

    #[test]
    fn a_normalized_cell_saturates() {
        let (normalizer, shift) = norm(2, 1e-5).cell_normalizer([i32::MAX, i32::MIN].into_iter());
        assert_eq!(normalized_cell(i32::MAX >> shift, normalizer, i32::MAX, i32::MAX), ((1 << 26) - 1) << 5);
        assert_eq!(normalized_cell(i32::MIN >> shift, normalizer, i32::MAX, i32::MIN), i32::MIN);
    }
}
