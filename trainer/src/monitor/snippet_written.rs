// Written by `rnn monitor` for pump.rnn; calibrated on validation rows for 0.5 false alarms per 1000 samples.

use embedded_rnn::monitor::{Hysteresis, MonitorParameters, Rules};

/// Samples between forecasts.
pub const STEPS: usize = 2;

/// What `embedded_rnn::Monitor::new` is told.
pub const MONITOR: MonitorParameters<2, STEPS> = MonitorParameters {
    model: 0x00000abc,
    scale: [[0.1, 1e-20], [0.33333334, 16777216.0]],
    floor: [1e-21, 0.033333335],
    rules: Rules {
        warm_up: 20,
        adaption: 0.01,
        alarm_adaption: 0.001,
        clip: 3.0,
        limit: 20.0,
        smoothing: 0.2,
        alarm: Hysteresis { on: 4.1234565, off: 2.0617282, raise_after: 1, clear_after: 9 },
    },
};
const _: () = assert!(MONITOR.is_sound());
