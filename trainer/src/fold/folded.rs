//! The folded network: what the device computes, in `f64`.

use super::head_norm;
use super::input_norm::InputStatistics;
use super::mean::MeanNetwork;
use crate::config::Normalization;
use crate::network::plain::{NormForm, PlainDense, PlainLstm, PlainNorm};
use crate::network::skip::PlainSkip;
use crate::regularize::settings::Reading;

/// How a value enters the first layer: `(z - offset)*scale`, z in the transformed domain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputScaler {
    /// Subtracted; 0 where the shift was folded into the bias, and under [`Normalization::Last`], where the window's last value is
    /// subtracted instead.
    pub offset: f64,
    /// Multiplied; exactly 1 where the scale was folded into W.
    pub scale: f64,
}

/// What a layer's hidden state is carried as from one step to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// As h: `h_t = h + (1-z_h)(h' - h)`.
    Hidden,
    /// As `u = h/(1-z_h)`: `u_t = z_h u + h'`. Whatever reads it has `1-z_h` in its weights. `|u|` stays below `1/(1-z_h)`.
    Scaled,
}

/// Zoneout's expectation at test time (Krueger et al., arXiv 1606.01305), where a rate is not zero. `c'` is what is stored without
/// zoneout: in form B of layer norm, the normalized candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldedZoneout {
    /// `z_c`: `c_t = c + (1-z_c)(c' - c)`.
    pub cell: f64,
    /// `z_h`
    pub hidden: f64,
    /// Which cell state the output's tanh reads.
    pub reading: Reading,
    /// The form of the hidden state; [`Carried::Hidden`] where `z_h` is 0.
    pub carried: Carried,
}

/// A layer's norms as the device computes them; where they stand is [`NormForm`]'s matter.
///
/// A norm over pre-activations z takes its statistics over blocks: all `4H` rows are one block, or each gate's `H` rows are a block of
/// their own. With `N` and `M` the rows that a block had before and has lost to the removal of units ([`FoldedNorm::rows`],
/// [`FoldedNorm::removed_rows`]), `S1` and `S2` the sums of z and of z^2 over the rows that it still has, the block's mean and variance
/// are
///
/// | `centered` | `M` | mean to subtract | variance |
/// |---|---|---|---|
/// | no | any | `m = S1/N` | `S2/N - m^2 = (sum of (z - m)^2 + M m^2)/N` |
/// | yes | 0 | 0 | `S2/N` |
/// | yes | > 0 | 0 | `(S2 + S1^2/M)/N` |
///
/// and what comes out of it is `gain*(z - mean)/sqrt(variance + epsilon)`, to which `shift` is added once, after all norms.
/// In the second line, rounded weights leave a residual mean, which may be subtracted as in the first. In the third, `S1/M` is the mean
/// of the block before centering; centered rows hold `z - S1/M`, and the rows that are gone held 0.
///
/// With [`FoldedNorm::from_inputs`] the norm over `W x` is `r*(W x + b)` with r from the inputs, and its gain is in W and b.
///
/// The norm over c is over the layer's H units, never centered beforehand, and units are removed from no layer that has one.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedNorm {
    /// Where the norms stand. In forms A and B the layer's `weights.b` stands inside the norm over `W x`, in the joint form inside the
    /// only one.
    pub form: NormForm,
    /// Statistics of the pre-activations over each gate's H rows instead of all 4H together.
    pub per_gate: bool,
    /// ε of the norm over `W x`; joint: of the only one; 0 with `from_inputs`, which has it.
    pub epsilon_x: f64,
    /// ε of the norm over `U h`; unused in the joint form.
    pub epsilon_h: f64,
    /// ε of the norm over c; unused in the joint form.
    pub epsilon_c: f64,
    /// Units of the layer before any was removed, at least H: the statistics divide by `divisor` (per gate) or `4*divisor`.
    pub divisor: usize,
    /// W, U and the bias inside are centered: see the table.
    pub centered: bool,
    /// `[4H]`: γ of the norm over `W x`; joint: of the only one; empty with `from_inputs`.
    pub gain_x: Vec<f64>,
    /// In forms A and B: the statistics of `W x + b` from the inputs' side, where γ is in the weights.
    pub from_inputs: Option<InputStatistics>,
    /// `[4H]`: γ of the norm over `U h`; empty in the joint form.
    pub gain_h: Vec<f64>,
    /// `[4H]`: the one bias after the norms, all β and, in forms A and B, b.
    pub shift: Vec<f64>,
    /// `[H]`: γ of the norm over c; empty in the joint form.
    pub gain_c: Vec<f64>,
    /// `[H]`: β of the norm over c; empty in the joint form.
    pub shift_c: Vec<f64>,
}

impl FoldedNorm {
    /// Rows of a block before units were removed: the N that sums are divided by.
    pub fn rows(&self) -> usize {
        if self.per_gate { self.divisor } else { 4 * self.divisor }
    }

    /// Rows that a block of a layer of `hidden` units has lost: M.
    pub fn removed_rows(&self, hidden: usize) -> usize {
        (self.divisor - hidden) * self.rows() / self.divisor
    }

    /// Takes the norms out of a layer; what stands inside them stays, or comes to stand, in the layer's b.
    fn take(lstm: &mut PlainLstm) -> Option<Self> {
        let PlainNorm { form, per_gate, epsilon, gain_x, shift_x, bias_x, gain_h, shift_h, gain_c, shift_c } =
            lstm.norm.take()?;
        let shift = match form {
            NormForm::Joint => shift_x,
            NormForm::A | NormForm::B => {
                let outside = core::mem::replace(&mut lstm.b, bias_x);
                shift_x.iter().zip(&shift_h).zip(&outside).map(|((x, h), b)| x + h + b).collect()
            }
        };
        Some(FoldedNorm {
            form,
            per_gate,
            epsilon_x: epsilon,
            epsilon_h: epsilon,
            epsilon_c: epsilon,
            divisor: lstm.hidden,
            centered: false,
            gain_x,
            from_inputs: None,
            gain_h,
            shift,
            gain_c,
            shift_c,
        })
    }
}

/// One LSTM layer as the device computes it: `c' = keep_cell*(f*c + keep_candidate*(i*g))` in every form.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedLstm {
    /// Factors included; its `norm` is empty, see below.
    pub weights: PlainLstm,
    /// Layer norm.
    pub norm: Option<FoldedNorm>,
    /// q of classical dropout on the candidate (Semeniuta et al., arXiv 1603.05118), exactly 1 if there is none or it has vanished.
    pub keep_candidate: f64,
    /// q of dropout on the cell (Moon et al., ASRU 2015), exactly 1 if there is none or it has vanished.
    pub keep_cell: f64,
    /// What of zoneout does not fold away.
    pub zoneout: Option<FoldedZoneout>,
}

/// What is left of layer norm before the head: `y = r*(V h) + d` with `r = 1/sqrt(var h + ε)`, over the last layer's original units; those
/// that were removed count as zeros.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldedHeadNorm {
    /// ε, in squares of what the last layer carries (see [`Carried`]).
    pub epsilon: f64,
    /// Units of the last layer before any was removed.
    pub divisor: usize,
    /// V is centered; before that, `y = r*V (h - mean h) + d`.
    pub centered: bool,
}

/// A network from the transformed domain to the transformed domain.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedNetwork {
    /// First to last.
    pub layers: Vec<FoldedLstm>,
    /// Gives forecasts in the transformed domain; under [`Normalization::Last`] without the last value of the target's own column,
    /// which is feature number t for target t and is added by the device. Its `norm` is empty, see below.
    pub head: PlainDense,
    /// Layer norm before the head.
    pub head_norm: Option<FoldedHeadNorm>,
    /// Adds to what the head gives, from the scaled window; its constant is in the head.
    pub skip: Option<PlainSkip>,
    /// `[F]`; the step input is sample-major, index `p*F + f`.
    pub inputs: Vec<InputScaler>,
    /// The head's outputs are `[targets][horizon]`; 0 where they are logits.
    pub targets: usize,
    /// Whether the window's last value is subtracted from the input and added to the forecast.
    pub normalization: Normalization,
    /// Whether the network is run as a stream, where the last value is that of the sample before a step.
    pub streaming: bool,
}

impl FoldedNetwork {
    /// Takes over a mean network whose keep factors, target scalers and head norm's gain and shift have been folded.
    pub(super) fn from_mean(mean: MeanNetwork) -> Self {
        let MeanNetwork { layers, mut head, skip, keep, zoneout, scalers } = mean;
        let head_norm = head.norm.take().map(|norm| FoldedHeadNorm {
            epsilon: head_norm::epsilon(&norm),
            divisor: head.inputs,
            centered: false,
        });
        let zoneout = (zoneout.cell > 0.0 || zoneout.hidden > 0.0).then_some(FoldedZoneout {
            cell: zoneout.cell,
            hidden: zoneout.hidden,
            reading: zoneout.reading,
            carried: Carried::Hidden,
        });
        let inputs = scalers.inputs.iter().map(|scaler| InputScaler {
            offset: match scalers.normalization {
                Normalization::None => scaler.mean,
                _ => 0.0,
            },
            scale: 1.0 / scaler.deviation,
        });
        let layers = layers.into_iter().map(|mut weights| {
            let norm = FoldedNorm::take(&mut weights);
            FoldedLstm { weights, norm, keep_candidate: keep.candidate, keep_cell: keep.cell, zoneout }
        });
        FoldedNetwork {
            inputs: inputs.collect(),
            layers: layers.collect(),
            head,
            head_norm,
            skip,
            targets: scalers.targets.len(),
            normalization: scalers.normalization,
            streaming: scalers.streaming,
        }
    }

    /// F
    pub fn features(&self) -> usize {
        self.inputs.len()
    }

    /// Samples that enter as one step.
    pub fn patch(&self) -> usize {
        self.layers[0].weights.inputs / self.inputs.len()
    }

    /// Samples forecast for each target, or logits.
    pub fn horizon(&self) -> usize {
        self.head.outputs / self.targets.max(1)
    }
}
