//! Packing: a folded or quantized network to the bytes of a model file, through the device crate's own header types.

mod budget;
mod snippet;
mod writer;

pub use budget::{Budget, budget};
pub use snippet::snippet;
pub use writer::{Description, Payload, pack};
