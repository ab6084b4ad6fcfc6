//! The monitor of one sensor, its sizes known at compile time.

use super::{Alarm, Latch, MonitorError, MonitorParameters, Pulse, Watched};
use crate::forecast::SnapshotError;
use crate::forecast::snapshot::{self, Content};

/// What a monitor says of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Verdict {
    /// The sample's error in units of the usual one, the largest among the targets; from 0 to the rules' limit.
    pub score: f32,
    /// The same, smoothed over the last samples; alarms are made of it.
    pub smoothed: f32,
    /// What the alarm does.
    pub alarm: Alarm,
}

/// Compares what comes with what was forecast. Its RAM is its `size_of`; the parameters stay in flash.
///
/// Told the forecast with [`Monitor::expect`], then each of the next `STEPS` samples with [`Monitor::observe`]. Forecasts may come more
/// often: a new one replaces what is left of the one before, so that a forecast before every sample compares one step ahead each time.
#[derive(Clone, Copy, Debug)]
pub struct Monitor<'p, const TARGETS: usize, const STEPS: usize> {
    parameters: &'p MonitorParameters<TARGETS, STEPS>,
    scale: [[f32; STEPS]; TARGETS],
    forecast: [[f32; STEPS]; TARGETS],
    /// The forecast's step that the next sample is compared with; `STEPS` where there is none.
    next: u16,
    pulse: Pulse,
}

impl<'p, const TARGETS: usize, const STEPS: usize> Monitor<'p, TARGETS, STEPS> {
    /// Bytes of a snapshot: model, samples seen, smoothed score, alarm, scales, checksum. A forecast that waits is not saved: give a new
    /// one after a restart.
    pub const SNAPSHOT_LENGTH: usize = snapshot::OVERHEAD + 4 + 4 + 3 + TARGETS * STEPS * 4;

    /// A monitor before its first sample.
    pub const fn new(parameters: &'p MonitorParameters<TARGETS, STEPS>) -> Self {
        const { assert!(TARGETS > 0 && STEPS > 0, "a monitor watches at least one target, one step ahead") }
        const { assert!(TARGETS <= u16::MAX as usize && STEPS < u16::MAX as usize, "sizes are halfwords, as in a model file") }
        Monitor {
            parameters,
            scale: parameters.scale,
            forecast: [[0.0; STEPS]; TARGETS],
            next: STEPS as u16,
            pulse: Pulse::START,
        }
    }

    /// Whether the next sample needs a new forecast.
    pub const fn needs_forecast(&self) -> bool {
        self.next as usize >= STEPS
    }

    /// Takes a forecast whose first step is the next sample; of a longer one the first `STEPS` steps are used. A refused forecast leaves
    /// the monitor as it was.
    pub fn expect<const HORIZON: usize>(&mut self, forecast: &[[f32; HORIZON]; TARGETS]) -> Result<(), MonitorError> {
        const { assert!(HORIZON >= STEPS, "the model forecasts fewer steps than the monitor compares") }
        for (target, row) in forecast.iter().enumerate() {
            if let Some(step) = row.iter().take(STEPS).position(|value| !value.is_finite()) {
                return Err(MonitorError::ForecastNotFinite { target: target as u16, step: step as u16 });
            }
        }
        for (row, given) in self.forecast.iter_mut().zip(forecast) {
            for (value, given) in row.iter_mut().zip(given) {
                *value = *given;
            }
        }
        self.next = 0;
        Ok(())
    }

    /// Takes the sample that came, in raw units, one value a target. A refused sample leaves the monitor as it was.
    pub fn observe(&mut self, sample: &[f32; TARGETS]) -> Result<Verdict, MonitorError> {
        if let Some(target) = sample.iter().position(|value| !value.is_finite()) {
            return Err(MonitorError::SampleNotFinite { target: target as u16 });
        }
        if self.needs_forecast() {
            return Err(MonitorError::NoForecast);
        }
        let step = usize::from(self.next);
        let rows = self.scale.iter_mut().zip(&self.forecast).zip(sample).zip(&self.parameters.floor);
        let targets = rows.filter_map(|(((scale, forecast), came), floor)| {
            let (scale, forecast) = (scale.get_mut(step)?, forecast.get(step)?);
            Some(Watched { residual: came - forecast, scale, floor: *floor })
        });
        let (score, alarm) = self.pulse.assess(&self.parameters.rules, STEPS as u32, targets);
        self.next += 1;
        Ok(Verdict { score, smoothed: self.pulse.smoothed, alarm })
    }

    /// Says that the next sample did not come: its step of the forecast is passed over, and all else stays.
    pub fn miss(&mut self) {
        if !self.needs_forecast() {
            self.next += 1;
        }
    }

    /// Whether there is an alarm.
    pub const fn is_alarmed(&self) -> bool {
        self.pulse.latch.is_on()
    }

    /// The usual size of the error as it was learned, one row a target, one value a step ahead, in raw units.
    pub const fn scale(&self) -> &[[f32; STEPS]; TARGETS] {
        &self.scale
    }

    /// Back to the state before the first sample, with the calibrated scales.
    pub fn reset(&mut self) {
        *self = Self::new(self.parameters);
    }

    /// Ends the alarm, as after a repair. What was learned stays.
    pub fn acknowledge(&mut self) {
        (self.pulse.smoothed, self.pulse.latch) = (0.0, Latch::OFF);
    }

    /// Saves what was learned into `buffer`, which has [`Self::SNAPSHOT_LENGTH`] bytes.
    pub fn save(&self, buffer: &mut [u8]) -> Result<(), SnapshotError> {
        snapshot::save(buffer, Content::Monitor, Self::SNAPSHOT_LENGTH, self.parameters.model, |writer| {
            writer(&self.pulse.seen.to_le_bytes());
            writer(&self.pulse.smoothed.to_le_bytes());
            writer(&self.pulse.latch.to_bytes());
            for scale in self.scale.as_flattened() {
                writer(&scale.to_le_bytes());
            }
        })
    }

    /// Restores what a monitor of the same model had learned. A refused snapshot leaves the monitor as it was.
    pub fn restore(&mut self, buffer: &[u8]) -> Result<(), SnapshotError> {
        let content = snapshot::open(buffer, Content::Monitor, Self::SNAPSHOT_LENGTH, self.parameters.model)?;
        let (seen, content) = content.split_first_chunk::<4>().ok_or(SnapshotError::Damaged)?;
        let (smoothed, content) = content.split_first_chunk::<4>().ok_or(SnapshotError::Damaged)?;
        let (latch, scales) = content.split_first_chunk::<3>().ok_or(SnapshotError::Damaged)?;
        let smoothed = f32::from_le_bytes(*smoothed);
        let latch = Latch::from_bytes(*latch).ok_or(SnapshotError::Damaged)?;
        let mut restored = Self::new(self.parameters);
        for (scale, bytes) in restored.scale.as_flattened_mut().iter_mut().zip(scales.as_chunks::<4>().0) {
            *scale = f32::from_le_bytes(*bytes);
        }
        let floors = restored.parameters.floor.iter();
        let whole = |(row, floor): (&[f32; STEPS], &f32)| row.iter().all(|scale| scale.is_finite() && scale >= floor);
        if !(smoothed >= 0.0 && smoothed.is_finite() && restored.scale.iter().zip(floors).all(whole)) {
            return Err(SnapshotError::Damaged);
        }
        restored.pulse = Pulse { seen: u32::from_le_bytes(*seen), smoothed, latch };
        *self = restored;
        Ok(())
    }
}
