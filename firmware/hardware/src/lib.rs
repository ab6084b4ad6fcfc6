//! What the real boards share: a thermometer read on time, forecasts as lines of text, the console by USB.
//!
//! A board brings its clocks, its pins and its own thermometer as a [`Board`], and the model that its build script has
//! linked; [`run`] does the rest. Every line that it writes begins with a word that says what it is:
//!
//! ```text
//! # text for people: the board, the model, the sensor, why the board was reset
//! sample 7 21.500          the seventh reading
//! forecast 132 21.525 ...  forecasts after the 132nd, target after target, the next sample first
//! failed 8 no answer       a reading that failed; the loop goes on
//! refused 9 ...            a sample that the model refuses
//! late 2                   sampling times that were missed, all in all
//! ```
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod board;
#[cfg(feature = "usb")]
pub mod console;
mod decimal;
mod pace;
mod run;
mod sensor;
mod wide_counter;

pub use board::Board;
pub use decimal::Decimal;
pub use pace::{Pace, Period};
pub use run::{Linked, run};
pub use sensor::{OnChip, SensorError, Thermometer};
pub use wide_counter::WideCounter;

/// Links the model that the board's build script has brought: the module `model` with its type and sizes, and `MODEL`, its file.
#[macro_export]
macro_rules! link_model {
    () => {
        #[allow(dead_code, reason = "the exported file has more than a board uses")]
        mod model {
            include!(concat!(env!("OUT_DIR"), "/model.rs"));
            include!(concat!(env!("OUT_DIR"), "/period.rs"));
        }

        static MODEL: &[u8] = embedded_rnn::include_model!(concat!(env!("OUT_DIR"), "/model.rnn"));
    };
}
