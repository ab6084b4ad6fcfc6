//! The inner loops: portable here; every other instruction set must give these bits.

#[cfg(kernel = "armv7em")]
mod armv7em;
pub(crate) mod float;
pub(crate) mod float_norm;
pub(crate) mod int8_norm;
pub(crate) mod joint;
pub(crate) mod packed_pair;

pub use joint::Joint;
