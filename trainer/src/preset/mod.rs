//! Presets: a configuration that adapts itself to the series, wherever the user did not decide.
//!
//! `preset = "patch-lstm"` at the top of a configuration fills every key that is not there. What is chosen among candidates is chosen on
//! validation windows; test windows are never read.

mod read;
mod recipe;
mod trial;
mod window;

pub use read::{Resolved, read};
pub use recipe::{FLASH, Wishes, patch_lstm};
