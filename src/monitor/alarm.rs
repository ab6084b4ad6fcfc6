//! An alarm with hysteresis: raised above one threshold, cleared below a lower one, each only after some samples in a row.

/// When an alarm is raised and when it is cleared.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Hysteresis {
    /// Scores from here on speak for an alarm.
    pub on: f32,
    /// Scores below speak for its end; at most `on`.
    pub off: f32,
    /// Samples in a row with scores of `on` or more before the alarm is raised; 0 counts as 1.
    pub raise_after: u16,
    /// Samples in a row with scores below `off` before the alarm is cleared; 0 counts as 1.
    pub clear_after: u16,
}

impl Hysteresis {
    /// Whether the thresholds are finite, positive and in order.
    pub const fn is_sound(&self) -> bool {
        self.on.is_finite() && self.off > 0.0 && self.off <= self.on
    }
}

/// What an alarm does at a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Alarm {
    /// No alarm yet: the usual size of the error is still being learned.
    WarmUp,
    /// No alarm.
    Off,
    /// An alarm begins with this sample.
    Raised,
    /// An alarm that began before goes on.
    On,
    /// The alarm ended with this sample.
    Cleared,
}

impl Alarm {
    /// Whether there is an alarm at this sample.
    pub const fn is_on(self) -> bool {
        matches!(self, Alarm::Raised | Alarm::On)
    }
}

/// The memory of an alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latch {
    on: bool,
    /// Samples in a row that speak for a change.
    run: u16,
}

impl Latch {
    /// No alarm.
    pub const OFF: Latch = Latch { on: false, run: 0 };

    /// Whether there is an alarm.
    pub const fn is_on(&self) -> bool {
        self.on
    }

    /// The next sample's score. A score that is not a number speaks for nothing.
    #[inline]
    pub fn update(&mut self, hysteresis: &Hysteresis, score: f32) -> Alarm {
        let (speaks, needed) = if self.on {
            (score < hysteresis.off, hysteresis.clear_after)
        } else {
            (score >= hysteresis.on, hysteresis.raise_after)
        };
        self.run = if speaks { self.run.saturating_add(1) } else { 0 };
        let changes = speaks && self.run >= needed;
        if changes {
            *self = Latch { on: !self.on, run: 0 };
        }
        match (self.on, changes) {
            (true, true) => Alarm::Raised,
            (true, false) => Alarm::On,
            (false, true) => Alarm::Cleared,
            (false, false) => Alarm::Off,
        }
    }

    /// As three bytes.
    pub(super) fn to_bytes(self) -> [u8; 3] {
        let [low, high] = self.run.to_le_bytes();
        [u8::from(self.on), low, high]
    }

    /// From three bytes, if they are a latch's.
    pub(super) fn from_bytes([on, low, high]: [u8; 3]) -> Option<Latch> {
        (on <= 1).then_some(Latch { on: on == 1, run: u16::from_le_bytes([low, high]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Hysteresis = Hysteresis { on: 4.0, off: 2.0, raise_after: 2, clear_after: 3 };

    #[test]
    fn raised_and_cleared_only_after_a_row_of_samples() {
        use Alarm::{Cleared, Off, On, Raised};
        let mut latch = Latch::OFF;
        let scores = [4.0, 3.9, 4.0, 4.0, 3.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.9, 9.0, 9.0];
        let said = scores.map(|score| latch.update(&RULE, score));
        assert_eq!(said, [Off, Off, Off, Raised, On, On, On, On, On, On, Cleared, Off, Raised]);
    }

    #[test]
    fn between_the_thresholds_nothing_changes() {
        for start in [Latch::OFF, Latch { on: true, run: 0 }] {
            let mut latch = start;
            for _ in 0..100 {
                assert_eq!(latch.update(&RULE, 3.0).is_on(), start.on);
            }
        }
    }

    #[test]
    fn zero_samples_in_a_row_count_as_one_and_nan_speaks_for_nothing() {
        let rule = Hysteresis { raise_after: 0, clear_after: 0, ..RULE };
        let mut latch = Latch::OFF;
        assert_eq!(latch.update(&rule, f32::NAN), Alarm::Off);
        assert_eq!(latch.update(&rule, 4.0), Alarm::Raised);
        assert_eq!(latch.update(&rule, f32::NAN), Alarm::On);
        assert_eq!(latch.update(&rule, 1.9), Alarm::Cleared);
    }

    #[test]
    fn long_runs_do_not_overflow() {
        let rule = Hysteresis { raise_after: u16::MAX, ..RULE };
        let mut latch = Latch::OFF;
        let raised = (0..200_000).filter(|_| latch.update(&rule, 5.0) == Alarm::Raised).count();
        assert_eq!((raised, latch.is_on()), (1, true));
    }

    #[test]
    fn thresholds_out_of_order_are_unsound() {
        assert!(RULE.is_sound());
        for (on, off) in [(f32::NAN, 1.0), (1.0, f32::NAN), (1.0, 2.0), (1.0, 0.0), (f32::INFINITY, 1.0)] {
            assert!(!Hysteresis { on, off, ..RULE }.is_sound(), "{on} {off}");
        }
    }
}
