//! What the emulated boards share: their programs, the linked model, the held-back series, the meters, and a way out.
//!
//! A board brings its memory map and the names of its programs, [`program!`] the rest. The model, the series and the expected
//! forecasts come from the folder that `RNN_MODEL_DIR` names; see `build.rs`.
#![no_std]

mod bits;
pub mod cost;
mod counter;
pub mod end;
pub mod held_back;
pub mod memory_flash;
pub mod metered;
pub mod programs;
pub mod serial_bus;
pub mod stack;
pub mod uart;

use defmt_semihosting as _;

#[doc(hidden)]
#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[doc(hidden)]
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;

/// The linked model's type and sizes, as exported beside its file.
pub mod model {
    include!(concat!(env!("OUT_DIR"), "/model.rs"));
}

/// The linked model file.
pub static IMAGE: &[u8] = embedded_rnn::include_model!(concat!(env!("OUT_DIR"), "/model.rnn"));

/// Makes a binary crate one of the [`programs`]; some are told what the board has.
#[macro_export]
macro_rules! program {
    ($name:ident $(, $argument:expr)*) => {
        #[$crate::entry]
        fn main() -> ! {
            $crate::programs::$name::run($($argument),*)
        }
    };
}
