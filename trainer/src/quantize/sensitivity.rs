//! How much an error of each pre-activation matters at a step.
//!
//! A gate that is shut or wide open hides errors, an output gate that is shut hides them all: they are weighed by the derivative of the
//! step's h. What becomes of c in later steps weighs all steps alike and is left out; so are factors that are the same at every step.

use crate::fold::FoldedLstm;
use crate::fold::reference::preactivations;

fn sigmoid(a: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-a))
}

/// `[4H]`, gates `i f g o`: the squared derivative of a unit's new h by its pre-activation. `x`, `h`, `c` are what the step starts from.
pub(super) fn squared(layer: &FoldedLstm, x: &[f64], h: &[f64], c: &[f64]) -> Vec<f64> {
    let hidden = c.len();
    let a = preactivations(layer, x, h);
    let gate = |number: usize, unit: usize| a[number * hidden + unit];
    let candidates = (0..hidden).map(|unit| {
        let gained = sigmoid(gate(0, unit)) * libm::tanh(gate(2, unit));
        layer.keep_cell * (sigmoid(gate(1, unit)) * c[unit] + layer.keep_candidate * gained)
    });
    let candidates: Vec<f64> = candidates.collect();
    // Where c is normalized, the output's tanh reads something of the order of one, and errors of c grow with r.
    let (mean, r) = match layer.norm.as_ref().filter(|norm| !norm.gain_c.is_empty()) {
        None => (0.0, 1.0),
        Some(norm) => {
            let mean = candidates.iter().sum::<f64>() / hidden as f64;
            let variance = candidates.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / hidden as f64;
            (mean, 1.0 / (variance + norm.epsilon_c).sqrt())
        }
    };
    let affine = |unit: usize| match &layer.norm {
        Some(norm) if !norm.gain_c.is_empty() => (norm.gain_c[unit], norm.shift_c[unit]),
        _ => (1.0, 0.0),
    };
    let mut derivatives = vec![0.0; 4 * hidden];
    for unit in 0..hidden {
        let [i, f, o] = [0, 1, 3].map(|number| sigmoid(gate(number, unit)));
        let g = libm::tanh(gate(2, unit));
        let (gain, shift) = affine(unit);
        let read = libm::tanh(gain * r * (candidates[unit] - mean) + shift);
        let by_c = o * (1.0 - read * read) * r;
        let all = [i * (1.0 - i) * g * by_c, f * (1.0 - f) * c[unit] * by_c, i * (1.0 - g * g) * by_c, o * (1.0 - o) * read];
        for (number, derivative) in all.into_iter().enumerate() {
            derivatives[number * hidden + unit] = derivative * derivative;
        }
    }
    derivatives
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Normalization;
    use crate::fold::reference::{LayerState, Reference, State};
    use crate::fold::{Target, fold, random};
    use crate::regularize::settings::Regularization;

    /// Against differences of the reference's own step.
    #[test]
    fn derivatives_are_those_of_the_step() {
        let shape = random::Shape { features: 3, patch: 1, hidden: vec![5], targets: 1, horizon: 1 };
        let scalers = random::scalers(1, &shape, Normalization::Last);
        let network = random::network(2, &shape);
        let (folded, _) = fold(&network, &Regularization::default(), &scalers, Target::Integer).unwrap();
        let c = [0.3, -0.8, 1.2, 0.05, -0.4];
        let h: Vec<f64> = c.iter().map(|c| 0.4 * c).collect();
        let last = vec![0.0; 3];
        let z = [0.7, -1.1, 0.4];
        let x: Vec<f64> = z.iter().zip(&folded.inputs).map(|(z, scaler)| z * scaler.scale).collect();
        let squared = squared(&folded.layers[0], &x, &h, &c);
        for (row, squared) in squared.iter().enumerate() {
            let shifted = |by: f64| {
                let mut network = folded.clone();
                network.layers[0].weights.b[row] += by;
                let mut state =
                    State { layers: vec![LayerState { h: h.clone(), c: c.to_vec() }], last: last.clone(), window: Vec::new() };
                network.step(&mut state, &z);
                network.hidden(&state, 0)[row % 5]
            };
            let derivative = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            assert!((squared - derivative * derivative).abs() < 1e-8, "{row}: {squared} {derivative}");
        }
    }
}
