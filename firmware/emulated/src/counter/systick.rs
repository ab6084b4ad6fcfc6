//! SysTick, which every Cortex-M board of the emulator has; DWT's cycle counter is absent on all of them.

use core::arch::asm;

use cortex_m::peripheral::{SYST, syst::SystClkSource};

use crate::end;

/// The timer's full 24 bits.
const RELOAD: u32 = 0x00FF_FFFF;

/// The timer, running.
pub struct Counter(SYST);

impl Counter {
    /// Takes the timer and starts it.
    pub fn start() -> Self {
        let Some(peripherals) = cortex_m::Peripherals::take() else {
            defmt::error!("the core's peripherals are taken already");
            end::fail();
        };
        let mut timer = peripherals.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(RELOAD);
        timer.clear_current();
        timer.enable_counter();
        Counter(timer)
    }

    /// Counts from zero again.
    #[inline(always)]
    pub fn reset(&mut self) {
        self.0.clear_current();
    }

    /// Ticks since then; `None` if there were more than 24 bits can tell.
    #[inline(always)]
    pub fn ticks(&mut self) -> Option<u32> {
        let now = SYST::get_current();
        (!self.0.has_wrapped()).then_some(RELOAD - now)
    }
}

/// A loop of `turns` turns of two instructions each.
#[inline(always)]
pub fn turn(turns: u32) {
    // SAFETY: counts a register down; touches nothing else.
    unsafe { asm!("2:", "subs {n}, #1", "bne 2b", n = inout(reg) turns => _, options(nomem, nostack)) }
}
