//! The firmware's loop, for any board: take a sample, forecast, report.
//!
//! Three small traits keep the loop off the hardware: a [`Source`] of samples, something that can [`Predict`], and a
//! [`Report`] for what comes out. A board supplies the first and the last; a bound model's forecaster is the second. A
//! sample that the model refuses (not a number, outside the value transform's domain) and a reading that fails are
//! counted and reported, and the loop goes on: a sensor that hiccups must not stop a device.
#![no_std]
#![forbid(unsafe_code)]

mod predict;
mod report;
mod source;
mod station;

pub use predict::Predict;
pub use report::Report;
pub use source::Source;
pub use station::{Progress, Station, Tally};
