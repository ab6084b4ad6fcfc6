//! The norm over `W x` from its inputs, to integers.
//!
//! y, whose squares give the spread, and z, the rows' sums, may count in different units: their difference is one shift, which the root's
//! own shift is added to. y takes the finest unit in which no sum of a triangle and no sum of squares can overflow, so that r is as exact as
//! an `i32` allows: the triangle has some 15 bits more than the inputs have not, against the 7 of the weights.

use embedded_rnn::arithmetic::NormBlock;

use super::norm::{COARSEST, FINEST};
use super::rows::Rounded;
use crate::error::{Error, Result};
use crate::fold::InputStatistics;

/// The statistics of a layer's inputs as integers; formats as the device crate's `arithmetic::input_norm` tells them.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedInputNorm {
    /// From 1 to 32: `r z` is `z * root * 2^(k + shift - 32) / 2^32` in Q12, with `1/sqrt(spread) = root * 2^k / 2^62`.
    pub shift: u32,
    /// What a block's squares are added to, in squared units of y; one, and zeros, or each gate's.
    pub constants: [u64; 4],
    /// `[blocks]` of k from 0 to I - 1 of `[1 + I - k]`: offset, then factors of x from the k-th on.
    pub triangles: Vec<i32>,
}

/// The shift where y and z count in the same unit: 12 bits of the result, 32 of a product and 32 of [`LARGEST_SHIFT`], less 62 of the root.
const SAME_UNIT: i32 = 14;

/// The largest shift.
const LARGEST_SHIFT: i32 = 32;

/// With squares up to it and a constant up to [`NormBlock::LARGEST_EPSILON`], no spread overflows.
const LARGEST_SQUARES: i128 = 1 << 62;

/// What the activations of x stand for, and how large they may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs {
    /// I
    pub count: usize,
    /// The value of an activation of 1, in the layer's own units.
    pub unit: f64,
    /// The largest absolute activation.
    pub largest: i64,
}

/// Constants and triangles in a unit of y with `bits` fractional bits; none where a sum could overflow.
fn rounded(statistics: &InputStatistics, inputs: Inputs, bits: i32) -> Option<([u64; 4], Vec<i32>)> {
    let unit = 2f64.powi(bits);
    let integer = |value: f64| Some(value.round()).filter(|value| value.abs() < f64::from(i32::MAX)).map(|value| value as i32);
    let mut constants = [0; 4];
    for (integer, constant) in constants.iter_mut().zip(&statistics.constants) {
        let exact = (constant * unit * unit).round();
        if exact > NormBlock::LARGEST_EPSILON as f64 {
            return None;
        }
        *integer = exact as u64;
    }
    let mut triangles = Vec::with_capacity(statistics.triangles.len());
    for triangle in statistics.triangles.chunks_exact(InputStatistics::length(inputs.count)) {
        let (mut rest, mut squares) = (triangle, 0i128);
        for k in 0..inputs.count {
            let (row, below) = rest.split_at(1 + inputs.count - k);
            let offset = integer(row[0] * unit)?;
            let factors = row[1..].iter().map(|factor| integer(factor * inputs.unit * unit)).collect::<Option<Vec<i32>>>()?;
            let largest = factors.iter().map(|factor| i64::from(*factor).abs()).sum::<i64>() * inputs.largest;
            let largest = largest + i64::from(offset).abs();
            squares += i128::from(largest).pow(2);
            if largest > i64::from(i32::MAX) || squares > LARGEST_SQUARES {
                return None;
            }
            triangles.push(offset);
            triangles.extend(factors);
            rest = below;
        }
    }
    Some((constants, triangles))
}

/// Chooses the units of y and z for rows whose gains are in them. Gives the fractional bits of z, one less than the rows of g have, whose
/// tanh reads twice the value.
pub(super) fn quantize(
    number: usize,
    statistics: &InputStatistics,
    inputs: Inputs,
    rows: &Rounded,
) -> Result<(i32, QuantizedInputNorm)> {
    let largest = rows.largest_value();
    let fits = |bits: &i32| largest * 2f64.powi(bits + 1) < f64::from(i32::MAX) && rows.fit(bits + 1);
    let chosen = (COARSEST..=FINEST).rev().find(fits).and_then(|bits| {
        let most = FINEST.min(bits + LARGEST_SHIFT - SAME_UNIT);
        (COARSEST..=most).rev().find_map(|y| rounded(statistics, inputs, y).map(|integers| (bits, y, integers)))
    });
    let Some((bits, y, (constants, triangles))) = chosen else {
        return Err(Error::failed(format!(
            "layer {number} cannot be quantized: what its layer norm reads of the inputs may reach {largest:.1e}; train with weight decay"
        )));
    };
    // Where gains are next to nothing, z need not be so much finer than y.
    let bits = bits.min(y + SAME_UNIT - 1);
    Ok((bits, QuantizedInputNorm { shift: (y - bits + SAME_UNIT) as u32, constants, triangles }))
}

#[cfg(test)]
mod tests {
    use super::super::rounding::RowRounding;
    use super::*;

    fn rows(size: f64, inputs: usize) -> Rounded {
        let weight = |r: usize, k: usize| size * (((r * r + 3 * k + r * k) % 17) as f64 / 8.0 - 1.1);
        let row = |r: usize| ((0..inputs).map(|k| weight(r, k)).collect(), 0.3 * size);
        Rounded::new(1, 2, vec![4096; inputs], &RowRounding::Nearest, row).unwrap()
    }

    fn statistics(size: f64, inputs: usize, blocks: usize) -> InputStatistics {
        let values = InputStatistics::length(inputs) * blocks;
        InputStatistics {
            constants: vec![1e-5 + 0.01 * size * size; blocks],
            triangles: (0..values).map(|k| size * (((5 * k * k + k) % 23) as f64 / 11.0 - 1.0)).collect(),
        }
    }

    const UNIT: f64 = 1.0 / 2048.0;

    /// The finest unit without an overflow, whatever the weights' size; r within a few parts in ten thousand for inputs of the usual size.
    #[test]
    fn reciprocal_roots_are_exact_to_the_inputs_last_bit() {
        for (inputs, blocks) in [(1, 1), (3, 4), (8, 1)] {
            for size in [0.0, 1e-3, 0.3, 20.0, 1e4] {
                let exact = statistics(size, inputs, blocks);
                let range = Inputs { count: inputs, unit: UNIT, largest: 4096 };
                let (bits, found) = quantize(1, &exact, range, &rows(size, inputs)).unwrap();
                let y = found.shift as i32 + bits - SAME_UNIT;
                assert!((1..=LARGEST_SHIFT).contains(&(found.shift as i32)), "{found:?}");
                assert!(found.constants[blocks..].iter().all(|constant| *constant == 0));
                if found.shift as i32 != LARGEST_SHIFT {
                    assert_eq!(rounded(&exact, range, y + 1), None, "size {size}: a finer unit does not fit");
                }
                let x: Vec<f64> = (0..inputs).map(|k| ((k * 7 + 3) % 11) as f64 * 150.0 - 700.0).collect();
                let real: Vec<f64> = x.iter().map(|x| x * UNIT).collect();
                let back = InputStatistics {
                    constants: found.constants[..blocks].iter().map(|constant| *constant as f64).collect(),
                    triangles: found.triangles.iter().map(|value| f64::from(*value)).collect(),
                };
                for (found, exact) in back.variances(&x).iter().zip(exact.variances(&real)) {
                    let ratio = (found / exact).sqrt() * 2f64.powi(-y);
                    assert!((ratio - 1.0).abs() < 3e-4, "{inputs} inputs, size {size}: {ratio}");
                }
            }
        }
    }

    #[test]
    fn weights_beyond_every_unit_are_refused_by_layer() {
        let range = Inputs { count: 3, unit: UNIT, largest: 4096 };
        let error = quantize(3, &statistics(1e30, 3, 1), range, &rows(1e30, 3)).unwrap_err();
        assert!(error.to_string().contains("layer 3") && error.exit_code() == 1, "{error}");
    }

    /// Gains of next to nothing and beyond all reason leave the shift within its range.
    #[test]
    fn gains_of_any_size_have_a_shift() {
        for gain in [1e-9, 1e-3, 1e3, 1e6] {
            let range = Inputs { count: 2, unit: UNIT, largest: 4096 };
            let (_, found) = quantize(1, &statistics(1.0, 2, 1), range, &rows(gain, 2)).unwrap();
            assert!((1..=LARGEST_SHIFT).contains(&(found.shift as i32)), "{gain}: {found:?}");
        }
    }
}
