//! The way out: every end of a program, the bad ones included, reaches the host as an exit status.

use core::{
    fmt::Write as _,
    panic::PanicInfo,
    sync::atomic::{AtomicBool, Ordering},
};

use cortex_m_rt::{ExceptionFrame, exception};
use cortex_m_semihosting::{
    debug::{self, EXIT_FAILURE, EXIT_SUCCESS},
    hio,
};

/// Ends the emulation with success.
pub fn succeed() -> ! {
    leave(EXIT_SUCCESS)
}

/// Ends the emulation with failure.
pub fn fail() -> ! {
    leave(EXIT_FAILURE)
}

fn leave(status: debug::ExitStatus) -> ! {
    // A debugger may let the program go on; ask again.
    loop {
        debug::exit(status);
    }
}

/// Says on the host's standard error why the program ends, then ends it with failure. The log on standard output stays
/// whole: the logger may be the one that failed.
fn fail_with(reason: core::fmt::Arguments<'_>) -> ! {
    static FAILING: AtomicBool = AtomicBool::new(false);
    cortex_m::interrupt::disable();
    if !FAILING.load(Ordering::Relaxed) {
        FAILING.store(true, Ordering::Relaxed);
        if let Ok(mut stderr) = hio::hstderr() {
            // Nobody is left to tell if the host does not listen; the exit status still says it.
            let _ = stderr.write_fmt(reason);
        }
    }
    fail()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    fail_with(format_args!("{info}\n"))
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    fail_with(format_args!("hard fault at {:#010x}, called from {:#010x}\n", frame.pc(), frame.lr()))
}

#[exception]
unsafe fn DefaultHandler(number: i16) -> ! {
    fail_with(format_args!("unexpected exception {number}\n"))
}
