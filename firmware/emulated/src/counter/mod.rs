//! What counts executed instructions on the core at hand.
//!
//! Under QEMU's `-icount` virtual time is the count of executed instructions. On Arm the SysTick timer counts a fixed number of them to a
//! tick; on RISC-V `minstret` counts them one by one.

#[cfg(target_arch = "riscv32")]
mod minstret;
#[cfg(target_arch = "arm")]
mod systick;

#[cfg(target_arch = "riscv32")]
pub use minstret::{Counter, turn};
#[cfg(target_arch = "arm")]
pub use systick::{Counter, turn};
