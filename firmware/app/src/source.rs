//! Where samples come from.

/// A sensor, or a recording that stands in for one.
pub trait Source {
    /// One sample: every feature's raw value.
    type Sample;
    /// Why a reading failed, for example a bus that did not answer.
    type Error;

    /// Waits for the next sample. `None` ends the loop, which a sensor never does.
    fn sample(&mut self) -> Option<Result<Self::Sample, Self::Error>>;

    /// How many samples were missed right before the latest: their time had passed when it was waited for. Asked once after each
    /// [`Source::sample`]. A recording misses none.
    fn missed(&mut self) -> u32 {
        0
    }
}
