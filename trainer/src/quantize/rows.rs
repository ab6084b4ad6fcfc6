//! All rows of a layer, or of one of the two products that layer norm takes apart, to `int8`.

use super::bound;
use super::bound::Rounding as _;
use super::rounding::RowRounding;
use super::row::{ONE, Row};
use crate::error::{Error, Result};

/// Rows as integers, gate-major (`i f g o`).
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedRows {
    /// Columns of a row.
    pub columns: usize,
    /// `[H]`: columns of each block of each unit, after which A is extracted; multiples of 4 that add up to the padded columns.
    pub blocks: Vec<Vec<usize>>,
    /// `[4H][columns]`
    pub weights: Vec<i8>,
    /// `[4H]`, in accumulator units.
    pub bias: Vec<i32>,
    /// `[4H]`: `p = (acc*m + 2^31) >> 32`; a multiple of 256 for the rows i and g.
    pub multiplier: Vec<i32>,
}

/// Rows within the accumulator's bound, whose multipliers are not chosen yet.
pub(super) struct Rounded {
    rows: Vec<Row>,
    largest: Vec<i64>,
    choice: bound::Choice,
}

/// Rows i and g stand in the A slots.
fn in_pair(r: usize, hidden: usize) -> bool {
    matches!(r / hidden, 0 | 2)
}

/// How a layer's rows are rounded again.
struct Again<'a, F> {
    rounding: &'a RowRounding,
    row: F,
}

impl<F: Fn(usize) -> (Vec<f64>, f64)> bound::Rounding for Again<'_, F> {
    fn coarser(&self, r: usize, coarser: f64) -> Row {
        let (weights, bias) = (self.row)(r);
        self.rounding.round(r, &weights, bias, coarser)
    }

    fn at_scale(&self, r: usize, scale: f64) -> Row {
        let (weights, bias) = (self.row)(r);
        self.rounding.at_scale(r, &weights, bias, scale)
    }

    fn error(&self, r: usize, row: &Row) -> f64 {
        self.rounding.error(r, &(self.row)(r).0, row)
    }
}

/// The largest multiplier; one that is a multiple of 256 must still fit.
const LARGEST: f64 = 2_147_483_392.0;

impl Rounded {
    /// Rounds the rows of layer number `number`. `row(r)`: weights and bias of row r; `largest`: the largest absolute activation of each
    /// column; `rounding`: how.
    pub fn new(
        number: usize,
        hidden: usize,
        largest: Vec<i64>,
        rounding: &RowRounding,
        row: impl Fn(usize) -> (Vec<f64>, f64),
    ) -> Result<Self> {
        let again = Again { rounding, row };
        let mut rows: Vec<Row> = (0..4 * hidden).map(|r| again.coarser(r, 1.0)).collect();
        let choice = bound::settle(&mut rows, &largest, hidden, again)
            .map_err(|reason| Error::failed(format!("layer {number} cannot be quantized: {reason}; train with weight decay")))?;
        Ok(Rounded { rows, largest, choice })
    }

    /// Units of the layer.
    pub fn units(&self) -> usize {
        self.rows.len() / 4
    }

    /// What the integers stand for: weights `[4H][columns]` and biases `[4H]`.
    pub fn real(&self) -> (Vec<f64>, Vec<f64>) {
        let weights = self.rows.iter().flat_map(|row| row.weights.iter().map(|w| f64::from(*w) * row.scale));
        (weights.collect(), self.rows.iter().map(|row| f64::from(row.bias) * row.scale / ONE).collect())
    }

    /// The largest absolute value that a row can take, in reality's units.
    pub fn largest_value(&self) -> f64 {
        let values = self.rows.iter().map(|row| bound::largest(row, &self.largest) as f64 * row.scale / ONE);
        values.fold(0.0, f64::max)
    }

    /// Whether all multipliers fit where values leave with `bits` fractional bits.
    pub fn fit(&self, bits: i32) -> bool {
        self.rows.iter().all(|row| exact(row, bits) < LARGEST)
    }

    /// The rows with multipliers that make values of `bits(r)` fractional bits of them, and a note of what the bound asked for.
    pub fn finish(self, number: usize, bits: impl Fn(usize) -> i32) -> Result<(QuantizedRows, String)> {
        let Rounded { rows, largest, choice } = self;
        let hidden = rows.len() / 4;
        let multiplier = rows.iter().enumerate().map(|(r, row)| {
            let exact = exact(row, bits(r));
            if exact >= LARGEST {
                return Err(Error::failed(format!(
                    "layer {number} cannot be quantized: a weight of row {r} is {:.1} and the format ends near {:.0}; train with weight decay",
                    row.scale * 127.0,
                    127.0 * row.scale / exact * LARGEST
                )));
            }
            Ok(if in_pair(r, hidden) { (exact / 256.0).round() as i32 * 256 } else { exact.round() as i32 })
        });
        let multiplier = multiplier.collect::<Result<Vec<i32>>>()?;
        let note = choice.note(largest.len());
        let quantized = QuantizedRows {
            columns: largest.len(),
            blocks: choice.blocks,
            weights: rows.iter().flat_map(|row| row.weights.iter().copied()).collect(),
            bias: rows.iter().map(|row| row.bias).collect(),
            multiplier,
        };
        Ok((quantized, note))
    }
}

/// The multiplier before it is rounded: Q11 times the row's scale, to `bits` fractional bits and 32 of the product's low word.
fn exact(row: &Row, bits: i32) -> f64 {
    row.scale * 2f64.powi(bits + 32) / ONE
}
