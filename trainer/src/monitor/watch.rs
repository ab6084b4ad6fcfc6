//! The device crate's monitor, for sizes that are known only at run time.

use std::ops::Range;

use embedded_rnn::monitor::{Pulse, Rules, Verdict, Watched};

use super::Residuals;

/// What [`embedded_rnn::monitor::MonitorParameters`] holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// The model file's CRC-32.
    pub model: u32,
    /// `[targets][steps]`: the usual sizes of errors, raw units.
    pub scale: Vec<Vec<f32>>,
    /// `[targets]`: the smallest scales.
    pub floor: Vec<f32>,
    /// How scores and alarms are made.
    pub rules: Rules,
}

/// A monitor's verdicts on rows, from its start before the first of them.
pub fn watch(calibrated: &Calibrated, residuals: &Residuals, rows: Range<usize>) -> Vec<Verdict> {
    let mut scale = calibrated.scale.clone();
    let mut pulse = Pulse::START;
    let mut verdict = |row: usize| {
        let step = residuals.step(row);
        let of_row = residuals.row(row).iter().zip(&mut scale).zip(&calibrated.floor);
        let targets =
            of_row.map(|((residual, scale), floor)| Watched { residual: *residual, scale: &mut scale[step], floor: *floor });
        let (score, alarm) = pulse.assess(&calibrated.rules, residuals.steps as u32, targets);
        Verdict { score, smoothed: pulse.smoothed, alarm }
    };
    rows.map(&mut verdict).collect()
}

#[cfg(test)]
mod tests {
    use embedded_rnn::monitor::{Alarm, Hysteresis, Monitor, MonitorParameters};

    use super::*;

    #[test]
    fn the_desks_verdicts_are_the_devices() {
        let rules = Rules {
            warm_up: 40,
            adaption: 0.02,
            alarm_adaption: 0.002,
            clip: 3.0,
            limit: 20.0,
            smoothing: 0.2,
            alarm: Hysteresis { on: 3.0, off: 1.5, raise_after: 2, clear_after: 4 },
        };
        let parameters = MonitorParameters { model: 1, scale: [[1.0, 1.5, 2.0], [0.3, 0.2, 0.4]], floor: [0.1, 0.05], rules };
        let calibrated = Calibrated {
            model: 1,
            scale: parameters.scale.iter().map(|row| row.to_vec()).collect(),
            floor: parameters.floor.to_vec(),
            rules,
        };
        let noise = |index: usize| (index as f32 * 12.9898).sin() * 43_758.547 % 1.0;
        let fault = |row: usize| if (600..700).contains(&row) { 7.0 } else { 0.0 };
        let came = |row: usize| [20.0 + noise(2 * row) + fault(row), 5.0 + 0.3 * noise(2 * row + 1)];
        let values: Vec<f32> = (0..1000).flat_map(|row| [came(row)[0] - 20.0, came(row)[1] - 5.0]).collect();
        let residuals = Residuals { first: 0, steps: 3, targets: 2, values };
        let desk = watch(&calibrated, &residuals, 0..1000);

        let mut monitor = Monitor::new(&parameters);
        for (row, verdict) in desk.iter().enumerate() {
            if monitor.needs_forecast() {
                monitor.expect(&[[20.0; 5], [5.0; 5]]).unwrap();
            }
            assert_eq!(monitor.observe(&came(row)).as_ref(), Ok(verdict), "row {row}");
        }
        let raised: Vec<usize> = (0..1000).filter(|row| desk[*row].alarm == Alarm::Raised).collect();
        assert!(raised.len() == 1 && (600..610).contains(&raised[0]), "{raised:?}");
    }
}
