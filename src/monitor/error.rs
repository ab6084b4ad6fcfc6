//! What a monitor refuses.

use core::error::Error;
use core::fmt;

/// A forecast or a sample that was refused; the monitor is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MonitorError {
    /// The sample holds NaN or infinity. A sample that did not come at all is reported with [`super::Monitor::miss`].
    SampleNotFinite {
        /// The sample's target.
        target: u16,
    },
    /// The forecast holds NaN or infinity.
    ForecastNotFinite {
        /// The forecast's row.
        target: u16,
        /// The step ahead, from 0.
        step: u16,
    },
    /// All forecasts were used up: give the next one with [`super::Monitor::expect`] first.
    NoForecast,
}

impl fmt::Display for MonitorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MonitorError::SampleNotFinite { target } => write!(f, "target {target} of the sample is not a finite number"),
            MonitorError::ForecastNotFinite { target, step } => {
                write!(f, "step {step} of the forecast of target {target} is not a finite number")
            }
            MonitorError::NoForecast => f.write_str("no forecast is left to compare the sample with"),
        }
    }
}

impl Error for MonitorError {}
