//! Costs: of a step on a board, and of a step of training.

pub mod device;
pub mod size;
pub mod train;
