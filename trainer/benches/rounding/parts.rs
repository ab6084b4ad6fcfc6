//! The errors of h by what causes them, each alone, and what is left.

use std::path::Path;

use embedded_rnn::arithmetic::ACTIVATION_ONE;
use embedded_rnn_trainer::config::{Normalization, Rounding};
use embedded_rnn_trainer::data::Part;
use embedded_rnn_trainer::error::{Error, Result};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::evaluate::hidden::RelativeError;
use embedded_rnn_trainer::export::{Exported, calibration_windows, raw_windows, transformed};
use embedded_rnn_trainer::fold::reference::{Reference, State};
use embedded_rnn_trainer::fold::{FoldedNetwork, InputScaler};
use embedded_rnn_trainer::network::plain::PlainDense;
use embedded_rnn_trainer::quantize::quantize_and_restore;

use crate::models::Subject;

/// Windows that are measured.
const WINDOWS: usize = 256;

/// A layer's errors, RMSE relative to h's deviation.
pub struct Parts {
    pub inputs: usize,
    pub hidden: usize,
    /// Rounded weights in `f64`, against exact ones.
    pub weights: f64,
    /// Rounded x and h in `f64`, against exact ones.
    pub activations: f64,
    /// The device, against rounded weights and activations in `f64`: tables, multipliers, the cell's format.
    pub functions: f64,
}

/// A network layer by layer, so that what passes between them can be rounded.
struct Chain {
    layers: Vec<FoldedNetwork>,
    states: Vec<State>,
    rounded: bool,
}

impl Chain {
    fn new(network: &FoldedNetwork, rounded: bool) -> Self {
        let alone = |index: usize| {
            let layer = &network.layers[index];
            let (inputs, hidden) = (layer.weights.inputs, layer.weights.hidden);
            FoldedNetwork {
                layers: vec![layer.clone()],
                head_norm: None,
                skip: None,
                head: PlainDense { inputs: hidden, outputs: 1, w: vec![0.0; hidden], b: vec![0.0], norm: None },
                inputs: vec![InputScaler { offset: 0.0, scale: 1.0 }; inputs],
                targets: 1,
                normalization: Normalization::None,
                streaming: false,
            }
        };
        let layers: Vec<FoldedNetwork> = (0..network.layers.len()).map(alone).collect();
        Chain { states: Vec::new(), layers, rounded }
    }

    fn start(&mut self) {
        self.states = self.layers.iter().map(|layer| layer.start(&vec![0.0; layer.features()])).collect();
    }

    /// The layers' h after a step of scaled and, if so, rounded x.
    fn step(&mut self, x: &[f64]) -> Vec<Vec<f64>> {
        let one = f64::from(ACTIVATION_ONE);
        let mut below = x.to_vec();
        let mut hidden = Vec::new();
        for (layer, state) in self.layers.iter().zip(&mut self.states) {
            layer.step(state, &below);
            if self.rounded {
                state.layers[0].h.iter_mut().for_each(|h| *h = (*h * one).round() / one);
            }
            below = layer.hidden(state, 0);
            hidden.push(below.clone());
        }
        hidden
    }
}

/// Measures a subject's exported file, whose weights were rounded with compensation.
pub fn measure(subject: &Subject, exported: &Exported) -> Result<Vec<Parts>> {
    let (dataset, folded) = (&subject.dataset, &exported.folded);
    let (quantized, restored) = quantize_and_restore(folded, &calibration_windows(dataset), Rounding::Compensated)?;
    let bytes = ModelBytes::new(&exported.file);
    let mut model = DeviceModel::open(&bytes, Path::new("model.rnn"))?;
    let raw = raw_windows(&dataset.windows(Part::Validation), WINDOWS);
    let mut chains = [(folded, false), (&restored, false), (folded, true), (&restored, true)]
        .map(|(network, rounded)| Chain::new(network, rounded));
    let mut errors = vec![[RelativeError::default(); 3]; folded.layers.len()];
    for (raw, window) in raw.iter().zip(transformed(dataset, &raw)) {
        chains.iter_mut().for_each(Chain::start);
        let features = folded.features();
        let last = &window[window.len() - features..];
        let device = model.hidden_states(raw).map_err(Error::failed)?;
        for (patch, device) in window.chunks_exact(folded.step_inputs()).zip(device) {
            let scaled = |rounded: bool| -> Vec<f64> {
                let values = patch.iter().enumerate().map(|(k, z)| {
                    let (scaler, [_, unit, _]) = (folded.inputs[k % features], quantized.inputs[k % features]);
                    let offset = match folded.normalization {
                        Normalization::None => scaler.offset,
                        _ => last[k % features],
                    };
                    let unit = f64::from(unit);
                    (if rounded { ((z - offset) * unit).round() / unit } else { z - offset }) * scaler.scale
                });
                values.collect()
            };
            let [exact, weights, activations, both] = chains.each_mut().map(|chain| chain.step(&scaled(chain.rounded)));
            for (layer, errors) in errors.iter_mut().enumerate() {
                for unit in 0..exact[layer].len() {
                    errors[0].add(weights[layer][unit], exact[layer][unit]);
                    errors[1].add(activations[layer][unit], exact[layer][unit]);
                    errors[2].add(device[layer][unit], both[layer][unit]);
                }
            }
        }
    }
    let parts = folded.layers.iter().zip(&errors).map(|(layer, errors)| Parts {
        inputs: layer.weights.inputs,
        hidden: layer.weights.hidden,
        weights: errors[0].value(),
        activations: errors[1].value(),
        functions: errors[2].value(),
    });
    Ok(parts.collect())
}
