//! A thermometer of the LM75 class (LM75, TMP105, AT30TS75 and others) on an I2C bus.

use embedded_hal::i2c::I2c;
use lm75::{Address, Error, Lm75, ic};

use crate::Sensor;

/// The temperature in degrees Celsius.
pub struct Thermometer<I> {
    driver: Lm75<I, ic::Pct2075>,
    /// Low bits of an eighth of a degree that the chip leaves open.
    open: u32,
}

impl<I: I2c> Thermometer<I> {
    /// A thermometer at one of the eight addresses from 0x48 on, in steps of a half, as every chip of the class gives them. Nothing is
    /// sent yet.
    pub fn new(bus: I, address: u8) -> Self {
        Thermometer { open: 2, ..Self::fine(bus, address) }
    }

    /// The same in steps of an eighth, as LM75A, LM75B, TMP75, TMP105 and PCT2075 give them.
    pub fn fine(bus: I, address: u8) -> Self {
        Thermometer { driver: Lm75::new_pct2075(bus, Address::from(address)), open: 0 }
    }

    /// Gives the bus back.
    pub fn release(self) -> I {
        self.driver.destroy()
    }
}

impl<I: I2c> Sensor for Thermometer<I> {
    type Sample = [f32; 1];
    type Error = Error<I::Error>;

    fn read(&mut self) -> Result<[f32; 1], Self::Error> {
        // Eleven bits, which an f32 holds.
        let eighths = (8.0 * self.driver.read_temperature()?) as i32;
        Ok([(eighths >> self.open << self.open) as f32 / 8.0])
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use embedded_hal::i2c::{Error as _, ErrorKind, NoAcknowledgeSource};
    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
    use std::vec;

    use super::*;

    const ADDRESS: u8 = 0x48;

    fn reading(high: u8, low: u8) -> Transaction {
        Transaction::write_read(ADDRESS, vec![0], vec![high, low])
    }

    #[test]
    fn degrees_come_in_halves_and_below_zero() {
        let cases = [(0x15, 0x80, 21.5), (0x1E, 0x00, 30.0), (0xF5, 0x80, -10.5), (0x63, 0x80, 99.5), (0x15, 0xFF, 21.5)];
        let mut thermometer = Thermometer::new(Mock::new(&cases.map(|(high, low, _)| reading(high, low))), ADDRESS);
        for (.., degrees) in cases {
            assert_eq!(thermometer.read().unwrap(), [degrees]);
        }
        thermometer.release().done();
    }

    #[test]
    fn a_fine_thermometer_tells_eighths() {
        let cases = [(0x15, 0xA0, 21.625), (0xF5, 0x60, -10.625), (0x15, 0x9F, 21.5), (0x00, 0x20, 0.125), (0xFF, 0xE0, -0.125)];
        let mut thermometer = Thermometer::fine(Mock::new(&cases.map(|(high, low, _)| reading(high, low))), ADDRESS);
        for (.., degrees) in cases {
            assert_eq!(thermometer.read().unwrap(), [degrees]);
        }
        thermometer.release().done();
    }

    #[test]
    fn the_buss_own_error_comes_through() {
        let kinds = [
            ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address),
            ErrorKind::NoAcknowledge(NoAcknowledgeSource::Data),
            // A transfer that ended before both bytes were there.
            ErrorKind::Overrun,
            ErrorKind::Bus,
        ];
        let transactions: vec::Vec<_> = kinds.iter().map(|kind| reading(0, 0).with_error(*kind)).collect();
        let mut thermometer = Thermometer::new(Mock::new(&transactions), ADDRESS);
        for kind in kinds {
            let Err(Error::I2C(error)) = thermometer.read() else { panic!("{kind:?} was taken for a temperature") };
            assert_eq!(error.kind(), kind);
        }
        thermometer.release().done();
    }
}
