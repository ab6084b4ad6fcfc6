//! The head to integers.

use embedded_rnn::arithmetic::ACTIVATION_ONE;

use super::bound;
use super::row::{ONE, Row};
use crate::error::{Error, Result};
use crate::network::plain::PlainDense;

/// The head as integers; its sums leave it as `f32` in units of the transformed domain.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedDense {
    /// H
    pub inputs: usize,
    /// O
    pub outputs: usize,
    /// `[O][H]`
    pub weights: Vec<i8>,
    /// `[O]`, in units of the transformed domain.
    pub bias: Vec<f32>,
    /// `[O]`: units of the transformed domain per accumulator unit.
    pub scale: Vec<f32>,
}

pub(super) fn quantize(head: &PlainDense) -> Result<QuantizedDense> {
    let rows: Vec<Row> = head.w.chunks_exact(head.inputs).map(|w| Row::round(w, 0.0, 1.0)).collect();
    let largest = vec![i64::from(ACTIVATION_ONE); head.inputs];
    if let Some(row) = rows.iter().position(|row| !bound::fits_accumulator(row, &largest)) {
        return Err(Error::failed(format!("output {row} of the head exceeds its accumulator: train with fewer units")));
    }
    Ok(QuantizedDense {
        inputs: head.inputs,
        outputs: head.outputs,
        weights: rows.iter().flat_map(|row| row.weights.iter().copied()).collect(),
        bias: head.b.iter().map(|b| *b as f32).collect(),
        scale: rows.iter().map(|row| (row.scale / ONE) as f32).collect(),
    })
}
