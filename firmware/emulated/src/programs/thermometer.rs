//! Serves a desk, and measures when it asks: an LM75-class thermometer on a bus of two pins.

use core::convert::Infallible;

use embedded_hal::{
    delay::DelayNs,
    digital::{InputPin, OutputPin},
};
use embedded_io::{Read, Write};
use embedded_rnn_app::{Abilities, InRange, Predict, Sensor, SoftI2c, Thermometer};
use embedded_rnn_link::Fault;

use super::{
    load,
    serve::{answer, finish},
};
use crate::{IMAGE, end, model::FEATURES};

/// The thermometer's address and range, as its data sheet has them.
const ADDRESS: u8 = 0x48;
const RANGE: (f32, f32) = (-55.0, 125.0);

/// A thermometer as a board's ability; the model's columns all get its temperature.
struct Measuring<S>(S);

impl<S: Sensor<Sample = [f32; 1]>, P: Predict<Sample = [f32; FEATURES]>> Abilities<P> for Measuring<S> {
    const MEASURES: bool = true;

    fn measure(&mut self) -> Result<[f32; FEATURES], Fault> {
        let [degrees] = self.0.read().map_err(|_| Fault::Sensor)?;
        Ok([degrees; FEATURES])
    }
}

/// The emulated bus has no speed.
struct AtOnce;

impl DelayNs for AtOnce {
    fn delay_ns(&mut self, _: u32) {}
}

/// Runs it until the desk ends it.
pub fn run<L: InputPin<Error = Infallible> + OutputPin>(port: impl Read + Write + Clone, (clock, data): (L, L)) -> ! {
    let Ok(bus) = SoftI2c::new(clock, data, AtOnce, 0) else {
        defmt::error!("the pins of the bus cannot be driven");
        end::fail();
    };
    let thermometer = InRange::new(Thermometer::new(bus, ADDRESS), [RANGE]);
    let model = load();
    finish(answer(model.forecaster(), IMAGE, Measuring(thermometer), port))
}
