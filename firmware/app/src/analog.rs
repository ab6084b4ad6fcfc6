//! An analog input. `embedded-hal` 1.0 has no trait for one, so here is the least that a sensor needs.

use crate::Sensor;

/// One channel of a converter.
pub trait AnalogInput {
    /// Why a conversion failed; `Infallible` on most chips.
    type Error;

    /// Converts once; the count as the converter gives it.
    fn convert(&mut self) -> Result<u16, Self::Error>;
}

/// A quantity that is a linear function of a converter's counts.
#[derive(Debug)]
pub struct Analog<A> {
    input: A,
    /// The quantity at count 0.
    zero: f32,
    /// The quantity's growth in one count.
    per_count: f32,
    conversions: u16,
}

impl<A: AnalogInput> Analog<A> {
    /// Reads `zero + per_count * counts`, on the mean of so many conversions, one at least.
    pub fn new(input: A, zero: f32, per_count: f32, conversions: u16) -> Self {
        Analog { input, zero, per_count, conversions: conversions.max(1) }
    }
}

impl<A: AnalogInput> Sensor for Analog<A> {
    type Sample = [f32; 1];
    type Error = A::Error;

    fn read(&mut self) -> Result<[f32; 1], A::Error> {
        // 65535 counts of 65535 at most: the sum stays below 2^32.
        let mut sum = 0u32;
        for _ in 0..self.conversions {
            sum = sum.saturating_add(self.input.convert()?.into());
        }
        Ok([self.zero + self.per_count * (sum as f32 / f32::from(self.conversions))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up by two; every tenth conversion fails.
    struct Ramp(u16);

    impl AnalogInput for Ramp {
        type Error = &'static str;

        fn convert(&mut self) -> Result<u16, &'static str> {
            self.0 += 2;
            if self.0.is_multiple_of(20) { Err("no conversion") } else { Ok(self.0) }
        }
    }

    #[test]
    fn the_mean_of_the_counts_is_scaled() {
        // Counts 2, 4, 6 and 8.
        assert_eq!(Analog::new(Ramp(0), -40.0, 0.5, 4).read(), Ok([-37.5]));
        assert_eq!(Analog::new(Ramp(0), 1.0, 2.0, 0).read(), Ok([5.0]), "none would be no reading");
    }

    #[test]
    fn one_failed_conversion_fails_the_reading() {
        let mut analog = Analog::new(Ramp(0), 0.0, 1.0, 6);
        assert_eq!(analog.read(), Ok([7.0]));
        assert_eq!(analog.read(), Err("no conversion"));
        assert_eq!(analog.read(), Ok([27.0]));
    }

    #[test]
    fn full_scale_of_many_conversions_does_not_overflow() {
        struct Full;
        impl AnalogInput for Full {
            type Error = core::convert::Infallible;
            fn convert(&mut self) -> Result<u16, Self::Error> {
                Ok(u16::MAX)
            }
        }
        assert_eq!(Analog::new(Full, 0.0, 1.0, u16::MAX).read(), Ok([65535.0]));
    }
}
