//! Quantization: a folded network to `int8` rows, integer biases and multipliers, with the proof that no accumulator can overflow.
//!
//! Formats are the device crate's ([`embedded_rnn::Int8`]): activations are Q11, a row `r` of weights has one scale `s_r`, so that its
//! accumulator counts in `s_r / 2048`, and a multiplier takes it to a pre-activation in Q12.

mod bound;
mod calibrate;
mod compensate;
mod head;
mod input_norm;
mod layer;
mod moments;
mod norm;
mod rounding;
mod row;
mod rows;
mod sensitivity;
mod skip;
mod trace;

pub(crate) use bound::blocks as pair_blocks;
pub use calibrate::{quantize, quantize_and_restore};
pub use head::{QuantizedDense, QuantizedHeadNorm};
pub use input_norm::QuantizedInputNorm;
pub use layer::{QuantizedLstm, form};
pub use norm::QuantizedNorm;
pub use rows::QuantizedRows;
pub use skip::QuantizedSkip;

/// A network as integers, ready to be packed.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedNetwork {
    /// First to last.
    pub layers: Vec<QuantizedLstm>,
    /// The head.
    pub head: QuantizedDense,
    /// What the forecast gets beside it.
    pub skip: Option<QuantizedSkip>,
    /// `[F]`: offset, scale and limit of each input column.
    pub inputs: Vec<[f32; 3]>,
    /// What the accumulators' bound asked for, a line a choice.
    pub notes: Vec<String>,
}
