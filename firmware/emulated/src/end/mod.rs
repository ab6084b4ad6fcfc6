//! The way out: every end of a program, the bad ones included, reaches the host as an exit status.

#[cfg(target_arch = "arm")]
mod cortex_m;
#[cfg(target_arch = "riscv32")]
mod riscv;

#[cfg(target_arch = "arm")]
use self::cortex_m::reset;
#[cfg(target_arch = "riscv32")]
use self::riscv::reset;
use core::{
    panic::PanicInfo,
    sync::atomic::{AtomicBool, Ordering},
};

use semihosting::{io::Write as _, process::ExitCode};

/// Ends the emulation with success.
pub fn succeed() -> ! {
    ExitCode::SUCCESS.exit_process()
}

/// Ends the emulation with failure.
pub fn fail() -> ! {
    ExitCode::FAILURE.exit_process()
}

/// Says on the host's standard error why the program ends, then ends it with failure. The log on standard output stays
/// whole: the logger may be the one that failed. Interrupts are off: nothing turns them on.
fn fail_with(reason: core::fmt::Arguments<'_>) -> ! {
    static FAILING: AtomicBool = AtomicBool::new(false);
    if !FAILING.load(Ordering::Relaxed) {
        FAILING.store(true, Ordering::Relaxed);
        if let Ok(mut stderr) = semihosting::io::stderr() {
            // Nobody is left to tell if the host does not listen; the exit status still says it.
            let _ = stderr.write_fmt(reason);
        }
    }
    fail()
}

static RESET: AtomicBool = AtomicBool::new(false);

/// From now on a panic does what it does on a real board: it leaves its record and resets.
pub fn reset_on_panic() {
    RESET.store(true, Ordering::Relaxed);
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if RESET.load(Ordering::Relaxed) {
        embedded_rnn_panic_record::record(info);
        reset();
    }
    fail_with(format_args!("{info}\n"))
}
