//! How an error becomes a score, a score an alarm, and how the usual size of the error is learned, for any number of targets and steps.

use super::{Alarm, Hysteresis, Latch};

/// The rules of a monitor. Rates are shares a sample: 0.01 forgets with a memory of about 100 samples.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rules {
    /// Samples after a start in which no alarm is raised, and in which the scales are learned fast; 0 for none.
    pub warm_up: u32,
    /// By which share a scale follows each new error.
    pub adaption: f32,
    /// The same during an alarm: 0 freezes the scales, so that an alarm lasts as long as its cause; a small share lets it end some day if
    /// the machine stays changed.
    pub alarm_adaption: f32,
    /// No error moves a scale by more than one of `clip` scales would.
    pub clip: f32,
    /// The largest score that one sample can have.
    pub limit: f32,
    /// By which share the smoothed score follows each new score; 1 for no smoothing.
    pub smoothing: f32,
    /// What becomes of the smoothed score.
    pub alarm: Hysteresis,
}

impl Rules {
    /// Whether all settings are in their ranges.
    pub const fn is_sound(&self) -> bool {
        const fn share(value: f32) -> bool {
            value >= 0.0 && value <= 1.0
        }
        share(self.adaption)
            && share(self.alarm_adaption)
            && share(self.smoothing)
            && self.smoothing > 0.0
            && self.clip >= 1.0
            && self.clip.is_finite()
            && self.limit > 0.0
            && self.limit.is_finite()
            && self.alarm.is_sound()
            && self.alarm.on <= self.limit
    }
}

/// One target at one sample.
#[derive(Debug)]
pub struct Watched<'s> {
    /// What came less what was forecast. Not NaN.
    pub residual: f32,
    /// The usual size of the error of this target at this step ahead, which is learned.
    pub scale: &'s mut f32,
    /// The smallest scale; above 0.
    pub floor: f32,
}

/// What a monitor remembers besides its scales.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pulse {
    /// Samples seen since the start.
    pub seen: u32,
    /// The smoothed score.
    pub smoothed: f32,
    /// The alarm.
    pub latch: Latch,
}

impl Pulse {
    /// Before the first sample.
    pub const START: Pulse = Pulse { seen: 0, smoothed: 0.0, latch: Latch::OFF };

    /// The next sample's targets, of which there is at least one: gives the score and what the alarm does.
    ///
    /// The score is the largest quotient of error and scale among the targets, and the smoothed score an exponentially weighted mean of
    /// it (Roberts 1959, the control chart's "geometric moving average"). Each scale is an exponentially weighted mean of absolute errors,
    /// clipped so that a wild sample counts for no more than a few ordinary ones. `steps`: steps ahead that share the samples among them.
    #[inline]
    pub fn assess<'s>(&mut self, rules: &Rules, steps: u32, targets: impl Iterator<Item = Watched<'s>>) -> (f32, Alarm) {
        let warm = self.seen >= rules.warm_up;
        let alarmed = self.latch.is_on();
        let adaption = if alarmed {
            rules.alarm_adaption
        } else if warm {
            rules.adaption
        } else {
            // What was calibrated counts as one observation, and each one after it as much as those before.
            let visits = self.seen / if steps > 0 { steps } else { 1 };
            larger(rules.adaption, 1.0 / (visits.min(1 << 20) as f32 + 2.0))
        };
        let mut score = 0.0;
        for Watched { residual, scale, floor } in targets {
            let size = residual.abs();
            let usual = larger(*scale, floor);
            score = larger(score, smaller(size / usual, rules.limit));
            let learned = usual + adaption * (smaller(size, rules.clip * usual) - usual);
            // Only errors near the largest number there is are not finite here.
            if learned.is_finite() {
                *scale = larger(learned, floor);
            }
        }
        self.smoothed += rules.smoothing * (score - self.smoothed);
        self.seen = self.seen.saturating_add(1);
        let alarm = if warm { self.latch.update(&rules.alarm, self.smoothed) } else { Alarm::WarmUp };
        (score, alarm)
    }
}

/// The larger number; the first where the second is not a number.
#[inline]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The smaller number; the second where the first is not a number.
#[inline]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}
