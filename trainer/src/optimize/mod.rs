//! From gradients to the next parameters.

pub mod adamw;
pub mod clip;
pub mod max_norm;
pub mod proximal;
pub mod schedule;

pub use adamw::{AdamW, Decay};
