//! Readings that a sensor cannot mean.

use core::fmt;

use crate::Sensor;

/// Refuses readings outside what the sensor can measure: a broken wire reads as a voltage too.
#[derive(Debug)]
pub struct InRange<S, const FEATURES: usize> {
    sensor: S,
    ranges: [(f32, f32); FEATURES],
}

/// Why there is no reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RangeError<E> {
    /// The sensor could not be read.
    Sensor(E),
    /// A value lies outside its range, or is not a number.
    OutOfRange {
        /// The value's column.
        feature: usize,
        /// What was read.
        value: f32,
    },
}

impl<S: Sensor<Sample = [f32; FEATURES]>, const FEATURES: usize> InRange<S, FEATURES> {
    /// Ranges are `(lowest, highest)`, one a column; both ends belong to them.
    pub fn new(sensor: S, ranges: [(f32, f32); FEATURES]) -> Self {
        InRange { sensor, ranges }
    }
}

impl<S: Sensor<Sample = [f32; FEATURES]>, const FEATURES: usize> Sensor for InRange<S, FEATURES> {
    type Sample = [f32; FEATURES];
    type Error = RangeError<S::Error>;

    fn read(&mut self) -> Result<[f32; FEATURES], Self::Error> {
        let values = self.sensor.read().map_err(RangeError::Sensor)?;
        for (feature, (value, (lowest, highest))) in values.into_iter().zip(self.ranges).enumerate() {
            // Written so that what does not compare is outside.
            if !(lowest <= value && value <= highest) {
                return Err(RangeError::OutOfRange { feature, value });
            }
        }
        Ok(values)
    }
}

impl<E: fmt::Debug> fmt::Display for RangeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RangeError::Sensor(error) => write!(f, "the sensor could not be read: {error:?}"),
            RangeError::OutOfRange { feature, value } => {
                write!(f, "the sensor read {value} in column {feature}, which lies outside what it can measure")
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for RangeError<E> {}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use super::*;

    struct Fixed(Result<[f32; 2], u8>);

    impl Sensor for Fixed {
        type Sample = [f32; 2];
        type Error = u8;

        fn read(&mut self) -> Result<[f32; 2], u8> {
            self.0
        }
    }

    fn read(reading: Result<[f32; 2], u8>) -> Result<[f32; 2], RangeError<u8>> {
        InRange::new(Fixed(reading), [(-55.0, 125.0), (0.0, 100.0)]).read()
    }

    #[test]
    fn both_ends_are_inside() {
        assert_eq!(read(Ok([-55.0, 100.0])), Ok([-55.0, 100.0]));
        assert_eq!(read(Ok([125.0, 0.0])), Ok([125.0, 0.0]));
    }

    #[test]
    fn what_is_outside_names_its_column() {
        assert_eq!(read(Ok([125.5, 0.0])), Err(RangeError::OutOfRange { feature: 0, value: 125.5 }));
        let error = read(Ok([20.0, -0.1])).unwrap_err();
        assert_eq!(error, RangeError::OutOfRange { feature: 1, value: -0.1 });
        assert_eq!(error.to_string(), "the sensor read -0.1 in column 1, which lies outside what it can measure");
        assert!(matches!(read(Ok([20.0, f32::NAN])), Err(RangeError::OutOfRange { feature: 1, .. })));
        assert_eq!(read(Err(7)), Err(RangeError::Sensor(7)));
    }
}
