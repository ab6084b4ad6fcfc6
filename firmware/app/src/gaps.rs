//! What a model is told of a sample that there is not.

/// A model forecasts evenly spaced samples. A reading that failed, a sample that was refused or missed leaves a gap in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gaps {
    /// The next sample follows on the last good one, as if no time had passed. Right for recordings, where time does not count.
    #[default]
    Close,
    /// The last good sample is taken again in place of each that lacks, for so many in a row; a longer gap empties the history, and
    /// forecasts begin anew when it has filled again.
    Hold {
        /// The longest gap that is filled, in samples.
        at_most: u32,
    },
}
