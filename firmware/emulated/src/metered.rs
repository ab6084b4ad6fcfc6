//! A forecaster with a meter around it.

use embedded_rnn_app::Predict;

use crate::cost::{Calibration, Meter};

/// What all forecasts together took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    /// Forecasts made.
    pub forecasts: u32,
    /// Ticks of the counter, of all of them.
    pub ticks: u64,
    /// The deepest stack of any of them, in bytes below the caller's frame.
    pub stack: usize,
}

/// Forecasts as `P` does and counts what it takes.
pub struct Metered<P> {
    inner: P,
    meter: Meter,
    total: Total,
}

impl<P> Metered<P> {
    /// Puts the meter around a forecaster.
    pub fn new(inner: P, meter: Meter) -> Self {
        Metered { inner, meter, total: Total::default() }
    }

    /// What all forecasts so far took.
    pub fn total(&self) -> Total {
        self.total
    }

    /// The meter's scale.
    pub fn calibration(&self) -> Calibration {
        self.meter.calibration()
    }
}

impl<P: Predict> Predict for Metered<P> {
    type Sample = P::Sample;
    type Forecast = P::Forecast;
    type Refusal = P::Refusal;

    fn push(&mut self, sample: &P::Sample) -> Result<(), P::Refusal> {
        self.inner.push(sample)
    }

    fn reset(&mut self) {
        self.inner.reset();
    }

    fn forecast(&mut self) -> Option<P::Forecast> {
        let Metered { inner, meter, total } = self;
        let (forecast, cost) = meter.measure(|| inner.forecast());
        if forecast.is_some() {
            total.forecasts += 1;
            total.ticks += u64::from(cost.ticks);
            total.stack = total.stack.max(cost.stack);
        }
        forecast
    }
}
