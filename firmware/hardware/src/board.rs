//! What a board gives.

use core::fmt;

use crate::SensorError;

/// Clock, thermometer and console of a board.
pub trait Board: fmt::Write {
    /// Its name, as `rnn deploy` knows it.
    const NAME: &'static str;

    /// Microseconds since some moment before the first call. Never goes back, never wraps.
    fn now(&mut self) -> u64;

    /// Called over and over while nothing is to be done, for instance to serve USB. The watchdog is fed here: what never
    /// comes back to its waiting is reset.
    fn idle(&mut self);

    /// Degrees Celsius.
    fn temperature(&mut self) -> Result<f32, SensorError>;

    /// Where temperatures come from, for people.
    fn sensor(&self) -> &'static str;

    /// Milliseconds without [`idle`](Self::idle) after which the watchdog resets the board; `None` where it has none.
    fn watchdog(&self) -> Option<u32>;

    /// Whether somebody has just begun to listen, who missed what was said before. A console that cannot know says no.
    fn someone_came(&mut self) -> bool {
        false
    }
}
