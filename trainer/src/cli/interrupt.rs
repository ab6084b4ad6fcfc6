//! Ctrl-C during a training: the epoch is finished, so that the checkpoint holds all of it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

static ASKED: AtomicBool = AtomicBool::new(false);

/// What shells report for a program that was ended by Ctrl-C.
const ENDED_BY_INTERRUPT: i32 = 130;

/// From now on a first Ctrl-C (or a request to terminate) only asks for an end, and a second one ends the program at once.
pub fn listen() -> Result<()> {
    let handler = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(ENDED_BY_INTERRUPT);
        }
        eprintln!("\nrnn: the training stops after this epoch; press Ctrl-C again to stop it at once");
    };
    ctrlc::set_handler(handler).map_err(|reason| Error::failed(format!("cannot listen for Ctrl-C: {reason}")))
}

/// Whether an end was asked for.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
