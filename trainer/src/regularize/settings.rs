//! The `[regularization]` table of a configuration. Every rate is a *drop* probability; 0 switches its regularizer off.

use serde::{Deserialize, Serialize};

use crate::network::plain::NormForm;
use crate::network::shape::Norm;

/// How a mask with keep probability `q = 1 - p` is compensated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// Kept values are divided by `q` in training; nothing is left to do at test time.
    #[default]
    Inverted,
    /// Kept values stay as they are in training; at test time the activation is multiplied by `q`, which is folded into the weights.
    Classical,
}

/// Which cell state the output's tanh reads under cell zoneout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reading {
    /// `h = o*tanh(c')` with the candidate before zoneout, as the paper has it (Krueger et al., arXiv 1606.01305, eq. 4).
    #[default]
    Candidate,
    /// `h = o*tanh(c_t)` with the cell state after zoneout.
    Zoned,
}

/// How long a mask stays the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mask {
    /// A fresh one at every step (Zaremba et al., arXiv 1409.2329).
    #[default]
    Step,
    /// One for a whole sequence: variational (Gal & Ghahramani, arXiv 1512.05287).
    Sequence,
}

/// Whether the four gates share a mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gates {
    /// One mask for all four gates.
    #[default]
    Tied,
    /// One mask a gate (Gal & Ghahramani's untied weights).
    Separate,
}

/// `regularization.dropout`: on non-recurrent connections, fresh at every step (Zaremba et al., arXiv 1409.2329) or one mask a
/// sequence (Gal & Ghahramani, arXiv 1512.05287).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dropout {
    /// On the first layer's input.
    pub input: f64,
    /// Between LSTM layers.
    pub between: f64,
    /// On the last layer's output, before the head.
    pub output: f64,
    /// Inverted or classical, for all three.
    pub scaling: Scaling,
    /// Fresh at every step or one a sequence; the output, read once, has no such choice.
    pub mask: Mask,
    /// Whether the gates share a sequence's mask on the layers' inputs.
    pub gates: Gates,
}

/// `regularization.recurrent`: a mask on h(t-1) before U, one per sequence (Gal & Ghahramani, arXiv 1512.05287).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecurrentDropout {
    /// Drop probability, every layer.
    pub drop: f64,
    /// Inverted or classical.
    pub scaling: Scaling,
    /// Whether the gates share the mask.
    pub gates: Gates,
}

/// `regularization.candidate`: recurrent dropout on the candidate, `c' = f*c + m*(i*g)` (Semeniuta et al., arXiv 1603.05118, eq. 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CandidateDropout {
    /// Drop probability, every layer.
    pub drop: f64,
    /// Inverted or classical.
    pub scaling: Scaling,
    /// Fresh at every step or one a sequence.
    pub mask: Mask,
}

/// `regularization.cell`: RNNDrop, `c' = m*(f*c + i*g)`, one mask a sequence (Moon et al., ASRU 2015). Always classical: inverted, kept
/// cells would grow by 1/q at every step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CellDropout {
    /// Drop probability, every layer.
    pub drop: f64,
    /// Only classical is accepted; the key is there so that the other choice is refused with its reason.
    pub scaling: Option<Scaling>,
}

/// `regularization.weight_drop`: DropConnect on U, one mask a batch (Merity et al., arXiv 1708.02182).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WeightDrop {
    /// Drop probability of each recurrent weight.
    pub drop: f64,
    /// Inverted or classical.
    pub scaling: Scaling,
}

/// `regularization.noise`: Gaussian noise in training (Graves, arXiv 1308.0850).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Noise {
    /// Deviation of the noise on the normalized input, fresh for every value.
    pub input: f64,
    /// Deviation of the noise on W and U, one draw a batch; its gradient goes to the clean weights.
    pub weights: f64,
}

/// `regularization.activation`: penalties on the last layer's h (Merity et al., arXiv 1708.01009; Krueger & Memisevic, arXiv 1511.08400).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ActivationPenalty {
    /// AR: `ar * mean over rows, steps and units of (m*h)^2`, m the output dropout's mask.
    pub ar: f64,
    /// TAR: `tar * mean of (h_t - h_(t-1))^2`.
    pub tar: f64,
    /// The norm stabilizer: `norm * mean over rows and steps of (|h_t| - |h_(t-1)|)^2`, with the 2-norm over units.
    pub norm: f64,
}

impl ActivationPenalty {
    /// Is any of them asked for?
    pub fn is_on(&self) -> bool {
        self.ar > 0.0 || self.tar > 0.0 || self.norm > 0.0
    }
}

/// How often weights are taken into their mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Every {
    /// At the end of each epoch (SWA, Izmailov et al., arXiv 1803.05407).
    #[default]
    Epoch,
    /// After each optimizer step (averaged SGD, Polyak & Juditsky 1992, as Merity et al., arXiv 1708.02182, use it).
    Step,
}

/// `regularization.swa`: the equally weighted mean of the weights from some epoch on, which validation and export then use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StochasticAverage {
    /// The share of the epochs that pass before the first weights are taken; 0 is off. From then on the learning rate stays what it is.
    pub from: f64,
    /// How often they are taken.
    pub every: Every,
}

/// `regularization.group_lasso`: removes whole hidden units (ISS, Wen et al., arXiv 1709.05027).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupLasso {
    /// The penalty `strength * sum over units of |group|_2`.
    pub strength: f64,
    /// A weight smaller than this counts as zero when units are removed.
    pub threshold: f64,
}

impl Default for GroupLasso {
    fn default() -> Self {
        GroupLasso { strength: 0.0, threshold: 1e-3 }
    }
}

/// `regularization.layer_norm`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LayerNorm {
    /// Where the norms stand; none if left out.
    pub form: Option<NormForm>,
    /// Statistics over each gate's rows instead of all 4H together.
    pub per_gate: bool,
    /// Another norm before the head, `y = V LN(h) + d`, with any form or none.
    pub head: bool,
    /// ε of all of them.
    pub epsilon: f64,
}

impl Default for LayerNorm {
    fn default() -> Self {
        LayerNorm { form: None, per_gate: false, head: false, epsilon: 1e-5 }
    }
}

impl LayerNorm {
    /// ε of the norm before the head, if it is asked for.
    pub fn head_norm(&self) -> Option<f64> {
        self.head.then_some(self.epsilon)
    }

    /// The norm that is asked for in the cells.
    pub fn norm(&self) -> Option<Norm> {
        self.form.map(|form| Norm { form, per_gate: self.per_gate, epsilon: self.epsilon })
    }
}

/// `regularization.zoneout` (Krueger et al., arXiv 1606.01305): with probability z a unit keeps its previous value; at test time
/// the expectation, `c_t = z_c c + (1-z_c) c'`, `h_t = z_h h + (1-z_h) h'`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Zoneout {
    /// `z_c`
    pub cell: f64,
    /// `z_h`
    pub hidden: f64,
    /// Which cell state the output reads.
    pub reading: Reading,
}

/// The whole `[regularization]` table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Regularization {
    /// Dropout on non-recurrent connections.
    pub dropout: Dropout,
    /// Dropout on h(t-1).
    pub recurrent: RecurrentDropout,
    /// Zoneout on c and h.
    pub zoneout: Zoneout,
    /// Dropout on the candidate (Semeniuta).
    pub candidate: CandidateDropout,
    /// Dropout on the cell (RNNDrop).
    pub cell: CellDropout,
    /// DropConnect on U.
    pub weight_drop: WeightDrop,
    /// Gaussian noise.
    pub noise: Noise,
    /// Penalties on activations.
    pub activation: ActivationPenalty,
    /// Removal of units.
    pub group_lasso: GroupLasso,
    /// Layer norm.
    pub layer_norm: LayerNorm,
    /// Decay of the exponential moving average of the weights, which validation and export then use; 0 is off.
    pub average: f64,
    /// Equal averaging of the weights of the last epochs; not beside `average`.
    pub swa: StochasticAverage,
    /// Bound on the length of each unit's incoming weights, a row of `[W U]`, to which they are projected after each optimizer step (Hinton et
    /// al., arXiv 1207.0580); 0 is off.
    pub max_norm: f64,
    /// Penalties and decay reach biases and gains too.
    pub decay_biases: bool,
    /// L1 penalty `l1 * sum |w|` on weight matrices (W, U, V), added to the loss; biases are left out.
    pub l1: f64,
    /// L2 penalty `l2/2 * sum w^2` on weight matrices, added to the loss; biases are left out.
    pub l2: f64,
    /// Decoupled weight decay (AdamW, Loshchilov & Hutter, arXiv 1711.05101): `w -= lr*decay*w`; biases are left out.
    pub decay: f64,
    /// Amplitude augmentation: window and target, after window normalization, are scaled by `exp(amplitude * N(0,1))`, one factor a
    /// window and epoch.
    pub amplitude: f64,
}
