//! A thermometer: of the LM75's family where one is wired to the I2C bus, else the chip's own.

use core::fmt;

use embedded_hal::i2c::{Error as _, ErrorKind, I2c, NoAcknowledgeSource};
use lm75::{Lm75, ic};

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

/// A chip's own thermometer.
pub trait OnChip {
    /// Degrees Celsius.
    fn celsius(&mut self) -> Result<f32, SensorError>;
}

/// What temperatures come from.
pub enum Thermometer<I2C, O> {
    /// On the bus: 11 bits, eighths of a degree, as LM75A, LM75B, TMP75, TMP105 and PCT2075 have them.
    Lm75(Lm75<I2C, ic::Pct2075>),
    /// In the chip.
    OnChip(O),
}

impl<I2C: I2c, O: OnChip> Thermometer<I2C, O> {
    /// Asks the bus once; the chip's own thermometer serves where nothing answers.
    pub fn find(i2c: I2C, on_chip: O) -> Self {
        let mut lm75 = Lm75::new_pct2075(i2c, ADDRESS);
        match lm75.read_temperature() {
            Ok(_) => Thermometer::Lm75(lm75),
            Err(_) => Thermometer::OnChip(on_chip),
        }
    }

    /// Degrees Celsius.
    pub fn celsius(&mut self) -> Result<f32, SensorError> {
        match self {
            Thermometer::Lm75(lm75) => lm75.read_temperature().map_err(|error| match error {
                lm75::Error::I2C(error) => SensorError::Bus(error.kind()),
                lm75::Error::InvalidInputData => SensorError::Bus(ErrorKind::Other),
            }),
            Thermometer::OnChip(thermometer) => thermometer.celsius(),
        }
    }

    /// Which it is, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Thermometer::Lm75(_) => "LM75 at I2C address 0x48",
            Thermometer::OnChip(_) => "the chip's own; nothing answers at I2C address 0x48",
        }
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};

    use super::*;

    struct Chip(Result<f32, SensorError>);

    impl OnChip for Chip {
        fn celsius(&mut self) -> Result<f32, SensorError> {
            self.0
        }
    }

    const NACK: ErrorKind = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);

    fn reading(bytes: [u8; 2]) -> Transaction {
        Transaction::write_read(ADDRESS, vec![0], bytes.to_vec())
    }

    #[test]
    fn a_thermometer_on_the_bus_is_preferred_and_read() {
        let mut bus = Mock::new(&[reading([0x15, 0x80]), reading([0x15, 0xA0]), reading([0xF5, 0x80])]);
        let mut thermometer = Thermometer::find(bus.clone(), Chip(Ok(30.0)));
        assert_eq!(thermometer.name(), "LM75 at I2C address 0x48");
        assert_eq!(thermometer.celsius(), Ok(21.625));
        assert_eq!(thermometer.celsius(), Ok(-10.5));
        bus.done();
    }

    #[test]
    fn a_bus_without_answer_leaves_the_chips_own() {
        let mut bus = Mock::new(&[reading([0, 0]).with_error(NACK)]);
        let mut thermometer = Thermometer::find(bus.clone(), Chip(Ok(30.0)));
        assert_eq!(thermometer.celsius(), Ok(30.0));
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
        let mut thermometer = Thermometer::find(bus.clone(), Chip(Ok(30.0)));
        for (kind, text) in failures {
            let error = thermometer.celsius().unwrap_err();
            assert_eq!((error, error.to_string().as_str()), (SensorError::Bus(kind), text));
        }
        assert_eq!(thermometer.celsius(), Ok(22.0));
        bus.done();
    }
}
