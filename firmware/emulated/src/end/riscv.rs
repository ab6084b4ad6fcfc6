//! Traps of a RISC-V core; riscv-rt's own handlers would wait for ever.

use riscv::register::{mcause, mepc};
use riscv_rt::TrapFrame;

use super::fail_with;

/// The virtual board's register that ends or resets it, and the word that resets.
const FINISHER: *mut u32 = 0x0010_0000 as *mut u32;
const RESET: u32 = 0x7777;

/// Resets the board.
pub(super) fn reset() -> ! {
    loop {
        // SAFETY: a device register of the one board with this core, which nothing else writes.
        unsafe { FINISHER.write_volatile(RESET) }
    }
}

// SAFETY: riscv-rt calls the function of this name with a frame of this type.
#[unsafe(export_name = "ExceptionHandler")]
fn exception(frame: &TrapFrame) -> ! {
    fail_with(format_args!("trap {:#x} at {:#010x}, called from {:#010x}\n", mcause::read().bits(), mepc::read(), frame.ra))
}

// SAFETY: riscv-rt calls the function of this name, without arguments.
#[unsafe(export_name = "DefaultHandler")]
fn interrupt() -> ! {
    fail_with(format_args!("unexpected interrupt {:#x}\n", mcause::read().bits()))
}

// SAFETY: riscv-rt jumps to the symbol of this name where it finds no handler.
#[unsafe(export_name = "abort")]
extern "C" fn abort() -> ! {
    fail_with(format_args!("the start-up code gave up\n"))
}
