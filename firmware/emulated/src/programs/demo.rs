//! Streams the held-back series through the linked model and logs every forecast's bits, then what the forecasts cost.
//!
//! `rnn deploy` reads this log: each line is a word followed by `key=value` pairs.

use core::{convert::Infallible, mem::size_of_val};

use embedded_rnn::SampleError;
use embedded_rnn_app::{Predict, Report, Source, Station};

use super::load;
use crate::{bits::Bits, cost::Meter, end, held_back, metered::Metered, model::STEPS};

/// Logs forecasts as the bits of their `f32` values: text would round them.
struct Log;

impl<S, P> Report<S, P> for Log
where
    S: Source<Error = Infallible>,
    P: Predict<Refusal = SampleError>,
    P::Forecast: Bits,
{
    fn forecast(&mut self, samples: u32, forecast: &P::Forecast) {
        forecast.bits(|bits| defmt::info!("forecast samples={=u32} bits={=[?]}", samples, bits));
    }

    fn refused(&mut self, samples: u32, refusal: SampleError) {
        defmt::warn!("refused samples={=u32} reason={}", samples, refusal);
    }

    fn failed(&mut self, _: u32, error: Infallible) {
        match error {}
    }
}

/// Runs it to its end.
pub fn run() -> ! {
    let meter = Meter::new();
    let calibration = meter.calibration();
    let model = load();
    let forecaster = model.forecaster();
    let forecaster_bytes = size_of_val(&forecaster);

    let mut station = Station::new(held_back::series(), Metered::new(forecaster, meter), Log);
    let tally = station.run();

    let total = station.predictor().total();
    if total.forecasts == 0 {
        defmt::error!("the held-back series is too short for a single forecast: {=u32} samples", tally.samples);
        end::fail();
    }
    let per_forecast = calibration.instructions(total.ticks) / u64::from(total.forecasts);
    defmt::info!("instructions forecast={=u64} step={=u64}", per_forecast, per_forecast / STEPS as u64);
    defmt::info!("memory forecaster={=usize} stack={=usize}", forecaster_bytes, total.stack);
    defmt::info!("done samples={=u32} refused={=u32} forecasts={=u32}", tally.samples, tally.refused, tally.forecasts);
    end::succeed()
}
