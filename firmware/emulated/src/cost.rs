//! Executed instructions, by a counter whose scale a loop of known length finds out.

use core::{
    hint::black_box,
    sync::atomic::{Ordering, compiler_fence},
};

use crate::{
    counter::{Counter, turn},
    stack,
};

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
    /// Ticks of the counter.
    pub ticks: u32,
    /// Bytes of stack below the caller's frame.
    pub stack: usize,
}

/// The counter, running and calibrated.
pub struct Meter {
    counter: Counter,
    calibration: Calibration,
}

impl Meter {
    /// Starts the counter, calibrates it and logs its scale.
    pub fn new() -> Self {
        let mut meter = Meter { counter: Counter::start(), calibration: Calibration { instructions: 2 * TURNS, ticks: 1 } };
        let ((), cost) = meter.measure(|| turn(TURNS));
        meter.calibration.ticks = cost.ticks.max(1);
        let Calibration { instructions, ticks } = meter.calibration;
        defmt::info!("calibration instructions={=u32} ticks={=u32}", instructions, ticks);
        meter
    }

    /// The counter's scale.
    pub fn calibration(&self) -> Calibration {
        self.calibration
    }

    /// Runs `work` and says what it took.
    ///
    /// # Panics
    ///
    /// When `work` takes longer than the counter can tell.
    pub fn measure<T>(&mut self, work: impl FnOnce() -> T) -> (T, Cost) {
        let painted = stack::paint();
        self.counter.reset();
        compiler_fence(Ordering::SeqCst);
        let value = apart(work);
        compiler_fence(Ordering::SeqCst);
        let ticks = self.counter.ticks();
        assert!(ticks.is_some(), "the work outlasted the counter");
        (value, Cost { ticks: ticks.unwrap_or(0), stack: painted.depth() })
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

/// Keeps `work` in a frame of its own and between the readings of the counter, whatever the optimizer makes of its caller.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}
