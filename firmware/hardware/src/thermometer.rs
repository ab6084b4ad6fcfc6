//! A thermometer: of the LM75's family where one is wired to the I2C bus, else the chip's own.

use core::fmt;

use embedded_hal::i2c::{Error as _, ErrorKind, I2c, NoAcknowledgeSource};
use embedded_rnn_app::{Sensor, Thermometer};

use crate::Named;

/// The address of an LM75 whose three address pins are low.
const ADDRESS: u8 = 0x48;

/// Why there is no temperature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SensorError {
    /// The bus says so.
    Bus(ErrorKind),
    /// The chip's own thermometer gave no value.
    Chip,
}

impl fmt::Display for SensorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SensorError::Bus(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address | NoAcknowledgeSource::Unknown)) => {
                "no answer"
            }
            SensorError::Bus(ErrorKind::NoAcknowledge(_)) => "data not acknowledged",
            SensorError::Bus(ErrorKind::ArbitrationLoss) => "bus taken by another",
            SensorError::Bus(ErrorKind::Bus) => "bus error",
            SensorError::Bus(_) => "the bus failed",
            SensorError::Chip => "the chip's thermometer failed",
        })
    }
}

/// What temperatures come from.
pub enum Found<I2C, O> {
    /// On the bus: 11 bits, eighths of a degree.
    Wired(Thermometer<I2C>),
    /// In the chip.
    OnChip(O),
}

impl<I2C: I2c, O> Found<I2C, O> {
    /// Asks the bus once; the chip's own thermometer serves where nothing answers.
    pub fn find(i2c: I2C, on_chip: O) -> Self {
        let mut wired = Thermometer::fine(i2c, ADDRESS);
        match wired.read() {
            Ok(_) => Found::Wired(wired),
            Err(_) => Found::OnChip(on_chip),
        }
    }
}

impl<I2C: I2c, O: Sensor<Sample = [f32; 1]>> Sensor for Found<I2C, O> {
    type Sample = [f32; 1];
    type Error = SensorError;

    fn read(&mut self) -> Result<[f32; 1], SensorError> {
        match self {
            Found::Wired(thermometer) => thermometer.read().map_err(|error| match error {
                lm75::Error::I2C(error) => SensorError::Bus(error.kind()),
                lm75::Error::InvalidInputData => SensorError::Bus(ErrorKind::Other),
            }),
            Found::OnChip(thermometer) => thermometer.read().map_err(|_| SensorError::Chip),
        }
    }
}

impl<I2C, O> Named for Found<I2C, O> {
    fn name(&self) -> &'static str {
        match self {
            Found::Wired(_) => "LM75 at I2C address 0x48",
            Found::OnChip(_) => "the chip's own; nothing answers at I2C address 0x48",
        }
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};

    use super::*;

    struct Chip(Option<f32>);

    impl Sensor for Chip {
        type Sample = [f32; 1];
        type Error = ();

        fn read(&mut self) -> Result<[f32; 1], ()> {
            self.0.map(|degrees| [degrees]).ok_or(())
        }
    }

    const NACK: ErrorKind = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);

    fn reading(bytes: [u8; 2]) -> Transaction {
        Transaction::write_read(ADDRESS, vec![0], bytes.to_vec())
    }

    #[test]
    fn a_thermometer_on_the_bus_is_preferred_and_read() {
        let mut bus = Mock::new(&[reading([0x15, 0x80]), reading([0x15, 0xA0]), reading([0xF5, 0x80])]);
        let mut thermometer = Found::find(bus.clone(), Chip(Some(30.0)));
        assert_eq!(thermometer.name(), "LM75 at I2C address 0x48");
        assert_eq!(thermometer.read(), Ok([21.625]));
        assert_eq!(thermometer.read(), Ok([-10.5]));
        bus.done();
    }

    #[test]
    fn a_bus_without_answer_leaves_the_chips_own() {
        let mut bus = Mock::new(&[reading([0, 0]).with_error(NACK)]);
        let mut thermometer = Found::find(bus.clone(), Chip(Some(30.0)));
        assert_eq!(thermometer.read(), Ok([30.0]));
        bus.done();
    }

    #[test]
    fn a_thermometer_that_falls_silent_is_an_error_each_time() {
        let failures = [(NACK, "no answer"), (ErrorKind::Bus, "bus error"), (ErrorKind::ArbitrationLoss, "bus taken by another")];
        let script: Vec<Transaction> = core::iter::once(reading([0x15, 0x80]))
            .chain(failures.map(|(kind, _)| reading([0, 0]).with_error(kind)))
            .chain([reading([0x16, 0])])
            .collect();
        let mut bus = Mock::new(&script);
        let mut thermometer = Found::find(bus.clone(), Chip(Some(30.0)));
        for (kind, text) in failures {
            let error = thermometer.read().unwrap_err();
            assert_eq!((error, error.to_string().as_str()), (SensorError::Bus(kind), text));
        }
        assert_eq!(thermometer.read(), Ok([22.0]));
        bus.done();
    }
}
