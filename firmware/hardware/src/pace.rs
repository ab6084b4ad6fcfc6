//! Sampling times on a fixed grid: a late sample does not shift those after it.

use embedded_rnn::image::Interval;

/// How far apart samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// As far as the series' that the model was trained on.
    Models(u64),
    /// As the build said (`RNN_PERIOD_MS`), though the model's differs.
    Asked {
        /// In use, in microseconds.
        period: u64,
        /// The model's, where it has one in microseconds.
        model: Option<u64>,
    },
    /// A second, since the model's series had no time stamps or counted months, and the build said nothing.
    Default,
}

impl Period {
    /// Chooses, from microseconds that the build asked for and what the model file says.
    pub fn choose(asked: Option<u64>, model: Interval) -> Self {
        let model = match model {
            Interval::Microseconds(period) if period > 0 => Some(period),
            _ => None,
        };
        match (asked, model) {
            (Some(period), model) if model != Some(period) => Period::Asked { period, model },
            (_, Some(period)) => Period::Models(period),
            (_, None) => Period::Default,
        }
    }

    /// In microseconds.
    pub fn microseconds(self) -> u64 {
        match self {
            Period::Models(period) | Period::Asked { period, .. } => period,
            Period::Default => 1_000_000,
        }
    }
}

/// Keeps the period.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    period: u64,
    due: Option<u64>,
    late: u32,
}

impl Pace {
    /// `period` in microseconds, more than 0. The first sample is due at once.
    pub fn new(period: u64) -> Self {
        Pace { period: period.max(1), due: None, late: 0 }
    }

    /// Whether a sample is due at `now`; if it is, the next is due a period after the time at which this one was. Whole periods that have
    /// passed unused are counted as late and not made up for.
    pub fn is_due(&mut self, now: u64) -> bool {
        let due = self.due.unwrap_or(now);
        if now < due {
            self.due = Some(due);
            return false;
        }
        let missed = (now - due) / self.period;
        self.late = self.late.saturating_add(u32::try_from(missed).unwrap_or(u32::MAX));
        self.due = Some(due + (missed + 1) * self.period);
        true
    }

    /// Sampling times missed so far.
    pub fn late(&self) -> u32 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stay_on_the_grid_however_late_each_is() {
        let mut pace = Pace::new(100);
        let mut taken = Vec::new();
        for now in [1_007, 1_008, 1_106, 1_107, 1_180, 1_206, 1_250, 1_306, 1_307] {
            if pace.is_due(now) {
                taken.push(now);
            }
        }
        assert_eq!(taken, [1_007, 1_107, 1_250, 1_307]);
        assert_eq!(pace.late(), 0);
    }

    #[test]
    fn missed_times_are_counted_and_not_made_up_for() {
        let mut pace = Pace::new(100);
        assert!(pace.is_due(0));
        // 100, 200 and 300 pass; 300 is the one that is taken, late by 50.
        assert!(pace.is_due(350));
        assert_eq!(pace.late(), 2);
        assert!(!pace.is_due(399));
        assert!(pace.is_due(400));
        assert_eq!(pace.late(), 2);
    }

    #[test]
    fn a_model_without_a_period_leaves_it_to_the_build() {
        use Interval::{Microseconds, Months, Unknown};
        for (asked, model, period, microseconds) in [
            (None, Unknown, Period::Default, 1_000_000),
            (None, Months(1), Period::Default, 1_000_000),
            (None, Microseconds(0), Period::Default, 1_000_000),
            (None, Microseconds(500), Period::Models(500), 500),
            (Some(500), Microseconds(500), Period::Models(500), 500),
            (Some(70), Microseconds(500), Period::Asked { period: 70, model: Some(500) }, 70),
            (Some(70), Months(1), Period::Asked { period: 70, model: None }, 70),
        ] {
            let chosen = Period::choose(asked, model);
            assert_eq!((chosen, chosen.microseconds()), (period, microseconds));
        }
    }
}
