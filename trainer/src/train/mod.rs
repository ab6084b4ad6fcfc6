//! Training: from windows to the parameters with the best validation loss.

pub mod average;
pub mod batches;
pub mod checkpoint;
pub mod class_weights;
mod cross_entropy;
pub mod equal_average;
pub mod fit;
pub mod loss;
pub mod observer;
pub mod skip;
pub mod sources;

pub use checkpoint::{CheckpointFile, State};
pub use class_weights::{Weighted, weights};
pub use fit::{Ending, Outcome, Task, evaluate, fit};
pub use observer::{EpochReport, Observer, StepReport};
pub use skip::{Residual, Skipped};
pub use sources::Sources;
