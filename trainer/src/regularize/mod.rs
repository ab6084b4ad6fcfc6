//! The regularizers: what training does to keep a small network honest, and what is left of it at test time.

pub mod activation;
pub mod factors;
pub mod group_lasso;
pub mod norm_stabilizer;
pub mod penalty;
pub mod plan;
pub mod settings;
pub mod weights;
