//! The regularizers side by side on one series: which of them helps, how sure is that, and what does each cost on the device?
//!
//! [`Plan`] (variants x seeds) -> [`work`] (each run trained, measured and kept as one file) -> [`Comparison`] (means, deviations and
//! sign tests of what is there) -> CSV, JSON and a page.
//!
//! To choose rates and lengths of training, [`Validation`] tells the same of validation errors alone, from runs of which no test error was ever
//! computed.
//!
//! Errors are stated on the normalized scale: root mean square (RMSE) and mean square (MSE) of `(forecast - actual)/s` over all windows
//! of a part, all targets and the whole horizon, in the transformed domain, `s` being the deviation of the training rows there.

mod board;
mod csv;
mod markdown;
mod measure;
mod notes;
pub mod page;
mod plan;
mod pool;
mod rates;
mod record;
mod shard;
mod sign_test;
mod statistics;
mod store;
mod summary;
#[cfg(test)]
mod testing;
mod text;
mod train;
mod validation;
pub mod variants;

pub use board::{BoardCost, measure_boards};
pub use csv::csv;
pub use markdown::{Measure, markdown};
pub use measure::Errors;
pub use plan::{Chosen, LeftOut, Plan, Run};
pub use pool::{Tally, Watch, work};
pub use rates::FACTORS;
pub use record::{DeviceCost, Fate, LayerShape, Point, Record, Trained, Validated};
pub use shard::Shard;
pub use sign_test::{SignTest, smallest_p};
pub use statistics::Spread;
pub use store::Store;
pub use summary::{Comparison, Cost, Row, Setting};
pub use text::table;
pub use validation::{Validation, ValidationRow};
