//! What the board's programs share: the linked model, the held-back series, the meters, and a way out.
//!
//! The series and the expected forecasts come from the folder that `RNN_MODEL_DIR` names; see `build.rs`.
#![no_std]

pub mod cost;
pub mod end;
pub mod held_back;
pub mod metered;
pub mod stack;

use defmt_semihosting as _;

/// The linked model's type and sizes, as exported beside its file.
pub mod model {
    include!(concat!(env!("OUT_DIR"), "/model.rs"));
}

/// The linked model file.
pub static IMAGE: &[u8] = embedded_rnn::include_model!(concat!(env!("OUT_DIR"), "/model.rnn"));
