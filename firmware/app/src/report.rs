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
}
