//! The network that is trained: a stack of LSTM layers and a dense head, with hand-derived gradients.
//!
//! # Dimensions
//!
//! | letter | means |
//! |---|---|
//! | B | rows: the windows of a batch |
//! | T | steps of a window |
//! | I | inputs of a layer |
//! | H | units of a layer |
//! | O | outputs of the head |
//! | N | blocks of 16 units, `ceil(H / 16)` |
//!
//! # Equations
//!
//! `a = W x + U h(t-1) + b`, gates `i f g o` with `i, f, o = sigmoid(a)` and `g = tanh(a)`, `c' = f*c + i*g`, `h' = o*tanh(c')`
//! (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000); zoneout then mixes c' and h' with the previous c
//! and h. The head is `y = V h(T) + d`, or `V LN(h(T)) + d`. The forms of layer norm are those of [`plain::NormForm`].
//!
//! # Layout
//!
//! Units live in blocks of 16, the lanes of a vector register. A panel row holds one input's weights to a block's four gates,
//! `[i16|f16|g16|o16]`, and a matrix is `[N][K][64]` with K its inputs. Parameters, gradients and the optimizer's moments share
//! this layout, so nothing is packed in a step; only the transposed panels of the backward pass are refreshed, once per step.
//! Where H is no multiple of 16 the last block is padded with zero weights: a padded unit's c and h stay exactly zero, and so do
//! all its gradients.

// The loops of tiles index several arrays of registers by one counter, which says what they do more plainly than zipped iterators.
#![allow(clippy::needless_range_loop)]

pub mod activations;
pub mod buffer;
pub mod cell;
pub mod centered;
pub mod deltas;
pub mod gather;
pub mod head;
pub mod init;
pub mod inputs;
pub mod kernel;
pub mod lanes;
pub mod layer;
pub mod masks;
pub mod norm;
pub mod norm_buffers;
pub mod norm_cell;
pub mod norm_head;
pub mod norm_product;
pub mod norm_step;
pub mod params;
pub mod part;
pub mod plain;
pub mod products;
pub mod real;
pub mod shape;
pub mod skip;
pub mod step;
pub mod threads;
pub mod transposed;
pub mod workspace;

pub use params::Params;
pub use real::Real;
pub use shape::Shape;
pub use workspace::{MaskKey, Mode, Workspace};
