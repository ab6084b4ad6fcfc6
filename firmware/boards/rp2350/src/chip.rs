//! The RP2350's own thermometer.

use embedded_rnn_hardware::{OnChip, SensorError};
use rp235x_hal::adc::{Adc, TempSense};

/// Conversions of a reading: their mean is finer than a step of the converter, which is half a degree.
const CONVERSIONS: u16 = 64;

/// The thermometer, and the converter that reads it.
pub struct Chip {
    converter: Adc,
    diode: TempSense,
}

impl Chip {
    /// `None` if the thermometer was taken before.
    pub fn new(mut converter: Adc) -> Option<Self> {
        converter.take_temp_sensor().map(|diode| Chip { converter, diode })
    }
}

impl OnChip for Chip {
    fn celsius(&mut self) -> Result<f32, SensorError> {
        let mut sum: u32 = 0;
        for _ in 0..CONVERSIONS {
            sum += u32::from(self.converter.read(&mut self.diode).map_err(|_| SensorError::Chip)?);
        }
        let volts = sum as f32 / f32::from(CONVERSIONS) * (3.3 / 4096.0);
        // RP2350 datasheet, 12.4.6; typical values, so that a board may be some degrees off.
        Ok(27.0 - (volts - 0.706) / 0.001_721)
    }
}
