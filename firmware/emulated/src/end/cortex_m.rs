//! Faults of a Cortex-M.

use cortex_m_rt::{ExceptionFrame, exception};

use super::fail_with;

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    fail_with(format_args!("hard fault at {:#010x}, called from {:#010x}\n", frame.pc(), frame.lr()))
}

#[exception]
unsafe fn DefaultHandler(number: i16) -> ! {
    fail_with(format_args!("unexpected exception {number}\n"))
}
