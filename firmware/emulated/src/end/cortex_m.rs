//! Faults of a Cortex-M.

use cortex_m_rt::{ExceptionFrame, exception};

use super::fail_with;

/// Resets the board.
pub(super) fn reset() -> ! {
    ::cortex_m::peripheral::SCB::sys_reset()
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    fail_with(format_args!("hard fault at {:#010x}, called from {:#010x}\n", frame.pc(), frame.lr()))
}

#[exception]
unsafe fn DefaultHandler(number: i16) -> ! {
    fail_with(format_args!("unexpected exception {number}\n"))
}
