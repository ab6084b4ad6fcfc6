//! The sampling period, kept by a timer on a grid that does not drift.

use core::fmt;

use embedded_hal::delay::DelayNs;
use embedded_rnn::image::Interval;

/// The longest single delay, in microseconds: the clock is looked at again after each.
const LONGEST_DELAY: u64 = 1_000_000;

/// A clock that never runs backwards; `embedded-hal` has delays only.
pub trait Clock {
    /// Microseconds since some moment, which stays the same while the program runs.
    fn microseconds(&mut self) -> u64;
}

/// Samples fall due every so many microseconds after the first, whatever the work between them takes.
#[derive(Debug)]
pub struct Period<C, D> {
    clock: C,
    delay: D,
    period: u64,
    /// When the next sample is due; `None` before the first.
    due: Option<u64>,
    overruns: u32,
}

/// A period that does not fit the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodError {
    /// No time between samples.
    Zero,
    /// The model was trained on samples at another interval.
    Differs {
        /// Microseconds from one sample to the next in the model file.
        model: u64,
        /// Microseconds of the period.
        period: u64,
    },
    /// The model's samples are calendar months, which no timer counts.
    Months {
        /// Months from one sample to the next.
        months: u32,
    },
}

impl fmt::Display for PeriodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeriodError::Zero => f.write_str("a sampling period of 0 us keeps no time"),
            PeriodError::Differs { model, period } => {
                write!(f, "the model forecasts samples at {model} us and the sampling period is {period} us")
            }
            PeriodError::Months { months } => {
                write!(f, "the model forecasts samples at {months} calendar months, which a timer cannot count")
            }
        }
    }
}

impl core::error::Error for PeriodError {}

impl<C: Clock, D: DelayNs> Period<C, D> {
    /// A period of so many microseconds for a model whose file states `interval`. A file from a series without time stamps states
    /// none, and any period is right.
    pub fn new(period: u64, interval: Interval, clock: C, delay: D) -> Result<Self, PeriodError> {
        match interval {
            _ if period == 0 => Err(PeriodError::Zero),
            Interval::Microseconds(model) if model != period => Err(PeriodError::Differs { model, period }),
            Interval::Months(months) => Err(PeriodError::Months { months }),
            Interval::Microseconds(_) | Interval::Unknown => Ok(Period { clock, delay, period, due: None, overruns: 0 }),
        }
    }

    /// Waits until a sample is due, the first at once, and says how many were missed: of which the whole period had passed before this
    /// was called. A sample that is late within its own period is taken at once, and the next is due on the grid.
    pub fn wait(&mut self) -> u32 {
        let mut now = self.clock.microseconds();
        let due = self.due.unwrap_or(now);
        let late = now.saturating_sub(due);
        if late > 0 {
            self.overruns = self.overruns.saturating_add(1);
        }
        let missed = late / self.period;
        self.due = Some(due.saturating_add(missed.saturating_add(1).saturating_mul(self.period)));
        while now < due {
            // No more than a second, which fits.
            self.delay.delay_us((due - now).min(LONGEST_DELAY) as u32);
            now = self.clock.microseconds();
        }
        u32::try_from(missed).unwrap_or(u32::MAX)
    }

    /// How often the work between two samples took longer than the period.
    pub fn overruns(&self) -> u32 {
        self.overruns
    }

    /// Microseconds from one sample to the next.
    pub fn period(&self) -> u64 {
        self.period
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use embedded_hal_mock::eh1::delay::{CheckedDelay, NoopDelay, Transaction};
    use std::{string::ToString, vec::Vec};

    use super::*;

    /// A clock that is read at the given moments.
    struct Moments<'a>(core::slice::Iter<'a, u64>);

    impl Clock for Moments<'_> {
        fn microseconds(&mut self) -> u64 {
            *self.0.next().expect("the clock is read once more than planned")
        }
    }

    fn waits(period: u64, moments: &[u64], delays: &[u32], times: usize) -> (Vec<u32>, u32) {
        let mut delay = CheckedDelay::new(&delays.iter().map(|us| Transaction::delay_us(*us)).collect::<Vec<_>>());
        let mut clock = Moments(moments.iter());
        let mut timer = Period::new(period, Interval::Unknown, Moments(clock.0.clone()), &mut delay).unwrap();
        let missed = (0..times).map(|_| timer.wait()).collect();
        let overruns = timer.overruns();
        clock.0 = timer.clock.0;
        assert_eq!(clock.0.len(), 0, "readings of the clock are left");
        delay.done();
        (missed, overruns)
    }

    #[test]
    fn the_grid_does_not_drift() {
        // Each delay ends 7 us late; the grid stays at multiples of 1000 after the first.
        let moments = [500, 900, 1507, 1600, 2507, 3000, 3507];
        assert_eq!(waits(1000, &moments, &[600, 900, 500], 4), ([0, 0, 0, 0].into(), 0));
    }

    #[test]
    fn a_delay_that_ends_early_is_prolonged() {
        assert_eq!(waits(1000, &[0, 100, 990, 1000], &[900, 10], 2), ([0, 0].into(), 0));
    }

    #[test]
    fn long_periods_are_waited_for_in_parts() {
        let moments = [0, 0, 1_000_000, 2_000_000, 2_500_000];
        assert_eq!(waits(2_500_000, &moments, &[1_000_000, 1_000_000, 500_000], 2), ([0, 0].into(), 0));
    }

    #[test]
    fn missed_deadlines_are_counted_and_the_grid_is_kept() {
        // Due at 1000, looked at 1400: late, not missed. Due at 2000, looked at 4999: 3000 and 4000 came in between, so 2000 and
        // 3000 are lost and 4000's sample is taken. Then 5000 is waited for.
        assert_eq!(waits(1000, &[0, 1400, 4999, 4999, 5000], &[1], 4), ([0, 0, 2, 0].into(), 2));
    }

    #[test]
    fn a_clock_that_jumps_to_its_end_is_survived() {
        assert_eq!(waits(1, &[0, u64::MAX, u64::MAX], &[], 3).0, [0, u32::MAX, 0]);
    }

    #[test]
    fn the_period_must_be_the_models() {
        let of =
            |period, interval| Period::new(period, interval, Moments([].iter()), NoopDelay::new()).map(|timer| timer.period());
        assert_eq!(of(300_000_000, Interval::Microseconds(300_000_000)), Ok(300_000_000));
        assert_eq!(of(5, Interval::Unknown), Ok(5));
        let error = of(1_000_000, Interval::Microseconds(300_000_000)).unwrap_err();
        assert_eq!(error, PeriodError::Differs { model: 300_000_000, period: 1_000_000 });
        assert_eq!(error.to_string(), "the model forecasts samples at 300000000 us and the sampling period is 1000000 us");
        assert_eq!(of(1, Interval::Months(1)), Err(PeriodError::Months { months: 1 }));
        assert_eq!(of(0, Interval::Unknown), Err(PeriodError::Zero));
    }
}
