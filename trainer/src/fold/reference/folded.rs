//! The folded network, as the device computes it.

use super::{LayerState, Reference, State, dot, product, sigmoid, skipped};
use crate::config::Normalization;
use crate::fold::folded::{Carried, FoldedHeadNorm, FoldedLstm, FoldedNetwork, FoldedNorm};
use crate::network::plain::NormForm;
use crate::regularize::settings::Reading;

/// Normalizes pre-activations z `[4H]` in place, by the table of [`FoldedNorm`]; without the shift.
fn normalize(norm: &FoldedNorm, z: &mut [f64], epsilon: f64, gain: &[f64]) {
    let units = z.len() / 4;
    let (rows, removed) = (norm.rows() as f64, norm.removed_rows(units) as f64);
    let block = if norm.per_gate { units } else { 4 * units };
    for z in z.chunks_exact_mut(block) {
        let mean = if norm.centered { 0.0 } else { z.iter().sum::<f64>() / rows };
        z.iter_mut().for_each(|z| *z -= mean);
        // Without their mean, rows that held 0 hold minus the mean.
        let mean = if norm.centered && removed > 0.0 { z.iter().sum::<f64>() / removed } else { mean };
        let variance = (z.iter().map(|z| z * z).sum::<f64>() + removed * mean * mean) / rows;
        let r = 1.0 / (variance + epsilon).sqrt();
        z.iter_mut().for_each(|z| *z *= r);
    }
    z.iter_mut().zip(gain).for_each(|(z, gain)| *z *= gain);
}

/// The norm over c `[H]`, in place.
fn normalize_cell(norm: &FoldedNorm, c: &mut [f64]) {
    let mean = c.iter().sum::<f64>() / c.len() as f64;
    c.iter_mut().for_each(|c| *c -= mean);
    let r = 1.0 / (dot(c, c) / c.len() as f64 + norm.epsilon_c).sqrt();
    c.iter_mut().zip(&norm.gain_c).zip(&norm.shift_c).for_each(|((c, gain), shift)| *c = gain * (r * *c) + shift);
}

/// What the norm before the head subtracts from what is carried, and r.
fn statistics(norm: &FoldedHeadNorm, h: &[f64]) -> (f64, f64) {
    let n = norm.divisor as f64;
    let mean = h.iter().sum::<f64>() / n;
    let squares = h.iter().map(|h| (h - mean).powi(2)).sum::<f64>() + (n - h.len() as f64) * mean * mean;
    (if norm.centered { 0.0 } else { mean }, 1.0 / (squares / n + norm.epsilon).sqrt())
}

/// `[4H]`, gates `i f g o`.
pub(crate) fn preactivations(layer: &FoldedLstm, x: &[f64], h: &[f64]) -> Vec<f64> {
    let lstm = &layer.weights;
    let mut z = product(&lstm.w, x);
    let mut recurrent = product(&lstm.u, h);
    let add = |z: &mut [f64], other: &[f64]| z.iter_mut().zip(other).for_each(|(z, other)| *z += other);
    add(&mut z, &lstm.b);
    match &layer.norm {
        None => add(&mut z, &recurrent),
        Some(norm) => {
            match norm.form {
                NormForm::Joint => {
                    add(&mut z, &recurrent);
                    normalize(norm, &mut z, norm.epsilon_x, &norm.gain_x);
                }
                NormForm::A | NormForm::B => {
                    match &norm.from_inputs {
                        None => normalize(norm, &mut z, norm.epsilon_x, &norm.gain_x),
                        Some(statistics) => {
                            let variances = statistics.variances(x);
                            let block = z.len() / variances.len();
                            z.iter_mut().enumerate().for_each(|(row, z)| *z /= variances[row / block].sqrt());
                        }
                    }
                    normalize(norm, &mut recurrent, norm.epsilon_h, &norm.gain_h);
                    add(&mut z, &recurrent);
                }
            }
            add(&mut z, &norm.shift);
        }
    }
    z
}

/// One step of one layer; `x` is what is carried by the layer below.
fn step_layer(layer: &FoldedLstm, state: &mut LayerState, x: &[f64]) {
    let units = layer.weights.hidden;
    let a = preactivations(layer, x, &state.h);
    let (gates, outputs) = a.split_at(3 * units);
    let raw = state.c.iter().enumerate().map(|(k, c)| {
        let gained = sigmoid(gates[k]) * libm::tanh(gates[2 * units + k]);
        layer.keep_cell * (sigmoid(gates[units + k]) * c + layer.keep_candidate * gained)
    });
    let mut read: Vec<f64> = raw.collect();
    let norm_in = |form| layer.norm.as_ref().filter(|norm| norm.form == form);
    if let Some(norm) = norm_in(NormForm::B) {
        normalize_cell(norm, &mut read);
    }
    match &layer.zoneout {
        None => state.c.copy_from_slice(&read),
        Some(zoneout) => {
            for (c, read) in state.c.iter_mut().zip(&mut read) {
                *c += (1.0 - zoneout.cell) * (*read - *c);
                if zoneout.reading == Reading::Zoned {
                    *read = *c;
                }
            }
        }
    }
    if let Some(norm) = norm_in(NormForm::A) {
        normalize_cell(norm, &mut read);
    }
    for ((h, read), o) in state.h.iter_mut().zip(&read).zip(outputs) {
        let candidate = sigmoid(*o) * libm::tanh(*read);
        *h = match &layer.zoneout {
            None => candidate,
            Some(zoneout) => match zoneout.carried {
                Carried::Hidden => *h + (1.0 - zoneout.hidden) * (candidate - *h),
                Carried::Scaled => zoneout.hidden * *h + candidate,
            },
        };
    }
}

impl Reference for FoldedNetwork {
    fn features(&self) -> usize {
        self.inputs.len()
    }

    fn step_inputs(&self) -> usize {
        self.layers[0].weights.inputs
    }

    fn widths(&self) -> Vec<usize> {
        self.layers.iter().map(|layer| layer.weights.hidden).collect()
    }

    fn is_streaming(&self) -> bool {
        self.streaming
    }

    fn step(&self, state: &mut State, x: &[f64]) {
        let features = self.features();
        let scaled = x.iter().enumerate().map(|(index, z)| {
            let scaler = &self.inputs[index % features];
            let offset = match self.normalization {
                Normalization::None => scaler.offset,
                _ => state.last[index % features],
            };
            (z - offset) * scaler.scale
        });
        let input: Vec<f64> = scaled.collect();
        if self.streaming {
            state.last.copy_from_slice(&x[x.len() - features..]);
        }
        if self.skip.is_some() {
            state.window.extend(&input);
        }
        for index in 0..self.layers.len() {
            let (below, rest) = state.layers.split_at_mut(index);
            let x = below.last().map_or(&input, |layer| &layer.h);
            step_layer(&self.layers[index], &mut rest[0], x);
        }
    }

    fn hidden(&self, state: &State, layer: usize) -> Vec<f64> {
        let carried = &state.layers[layer].h;
        match &self.layers[layer].zoneout {
            Some(zoneout) if zoneout.carried == Carried::Scaled => carried.iter().map(|u| (1.0 - zoneout.hidden) * u).collect(),
            _ => carried.clone(),
        }
    }

    fn forecast(&self, state: &State) -> Vec<f64> {
        let top = &state.layers[self.layers.len() - 1].h;
        let horizon = self.horizon();
        let (mean, r) = self.head_norm.as_ref().map_or((0.0, 1.0), |norm| statistics(norm, top));
        let top: Vec<f64> = top.iter().map(|h| h - mean).collect();
        let skip = skipped(self.skip.as_ref(), state, self.head.outputs);
        let rows = self.head.w.chunks_exact(self.head.inputs).zip(&self.head.b).enumerate();
        let forecasts = rows.map(|(row, (v, d))| {
            let y = r * dot(v, &top) + d + skip[row];
            match self.normalization {
                Normalization::None => y,
                _ if self.targets > 0 => y + state.last[row / horizon],
                _ => y,
            }
        });
        forecasts.collect()
    }
}
