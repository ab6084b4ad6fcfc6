//! The firmware's loop, for any board: take a sample, forecast, report.
//!
//! Three small traits keep the loop off the hardware: a [`Source`] of samples, something that can [`Predict`], and a
//! [`Report`] for what comes out. A board supplies the first and the last; a bound model's forecaster is the second. A
//! sample that the model refuses (not a number, outside the value transform's domain) and a reading that fails are
//! counted and reported, and the loop goes on: a sensor that hiccups must not stop a device. What the model is told of
//! such a gap is a choice, [`Gaps`].
//!
//! On hardware the source is [`Sampled`]: a [`Sensor`] read once a [`Period`]. Sensors here are an LM75-class
//! [`Thermometer`] on any `embedded-hal` bus, an [`Analog`] input, and whatever else implements the trait; [`InRange`]
//! refuses readings that the sensor cannot mean. [`SoftI2c`] makes a bus of two pins, and [`Lamp`] shows on a pin
//! whether all is well.
//!
//! Instead of a station of its own a board may be [`Served`] to a desk over a line: fed a recording, asked to measure, given a new model.
#![no_std]
#![forbid(unsafe_code)]

mod abilities;
mod analog;
mod flat;
mod gaps;
mod lamp;
mod period;
mod predict;
mod range;
mod report;
mod sampled;
mod sensor;
mod served;
mod soft_i2c;
mod source;
mod state;
mod station;
mod thermometer;
mod updating;

pub use abilities::{Abilities, FedOnly};
pub use analog::{Analog, AnalogInput};
pub use flat::Flat;
pub use gaps::Gaps;
pub use lamp::Lamp;
pub use period::{Clock, Period, PeriodError};
pub use predict::Predict;
pub use range::{InRange, RangeError};
pub use report::Report;
pub use sampled::Sampled;
pub use sensor::Sensor;
pub use served::{Ended, Identity, LineError, Served};
pub use soft_i2c::{SoftI2c, SoftI2cError};
pub use source::Source;
pub use state::{Saving, Snapshot, State, StateError};
pub use station::{Progress, Station, Tally};
pub use thermometer::Thermometer;
pub use updating::{Updating, fault};
