//! What a firmware needs of embedded-rnn: a model file in flash, and one history a sensor.
//!
//! `model/model.rnn` and `model/model.rs` are what `rnn export` writes; replace both with your own and nothing else changes.
#![no_std]

use embedded_rnn::{LoadError, NotReady, SampleError};

/// The exported line that names the network's type, and its sizes.
pub mod model {
    include!("../model/model.rs");
}

use model::{FEATURES, HORIZON, Model, TARGETS};

/// The model file, in read-only memory.
static MODEL: &[u8] = embedded_rnn::include_model!("../model/model.rnn");

/// Checks the model file, once, at start-up.
pub fn load() -> Result<Model<'static>, LoadError> {
    Model::load(MODEL)
}

/// Why there is no forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A sample was refused.
    Sample(SampleError),
    /// There were too few samples.
    NotReady(NotReady),
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Error::Sample(error) => error.fmt(f),
            Error::NotReady(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

/// What follows `samples`: raw sensor units in, raw sensor units out.
pub fn forecast(
    model: &Model<'static>,
    samples: impl IntoIterator<Item = [f32; FEATURES]>,
) -> Result<[[f32; HORIZON]; TARGETS], Error> {
    let mut forecaster = model.forecaster();
    for sample in samples {
        forecaster.push(&sample).map_err(Error::Sample)?;
    }
    forecaster.forecast().map_err(Error::NotReady)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::LOOKBACK;

    #[test]
    fn the_model_passes_its_own_test() {
        load().unwrap().self_test().unwrap();
    }

    #[test]
    fn a_full_window_gives_a_forecast_and_a_short_one_says_what_is_missing() {
        let model = load().unwrap();
        let samples = |count: usize| (0..count).map(|index| [50.0 + 10.0 * (index % 5) as f32; FEATURES]);
        let values = forecast(&model, samples(LOOKBACK)).unwrap();
        assert!(values.as_flattened().iter().all(|value| value.is_finite()));
        assert_eq!(forecast(&model, samples(LOOKBACK - 3)), Err(Error::NotReady(NotReady { missing: 3 })));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let refused = forecast(&load().unwrap(), [[f32::NAN; FEATURES]]);
        assert_eq!(refused, Err(Error::Sample(SampleError::NotFinite { feature: 0 })));
    }
}
