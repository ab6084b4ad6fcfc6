//! Random steps that hold the kernels of the target against the portable code, which is the definition, bit for bit, on the target itself.
//!
//! Nothing is needed but memory: layers are drawn from a seed, with typical weights, with numbers anywhere in their formats, and with the
//! largest sums that the format admits; odd and even sizes from 1 to 40 inputs and units, one block of columns and several, all cells,
//! heads, both orders of weights and both cells' arithmetics. [`run`] is for any board to call.
#![no_std]
#![forbid(unsafe_code)]

mod battery;
mod float;
mod int8;
mod random;
mod twin;
mod writer;

pub use battery::{MEMORY, Report, Suite, run};
