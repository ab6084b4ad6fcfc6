//! The STM32F411's own thermometer.

use embedded_rnn_hardware::{OnChip, SensorError};
use stm32f4xx_hal::{
    adc::{Adc, Temperature, config::SampleTime},
    pac::ADC1,
    signature::{VtempCal30, VtempCal110},
};

/// Conversions of a reading: their mean is finer than a step of the converter.
const CONVERSIONS: u16 = 64;

/// The converter that reads the thermometer.
pub struct Chip {
    converter: Adc<ADC1>,
}

impl Chip {
    /// Switches the thermometer on.
    pub fn new(mut converter: Adc<ADC1>) -> Self {
        converter.enable_temperature_and_vref();
        Chip { converter }
    }
}

impl OnChip for Chip {
    fn celsius(&mut self) -> Result<f32, SensorError> {
        let mut sum: u32 = 0;
        for _ in 0..CONVERSIONS {
            sum += u32::from(self.converter.convert(&Temperature, SampleTime::Cycles_480));
        }
        let mean = sum as f32 / f32::from(CONVERSIONS);
        // The factory has written down what the converter read at 30 and at 110 degrees.
        let [low, high] = [VtempCal30::get().read(), VtempCal110::get().read()].map(f32::from);
        if high == low {
            return Err(SensorError::Chip);
        }
        Ok(30.0 + 80.0 * (mean - low) / (high - low))
    }
}
