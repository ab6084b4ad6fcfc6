//! A pin that shows whether all is well.

use embedded_hal::digital::OutputPin;

use crate::{Predict, Report, Source};

/// Drives a pin high while samples fail, are refused or missed, and low from the next forecast on; passes everything on.
///
/// A pin that cannot be driven is no reason to stop forecasting: its error is dropped.
#[derive(Debug)]
pub struct Lamp<O, R> {
    pin: O,
    report: R,
}

impl<O: OutputPin, R> Lamp<O, R> {
    /// Joins pin and report; the pin is not driven yet.
    pub fn new(pin: O, report: R) -> Self {
        Lamp { pin, report }
    }

    /// Gives both back.
    pub fn release(self) -> (O, R) {
        (self.pin, self.report)
    }

    fn warn(&mut self) {
        let _ = self.pin.set_high();
    }
}

impl<O: OutputPin, R: Report<S, P>, S: Source, P: Predict> Report<S, P> for Lamp<O, R> {
    fn forecast(&mut self, samples: u32, forecast: &P::Forecast) {
        let _ = self.pin.set_low();
        self.report.forecast(samples, forecast);
    }

    fn refused(&mut self, samples: u32, refusal: P::Refusal) {
        self.warn();
        self.report.refused(samples, refusal);
    }

    fn failed(&mut self, samples: u32, error: S::Error) {
        self.warn();
        self.report.failed(samples, error);
    }

    fn missed(&mut self, samples: u32, missed: u32) {
        self.warn();
        self.report.missed(samples, missed);
    }
}
