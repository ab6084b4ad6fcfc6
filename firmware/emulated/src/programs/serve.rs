//! Forecasts what a desk feeds over the line.

use embedded_io::{Read, Write};
use embedded_rnn::SampleError;
use embedded_rnn_app::{Abilities, Ended, FedOnly, Flat, Predict, Served};

use super::{identity, load};
use crate::{
    IMAGE, end,
    model::{FEATURES, HORIZON, TARGETS},
};

/// Runs it until the desk ends it.
pub fn run(port: impl Read + Write + Clone) -> ! {
    let model = load();
    finish(answer(model.forecaster(), IMAGE, FedOnly, port))
}

/// Answers requests until something ends.
pub(super) fn answer<P, B>(predictor: P, file: &[u8], board: B, mut port: impl Read + Write + Clone) -> Ended
where
    P: Predict<Sample = [f32; FEATURES], Refusal = SampleError>,
    P::Forecast: Flat,
    B: Abilities<P>,
{
    let mut served = Served::<_, _, FEATURES, TARGETS, HORIZON>::new(identity(file), predictor, board);
    let mut from = port.clone();
    match served.run(&mut from, &mut port) {
        Ok(ended) => ended,
        Err(_) => {
            defmt::error!("the line failed");
            end::fail();
        }
    }
}

/// The end of a program that the desk ended; anything else is none.
pub(super) fn finish(ended: Ended) -> ! {
    match ended {
        Ended::Desk => end::succeed(),
        Ended::Model | Ended::Line => {
            defmt::error!("serving ended without the desk's word");
            end::fail();
        }
    }
}
