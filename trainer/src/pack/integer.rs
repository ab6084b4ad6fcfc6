//! The records of an integer network.

use embedded_rnn::arithmetic::{ACTIVATION_ONE, Multiplier16, Number};
use embedded_rnn::image::{Arithmetic, Layout, RecordKind};
use embedded_rnn::{Cell16, Int8, PackedPair};
use serde::Serialize;

use super::rows::PlainRows;
use super::writer::{IntervalTable, Writer, by_step, bytes, form_of_rank, head_form, padded, write_intervals};
use crate::error::{Error, Result};
use crate::quantize::{QuantizedDense, QuantizedLstm, QuantizedNetwork, QuantizedNorm, QuantizedRows, QuantizedSkip};

/// The arithmetic of an integer network's cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellFormat {
    /// An `i32` cell: the bits of every core.
    #[default]
    Exact,
    /// An `i16` cell, for cores without a long multiplication.
    Cell16,
}

/// How an integer network is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// The order of weights: [`Layout::PackedPair`] or [`Layout::RowMajor`].
    pub layout: Layout,
    /// The cell's arithmetic.
    pub cell: CellFormat,
}

impl Default for Packing {
    fn default() -> Self {
        Packing { layout: Layout::PackedPair, cell: CellFormat::Exact }
    }
}

impl Packing {
    /// What the manifest says of it.
    pub fn named(self) -> (Arithmetic, Layout) {
        let arithmetic = match self.cell {
            CellFormat::Exact => <Int8>::ARITHMETIC,
            CellFormat::Cell16 => <Int8<PackedPair, Cell16>>::ARITHMETIC,
        };
        (arithmetic, self.layout)
    }
}

/// Fractional bits of a 16-bit pre-activation's product.
const PRODUCT_BITS: i32 = 12;

/// The 16-bit scale of a row whose accumulator is at most `largest` and whose pre-activation is `acc*multiplier / 2^32`; nothing
/// if the product could exceed 32 bits.
fn multiplier16(multiplier: i32, largest: i64) -> Option<Multiplier16> {
    // Twelve bits of multiplier, so that the shifted accumulator keeps as many bits as the pre-activation and one more.
    let wanted = 32 - PRODUCT_BITS + 11 - (31 - multiplier.max(1).leading_zeros() as i32);
    let shift = wanted.clamp(0, 31);
    let exact = f64::from(multiplier) * 2f64.powi(shift + PRODUCT_BITS - 32);
    let scale = Multiplier16 { shift: shift as u32, multiplier: exact.round() as i32 };
    let product = ((largest >> shift) + 1) * i64::from(scale.multiplier) + (1 << (PRODUCT_BITS - 1));
    (product <= i64::from(i32::MAX)).then_some(scale)
}

/// The largest activation of each of the columns of x of layer `index`. `limits`: of each column of a sample.
pub(super) fn largest_inputs(index: usize, inputs: usize, limits: &[f32]) -> Vec<i64> {
    if index > 0 {
        return vec![i64::from(ACTIVATION_ONE); inputs];
    }
    limits.iter().map(|limit| limit.ceil() as i64).cycle().take(inputs).collect()
}

/// The rows with scales of 16 bits. `largest`: the largest activation of each column.
fn rows16(rows: &QuantizedRows, largest: &[i64], number: usize) -> Result<PlainRows> {
    let mut scales = Vec::with_capacity(rows.multiplier.len());
    for (r, (weights, multiplier)) in rows.weights.chunks_exact(rows.columns).zip(&rows.multiplier).enumerate() {
        let products: i64 = weights.iter().zip(largest).map(|(w, x)| i64::from(w.unsigned_abs()) * x).sum();
        let most = products + i64::from(rows.bias[r]).abs();
        let scale = multiplier16(*multiplier, most).ok_or_else(|| {
            Error::failed(format!(
                "layer {number} cannot be packed with a 16-bit cell: the pre-activation of row {r} may reach {:.0} and the format ends at 127: \
                 export it as int8, or train with weight decay",
                most as f64 * f64::from(*multiplier) / 2f64.powi(44)
            ))
        })?;
        scales.push(scale.word());
    }
    Ok(PlainRows { scales, ..PlainRows::of(rows) })
}

fn norm(norm: &QuantizedNorm, layout: Layout, inputs: usize) -> Vec<u8> {
    let QuantizedNorm { divisor, per_gate, epsilon: [x, h, c], affine, from_inputs, recurrent } = norm;
    let (words, recurrent) =
        recurrent.as_ref().map(|rows| PlainRows::recurrent(rows, inputs).write(layout, inputs, true)).unwrap_or_default();
    let shift = from_inputs.as_ref().map_or(0, |from_inputs| from_inputs.shift);
    let parameters = [*divisor, u32::from(*per_gate), words, shift];
    let from_inputs = from_inputs.as_ref().map(|norm| [bytes(&norm.constants), bytes(&padded(&norm.triangles))].concat());
    [bytes(&parameters), bytes(&[*x, *h, *c, 0]), bytes(affine), &from_inputs.unwrap_or_default(), &recurrent].concat()
}

fn write_lstm(writer: &mut Writer, layer: &QuantizedLstm, number: usize, limits: &[i64], packing: Packing) -> Result<()> {
    let [candidate, cell] = layer.keep;
    let keep = [candidate, cell, 0, 0];
    let keep: &[u8] = if layer.form.kept { bytes(&keep) } else { &[] };
    let (rows, exact) = match packing.cell {
        CellFormat::Exact => (PlainRows::of(&layer.rows), true),
        CellFormat::Cell16 if layer.norm.is_some() => {
            return Err(Error::input(format!(
                "layer {number} has layer norm, which a 16-bit cell does not compute: export it as int8, or train without"
            )));
        }
        CellFormat::Cell16 => {
            let mut largest = limits.to_vec();
            largest.resize(layer.rows.columns, i64::from(ACTIVATION_ONE));
            (rows16(&layer.rows, &largest, number)?, false)
        }
    };
    let norm = layer.norm.as_ref().map(|norm_| norm(norm_, packing.layout, layer.inputs)).unwrap_or_default();
    let (words, rows) = rows.write(packing.layout, 0, exact);
    let parameters = [layer.blend_cell, layer.blend_hidden, words as i32, i32::from(layer.reads_zoned)];
    let tensors = [bytes(&parameters), keep, &norm, &rows];
    writer.record(RecordKind::Lstm, layer.form.number(), layer.inputs, layer.hidden, &tensors)
}

pub(super) fn write_integer(
    writer: &mut Writer,
    network: &QuantizedNetwork,
    packing: Packing,
    intervals: Option<IntervalTable<'_>>,
) -> Result<()> {
    let limits: Vec<f32> = network.inputs.iter().map(|[.., limit]| *limit).collect();
    for (index, layer) in network.layers.iter().enumerate() {
        write_lstm(writer, layer, index + 1, &largest_inputs(index, layer.inputs, &limits), packing)?;
    }
    let QuantizedDense { inputs, outputs, weights, bias, scale, norm } = &network.head;
    let rows: Vec<i8> = weights.chunks_exact(*inputs).flat_map(padded).collect();
    let norm = norm.map(|norm| [u64::from(norm.divisor), norm.epsilon]);
    let tensors = [norm.as_ref().map_or(&[][..], |norm| bytes(norm)), bytes(bias), bytes(scale), bytes(&rows)];
    writer.record(RecordKind::Dense, head_form(norm.is_some()), *inputs, *outputs, &tensors)?;
    write_intervals(writer, intervals, *outputs)?;
    let Some(QuantizedSkip { inputs, rank, outputs, products, product_scale, spread, output_scale }) = &network.skip else {
        return Ok(());
    };
    let products = by_step(products, *inputs, network.layers[0].inputs);
    let tensors = [bytes(product_scale), bytes(output_scale), bytes(spread), bytes(&products)];
    writer.record(RecordKind::Skip, form_of_rank(*rank)?, *inputs, *outputs, &tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shift leaves eleven or twelve bits of multiplier, and the scale is within half of its last.
    #[test]
    fn scales_of_16_bits_are_near_the_exact_ones() {
        for multiplier in [1, 3, 77, 4096, 1 << 20, 123_456_789, 0x7fff_ff00] {
            let scale = multiplier16(multiplier, 1000).unwrap();
            let exact = f64::from(multiplier) / 2f64.powi(32);
            let found = f64::from(scale.multiplier) / 2f64.powi(scale.shift as i32 + 12);
            assert!((found / exact - 1.0).abs() <= 0.5 / 2048.0, "{multiplier}: {scale:?}");
            assert!((2048..=4096).contains(&scale.multiplier), "{multiplier}: {scale:?}");
        }
        assert_eq!(multiplier16(0, 5).unwrap().multiplier, 0);
    }

    #[test]
    fn products_beyond_32_bits_are_refused() {
        // p = acc / 16: 2^19 in Q12 is 128.
        let multiplier = 1 << 28;
        assert!(multiplier16(multiplier, (1 << 23) - (1 << 12)).is_some());
        assert_eq!(multiplier16(multiplier, 1 << 23), None);
    }
}
