//! The inner loops of training, on every instruction set from one source.
//!
//! A [`Kernel`] is written once on [`Block`]s of 16 lanes, the units of a block, and compiled for each [`Simd`]: AVX-512 (a block is one
//! register), AVX2 (two), NEON (four), and plain arrays. [`Width`] chooses at run time; the environment variable `RNN_SIMD` forces
//! `scalar`, `avx2`, `avx512` or `neon`. Every multiply-add is fused, every sum runs in one order, and sums over lanes are one fixed
//! tree: the bits are the same everywhere. `f64`, for gradient checks, runs on arrays.
//!
//! # Where the time goes
//!
//! One layer needs `8 H (I + H)` operations a row and step forward, and twice as many backward. What else a step does is arranged so
//! that it hides behind them:
//!
//! - A tile of rows by gates ([`tile`]) starts at the bias and runs over x and h; the gates, c, tanh and h follow in registers, so that
//!   pre-activations never reach memory. Backward, the elementwise part is the epilogue of the product with the transposed U.
//! - Gradients of the pre-activations are kept for about 256 rows, in the second-level cache, and gathered from there into weight gradients
//!   ([`deltas`](crate::network::deltas)). What the forward pass left is read once and not written again.
//! - Parameters, gradients and moments lie as the tiles read them; only the transposed panels are refreshed, once a step.
//! - Masks are drawn once a batch as bits, and a bit becomes a factor in one instruction.
//! - The four gates share one division ([`activations`](crate::network::activations)). What follows the products forward is then bound by
//!   multiplications again: about as many as the products of 16 inputs.
//! - The first layer reads windows where they are, and every buffer begins at a cache line: a vector that straddles two costs as much as two.
//! - Layer norm needs whole rows: a chain of sums, a division and a root. Weights are centered once a batch
//!   ([`centered`](crate::network::centered)), so that no mean is left to find or to take away, and sums of squares are taken of products in
//!   registers. Rows go together through each stage, so that their chains overlap; four rows share the instructions of their sums.
//! - What a layer leaves behind for the backward pass is larger than the second-level cache; [`prefetch`] asks for the next step's share.
//!
//! A check that may fail inside a tile's loop makes a step 1.6 times slower: the compiler then keeps the sums in memory. That is why the
//! tiles check lengths before their loops, and why they are `unsafe` inside.

pub mod array;
#[cfg(target_arch = "x86_64")]
pub mod avx2;
#[cfg(target_arch = "x86_64")]
pub mod avx512;
pub mod dispatch;
#[cfg(target_arch = "aarch64")]
pub mod neon;
pub mod prefetch;
pub mod simd;
pub mod tile;
pub mod width;

pub use dispatch::Dispatch;
pub use simd::{Block, Kernel, Simd};
pub use width::Width;
