//! Evaluation: model files through the device crate, always beside baselines that need no network.

pub mod backtest;
pub mod baselines;
pub mod by_baseline;
mod cell;
pub mod classes;
pub mod conformal;
pub mod device;
pub mod hidden;
pub mod intervals;
pub mod metrics;
pub mod passes;
pub mod season;
pub mod warmup;
