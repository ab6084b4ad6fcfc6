//! A monitor's parameters from validation rows.

use std::ops::Range;

use embedded_rnn::monitor::{Hysteresis, Rules};

use super::{Calibrated, Residuals, Tail, watch};
use crate::error::{Error, Result};

/// Samples of memory by which scales follow.
const MEMORY: f32 = 100.0;
/// During an alarm they follow by this share of their rate.
const ALARM_SHARE: f32 = 0.1;
/// Scales that one error counts for at most.
const CLIP: f32 = 3.0;
/// Largest scores of one sample, tried in this order until the alarm's threshold lies well below.
const LIMITS: [f32; 4] = [20.0, 80.0, 320.0, 1280.0];
/// A target's smallest scale, in units of its mean one.
const FLOOR: f32 = 0.1;
/// Observations of each step ahead before the first alarm.
const WARM_UP: usize = 10;

/// What the user decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// False alarms per 1000 samples.
    pub rate: f64,
    /// Samples over which scores are smoothed; 1 for none.
    pub smooth: usize,
    /// Samples in a row before an alarm is raised.
    pub raise_after: u16,
    /// Samples in a row before it is cleared.
    pub clear_after: u16,
}

impl Settings {
    /// Everything of the alarm but its thresholds.
    pub fn rule(&self) -> Hysteresis {
        Hysteresis { on: f32::INFINITY, off: 0.0, raise_after: self.raise_after, clear_after: self.clear_after }
    }
}

/// Calibrates on `rows`: scales are their mean absolute errors, and the threshold comes from the tail of their scores.
pub fn calibrate(residuals: &Residuals, rows: &Range<usize>, model: u32, settings: &Settings) -> Result<(Calibrated, Tail)> {
    let mut scale = vec![vec![0.0; residuals.steps]; residuals.targets];
    for (target, scale) in scale.iter_mut().enumerate() {
        for (step, scale) in scale.iter_mut().enumerate() {
            let of_step = rows.clone().filter(|row| residuals.step(*row) == step);
            let (count, sum) =
                of_step.fold((0u32, 0.0), |(count, sum), row| (count + 1, sum + f64::from(residuals.row(row)[target]).abs()));
            *scale = (sum / f64::from(count.max(1))) as f32;
        }
    }
    let floor: Vec<f32> = scale.iter().map(|row| FLOOR * row.iter().sum::<f32>() / row.len() as f32).collect();
    if floor.iter().any(|floor| !floor.is_normal()) {
        return Err(Error::input(
            "the model forecasts the rows to calibrate on without any error, or beyond all numbers: no usual size of errors can be told",
        ));
    }
    for (row, floor) in scale.iter_mut().zip(&floor) {
        row.iter_mut().for_each(|scale| *scale = scale.max(*floor));
    }
    let adaption = 1.0 / MEMORY;
    let mut rules = Rules {
        warm_up: 0,
        adaption,
        alarm_adaption: ALARM_SHARE * adaption,
        clip: CLIP,
        limit: 0.0,
        // The mean age of what an exponentially weighted mean holds is that of a mean over `smooth` samples.
        smoothing: 2.0 / (settings.smooth as f32 + 1.0),
        alarm: settings.rule(),
    };
    for limit in LIMITS {
        rules.limit = limit;
        let mut calibrated = Calibrated { model, scale: scale.clone(), floor: floor.clone(), rules };
        let scores: Vec<f32> = watch(&calibrated, residuals, rows.clone()).iter().map(|verdict| verdict.smoothed).collect();
        let tail = Tail::fit(&scores, &rules.alarm, settings.rate).map_err(|largest| {
            Error::input(format!(
                "--false-alarms {} per 1000 samples cannot be told from the {} rows to calibrate on: ask for less than {largest:.1}",
                settings.rate,
                rows.len()
            ))
        })?;
        let on = tail.threshold(settings.rate);
        if 2.0 * on <= limit {
            calibrated.rules.alarm = tail.rule(&rules.alarm, on);
            calibrated.rules.warm_up = (WARM_UP * residuals.steps) as u32;
            return Ok((calibrated, tail));
        }
    }
    Err(Error::failed(
        "the errors on the rows to calibrate on have no usual size: single ones are over a thousand times larger than the rest",
    ))
}

#[cfg(test)]
mod tests {
    use embedded_rnn::monitor::Alarm;

    use super::*;
    use crate::random::Key;

    const SETTINGS: Settings = Settings { rate: 1.0, smooth: 9, raise_after: 1, clear_after: 9 };

    fn noise(rows: usize, size: f64) -> Residuals {
        let random = Key::new(9);
        let values = (0..rows as u64).map(|row| (size * random.with(row).normal()) as f32).collect();
        Residuals { first: 100, steps: 2, targets: 1, values }
    }

    #[test]
    fn the_asked_rate_is_about_kept_in_any_unit() {
        for size in [1e-6, 1.0, 1e9] {
            let residuals = noise(50_000, size);
            let (mut calibrated, tail) = calibrate(&residuals, &(100..2100), 5, &SETTINGS).unwrap();
            assert!(!tail.is_thin() && calibrated.rules.alarm.is_sound() && calibrated.rules.is_sound());
            assert_eq!((calibrated.model, calibrated.rules.warm_up), (5, 20));
            calibrated.rules.warm_up = 0;
            let verdicts = watch(&calibrated, &residuals, 2100..50_100);
            let alarms = verdicts.iter().filter(|verdict| verdict.alarm == Alarm::Raised).count();
            assert!((10..150).contains(&alarms), "{alarms} alarms in 48,000 samples, 48 asked; {tail:?}");
        }
    }

    #[test]
    fn nothing_can_be_told_from_no_errors_or_for_too_high_a_rate() {
        let silent = Residuals { values: vec![0.0; 500], ..noise(0, 1.0) };
        let error = calibrate(&silent, &(100..600), 0, &SETTINGS).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("without any error"), "{error}");
        let error = calibrate(&noise(500, 1.0), &(100..600), 0, &Settings { rate: 900.0, ..SETTINGS }).unwrap_err();
        assert!(error.to_string().starts_with("--false-alarms 900 per 1000 samples cannot be told from the 500 rows"), "{error}");
    }

    #[test]
    fn a_threshold_beyond_the_first_limit_raises_the_limit() {
        let mut residuals = noise(2000, 1.0);
        for peak in 0..10 {
            residuals.values[150 + 200 * peak] = 30.0 + 8.0 * peak as f32;
        }
        let (calibrated, _) = calibrate(&residuals, &(100..2100), 0, &Settings { smooth: 1, rate: 0.1, ..SETTINGS }).unwrap();
        assert!(calibrated.rules.limit > 20.0 && calibrated.rules.is_sound(), "{calibrated:?}");
    }
}
