//! The scale of the input, chosen on calibration windows, and the whole network to integers.
//!
//! x and h share one Q format, so that they share an accumulator. h lies within ±1; x is brought to a comparable range by a power of
//! two that the first layer's weights take back. Too small a scale wastes x's bits, too large a one wastes the weights' (x and h share
//! a row scale) and strains the accumulators. The choice is measured: the scale whose integer pre-activations are nearest to the exact
//! ones over the calibration windows' steps.

use embedded_rnn::arithmetic::ACTIVATION_ONE;

use super::layer::{self, QuantizedLstm};
use super::row::{ONE, Row};
use super::{QuantizedNetwork, head};
use crate::config::Normalization;
use crate::error::{Error, Result};
use crate::fold::FoldedNetwork;
use crate::fold::reference::Reference;
use crate::network::plain::PlainLstm;

/// Inputs may grow to this many times the largest of the calibration windows before they are clamped.
const HEADROOM: f64 = 2.0;

/// Steps that the choice of the input's scale is measured on; more change nothing but the time.
const STEPS: usize = 512;

/// The largest input of which four columns of the largest weight stay within the bound of a pair: `2^23 / (4*127)`.
const LARGEST_APART: f64 = 16512.0;

/// Candidate scales are `2^e`.
const EXPONENTS: std::ops::RangeInclusive<i32> = -4..=4;

/// A step of the first layer: its exact inputs and the hidden state that it meets.
struct Step {
    x: Vec<f64>,
    h: Vec<f64>,
}

/// The first layer's steps over the windows, evenly thinned.
fn steps(network: &FoldedNetwork, windows: &[Vec<f64>]) -> Vec<Step> {
    let features = network.features();
    let mut all = Vec::new();
    for window in windows {
        let last = &window[window.len() - features..];
        let mut state = network.start(last);
        for patch in window.chunks_exact(network.step_inputs()) {
            let h = network.hidden(&state, 0);
            let x = patch.iter().enumerate().map(|(k, z)| {
                let scaler = network.inputs[k % features];
                let offset = match network.normalization {
                    Normalization::None => scaler.offset,
                    Normalization::Last => last[k % features],
                };
                (z - offset) * scaler.scale
            });
            all.push(Step { x: x.collect(), h });
            network.step(&mut state, patch);
        }
    }
    let thin = all.len().div_ceil(STEPS).max(1);
    all.into_iter().step_by(thin).collect()
}

/// Mean square of integer minus exact pre-activations of a layer; of those of x alone where they are normalized `apart`.
fn error(plain: &PlainLstm, apart: bool, steps: &[Step], scale: f64) -> f64 {
    let quantized_steps: Vec<Vec<f64>> = steps
        .iter()
        .map(|step| step.x.iter().map(|x| (x * scale * ONE).round()).chain(step.h.iter().map(|h| (h * ONE).round())).collect())
        .collect();
    let recurrent = if apart { 0 } else { plain.hidden };
    let mut sum = 0.0;
    for (r, (w, u)) in plain.w.chunks_exact(plain.inputs).zip(plain.u.chunks_exact(plain.hidden)).enumerate() {
        let weights: Vec<f64> = w.iter().map(|w| w / scale).chain(u[..recurrent].iter().copied()).collect();
        let row = Row::round(&weights, plain.b[r], 1.0);
        for (step, quantized) in steps.iter().zip(&quantized_steps) {
            let exact: f64 = w.iter().zip(&step.x).chain(u[..recurrent].iter().zip(&step.h)).map(|(w, x)| w * x).sum();
            let integer: f64 = row.weights.iter().zip(quantized).map(|(w, x)| f64::from(*w) * x).sum();
            sum += (integer * row.scale / ONE - exact).powi(2);
        }
    }
    sum / (steps.len() * 4 * plain.hidden).max(1) as f64
}

/// Quantizes a network that was folded for integers. `windows`: calibration windows of the transformed domain, `[lookback][F]`,
/// at least one.
pub fn quantize(network: &FoldedNetwork, windows: &[Vec<f64>]) -> Result<QuantizedNetwork> {
    let first = &network.layers[0].weights;
    let steps = steps(network, windows);
    let largest = steps.iter().flat_map(|step| &step.x).fold(0.0f64, |largest, x| largest.max(x.abs()));
    if steps.is_empty() || !largest.is_finite() {
        return Err(Error::failed("quantization needs calibration windows of finite values"));
    }
    let limit = |scale: f64| (largest.max(f64::MIN_POSITIVE) * HEADROOM * scale * ONE).ceil().min(32767.0);
    // Where x has its rows to itself, the finest scale would always be the best: it ends where the rows would pay for it.
    let apart = layer::form(&network.layers[0]).separate();
    let most = if apart { LARGEST_APART / HEADROOM } else { 32767.0 };
    let candidates = EXPONENTS.map(|e| 2f64.powi(e)).filter(|scale| largest * scale * ONE <= most);
    let measured = candidates.map(|scale| (error(first, apart, &steps, scale), scale));
    let Some((_, scale)) = measured.min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return Err(Error::failed(format!(
            "an input of {largest:.0} deviations cannot be quantized: remove outliers from the series or use a value transform"
        )));
    };
    let limit = limit(scale);
    let mut notes = vec![format!("input: scale 2^{:.0}, clamped at ±{:.1} deviations", scale.log2(), limit / scale / ONE)];
    let mut layers: Vec<QuantizedLstm> = Vec::new();
    for (number, folded) in network.layers.iter().enumerate() {
        let (scale, limit) = if number == 0 { (scale, limit as i64) } else { (1.0, i64::from(ACTIVATION_ONE)) };
        let (quantized, note) = layer::quantize(folded, number + 1, scale, limit)?;
        layers.push(quantized);
        notes.push(note);
    }
    let inputs = network.inputs.iter().map(|scaler| [scaler.offset as f32, (scaler.scale * scale * ONE) as f32, limit as f32]);
    Ok(QuantizedNetwork { layers, head: head::quantize(&network.head)?, inputs: inputs.collect(), notes })
}
