//! The model on a board: builds the firmware with the model file inside, runs it, reads its log, compares its forecasts
//! with the host's.
//!
//! What the machine lacks (an emulator, a compiler's target) is told apart from what goes wrong: see [`Stop`].

pub mod boards;
pub mod compare;
mod drives;
pub mod emulator;
pub mod firmware;
pub mod flash;
pub mod inputs;
pub mod line;
pub mod log;
mod machine;
pub mod memory;
mod process;
mod run;
pub mod sizes;
pub mod stop;
pub mod toolchain;
pub mod uf2;

pub use boards::Board;
pub use compare::{Comparison, Difference, compare};
pub use inputs::Inputs;
pub use machine::{Executed, Limits, Machine, Places};
pub use run::{BoardRun, run};
pub use sizes::Sizes;
pub use stop::{Missing, Stop};
