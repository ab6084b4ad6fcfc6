//! Where forecasts go.

use crate::{Predict, Source};

/// A log, a radio, a display. `samples` counts the samples accepted so far, the latest included.
pub trait Report<S: Source, P: Predict> {
    /// A forecast was made from the latest `samples` samples.
    fn forecast(&mut self, samples: u32, forecast: &P::Forecast);

    /// The model refused a sample; its state is as if the sample had never come.
    fn refused(&mut self, samples: u32, refusal: P::Refusal);

    /// The sensor could not be read.
    fn failed(&mut self, samples: u32, error: S::Error);

    /// So many samples were missed: the work before them took longer than the sampling period. A source without a timer misses none, so
    /// that a report on such a one need not say anything here.
    fn missed(&mut self, samples: u32, missed: u32) {
        let _ = (samples, missed);
    }
}

impl<S: Source, P: Predict, R: Report<S, P> + ?Sized> Report<S, P> for &mut R {
    fn forecast(&mut self, samples: u32, forecast: &P::Forecast) {
        (**self).forecast(samples, forecast);
    }

    fn refused(&mut self, samples: u32, refusal: P::Refusal) {
        (**self).refused(samples, refusal);
    }

    fn failed(&mut self, samples: u32, error: S::Error) {
        (**self).failed(samples, error);
    }

    fn missed(&mut self, samples: u32, missed: u32) {
        (**self).missed(samples, missed);
    }
}
