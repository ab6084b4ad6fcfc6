//! A trained network in the textbook layout: gate-major rows, `f64`. What folding and quantization read.
//!
//! Dimensions: I inputs, H hidden units, O outputs. Gate order is `i f g o` everywhere, as in PyTorch.

use serde::{Deserialize, Serialize};

use super::skip::PlainSkip;

/// One LSTM layer: `a = W x + U h + b`, `c' = f*c + i*g`, `h = o*tanh(c')`.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainLstm {
    /// I
    pub inputs: usize,
    /// H
    pub hidden: usize,
    /// `[4H][I]`, rows `i f g o`, H rows each.
    pub w: Vec<f64>,
    /// `[4H][H]`
    pub u: Vec<f64>,
    /// `[4H]`; under layer norm it stands outside the norms in forms A and B, and inside in the joint form.
    pub b: Vec<f64>,
    /// Layer norm, if the cell has it.
    pub norm: Option<PlainNorm>,
}

/// Where layer norm stands in the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormForm {
    /// `a = LN(W x + b_x; γx, βx) + LN(U h; γh, βh) + b`, c stored raw, `h = o*tanh(LN(c'; γc, βc))` (Ba et al., arXiv 1607.06450).
    A,
    /// As A, but the normalized c is what is stored: `c = LN(f*c + i*g; γc, βc)`, `h = o*tanh(c)`.
    B,
    /// `a = LN(W x + U h + b; γx, βx)`, no norm on c; b stands inside, β is the only bias after the norm.
    Joint,
}

/// A layer's norms, `LN(z; γ, β) = γ*(z - mean z)/sqrt(var z + ε) + β`.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainNorm {
    /// Where the norms stand.
    pub form: NormForm,
    /// Statistics of the pre-activations over each gate's H rows instead of all 4H together.
    pub per_gate: bool,
    /// ε
    pub epsilon: f64,
    /// `[4H]`: γ and β of the norm over `W x` (joint: of the only norm).
    pub gain_x: Vec<f64>,
    /// `[4H]`
    pub shift_x: Vec<f64>,
    /// `[4H]`: a bias inside the norm over `W x`, so that few inputs keep more than their sign; forms A and B only, else empty.
    pub bias_x: Vec<f64>,
    /// `[4H]`: γ and β of the norm over `U h`; empty in the joint form.
    pub gain_h: Vec<f64>,
    /// `[4H]`
    pub shift_h: Vec<f64>,
    /// `[H]`: γ and β of the norm over c; empty in the joint form.
    pub gain_c: Vec<f64>,
    /// `[H]`
    pub shift_c: Vec<f64>,
}

/// Layer norm before the head, `LN(h; γ, β)` over the last layer's units (Ba et al., arXiv 1607.06450).
#[derive(Clone, Debug, PartialEq)]
pub struct PlainHeadNorm {
    /// ε
    pub epsilon: f64,
    /// `[H]`: γ
    pub gain: Vec<f64>,
    /// `[H]`: β
    pub shift: Vec<f64>,
}

/// The head: `y = V h + d`, with layer norm `y = V LN(h) + d`.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainDense {
    /// H
    pub inputs: usize,
    /// O; for a forecaster, targets x horizon, the horizon running fastest.
    pub outputs: usize,
    /// `[O][H]`
    pub w: Vec<f64>,
    /// `[O]`
    pub b: Vec<f64>,
    /// Layer norm of what it reads.
    pub norm: Option<PlainHeadNorm>,
}

/// LSTM layers, first to last, the head, and a linear skip around them.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainNetwork {
    /// First to last; layer l+1 has as many inputs as layer l has units.
    pub layers: Vec<PlainLstm>,
    /// Reads the last layer's h.
    pub head: PlainDense,
    /// What the forecast gets beside it, where there is such a thing.
    pub skip: Option<PlainSkip>,
}

impl PlainNetwork {
    /// How many numbers it consists of.
    pub fn parameters(&self) -> usize {
        let norm = |norm: &PlainNorm| {
            let PlainNorm { gain_x, shift_x, bias_x, gain_h, shift_h, gain_c, shift_c, .. } = norm;
            [gain_x, shift_x, bias_x, gain_h, shift_h, gain_c, shift_c].map(Vec::len).into_iter().sum::<usize>()
        };
        let layer = |layer: &PlainLstm| layer.w.len() + layer.u.len() + layer.b.len() + layer.norm.as_ref().map_or(0, norm);
        let head = |head: &PlainDense| {
            head.w.len() + head.b.len() + head.norm.as_ref().map_or(0, |norm| norm.gain.len() + norm.shift.len())
        };
        let skip = |skip: &PlainSkip| skip.products.len() + skip.spread.len() + skip.bias.len();
        self.layers.iter().map(layer).sum::<usize>() + head(&self.head) + self.skip.as_ref().map_or(0, skip)
    }
}
