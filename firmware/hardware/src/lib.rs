//! What the real boards share: their two programs, and what a board has to bring for them.
//!
//! A board brings its clock, its pins, its line, its own thermometer and its flash as a [`Board`], mostly [`Assembled`] of parts, and the model
//! that its build script has linked. There are two programs:
//!
//! - [`station()`] reads the thermometer on time and writes lines of text, each of which begins with a word that says what it is.
//! - [`serve()`] answers a desk by the line protocol, and takes new models into its slots.
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

mod board;
mod complain;
mod decimal;
mod flash;
mod line;
mod period;
#[cfg(target_os = "none")]
mod place;
mod serve;
mod station;
mod thermometer;
#[cfg(feature = "usb")]
pub mod usb_console;
mod wide_counter;

pub use board::{Assembled, Board, Console, Named, Watchdog};
pub use decimal::Decimal;
pub use flash::{Flash, Parts, Stretch};
pub use period::Chosen;
#[cfg(target_os = "none")]
pub use place::parts;
pub use serve::{Bind, serve};
pub use station::{Linked, run as station};
pub use thermometer::{Found, SensorError};
pub use wide_counter::WideCounter;

/// Brings the type and the sizes of the model that the board's build script has laid out, as the module `model`.
#[macro_export]
macro_rules! model {
    () => {
        #[allow(dead_code, reason = "the exported file has more than a program uses")]
        mod model {
            include!(concat!(env!("OUT_DIR"), "/model.rs"));
            include!(concat!(env!("OUT_DIR"), "/period.rs"));
        }
    };
}

/// Lays that model into the first slot, and erased words at the beginning of the journal's sectors: what is flashed with the program is
/// what the board runs, whatever model it had taken before.
#[macro_export]
macro_rules! first_slot {
    () => {
        const _: () = {
            #[repr(C, align(16))]
            struct Aligned<const BYTES: usize>([u8; BYTES]);

            #[used]
            #[unsafe(link_section = ".slot0")]
            static MODEL: Aligned<{ include_bytes!(concat!(env!("OUT_DIR"), "/model.rnn")).len() }> =
                Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/model.rnn")));

            #[used]
            #[unsafe(link_section = ".journal0")]
            static FIRST: [u8; 16] = [0xFF; 16];

            #[used]
            #[unsafe(link_section = ".journal1")]
            static SECOND: [u8; 16] = [0xFF; 16];
        };
    };
}

/// Runs [`serve()`] with the type and the sizes of the module that [`model!`] has brought.
#[macro_export]
macro_rules! serve {
    ($model:ident, $board:expr, $before:expr) => {
        $crate::serve::<
            _,
            _,
            _,
            { $model::FEATURES },
            { $model::LOOKBACK },
            { $model::PATCH },
            _,
            { $model::TARGETS },
            { $model::HORIZON },
        >($model::Model::bind, $board, $crate::parts(), $before)
    };
}
