//! Executed instructions, by the SysTick timer.
//!
//! Under QEMU's `-icount` virtual time is the count of executed instructions, so SysTick counts instructions, a fixed number
//! to a tick. That number depends on the board's clock: a loop of known length finds it out.

use core::{
    arch::asm,
    hint::black_box,
    sync::atomic::{Ordering, compiler_fence},
};

use cortex_m::peripheral::{SYST, syst::SystClkSource};

use crate::stack;

/// The timer's full 24 bits.
const RELOAD: u32 = 0x00FF_FFFF;
/// Turns of the calibration loop, of two instructions each.
const TURNS: u32 = 1_000_000;

/// How many instructions took how many ticks, in a loop of known length.
#[derive(Clone, Copy, Debug)]
pub struct Calibration {
    /// Instructions of the loop.
    pub instructions: u32,
    /// The ticks that it took, give or take one.
    pub ticks: u32,
}

impl Calibration {
    /// Ticks to instructions, rounded to the nearest.
    pub fn instructions(&self, ticks: u64) -> u64 {
        let (per, ticks_per) = (u64::from(self.instructions), u64::from(self.ticks));
        (ticks * per + ticks_per / 2) / ticks_per
    }
}

/// What one call took.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// SysTick ticks.
    pub ticks: u32,
    /// Bytes of stack below the caller's frame.
    pub stack: usize,
}

/// The timer, running and calibrated.
pub struct Meter {
    timer: SYST,
    calibration: Calibration,
}

impl Meter {
    /// Starts the timer and calibrates it.
    pub fn new(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(RELOAD);
        timer.clear_current();
        timer.enable_counter();
        let mut meter = Meter { timer, calibration: Calibration { instructions: 2 * TURNS, ticks: 1 } };
        let ((), cost) = meter.measure(|| {
            // SAFETY: counts a register down; touches nothing else.
            unsafe { asm!("2:", "subs {n}, #1", "bne 2b", n = inout(reg) TURNS => _, options(nomem, nostack)) }
        });
        meter.calibration.ticks = cost.ticks;
        meter
    }

    /// The timer's scale.
    pub fn calibration(&self) -> Calibration {
        self.calibration
    }

    /// Runs `work` and says what it took.
    ///
    /// # Panics
    ///
    /// When `work` takes longer than the timer's 24 bits can tell.
    pub fn measure<T>(&mut self, work: impl FnOnce() -> T) -> (T, Cost) {
        let painted = stack::paint();
        self.timer.clear_current();
        compiler_fence(Ordering::SeqCst);
        let value = apart(work);
        compiler_fence(Ordering::SeqCst);
        let now = SYST::get_current();
        assert!(!self.timer.has_wrapped(), "the work outlasted the 24-bit timer");
        (value, Cost { ticks: RELOAD - now, stack: painted.depth() })
    }
}

/// Keeps `work` in a frame of its own and between the readings of the timer, whatever the optimizer makes of its caller.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}
