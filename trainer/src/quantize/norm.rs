//! Layer norm to integers: the power of two that all rows of a norm meet in, ε in squares of that unit, gains and shifts.
//!
//! A norm cancels the unit that its input counts in, so that any power of two would do. The finest is taken whose largest possible value
//! stays within the device's clamp: the statistics are exact in that unit, and what is clamped there was never seen.

use embedded_rnn::arithmetic::NormBlock;
use nalgebra::{DMatrix, DVector};

use super::input_norm::{self, Inputs, QuantizedInputNorm};
use super::rows::{QuantizedRows, Rounded};
use super::trace::Steps;
use crate::error::{Error, Result};
use crate::fold::{FoldedNorm, InputStatistics};
use crate::network::plain::{NormForm, PlainLstm};

/// A layer's norms as integers; formats as the device crate's `arithmetic::int8_norm` tells them.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedNorm {
    /// Units before any was removed.
    pub divisor: u32,
    /// Statistics over each gate's rows.
    pub per_gate: bool,
    /// `N^2 ε` of the norms over `W x` (or all columns), `U h` and c, in squared units of what they normalize; 0 where there is none.
    pub epsilon: [u64; 3],
    /// `[H]`, two to four rows each: gains of `W x` (or all columns) where they are not in the weights, gains of `U h`, shifts, gain and
    /// shift of c.
    pub affine: Vec<[i32; 4]>,
    /// The norm over `W x` from its inputs.
    pub from_inputs: Option<QuantizedInputNorm>,
    /// U's rows where they are apart, with as many columns of zeros before them as x has beyond a multiple of 4.
    pub recurrent: Option<QuantizedRows>,
}

/// Fractional bits of c.
const CELL_BITS: i32 = 22;

/// The finest and the coarsest powers of two that are tried.
pub(super) const FINEST: i32 = 40;
pub(super) const COARSEST: i32 = -40;

/// Rows of one norm with their power of two, and ε in its squares.
struct Branch {
    rows: QuantizedRows,
    epsilon: u64,
    note: String,
}

/// `N^2 ε` in squares of a unit with `bits` fractional bits.
fn scaled_epsilon(rows: usize, epsilon: f64, bits: i32) -> f64 {
    (rows as f64).powi(2) * epsilon * 2f64.powi(2 * bits)
}

fn branch(number: usize, rounded: Rounded, rows: usize, epsilon: f64) -> Result<Branch> {
    let limit = f64::from(NormBlock::new(rows as u32).limit());
    let largest = rounded.largest_value();
    let fits = |bits: &i32| {
        largest * 2f64.powi(*bits) < limit
            && scaled_epsilon(rows, epsilon, *bits) <= NormBlock::LARGEST_EPSILON as f64
            && rounded.fit(*bits)
    };
    let Some(bits) = (COARSEST..=FINEST).rev().find(fits) else {
        return Err(Error::failed(format!(
            "layer {number} cannot be quantized: what its layer norm reads may reach {largest:.1e}; train with weight decay"
        )));
    };
    let epsilon = scaled_epsilon(rows, epsilon, bits).round().max(1.0) as u64;
    let (rows, note) = rounded.finish(number, |_| bits)?;
    Ok(Branch { rows, epsilon, note: format!("{note}, normalized in units of 2^{}", -bits) })
}

/// A gain or a shift with `bits` fractional bits; `what` names it in an error.
fn fixed(number: usize, what: &str, value: f64, bits: u32) -> Result<i32> {
    let exact = value * 2f64.powi(bits as i32);
    if exact.abs() < f64::from(i32::MAX) {
        return Ok(exact.round() as i32);
    }
    Err(Error::failed(format!(
        "layer {number} cannot be quantized: a {what} of its layer norm is {value:.1} and the format ends at {:.0}; set regularization.decay_biases",
        2f64.powi(31 - bits as i32)
    )))
}

/// Takes back the centering of a layer that has lost units: the device subtracts the mean itself, and with the removed rows' share in it
/// (Σ z over M is the mean that centering took away, see [`FoldedNorm`]).
pub(super) fn uncentered(plain: &PlainLstm, norm: &FoldedNorm) -> PlainLstm {
    let mut plain = plain.clone();
    let removed = norm.removed_rows(plain.hidden);
    if !norm.centered || removed == 0 {
        return plain;
    }
    let rows_of_block = if norm.per_gate { plain.hidden } else { 4 * plain.hidden };
    let uncenter = |values: &mut [f64], columns: usize| {
        for block in values.chunks_exact_mut(rows_of_block * columns) {
            for column in 0..columns {
                let mean = block[column..].iter().step_by(columns).sum::<f64>() / removed as f64;
                block[column..].iter_mut().step_by(columns).for_each(|value| *value += mean);
            }
        }
    };
    uncenter(&mut plain.w, plain.inputs);
    uncenter(&mut plain.u, plain.hidden);
    uncenter(&mut plain.b, 1);
    plain
}

/// What a norm reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Product {
    /// `W x + b`
    Inputs,
    /// `U h`
    Recurrent,
    /// `W x + U h + b`
    Both,
}

/// `r^2` of a norm at each of `steps`: by how much its input's squared errors grow in it; the mean of its blocks'. `plain` is not
/// centered, or centered with no unit removed.
pub(super) fn squared_factors(plain: &PlainLstm, norm: &FoldedNorm, steps: &Steps, product: Product, epsilon: f64) -> Vec<f64> {
    let (inputs, hidden) = (plain.inputs, plain.hidden);
    let columns = match product {
        Product::Inputs => 0..inputs,
        Product::Recurrent => inputs..inputs + hidden,
        Product::Both => 0..inputs + hidden,
    };
    let weights = DMatrix::from_fn(4 * hidden, columns.len(), |row, column| match column + columns.start {
        column if column < inputs => plain.w[row * inputs + column],
        column => plain.u[row * hidden + column - inputs],
    });
    if let (Product::Inputs, Some(statistics)) = (product, &norm.from_inputs) {
        // γ is in the weights.
        let sum = |step: &[f64]| statistics.variances(&step[..inputs]).iter().map(|variance| 1.0 / variance).sum::<f64>();
        return steps.iter().map(sum).collect();
    }
    let bias = if product == Product::Recurrent { DVector::zeros(4 * hidden) } else { DVector::from_column_slice(&plain.b) };
    let rows = norm.rows() as f64;
    let block = if norm.per_gate { hidden } else { 4 * hidden };
    let factors = steps.iter().map(|step| {
        let mut z = bias.clone();
        z.gemv(1.0, &weights, &DVector::from_column_slice(&step[columns.clone()]), 1.0);
        let blocks = z.as_slice().chunks_exact(block).map(|z| {
            let mean = z.iter().sum::<f64>() / rows;
            1.0 / (z.iter().map(|z| z * z).sum::<f64>() / rows - mean * mean + epsilon)
        });
        blocks.sum::<f64>()
    });
    factors.collect()
}

/// Rows whose gains are in them, with the statistics of their inputs.
fn branch_of_inputs(
    number: usize,
    rounded: Rounded,
    statistics: &InputStatistics,
    inputs: Inputs,
) -> Result<(Branch, QuantizedInputNorm)> {
    let (bits, quantized) = input_norm::quantize(number, statistics, inputs, &rounded)?;
    let hidden = rounded.units();
    let (rows, note) = rounded.finish(number, |r| bits + i32::from(r / hidden == 2))?;
    let note = format!("{note}, in units of 2^{}, normalized by {} numbers of the inputs", -bits, quantized.triangles.len());
    Ok((Branch { rows, epsilon: 0, note }, quantized))
}

/// Chooses the units of a layer's norms. `rows`: of all columns together, or of x alone with those of h as `recurrent`; `inputs`: what x
/// is. Gives the finished rows of the former, the norms with the latter, and a note of what was chosen.
pub(super) fn quantize(
    number: usize,
    hidden: usize,
    norm: &FoldedNorm,
    rows: Rounded,
    recurrent: Option<Rounded>,
    inputs: Inputs,
) -> Result<(QuantizedRows, QuantizedNorm, String)> {
    let over = norm.rows();
    let (main, from_inputs) = match &norm.from_inputs {
        None => (branch(number, rows, over, norm.epsilon_x)?, None),
        Some(statistics) => {
            let (branch, quantized) = branch_of_inputs(number, rows, statistics, inputs)?;
            (branch, Some(quantized))
        }
    };
    let recurrent = recurrent.map(|rows| branch(number, rows, over, norm.epsilon_h)).transpose()?;
    let fraction = NormBlock::new(over as u32).fraction();
    let cell_fraction = NormBlock::new(hidden as u32).fraction();
    // Gates i f g o of a unit; twice for g, whose tanh reads the sigmoid's table.
    let gates = |what: &str, values: &[f64], unit: usize, bits: u32| -> Result<[i32; 4]> {
        let value = |gate: usize| fixed(number, what, values[gate * hidden + unit], bits + u32::from(gate == 2));
        Ok([value(0)?, value(1)?, value(2)?, value(3)?])
    };
    let mut affine = Vec::new();
    for unit in 0..hidden {
        if from_inputs.is_none() {
            affine.push(gates("gain", &norm.gain_x, unit, 44 - fraction)?);
        }
        if norm.form != NormForm::Joint {
            affine.push(gates("gain", &norm.gain_h, unit, 44 - fraction)?);
        }
        affine.push(gates("shift", &norm.shift, unit, 12)?);
        if norm.form != NormForm::Joint {
            let gain = fixed(number, "gain of c", norm.gain_c[unit], 49 - cell_fraction)?;
            affine.push([gain, fixed(number, "shift of c", norm.shift_c[unit], 17)?, 0, 0]);
        }
    }
    let mut epsilon = [main.epsilon, 0, 0];
    let mut note = main.note;
    if let Some(recurrent) = &recurrent {
        let cell = scaled_epsilon(hidden, norm.epsilon_c, CELL_BITS);
        if cell > NormBlock::LARGEST_EPSILON as f64 {
            return Err(Error::failed(format!(
                "layer {number} cannot be quantized: {:e} is too large an epsilon for the layer norm of {hidden} cells; make regularization.layer_norm.epsilon smaller",
                norm.epsilon_c
            )));
        }
        epsilon = [main.epsilon, recurrent.epsilon, cell.round().max(1.0) as u64];
        note = format!("x: {note}; h: {}", recurrent.note);
    }
    let quantized = QuantizedNorm {
        divisor: norm.divisor as u32,
        per_gate: norm.per_gate,
        epsilon,
        affine,
        from_inputs,
        recurrent: recurrent.map(|recurrent| recurrent.rows),
    };
    Ok((main.rows, quantized, note))
}

#[cfg(test)]
mod tests {
    use super::super::rounding::RowRounding;
    use super::*;

    fn joint(hidden: usize, divisor: usize, per_gate: bool) -> FoldedNorm {
        FoldedNorm {
            form: NormForm::Joint,
            per_gate,
            epsilon_x: 1e-5,
            epsilon_h: 0.0,
            epsilon_c: 0.0,
            divisor,
            centered: true,
            gain_x: vec![1.0; 4 * hidden],
            from_inputs: None,
            gain_h: Vec::new(),
            shift: vec![0.5; 4 * hidden],
            gain_c: Vec::new(),
            shift_c: Vec::new(),
        }
    }

    /// `[4H][columns]` of values that are no multiples of each other.
    fn matrix(rows: usize, columns: usize) -> Vec<f64> {
        (0..rows * columns).map(|k| ((k * k + 3 * k + 1) % 101) as f64 / 50.0 - 1.0).collect()
    }

    const INPUTS: Inputs = Inputs { count: 4, unit: 1.0 / 2048.0, largest: 2048 };

    fn rounded(hidden: usize, weights: &[f64], bias: f64) -> Rounded {
        let columns = weights.len() / (4 * hidden);
        Rounded::new(0, hidden, vec![2048; columns], &RowRounding::Nearest, |r| {
            (weights[r * columns..][..columns].to_vec(), bias)
        })
        .unwrap()
    }

    /// Centered as the fold does it, with rows that are gone, and taken back.
    #[test]
    fn centering_is_taken_back_where_units_are_gone() {
        for per_gate in [false, true] {
            let (hidden, divisor) = (3, 5);
            let norm = joint(hidden, divisor, per_gate);
            let (w, u, b) = (matrix(12, 2), matrix(12, 3), matrix(12, 1));
            let center = |values: &[f64], columns: usize| -> Vec<f64> {
                let block = if per_gate { hidden } else { 4 * hidden };
                let mean = |row: usize, column: usize| {
                    let first = row / block * block;
                    (first..first + block).map(|row| values[row * columns + column]).sum::<f64>() / norm.rows() as f64
                };
                (0..values.len()).map(|k| values[k] - mean(k / columns, k % columns)).collect()
            };
            let centered = PlainLstm { inputs: 2, hidden, w: center(&w, 2), u: center(&u, 3), b: center(&b, 1), norm: None };
            let back = uncentered(&centered, &norm);
            let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14);
            assert!(near(&back.w, &w) && near(&back.u, &u) && near(&back.b, &b));
            assert_eq!(uncentered(&centered, &joint(hidden, hidden, per_gate)), centered, "all units are there");
        }
    }

    /// The finest unit in which the largest possible value is within the clamp and every multiplier within its word.
    #[test]
    fn the_unit_is_the_finest_that_fits() {
        // ε's word ends first, the multipliers' (thrice), the clamp.
        for (size, columns, expected) in
            [(1e-9, 4, "2^-32"), (1e-3, 4, "2^-26"), (1.0, 4, "2^-16"), (3000.0, 4, "2^-5"), (1.0, 600, "2^-15")]
        {
            let weights: Vec<f64> = matrix(64, columns).iter().map(|w| size * w).collect();
            let norm = joint(16, 16, false);
            let (rows, quantized, note) = quantize(0, 16, &norm, rounded(16, &weights, 0.0), None, INPUTS).unwrap();
            assert!(note.ends_with(&format!("normalized in units of {expected}")), "{size}: {note}");
            let limit = i64::from(NormBlock::new(64).limit());
            let largest = rows.weights.chunks_exact(columns).zip(&rows.multiplier).map(|(weights, m)| {
                let sum: i64 = weights.iter().map(|w| i64::from(*w).abs() * 2048).sum();
                (sum * i64::from(*m) + (1 << 31)) >> 32
            });
            assert!(largest.max().unwrap() <= limit, "{size}");
            let unit = 2f64.powi(expected[2..].parse().unwrap());
            let exact = 64f64.powi(2) * 1e-5 / (unit * unit);
            assert!((quantized.epsilon[0] as f64 - exact).abs() <= 0.5f64.max(exact * 1e-12), "{:?} {exact}", quantized.epsilon);
        }
    }

    #[test]
    fn gains_beyond_the_format_are_refused_by_name() {
        let mut norm = joint(2, 2, false);
        norm.gain_x[5] = 1e5;
        let error = quantize(3, 2, &norm, rounded(2, &matrix(8, 4), 0.0), None, INPUTS).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("layer 3") && message.contains("a gain") && message.contains("decay_biases"), "{message}");
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn an_epsilon_beyond_the_format_is_refused() {
        let hidden = 300;
        let norm = FoldedNorm {
            form: NormForm::A,
            epsilon_h: 1e-5,
            epsilon_c: 1.0,
            centered: false,
            gain_h: vec![1.0; 4 * hidden],
            gain_c: vec![1.0; hidden],
            shift_c: vec![0.0; hidden],
            ..joint(hidden, hidden, false)
        };
        let rows = || rounded(hidden, &matrix(4 * hidden, 4), 0.0);
        let error = quantize(0, hidden, &norm, rows(), Some(rows()), INPUTS).unwrap_err();
        assert!(error.to_string().contains("regularization.layer_norm.epsilon"), "{error}");
    }
}
