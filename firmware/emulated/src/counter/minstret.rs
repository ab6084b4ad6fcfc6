//! The retired-instruction counter of RISC-V.

use core::arch::asm;

/// The counter's value at the last reset.
pub struct Counter(u32);

impl Counter {
    /// The counter runs from reset on.
    pub fn start() -> Self {
        Counter(now())
    }

    /// Counts from zero again.
    #[inline(always)]
    pub fn reset(&mut self) {
        self.0 = now();
    }

    /// Instructions since then, of fewer than 2^31; `None` if there were more.
    #[inline(always)]
    pub fn ticks(&mut self) -> Option<u32> {
        let ticks = now().wrapping_sub(self.0);
        (ticks < 1 << 31).then_some(ticks)
    }
}

#[inline(always)]
fn now() -> u32 {
    let value: u32;
    // SAFETY: reads a counter that every core in machine mode has.
    unsafe { asm!("csrr {}, minstret", out(reg) value, options(nomem, nostack)) }
    value
}

/// A loop of `turns` turns of two instructions each.
#[inline(always)]
pub fn turn(turns: u32) {
    // SAFETY: counts a register down; touches nothing else.
    unsafe { asm!("2:", "addi {n}, {n}, -1", "bnez {n}, 2b", n = inout(reg) turns => _, options(nomem, nostack)) }
}
