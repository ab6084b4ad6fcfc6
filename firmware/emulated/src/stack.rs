//! How deep the stack goes, measured by painting: fill the free stack with a pattern, run, look how far it was overwritten.

use core::{arch::asm, ptr};

/// Bytes painted below the stack pointer; far more than any forecast needs.
const PAINTED: usize = 64 * 1024;
const PAINT: u32 = 0xA5C3_5A3C;

/// The painted stretch of free stack.
#[derive(Clone, Copy, Debug)]
pub struct Painted {
    low: *const u32,
    high: *const u32,
}

/// Paints the free stack below the caller's frame.
///
/// Inlined always: the stack pointer must be the caller's. What the caller then calls must not be inlined into it, or
/// its variables would lie above the paint.
#[inline(always)]
pub fn paint() -> Painted {
    unsafe extern "C" {
        /// The end of the static variables, from the start-up crate's linker script.
        static __sheap: u32;
    }
    let floor = ptr::addr_of!(__sheap) as usize;
    let high: usize;
    // SAFETY: reads a register.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov {}, sp", out(reg) high, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "riscv32")]
        asm!("mv {}, sp", out(reg) high, options(nomem, nostack, preserves_flags));
    }
    let low = floor.max(high.saturating_sub(PAINTED));
    // SAFETY: writes words from `low` (a multiple of 4: both of its origins are) up to the stack pointer. This is RAM
    // above all statics and below every live frame, since the loop itself keeps all in registers; interrupts that would
    // push frames are off.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!(
            "2:",
            "cmp {word}, {high}",
            "bhs 3f",
            "str {paint}, [{word}]",
            "adds {word}, #4",
            "b 2b",
            "3:",
            word = inout(reg) low => _,
            high = in(reg) high,
            paint = in(reg) PAINT,
            options(nostack),
        );
        #[cfg(target_arch = "riscv32")]
        asm!(
            "2:",
            "bgeu {word}, {high}, 3f",
            "sw {paint}, 0({word})",
            "addi {word}, {word}, 4",
            "j 2b",
            "3:",
            word = inout(reg) low => _,
            high = in(reg) high,
            paint = in(reg) PAINT,
            options(nostack),
        );
    }
    Painted { low: low as *const u32, high: high as *const u32 }
}

impl Painted {
    /// Bytes of stack used since the painting.
    ///
    /// # Panics
    ///
    /// When the whole painted stretch was used, which means that the depth is unknown.
    pub fn depth(self) -> usize {
        let mut word = self.low;
        // SAFETY: reads words between the two ends of the painted stretch, which is RAM. Volatile, since the compiler knows
        // of nobody who writes there.
        while word < self.high && unsafe { word.read_volatile() } == PAINT {
            word = word.wrapping_add(1);
        }
        assert!(word != self.low, "the stack went deeper than the painted stretch");
        self.high as usize - word as usize
    }
}
