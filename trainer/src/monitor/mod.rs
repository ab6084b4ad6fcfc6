//! Watching a machine on the desk: a model file's forecasts over a series, the device crate's monitor on their errors, its thresholds
//! calibrated on validation rows, and a moving z-score beside it.
//!
//! Nothing is judged here that a board would judge otherwise: [`embedded_rnn::monitor::Pulse`] makes the scores and
//! [`embedded_rnn::monitor::Latch`] the alarms, also the z-score's.

mod alarms;
mod calibrate;
mod failures;
mod residuals;
mod snippet;
mod tail;
mod watch;
mod z_score;

pub use alarms::{Catch, Episode, Judged, judge};
pub use calibrate::{Settings, calibrate};
pub use failures::Failure;
pub use residuals::Residuals;
pub use snippet::snippet;
pub use tail::{Tail, episodes};
pub use watch::{Calibrated, watch};
pub use z_score::{alarms_of, hindsight, z_scores};
