//! The number systems. Each is a type, is named in the model file, and gives the same bits on every target.
//!
//! | type | weights | activations | cell state | functions | largest error of a sigmoid / tanh |
//! |---|---|---|---|---|---|
//! | [`Int8`] | `i8`, one scale a row | `i16`, Q11 | `i32`, Q9.22 | one table | 5.2e-5 / 1.0e-4 |
//! | `Int8<_, Cell16>` ([`Cell16`]) | `i8`, one scale a row | `i16`, Q11 | `i16`, Q4.11 | the same table, Q15 | 6.1e-5 / 1.1e-4 |
//! | [`Float<Rational>`](Float) | `f32` | `f32` | `f32` | rational polynomial | 2.8e-7 / 4.6e-7 |
//! | [`Float<Libm>`](Float) | `f32` | `f32` | `f32` | the `libm` crate | 9.0e-8 / 8.1e-8 |
//! | `Float<Micromath>` | `f32` | `f32` | `f32` | the `micromath` crate | 5.4e-4 / 1.1e-3 |
//!
//! The errors are absolute, over all arguments, and asserted by tests. Layer norm is exact in `f32` but for rounding; in integers its sums
//! are exact, its reciprocal square root is within 1e-9 of the value, and a normalized value within 2 units of its last bit, of which it
//! has 20 to 29 after the point, see [`NormBlock::fraction`].

mod block;
mod cell16;
mod float;
mod float_norm;
mod head_norm;
mod input_norm;
mod int8;
mod int8_layout;
mod int8_norm;
mod normalizer;
mod reciprocal_root;
mod skip;
mod table;

use crate::image::{Arithmetic, Layout, LoadError, Record};
use crate::kernel::joint::Padding;
use crate::network::{Form, Head};
#[cfg(kernel = "armv6m")]
pub(crate) use table::HALF as SIGMOID_MIDDLE;
#[cfg(any(kernel = "armv6m", kernel_vectors))]
pub(crate) use table::SIGMOID;

pub use block::{Block, Place};
pub(crate) use cell16::cells16;
pub use cell16::{Cell16, Multiplier16};
#[cfg(feature = "micromath")]
pub use float::Micromath;
pub(crate) use float::Zone;
pub use float::{DenseF32, Float, Functions, Libm, LstmF32, Rational};
pub(crate) use float_norm::{NormF32, Statistics};
pub(crate) use head_norm::{HeadNormF32, HeadNormInt8};
pub(crate) use input_norm::InputFactor;
pub use int8::{ACTIVATION_ONE, CellArithmetic, DenseInt8, Exact, Int8, LstmInt8, WEIGHT_LIMIT, sigmoid, tanh};
pub(crate) use int8::{candidate, cell, multiply_high, output, scale_accumulator, store};
pub(crate) use int8_layout::Rows;
pub use int8_layout::{IntegerLayout, PackedPair, RowMajor};
pub(crate) use int8_norm::{NormInt8, normalized_cell};
pub use normalizer::NormBlock;
pub(crate) use normalizer::{Normalizer, Sums};
pub use skip::{Linear, SkipF32, SkipInt8};
#[cfg(kernel = "armv7m")]
pub(crate) use table::CENTERED;

/// A value that arrays of activations or cell states are made of.
pub trait Element: bytemuck::Pod + Default + core::fmt::Debug + PartialEq {
    /// Zero, for states that live in a static.
    const ZERO: Self;
}

impl Element for i16 {
    const ZERO: Self = 0;
}

impl Element for i32 {
    const ZERO: Self = 0;
}

impl Element for f32 {
    const ZERO: Self = 0.0;
}

impl Element for () {
    const ZERO: Self = ();
}

/// How a value of the transformed domain becomes an input activation: `(z - offset) * scale`, clamped to `±limit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputScaling {
    /// Subtracted first, unless the window's last value is.
    pub offset: f32,
    /// Activation units per unit of the transformed domain.
    pub scale: f32,
    /// The largest activation that the file's accumulators were proven for.
    pub limit: f32,
}

impl From<[f32; 3]> for InputScaling {
    fn from([offset, scale, limit]: [f32; 3]) -> Self {
        InputScaling { offset, scale, limit }
    }
}

/// A number system: how weights, activations and cell states are represented, and how a layer is computed in it.
///
/// Implemented by [`Int8`] and [`Float`]. Shapes are slices here; the layers of [`crate::network`] fix them as types, and a host that
/// learns a shape only at run time may call these functions itself.
pub trait Number: Copy + core::fmt::Debug + PartialEq + 'static {
    /// What the file must say.
    const ARITHMETIC: Arithmetic;
    /// The order of weights that this number system's kernels read.
    const LAYOUT: Layout;
    /// The joint `x|h` buffer's length is a multiple of this.
    const COLUMNS_MULTIPLE: usize;
    /// An input or a hidden state.
    type Activation: Element;
    /// What the joint buffer is padded with: at least one element less than [`Self::COLUMNS_MULTIPLE`].
    type Padding: Padding<Self::Activation>;
    /// A cell state.
    type Cell: Element;
    /// A hidden state that zoneout blends in more bits than an activation has; `()` where an activation has enough.
    type Wide: Element;
    /// A pre-activation that waits for layer norm's statistics.
    type Sum: Element;
    /// An LSTM layer's weights, borrowed from the image.
    type Lstm<'m, F: Form>: Copy + core::fmt::Debug + Send + Sync;
    /// A head's weights, borrowed from the image.
    type Dense<'m, F: Head>: Copy + core::fmt::Debug;

    /// Checks an LSTM record's length and parameters and borrows its weights.
    fn bind_lstm<'m, F: Form>(record: &Record<'m>) -> Result<Self::Lstm<'m, F>, LoadError>;

    /// Checks a dense record's length and borrows its weights.
    fn bind_dense<'m, F: Head>(record: &Record<'m>) -> Result<Self::Dense<'m, F>, LoadError>;

    /// `(z - offset) * scale` as an activation; the flag says that it was clamped.
    fn encode(difference: f32, scale: f32, limit: f32) -> (Self::Activation, bool);

    /// One step of an LSTM layer: `a = W x + U h + b`, `c' = σ(f)*c + σ(i)*tanh(g)`, `h' = σ(o)*tanh(c')`, and what the form adds.
    ///
    /// `xh`: `[I | H | padding]`, its length a multiple of [`Self::COLUMNS_MULTIPLE`], its address a multiple of 4 (else a kernel may change
    /// nothing), as [`crate::kernel::Joint`] has it; `c`: `[H]`; `wide`: `[H]` if
    /// `F::HIDDEN`, else empty; `scratch`: `[H]` rows if `F::NORM`, `[2H]` if `F::SEPARATE`, else empty, whatever is in it; `h`: `[H]`,
    /// the new hidden state.
    fn lstm<F: Form>(
        weights: &Self::Lstm<'_, F>,
        xh: &[Self::Activation],
        c: &mut [Self::Cell],
        wide: &mut [Self::Wide],
        scratch: &mut [[Self::Sum; 4]],
        h: &mut [Self::Activation],
    );

    /// The head, `y = V h + d`, and what the form adds. `h`: `[H]`; `y`: `[O]`, in units of the transformed domain.
    fn dense<F: Head>(weights: &Self::Dense<'_, F>, h: &[Self::Activation], y: &mut [f32]);
}
