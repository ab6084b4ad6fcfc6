//! What a board said when it panicked, kept across the reset that follows.
//!
//! A board in the field has nobody to tell. Its panic handler writes the panic's place and message into memory that neither
//! start-up code nor boot loader clears, and resets; the next boot [`take`]s the record and reports it. After power-on that
//! memory holds anything: a magic number and a checksum tell a record from noise.
//!
//! The board's linker script sets [`SIZE`] bytes aside at `__panic_record`, outside of the regions that programs are linked
//! into, a multiple of 4.
#![no_std]

#[cfg(target_os = "none")]
mod place;
mod record;

#[cfg(target_os = "none")]
pub use place::{record, take};
pub use record::{Record, SIZE, Text};

/// Makes a panic and a hard fault of a Cortex-M write their record and reset the board by the function named, which never returns.
/// The board depends on `cortex-m-rt`.
#[macro_export]
macro_rules! reset_on_panic {
    ($reset:path) => {
        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
            $crate::record(info);
            $reset()
        }

        #[cortex_m_rt::exception]
        unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
            panic!("hard fault at {:#010x}, called from {:#010x}", frame.pc(), frame.lr())
        }
    };
}
