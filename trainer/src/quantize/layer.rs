//! An LSTM layer to integers.

use embedded_rnn::arithmetic::ACTIVATION_ONE;
use embedded_rnn::network::{CellForm, NormForm as DeviceNorm, ZoneoutForm};

use super::input_norm::Inputs;
use super::norm::{self, QuantizedNorm};
use super::rounding::LayerRounding;
use super::row::ONE;
use super::rows::{QuantizedRows, Rounded};
use super::trace::Steps;
use crate::config::Rounding;
use crate::error::Result;
use crate::fold::{FoldedLstm, FoldedNorm};
use crate::network::plain::{NormForm, PlainLstm};
use crate::regularize::settings::Reading;

/// An LSTM layer as integers.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedLstm {
    /// I
    pub inputs: usize,
    /// H
    pub hidden: usize,
    /// The cell's form.
    pub form: CellForm,
    /// `1 - z_c` in Q31.
    pub blend_cell: i32,
    /// `1 - z_h` in Q31.
    pub blend_hidden: i32,
    /// The output's tanh reads the blended cell.
    pub reads_zoned: bool,
    /// Keep factors on the candidate and on the cell in Q31.
    pub keep: [i32; 2],
    /// All columns together; of x alone where the form normalizes `W x` and `U h` apart.
    pub rows: QuantizedRows,
    /// Layer norm.
    pub norm: Option<QuantizedNorm>,
}

/// A layer's integers, what they stand for, and what the bound asked for.
pub(super) struct Quantized {
    pub layer: QuantizedLstm,
    pub rounded: FoldedLstm,
    pub note: String,
}

/// The weights that integers stand for, in the layer's own units. `recurrent`: U's rows where they are apart.
fn rounded(layer: &FoldedLstm, input_scale: f64, rows: &Rounded, recurrent: Option<&Rounded>) -> FoldedLstm {
    let (inputs, hidden) = (layer.weights.inputs, layer.weights.hidden);
    let (weights, b) = rows.real();
    let columns = weights.len() / b.len();
    let (u, first) = match recurrent {
        Some(recurrent) => (recurrent.real().0, inputs % 4),
        None => (weights.clone(), inputs),
    };
    let u_columns = u.len() / b.len();
    let plain = PlainLstm {
        w: weights.chunks_exact(columns).flat_map(|row| row[..inputs].iter().map(|w| w * input_scale)).collect(),
        u: u.chunks_exact(u_columns).flat_map(|row| &row[first..first + hidden]).copied().collect(),
        b,
        ..layer.weights.clone()
    };
    // The device subtracts the mean itself, but of rows that it takes no statistics of.
    let norm = layer.norm.clone().map(|norm| FoldedNorm { centered: false, ..norm });
    FoldedLstm { weights: plain, norm, ..layer.clone() }
}

/// A share in Q31; the largest that fits for 1.
fn share(value: f64) -> i32 {
    (value * 2f64.powi(31)).round().min(f64::from(i32::MAX)) as i32
}

/// The form of a folded layer's cell.
pub fn form(layer: &FoldedLstm) -> CellForm {
    CellForm {
        zoneout: match &layer.zoneout {
            Some(zoneout) if zoneout.hidden > 0.0 => ZoneoutForm::Both,
            Some(_) => ZoneoutForm::Cell,
            None => ZoneoutForm::None,
        },
        kept: layer.keep_candidate != 1.0 || layer.keep_cell != 1.0,
        norm: match layer.norm.as_ref().map(|norm| norm.form) {
            None => DeviceNorm::None,
            Some(NormForm::A) => DeviceNorm::A,
            Some(NormForm::B) => DeviceNorm::B,
            Some(NormForm::Joint) => DeviceNorm::Joint,
        },
    }
}

/// Quantizes layer number `number`. `input_scale`: activation units (in ones) per unit of input, which the weights of x are divided by;
/// `input_limits`: the largest absolute activation of each column of x; `steps`: what rows are multiplied with, by which they are rounded,
/// with their covariance damped.
pub(super) fn quantize(
    layer: &FoldedLstm,
    number: usize,
    input_scale: f64,
    input_limits: &[i64],
    (rounding, damping): (Rounding, f64),
    steps: &Steps,
) -> Result<Quantized> {
    let form = form(layer);
    let uncentered = layer.norm.as_ref().map(|norm| norm::uncentered(&layer.weights, norm));
    let plain = uncentered.as_ref().unwrap_or(&layer.weights);
    let (inputs, hidden) = (plain.inputs, plain.hidden);
    let rows_rounding = LayerRounding::new(rounding, plain, layer.norm.as_ref(), steps, input_scale, damping)?;
    let x = |r: usize| plain.w[r * inputs..][..inputs].iter().map(|w| w / input_scale);
    let h = |r: usize| plain.u[r * hidden..][..hidden].iter().copied();
    let one = i64::from(ACTIVATION_ONE);
    let most = input_limits.iter().copied().max().unwrap_or(0);
    let x_range = Inputs { count: inputs, unit: 1.0 / (input_scale * ONE), largest: most };
    let mut largest = input_limits.to_vec();
    let (rows, recurrent) = if form.separate() {
        let rows = Rounded::new(number, hidden, largest, &rows_rounding.rows, |r| (x(r).collect(), plain.b[r]))?;
        // Columns of x before the first of h in its group of four: their weights are zeros.
        let before = inputs % 4;
        let mut largest = vec![0; before];
        largest.resize(before + hidden, one);
        let weights = |r: usize| std::iter::repeat_n(0.0, before).chain(h(r)).collect();
        (rows, Some(Rounded::new(number, hidden, largest, &rows_rounding.recurrent, |r| (weights(r), 0.0))?))
    } else {
        largest.resize(inputs + hidden, one);
        (Rounded::new(number, hidden, largest, &rows_rounding.rows, |r| (x(r).chain(h(r)).collect(), plain.b[r]))?, None)
    };
    let rounded = rounded(layer, input_scale, &rows, recurrent.as_ref());
    let (rows, norm, note) = match &layer.norm {
        Some(folded) => {
            let (rows, norm, note) = norm::quantize(number, hidden, folded, rows, recurrent, x_range)?;
            (rows, Some(norm), note)
        }
        None => {
            // To Q12; twice for g, whose tanh reads the sigmoid's table.
            let (rows, note) = rows.finish(number, |r| if r / hidden == 2 { 13 } else { 12 })?;
            (rows, None, note)
        }
    };
    let zoneout = layer.zoneout.as_ref();
    let quantized = QuantizedLstm {
        inputs,
        hidden,
        form,
        blend_cell: share(1.0 - zoneout.map_or(0.0, |zoneout| zoneout.cell)),
        blend_hidden: share(1.0 - zoneout.map_or(0.0, |zoneout| zoneout.hidden)),
        reads_zoned: zoneout.is_some_and(|zoneout| zoneout.reading == Reading::Zoned),
        keep: [layer.keep_candidate, layer.keep_cell].map(share),
        rows,
        norm,
    };
    Ok(Quantized { layer: quantized, rounded, note: format!("layer {number}: {note}") })
}
