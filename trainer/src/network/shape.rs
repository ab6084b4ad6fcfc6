//! The sizes of a network, and where each tensor lies among its parameters.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::lanes::LANES;
use super::plain::NormForm;

/// Layer norm in every LSTM layer of a network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Norm {
    /// Where the norms stand.
    pub form: NormForm,
    /// Statistics of the pre-activations over each gate's H units instead of all 4H together.
    pub per_gate: bool,
    /// ε
    pub epsilon: f64,
}

/// Inputs, units of each layer, outputs. All at least 1; at least one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// I of the first layer.
    pub inputs: usize,
    /// H of each layer, first to last.
    pub hidden: Vec<usize>,
    /// O
    pub outputs: usize,
    /// The cells' layer norm, if they have it.
    pub norm: Option<Norm>,
    /// ε of the layer norm before the head, if there is one.
    pub head_norm: Option<f64>,
}

/// What a tensor is to the regularizers: penalties and decay leave biases and gains alone unless asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// W, U or V.
    Weights,
    /// b, d, or a layer norm's shift.
    Bias,
    /// A layer norm's gain.
    Gain,
}

/// One tensor among the parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Weights or bias.
    pub role: Role,
    /// Where its values lie.
    pub range: Range<usize>,
}

impl Shape {
    /// Inputs of a layer: the network's, or the units of the layer below.
    pub fn layer_inputs(&self, layer: usize) -> usize {
        if layer == 0 { self.inputs } else { self.hidden[layer - 1] }
    }

    /// Inputs of the head.
    pub fn head_inputs(&self) -> usize {
        self.hidden[self.hidden.len() - 1]
    }

    /// The tensors of a layer, in the order of their values, with their lengths: `W U b`, then under layer norm `γx βx`, and in forms
    /// A and B `b_x γh βh γc βc`.
    pub fn layer_tensors(&self, layer: usize) -> Vec<(Role, usize)> {
        let (inputs, hidden) = (self.layer_inputs(layer), self.hidden[layer]);
        let (panel, cell) = (blocks(hidden) * 4 * LANES, blocks(hidden) * LANES);
        let mut tensors = vec![(Role::Weights, panel * inputs), (Role::Weights, panel * hidden), (Role::Bias, panel)];
        if let Some(norm) = self.norm {
            tensors.extend([(Role::Gain, panel), (Role::Bias, panel)]);
            if norm.form != NormForm::Joint {
                tensors.extend([
                    (Role::Bias, panel),
                    (Role::Gain, panel),
                    (Role::Bias, panel),
                    (Role::Gain, cell),
                    (Role::Bias, cell),
                ]);
            }
        }
        tensors
    }

    /// Where the values of a layer begin; with the number of layers, where those of the head do.
    pub fn layer_start(&self, layer: usize) -> usize {
        (0..layer).flat_map(|below| self.layer_tensors(below)).map(|(_, length)| length).sum()
    }

    /// All tensors in the order of their values: those of each layer, then `V d`, with layer norm before the head `γ β`, without gaps.
    pub fn tensors(&self) -> Vec<Tensor> {
        let panel = blocks(self.outputs) * LANES;
        let head = [(Role::Weights, panel * self.head_inputs()), (Role::Bias, panel)];
        let units = blocks(self.head_inputs()) * LANES;
        let norm = self.head_norm.map(|_| [(Role::Gain, units), (Role::Bias, units)]);
        let layers = (0..self.hidden.len()).flat_map(|layer| self.layer_tensors(layer));
        let mut start = 0;
        let tensor = |(role, length)| {
            start += length;
            Tensor { role, range: start - length..start }
        };
        layers.chain(head).chain(norm.into_iter().flatten()).map(tensor).collect()
    }
}

/// Blocks of 16 that hold `units`.
pub fn blocks(units: usize) -> usize {
    units.div_ceil(LANES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_follow_each_other_and_are_padded() {
        let shape = Shape { inputs: 3, hidden: vec![17, 5], outputs: 2, norm: None, head_norm: None };
        let tensors = shape.tensors();
        let lengths: Vec<usize> = tensors.iter().map(|t| t.range.len()).collect();
        assert_eq!(lengths, [2 * 64 * 3, 2 * 64 * 17, 2 * 64, 64 * 17, 64 * 5, 64, 16 * 5, 16]);
        assert!(tensors.windows(2).all(|pair| pair[0].range.end == pair[1].range.start));
        let biases: Vec<usize> = (0..8).filter(|&k| tensors[k].role == Role::Bias).collect();
        assert_eq!(biases, [2, 5, 7]);
        assert_eq!(shape.layer_start(2), tensors[6].range.start);
    }

    #[test]
    fn layer_norm_adds_gains_and_shifts() {
        for (form, per_layer) in [(NormForm::Joint, 5), (NormForm::A, 10), (NormForm::B, 10)] {
            let norm = Some(Norm { form, per_gate: false, epsilon: 1e-5 });
            let shape = Shape { inputs: 3, hidden: vec![17, 5], outputs: 2, norm, head_norm: None };
            let tensors = shape.tensors();
            assert_eq!(tensors.len(), 2 * per_layer + 2);
            assert!(tensors.windows(2).all(|pair| pair[0].range.end == pair[1].range.start));
            assert_eq!(shape.layer_start(1), tensors[per_layer].range.start);
            let gains = tensors.iter().filter(|tensor| tensor.role == Role::Gain).count();
            assert_eq!(gains, 2 * if form == NormForm::Joint { 1 } else { 3 });
            assert_eq!(tensors[per_layer - 1].range.len(), if form == NormForm::Joint { 2 * 64 } else { 2 * 16 });
        }
    }
}
