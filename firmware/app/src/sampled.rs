//! A sensor, read once a period.

use embedded_hal::delay::DelayNs;

use crate::{Clock, Period, Sensor, Source};

/// Waits until a sample is due and reads the sensor, again at once if a reading fails.
#[derive(Debug)]
pub struct Sampled<S, C, D> {
    sensor: S,
    period: Period<C, D>,
    retries: u8,
    missed: u32,
}

impl<S, C: Clock, D: DelayNs> Sampled<S, C, D> {
    /// A reading that fails is tried so many times more before the sample counts as failed.
    pub fn new(sensor: S, period: Period<C, D>, retries: u8) -> Self {
        Sampled { sensor, period, retries, missed: 0 }
    }

    /// The timer, for instance to read how often it was overrun.
    pub fn period(&self) -> &Period<C, D> {
        &self.period
    }

    /// Gives the sensor back.
    pub fn release(self) -> S {
        self.sensor
    }
}

impl<S: Sensor, C: Clock, D: DelayNs> Source for Sampled<S, C, D> {
    type Sample = S::Sample;
    type Error = S::Error;

    fn sample(&mut self) -> Option<Result<S::Sample, S::Error>> {
        self.missed = self.period.wait();
        let mut reading = self.sensor.read();
        for _ in 0..self.retries {
            if reading.is_ok() {
                break;
            }
            reading = self.sensor.read();
        }
        Some(reading)
    }

    fn missed(&mut self) -> u32 {
        core::mem::take(&mut self.missed)
    }
}
