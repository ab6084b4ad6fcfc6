//! The progress bar of a training: on stderr, if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// One bar over all steps; indicatif hides it where stderr is not a terminal.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub fn new() -> Self {
        let bar = ProgressBar::new(1);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {percent:>3} %  {msg}  {eta} left") {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Progress { bar }
    }

    /// Moves the bar.
    pub fn set(&self, step: u64, total: u64, message: String) {
        if !self.bar.is_hidden() {
            self.bar.set_length(total);
            self.bar.set_message(message);
            self.bar.set_position(step);
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
