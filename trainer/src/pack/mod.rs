//! Packing: a folded or quantized network to the bytes of a model file, through the device crate's own header types.

mod budget;
mod core;
mod integer;
mod repack;
mod rows;
mod snippet;
mod writer;

pub use self::core::Core;
pub use budget::{Budget, budget};
pub use integer::{CellFormat, Packing};
pub use repack::repack;
pub use snippet::snippet;
pub use writer::{Description, IntervalTable, Payload, head_outputs, pack};
