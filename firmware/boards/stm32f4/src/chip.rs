//! The STM32F411's own thermometer.

use embedded_rnn_app::{Analog, AnalogInput, Sensor};
use stm32f4xx_hal::{
    adc::{Adc, Temperature, config::SampleTime},
    pac::ADC1,
    signature::{VtempCal30, VtempCal110},
};

/// The converter that reads the thermometer.
pub struct Converter(Adc<ADC1>);

impl AnalogInput for Converter {
    type Error = core::convert::Infallible;

    fn convert(&mut self) -> Result<u16, Self::Error> {
        Ok(self.0.convert(&Temperature, SampleTime::Cycles_480))
    }
}

/// The thermometer; it fails each time on a chip whose factory has written nothing down.
pub struct Calibrated(Option<Analog<Converter>>);

/// Switches the thermometer on. The mean of 64 conversions is finer than a step of the converter.
pub fn thermometer(mut converter: Adc<ADC1>) -> Calibrated {
    converter.enable_temperature_and_vref();
    // The factory has written down what the converter read at 30 and at 110 degrees.
    let [low, high] = [VtempCal30::get().read(), VtempCal110::get().read()].map(f32::from);
    let per_count = 80.0 / (high - low);
    Calibrated((high != low).then(|| Analog::new(Converter(converter), 30.0 - per_count * low, per_count, 64)))
}

impl Sensor for Calibrated {
    type Sample = [f32; 1];
    type Error = ();

    fn read(&mut self) -> Result<[f32; 1], ()> {
        match &mut self.0 {
            Some(analog) => analog.read().map_err(|never| match never {}),
            None => Err(()),
        }
    }
}
