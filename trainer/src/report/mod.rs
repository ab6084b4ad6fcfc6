//! What a training leaves behind, and tables for people.

mod certificate;
pub mod plot;
pub mod run_folder;
pub mod table;
pub mod watch_plot;
