//! What the trainer calibrates.

use super::Rules;

/// Everything that a monitor is told before it starts: a constant in flash, written by `rnn monitor`.
///
/// `TARGETS` are the model's; a new forecast is expected every `STEPS` samples, of which that many steps are used.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MonitorParameters<const TARGETS: usize, const STEPS: usize> {
    /// The CRC-32 of the model file that the parameters were calibrated with: what [`crate::Model::digest`] should say. Snapshots carry
    /// it.
    pub model: u32,
    /// The usual size of each target's error at each step ahead, in raw units: where the scales start.
    pub scale: [[f32; STEPS]; TARGETS],
    /// The smallest scale of each target, in raw units and above 0: errors much below it are noise of no interest.
    pub floor: [f32; TARGETS],
    /// How scores and alarms are made of errors.
    pub rules: Rules,
}

impl<const TARGETS: usize, const STEPS: usize> MonitorParameters<TARGETS, STEPS> {
    /// Whether all parameters are in their ranges. A monitor with others does not panic; its scores mean nothing.
    ///
    /// `const _: () = assert!(MONITOR.is_sound());` asks at compile time.
    pub const fn is_sound(&self) -> bool {
        let mut target = 0;
        while target < TARGETS {
            let floor = self.floor[target];
            if !(floor > 0.0 && floor.is_finite()) {
                return false;
            }
            let mut step = 0;
            while step < STEPS {
                let scale = self.scale[target][step];
                if !(scale >= floor && scale.is_finite()) {
                    return false;
                }
                step += 1;
            }
            target += 1;
        }
        self.rules.is_sound()
    }
}
