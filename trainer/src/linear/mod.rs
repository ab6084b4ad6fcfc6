//! Linear models in closed form: ridge, a baseline, and its reduction to a linear skip around a network.

pub mod ridge;
pub mod skip;

pub use ridge::Ridge;
pub use skip::{SkipFit, fit_skip, refit_skip, skip_bytes};
