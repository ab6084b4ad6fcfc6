// Written by `rnn export` beside model.rnn; names the type of the network in it.
// Columns of a sample: sunspots.

use embedded_rnn::{Dense, Int8, Lstm, Network, ZoneoutCell};

/// Columns of a sample.
pub const FEATURES: usize = 1;
/// Samples in a window.
pub const LOOKBACK: usize = 132;
/// Samples that enter the network as one step.
pub const PATCH: usize = 12;
/// Network steps of a forecast.
pub const STEPS: usize = LOOKBACK / PATCH;
/// Columns that are forecast: the first ones of a sample.
pub const TARGETS: usize = 1;
/// Samples forecast.
pub const HORIZON: usize = 12;

/// The model in model.rnn.
pub type Model<'m> = embedded_rnn::Model<'m, Int8, Network<Lstm<12, 48, ZoneoutCell>, Dense<48, 1, 12>>, FEATURES, LOOKBACK, PATCH>;
