//! The mean network, unfolded: keep factors on activations, zoneout blended, scalers outside.

use super::{LayerState, Reference, State, dot, product, sigmoid, skipped};
use crate::config::Normalization;
use crate::fold::mean::{Keep, MeanNetwork};
use crate::network::plain::{NormForm, PlainLstm, PlainNorm};
use crate::regularize::settings::{Reading, Zoneout};

/// `LN(z; γ, β)` over blocks of `rows` values (Ba et al., arXiv 1607.06450, eq. 3), with the population's variance.
fn layer_norm(z: &[f64], rows: usize, epsilon: f64, gain: &[f64], shift: &[f64]) -> Vec<f64> {
    let blocks = z.chunks_exact(rows).flat_map(|block| {
        let mean = block.iter().sum::<f64>() / rows as f64;
        let variance = block.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / rows as f64;
        block.iter().map(move |z| (z - mean) / (variance + epsilon).sqrt())
    });
    blocks.zip(gain).zip(shift).map(|((z, gain), shift)| gain * z + shift).collect()
}

/// The sum of two vectors.
fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// Rows of a block that shares its statistics.
fn block(norm: &PlainNorm, units: usize) -> usize {
    if norm.per_gate { units } else { 4 * units }
}

/// `[4H]`, gates `i f g o`, from the branches `W x` and `U h`.
fn preactivations(lstm: &PlainLstm, wx: &[f64], uh: &[f64]) -> Vec<f64> {
    let Some(norm) = &lstm.norm else { return sum(&sum(wx, uh), &lstm.b) };
    let rows = block(norm, lstm.hidden);
    match norm.form {
        NormForm::Joint => layer_norm(&sum(&sum(wx, uh), &lstm.b), rows, norm.epsilon, &norm.gain_x, &norm.shift_x),
        NormForm::A | NormForm::B => {
            let x = layer_norm(&sum(wx, &norm.bias_x), rows, norm.epsilon, &norm.gain_x, &norm.shift_x);
            let h = layer_norm(uh, rows, norm.epsilon, &norm.gain_h, &norm.shift_h);
            sum(&sum(&x, &h), &lstm.b)
        }
    }
}

/// One step of one layer (Hochreiter & Schmidhuber 1997 with Gers' forget gate; zoneout: Krueger et al., arXiv 1606.01305).
///
/// `x` `[I]` comes with its keep factor applied; `keep` has the factors inside the layer; `observe` sees `W x` and `U h` `[4H]`.
fn step_layer(
    lstm: &PlainLstm,
    keep: &Keep,
    zoneout: &Zoneout,
    state: &mut LayerState,
    x: &[f64],
    observe: &mut dyn FnMut(&[f64], &[f64]),
) {
    let units = lstm.hidden;
    let masked: Vec<f64> = state.h.iter().map(|h| keep.recurrent * h).collect();
    let dropped: Vec<f64> = lstm.u.iter().map(|u| keep.weights * u).collect();
    let (wx, uh) = (product(&lstm.w, x), product(&dropped, &masked));
    observe(&wx, &uh);
    let a = preactivations(lstm, &wx, &uh);
    let norm_of_cell = |form: NormForm, c: &[f64]| match &lstm.norm {
        Some(norm) if norm.form == form => layer_norm(c, units, norm.epsilon, &norm.gain_c, &norm.shift_c),
        _ => c.to_vec(),
    };
    let raw = (0..units).map(|k| {
        let [i, f] = [a[k], a[units + k]].map(sigmoid);
        let g = libm::tanh(a[2 * units + k]);
        keep.cell * (f * state.c[k] + keep.candidate * (i * g))
    });
    let candidate = norm_of_cell(NormForm::B, &raw.collect::<Vec<f64>>());
    for (c, candidate) in state.c.iter_mut().zip(&candidate) {
        *c = zoneout.cell * *c + (1.0 - zoneout.cell) * candidate;
    }
    let read = match zoneout.reading {
        Reading::Candidate => &candidate,
        Reading::Zoned => &state.c,
    };
    let read = norm_of_cell(NormForm::A, read);
    for k in 0..units {
        let o = sigmoid(a[3 * units + k]);
        state.h[k] = zoneout.hidden * state.h[k] + (1.0 - zoneout.hidden) * (o * libm::tanh(read[k]));
    }
}

/// Sees a layer's number, its `W x` and its `U h` `[4H]`.
pub(in crate::fold) type Observer<'a> = &'a mut dyn FnMut(usize, &[f64], &[f64]);

impl MeanNetwork {
    /// One step, of which `observe` sees every layer.
    pub(in crate::fold) fn step_observed(&self, state: &mut State, x: &[f64], observe: Observer<'_>) {
        let features = self.features();
        let normalized = x.iter().enumerate().map(|(index, z)| {
            let (scaler, last) = (&self.scalers.inputs[index % features], state.last[index % features]);
            let offset = match self.scalers.normalization {
                Normalization::None => scaler.mean,
                _ => last,
            };
            (z - offset) / scaler.deviation
        });
        let normalized: Vec<f64> = normalized.collect();
        if self.scalers.streaming {
            state.last.copy_from_slice(&x[x.len() - features..]);
        }
        let mut input: Vec<f64> = normalized.iter().map(|x| self.keep.input * x).collect();
        if self.skip.is_some() {
            state.window.extend(normalized);
        }
        for (index, (lstm, layer)) in self.layers.iter().zip(&mut state.layers).enumerate() {
            step_layer(lstm, &self.keep, &self.zoneout, layer, &input, &mut |wx, uh| observe(index, wx, uh));
            input = layer.h.iter().map(|h| self.keep.between * h).collect();
        }
    }
}

impl Reference for MeanNetwork {
    fn features(&self) -> usize {
        self.scalers.inputs.len()
    }

    fn step_inputs(&self) -> usize {
        self.layers[0].inputs
    }

    fn widths(&self) -> Vec<usize> {
        self.layers.iter().map(|layer| layer.hidden).collect()
    }

    fn is_streaming(&self) -> bool {
        self.scalers.streaming
    }

    fn step(&self, state: &mut State, x: &[f64]) {
        self.step_observed(state, x, &mut |_, _, _| {});
    }

    fn hidden(&self, state: &State, layer: usize) -> Vec<f64> {
        state.layers[layer].h.clone()
    }

    fn forecast(&self, state: &State) -> Vec<f64> {
        let top = self.hidden(state, self.layers.len() - 1);
        let normed = match &self.head.norm {
            Some(norm) => layer_norm(&top, top.len(), norm.epsilon, &norm.gain, &norm.shift),
            None => top,
        };
        let read: Vec<f64> = normed.iter().map(|h| self.keep.output * h).collect();
        let horizon = self.head.outputs / self.scalers.targets.len().max(1);
        let skip = skipped(self.skip.as_ref(), state, self.head.outputs);
        let rows = self.head.w.chunks_exact(self.head.inputs).zip(&self.head.b).enumerate();
        let forecasts = rows.map(|(row, (v, d))| {
            let target = row / horizon;
            let y = dot(v, &read) + d + skip[row];
            let Some(scaler) = self.scalers.targets.get(target) else { return y };
            let offset = match self.scalers.normalization {
                Normalization::None => scaler.mean,
                _ => state.last[target],
            };
            scaler.deviation * y + offset
        });
        forecasts.collect()
    }
}
