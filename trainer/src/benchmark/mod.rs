//! The accuracy protocol: a fixed recipe on a fixed split, several seeds, the `int8` file evaluated through the device crate, beside
//! forecasts that need no network and published ones.
//!
//! Errors are on the normalized scale, z-scores with the training rows' deviation, which publications state. Epochs are chosen on
//! validation windows. The test windows are read only where [`Part::Test`](crate::data::Part) is asked for, and every such reading is noted in a log.

mod log;
mod protocol;
pub mod published;
mod report;
mod run;

pub use log::note_reading;
pub use protocol::{Named, Protocol};
pub use report::{Benchmark, markdown, table};
pub use run::{Prepared, Row, Watch, run};
