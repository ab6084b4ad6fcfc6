//! The Rust lines that hold a monitor's parameters, for the firmware.

use std::fmt::Write;

use super::Calibrated;

/// The module that `rnn monitor` writes. Floats are written with as many digits as bring their bits back.
pub fn snippet(calibrated: &Calibrated, model_name: &str, rate: f64) -> String {
    let Calibrated { model, scale, floor, rules } = calibrated;
    let alarm = &rules.alarm;
    let steps = scale.first().map_or(0, Vec::len);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "// Written by `rnn monitor` for {model_name}; calibrated on validation rows for {rate} false alarms per 1000 samples.\n\
         \n\
         use embedded_rnn::monitor::{{Hysteresis, MonitorParameters, Rules}};\n\
         \n\
         /// Samples between forecasts.\n\
         pub const STEPS: usize = {steps};\n\
         \n\
         /// What `embedded_rnn::Monitor::new` is told.\n\
         pub const MONITOR: MonitorParameters<{}, STEPS> = MonitorParameters {{\n    \
             model: {model:#010x},\n    \
             scale: {scale:?},\n    \
             floor: {floor:?},\n    \
             rules: Rules {{\n        \
                 warm_up: {},\n        \
                 adaption: {:?},\n        \
                 alarm_adaption: {:?},\n        \
                 clip: {:?},\n        \
                 limit: {:?},\n        \
                 smoothing: {:?},\n        \
                 alarm: Hysteresis {{ on: {:?}, off: {:?}, raise_after: {}, clear_after: {} }},\n    \
             }},\n\
         }};\n\
         const _: () = assert!(MONITOR.is_sound());\n",
        scale.len(),
        rules.warm_up,
        rules.adaption,
        rules.alarm_adaption,
        rules.clip,
        rules.limit,
        rules.smoothing,
        alarm.on,
        alarm.off,
        alarm.raise_after,
        alarm.clear_after,
    );
    text
}

#[cfg(test)]
mod tests {
    use embedded_rnn::monitor::{Hysteresis, Rules};

    use super::*;

    /// Compiled here as it would be in a firmware.
    mod written {
        include!("snippet_written.rs");
    }

    #[test]
    fn what_is_written_compiles_to_what_was_calibrated() {
        let rules = Rules {
            warm_up: 20,
            adaption: 0.01,
            alarm_adaption: 0.001,
            clip: 3.0,
            limit: 20.0,
            smoothing: 0.2,
            alarm: Hysteresis { on: 4.1234567, off: 2.0617283, raise_after: 1, clear_after: 9 },
        };
        let scale = vec![vec![0.1, 1e-20], vec![1.0 / 3.0, 16_777_216.0]];
        let calibrated = Calibrated { model: 0xabc, scale, floor: vec![1e-21, 0.033_333_335], rules };
        let text = snippet(&calibrated, "pump.rnn", 0.5);
        assert_eq!(text, include_str!("snippet_written.rs"));
        assert_eq!(written::STEPS, 2);
        assert_eq!(written::MONITOR.model, calibrated.model);
        assert_eq!(written::MONITOR.scale.map(Vec::from).to_vec(), calibrated.scale);
        assert_eq!(written::MONITOR.floor.to_vec(), calibrated.floor);
        assert_eq!(written::MONITOR.rules, calibrated.rules);
    }
}
