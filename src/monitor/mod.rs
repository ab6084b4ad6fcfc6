//! Watching a machine: how far what came lies from what was forecast, in units of the error that is usual there.
//!
//! A [`Monitor`] is told each forecast, then each sample as it comes. It keeps the usual size of the forecast error for every step ahead,
//! divides the error by it, smooths the quotient over a few samples, and raises an alarm by thresholds with hysteresis. `rnn monitor`
//! calibrates the [`MonitorParameters`] on validation data and writes them as a Rust constant.
//!
//! ```
//! use embedded_rnn::monitor::{Hysteresis, Monitor, MonitorParameters, Rules};
//!
//! // As `rnn monitor` writes it: one target, a forecast every two samples.
//! const MONITOR: MonitorParameters<1, 2> = MonitorParameters {
//!     model: 0x1234_5678,
//!     scale: [[0.5, 0.8]],
//!     floor: [0.05],
//!     rules: Rules {
//!         warm_up: 0,
//!         adaption: 0.01,
//!         alarm_adaption: 0.001,
//!         clip: 3.0,
//!         limit: 20.0,
//!         smoothing: 0.25,
//!         alarm: Hysteresis { on: 4.0, off: 2.0, raise_after: 1, clear_after: 3 },
//!     },
//! };
//! const _: () = assert!(MONITOR.is_sound());
//!
//! let mut monitor = Monitor::new(&MONITOR);
//! for came in [[20.1], [20.4], [26.0], [27.5], [29.0]] {
//!     if monitor.needs_forecast() {
//!         monitor.expect(&[[20.0, 20.0, 20.0]])?; // what a forecaster of this sensor gives: two steps of three are used
//!     }
//!     let verdict = monitor.observe(&came)?;
//!     if verdict.alarm.is_on() {
//!         // stop the machine; verdict.score says how unusual this sample is, verdict.smoothed the last few
//!     }
//! }
//! assert!(monitor.is_alarmed());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod alarm;
mod error;
mod parameters;
mod rules;
mod watch;

pub use alarm::{Alarm, Hysteresis, Latch};
pub use error::MonitorError;
pub use parameters::MonitorParameters;
pub use rules::{Pulse, Rules, Watched};
pub use watch::{Monitor, Verdict};
