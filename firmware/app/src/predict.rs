//! What turns samples into forecasts.

use embedded_rnn::{Forecaster, SampleError, Session, arithmetic::Number, network::Topology};

/// Takes samples one at a time and forecasts from the latest of them.
pub trait Predict {
    /// One sample: every feature's raw value.
    type Sample: Clone;
    /// All targets over the whole horizon, with all quantiles where the model has them.
    type Forecast;
    /// Why a sample is refused.
    type Refusal;

    /// Takes one sample in; a refused one leaves the state untouched.
    fn push(&mut self, sample: &Self::Sample) -> Result<(), Self::Refusal>;

    /// Forecasts from the samples so far; `None` while the history is still filling, or the stream not yet warm.
    fn forecast(&mut self) -> Option<Self::Forecast>;

    /// Forgets all samples: what comes next does not follow on them.
    fn reset(&mut self);
}

impl<N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize, const SEASON: usize> Predict
    for Forecaster<'_, '_, N, T, FEATURES, LOOKBACK, PATCH, SEASON>
{
    type Sample = [f32; FEATURES];
    type Forecast = T::Quantiles;
    type Refusal = SampleError;

    fn push(&mut self, sample: &[f32; FEATURES]) -> Result<(), SampleError> {
        Forecaster::push(self, sample)
    }

    fn forecast(&mut self) -> Option<T::Quantiles> {
        Forecaster::quantiles(self).ok()
    }

    fn reset(&mut self) {
        Forecaster::reset(self);
    }
}

/// Where a step has several samples, a forecast is that of the last whole step until the next one is complete.
impl<N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize> Predict
    for Session<'_, '_, N, T, FEATURES, LOOKBACK, PATCH>
{
    type Sample = [f32; FEATURES];
    type Forecast = T::Quantiles;
    type Refusal = SampleError;

    fn push(&mut self, sample: &[f32; FEATURES]) -> Result<(), SampleError> {
        Session::push(self, sample)
    }

    fn forecast(&mut self) -> Option<T::Quantiles> {
        Session::quantiles(self).ok()
    }

    fn reset(&mut self) {
        Session::reset(self);
    }
}
