//! What a board gives.

use core::fmt;

use embedded_rnn_app::{Clock, Sensor};

use crate::{Flash, SensorError};

/// Clock, thermometer, serial line, watchdog and flash of a board. What is written as text goes to the serial line.
pub trait Board: fmt::Write {
    /// What erases and writes its flash.
    type Flash: Flash;

    /// Its name, as `rnn deploy` knows it.
    fn name(&self) -> &'static str;

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

    /// Whether somebody has just begun to listen, who missed what was said before. A line that cannot know says no.
    fn someone_came(&mut self) -> bool;

    /// Bytes that have come over the line, as many as there are and fit; 0 if there are none. Does not wait.
    fn receive(&mut self, buffer: &mut [u8]) -> usize;

    /// Sends bytes over the line. What nobody takes is dropped.
    fn send(&mut self, bytes: &[u8]);

    /// Its flash.
    fn flash(&mut self) -> &mut Self::Flash;
}

/// A serial line.
pub trait Console {
    /// Serves the line; called at least every few milliseconds.
    fn poll(&mut self) {}

    /// Whether a program has opened the line since the last call. A line that cannot know says no.
    fn someone_came(&mut self) -> bool {
        false
    }

    /// As [`Board::receive`].
    fn receive(&mut self, buffer: &mut [u8]) -> usize;

    /// As [`Board::send`].
    fn send(&mut self, bytes: &[u8]);
}

/// A watchdog that runs.
pub trait Watchdog {
    /// Puts the reset off.
    fn feed(&mut self);

    /// Milliseconds without feeding after which it resets the board; `None` if it does not run after all.
    fn patience(&self) -> Option<u32>;
}

/// A sensor that people know by a name.
pub trait Named {
    /// What is said of it in the greeting.
    fn name(&self) -> &'static str;
}

/// A board of parts that all run.
pub struct Assembled<C, W, L, T, F> {
    /// Its name, as `rnn deploy` knows it.
    pub name: &'static str,
    /// The clock.
    pub clock: C,
    /// The watchdog.
    pub watchdog: W,
    /// The serial line.
    pub console: L,
    /// The thermometer.
    pub thermometer: T,
    /// What erases and writes flash.
    pub flash: F,
}

impl<C, W, L: Console, T, F> fmt::Write for Assembled<C, W, L, T, F> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.console.send(text.as_bytes());
        Ok(())
    }
}

impl<C, W, L, T, F> Board for Assembled<C, W, L, T, F>
where
    C: Clock,
    W: Watchdog,
    L: Console,
    T: Sensor<Sample = [f32; 1], Error = SensorError> + Named,
    F: Flash,
{
    type Flash = F;

    fn name(&self) -> &'static str {
        self.name
    }

    fn now(&mut self) -> u64 {
        self.clock.microseconds()
    }

    fn idle(&mut self) {
        self.watchdog.feed();
        self.console.poll();
    }

    fn temperature(&mut self) -> Result<f32, SensorError> {
        self.thermometer.read().map(|[degrees]| degrees)
    }

    fn sensor(&self) -> &'static str {
        self.thermometer.name()
    }

    fn watchdog(&self) -> Option<u32> {
        self.watchdog.patience()
    }

    fn someone_came(&mut self) -> bool {
        self.console.someone_came()
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        self.console.receive(buffer)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.console.send(bytes);
    }

    fn flash(&mut self) -> &mut F {
        &mut self.flash
    }
}
