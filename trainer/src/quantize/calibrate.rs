//! The scale of the input, chosen on calibration windows, and the whole network to integers.
//!
//! x and h share one Q format, so that they share an accumulator. h lies within ±1; x is brought to a comparable range by a power of
//! two that the first layer's weights take back. Too small a scale wastes x's bits, too large a one wastes the weights' (x and h share
//! a row scale) and strains the accumulators. The choice is measured: the scale whose integer pre-activations are nearest to the exact
//! ones over the calibration windows' steps, where what a finer one gains is more than what it costs in accumulations.

use embedded_rnn::arithmetic::ACTIVATION_ONE;

use super::compensate::DAMPING;
use super::layer::{self, Quantized, QuantizedLstm};
use super::rounding::RowRounding;
use super::row::{ONE, Row};
use super::trace::{Steps, Trace, entering};
use super::{QuantizedNetwork, bound, head, skip};
use crate::config::Rounding;
use crate::error::{Error, Result};
use crate::fold::reference::Reference;
use crate::fold::{FoldedLstm, FoldedNetwork};
use crate::network::plain::PlainLstm;

/// Inputs may grow to this many times the largest of the calibration windows before they are clamped.
const HEADROOM: f64 = 2.0;

/// Steps that the choice of the input's scale is measured on; more change nothing but the time.
const STEPS: usize = 512;

/// The largest input of which four columns of the largest weight stay within the bound of a pair: `2^23 / (4*127)`.
const LARGEST_APART: f64 = 16512.0;

/// Dampings of a compensation that are tried where h decides between them; the first serves elsewhere.
const DAMPINGS: [f64; 5] = [DAMPING, 0.01, 0.03, 0.1, 0.3];

/// Calibration windows over which h decides, about.
const DRIFT_WINDOWS: usize = 64;

/// Candidate scales are `2^e`.
const EXPONENTS: std::ops::RangeInclusive<i32> = -4..=4;

/// An extra accumulation in every unit must take so much of the mean square error away.
const OF_AN_ACCUMULATION: f64 = 0.3;

/// Rows that exceed a bound by less become coarser instead.
const SLACK: f64 = 1.25;

/// The least share of the largest limit of all input columns that one has: a column that hardly moved in the calibration windows may.
const LEAST_LIMIT: f64 = 0.125;

/// Mean square of integer minus exact pre-activations of a layer; of those of x alone where they are normalized `apart`. Dearer by what
/// the rows ask for in extra accumulations. `limits`: the largest activation of each column of x.
fn cost(plain: &PlainLstm, apart: bool, steps: &Steps, scale: f64, limits: &[i64]) -> f64 {
    let inputs = plain.inputs;
    let activation = |k: usize, value: f64| (value * if k < inputs { scale * ONE } else { ONE }).round();
    let quantized_steps: Vec<Vec<f64>> =
        steps.iter().map(|step| step.iter().enumerate().map(|(k, value)| activation(k, *value)).collect()).collect();
    let recurrent = if apart { 0 } else { plain.hidden };
    let mut largest = limits.to_vec();
    largest.resize(inputs + recurrent, i64::from(ACTIVATION_ONE));
    let mut sum = 0.0;
    let mut extra = vec![0; plain.hidden];
    for (r, (w, u)) in plain.w.chunks_exact(plain.inputs).zip(plain.u.chunks_exact(plain.hidden)).enumerate() {
        let weights: Vec<f64> = w.iter().map(|w| w / scale).chain(u[..recurrent].iter().copied()).collect();
        let row = Row::round(&weights, plain.b[r], 1.0);
        if matches!(r / plain.hidden, 0 | 2) {
            let accumulations = bound::largest(&row, &largest) as f64 / (SLACK * bound::PAIR_BOUND as f64);
            let extra = &mut extra[r % plain.hidden];
            *extra = (accumulations as usize).max(*extra);
        }
        for (step, quantized) in steps.iter().zip(&quantized_steps) {
            let exact: f64 = w.iter().chain(&u[..recurrent]).zip(step).map(|(w, x)| w * x).sum();
            let integer: f64 = row.weights.iter().zip(quantized).map(|(w, x)| f64::from(*w) * x).sum();
            sum += (integer * row.scale / ONE - exact).powi(2);
        }
    }
    let error = sum / (quantized_steps.len() * 4 * plain.hidden).max(1) as f64;
    error * (1.0 + OF_AN_ACCUMULATION * extra.iter().sum::<usize>() as f64 / plain.hidden.max(1) as f64)
}

/// The sum of squared errors of a layer's h over some windows where its weights are rounded, and it runs on its own errors.
fn drift(network: &FoldedNetwork, number: usize, rounded: &FoldedLstm, windows: &[Vec<f64>]) -> f64 {
    let mut changed = network.clone();
    changed.layers[number] = rounded.clone();
    let mut sum = 0.0;
    for window in windows.iter().step_by(windows.len().div_ceil(DRIFT_WINDOWS)) {
        let (mut exact, mut state) = (network.start_of(window), changed.start_of(window));
        for patch in window.chunks_exact(network.step_inputs()) {
            network.step(&mut exact, patch);
            changed.step(&mut state, patch);
            let pairs = network.hidden(&exact, number).into_iter().zip(changed.hidden(&state, number));
            sum += pairs.map(|(exact, rounded)| (exact - rounded).powi(2)).sum::<f64>();
        }
    }
    sum
}

/// Quantizes a network that was folded for integers. `windows`: calibration windows of the transformed domain, `[lookback][F]`,
/// at least one.
pub fn quantize(network: &FoldedNetwork, windows: &[Vec<f64>], rounding: Rounding) -> Result<QuantizedNetwork> {
    Ok(quantize_and_restore(network, windows, rounding)?.0)
}

/// Like [`quantize`]; also the network of the real weights that the integers stand for, to be run in `f64`.
pub fn quantize_and_restore(
    network: &FoldedNetwork,
    windows: &[Vec<f64>],
    rounding: Rounding,
) -> Result<(QuantizedNetwork, FoldedNetwork)> {
    let first = &network.layers[0].weights;
    let trace = Trace::of(network, windows);
    let features = network.features();
    let by_column = trace.layers[0].largest_inputs(features);
    let largest = by_column.iter().fold(0.0f64, |most, largest| if largest.is_finite() { most.max(*largest) } else { f64::NAN });
    let steps = trace.layers[0].thinned(STEPS, trace.period);
    if steps.values.is_empty() || !largest.is_finite() {
        return Err(Error::failed("quantization needs calibration windows of finite values"));
    }
    let limits = |scale: f64| -> Vec<i64> {
        let limit = |column: &f64| (column.max(LEAST_LIMIT * largest).max(f64::MIN_POSITIVE) * HEADROOM * scale * ONE).ceil();
        by_column.iter().map(|column| limit(column).min(32767.0) as i64).collect()
    };
    let of_inputs = |limits: &[i64]| -> Vec<i64> { limits.iter().copied().cycle().take(first.inputs).collect() };
    // Where x has its rows to itself, the finest scale would always be the best: it ends where the rows would pay for it.
    let apart = layer::form(&network.layers[0]).separate();
    let most = if apart { LARGEST_APART / HEADROOM } else { 32767.0 };
    let candidates = EXPONENTS.map(|e| 2f64.powi(e)).filter(|scale| largest * scale * ONE <= most);
    let measured = candidates.map(|scale| (cost(first, apart, &steps, scale, &of_inputs(&limits(scale))), scale));
    let Some((_, scale)) = measured.min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return Err(Error::failed(format!(
            "an input of {largest:.0} deviations cannot be quantized: remove outliers from the series or use a value transform"
        )));
    };
    let limits = limits(scale);
    let mut deviations: Vec<String> = limits.iter().map(|limit| format!("±{:.1}", *limit as f64 / scale / ONE)).collect();
    deviations.dedup();
    let mut notes = vec![format!("input: scale 2^{:.0}, clamped at {} deviations", scale.log2(), deviations.join(", "))];
    let mut layers: Vec<QuantizedLstm> = Vec::new();
    let mut rounded = network.clone();
    for (number, folded) in network.layers.iter().enumerate() {
        let one = i64::from(ACTIVATION_ONE);
        let (scale, limits) = if number == 0 { (scale, of_inputs(&limits)) } else { (1.0, vec![one; folded.weights.inputs]) };
        // Where the products of x and h are normalized apart, the errors that matter are not quite those that are minimized.
        let dampings = match layer::form(folded).separate() && rounding == Rounding::Compensated {
            true => &DAMPINGS[..],
            false => &DAMPINGS[..1],
        };
        let mut best: Option<(f64, Quantized)> = None;
        for damping in dampings {
            let quantized = layer::quantize(folded, number + 1, scale, &limits, (rounding, *damping), &trace.layers[number])?;
            let error = if dampings.len() > 1 { drift(network, number, &quantized.rounded, windows) } else { 0.0 };
            if best.as_ref().is_none_or(|(least, _)| error < *least) {
                best = Some((error, quantized));
            }
        }
        let (_, quantized) = best.expect("one damping is tried at least");
        layers.push(quantized.layer);
        rounded.layers[number] = quantized.rounded;
        notes.push(quantized.note);
    }
    let scalers = network.inputs.iter().zip(&limits);
    let inputs = scalers.map(|(scaler, limit)| [scaler.offset as f32, (scaler.scale * scale * ONE) as f32, *limit as f32]);
    // Behind a norm a row's mean error is scaled with the row, and has no constant that takes it back.
    let head = match &network.head_norm {
        None => RowRounding::of_head(rounding, &trace.last, network.head.outputs)?,
        Some(_) => RowRounding::Nearest,
    };
    let head = head::quantize(&network.head, network.head_norm.as_ref(), &head)?;
    rounded.head = head.real();
    let quantized =
        network.skip.as_ref().map(|plain| skip::quantize(plain, features, scale, &limits, &entering(network, windows)));
    let skip = quantized.transpose()?;
    if let Some(skip) = &skip {
        notes.push(format!("skip of rank {}: one accumulation over {} values of the window", skip.rank, skip.inputs));
    }
    rounded.skip = skip.as_ref().map(|skip| skip.real(scale));
    Ok((QuantizedNetwork { layers, head, skip, inputs: inputs.collect(), notes }, rounded))
}
