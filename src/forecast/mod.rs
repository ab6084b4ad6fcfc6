//! From raw sensor samples to forecasts in the sensor's own units.
//!
//! A [`Model`] is a file bound to its network's type. A [`Forecaster`] remembers the last `LOOKBACK` samples of one sensor and runs the
//! network over that window when it is asked; a [`Session`] keeps the network's state from sample to sample instead. Which of them a file
//! was trained for is part of the file and of the type. A [`Classifier`] is a forecaster whose network tells the window's class. All can be
//! reset, saved and restored.

mod classifier;
mod error;
mod forecaster;
mod history;
mod level;
mod mode;
mod model;
mod pipeline;
mod scores;
mod self_test;
mod session;
pub(crate) mod snapshot;
mod transform;

pub use crate::image::Normalization;
pub use classifier::Classifier;
pub use error::{NotReady, SampleError, SelfTestError, SnapshotError};
pub use forecaster::Forecaster;
pub use level::Level;
pub use mode::{ForecastMode, Streaming, Windowed};
pub use model::Model;
pub use pipeline::{Pipeline, Recurrent};
pub use scores::{Scores, largest, softmax};
pub use self_test::SelfTest;
pub use session::Session;
pub use transform::Transform;
