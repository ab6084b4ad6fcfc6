//! A model update in the field: two slots in NOR flash, of which one always holds a whole model.
//!
//! A [`Store`] owns both slots and a [`Journal`] that says which is active. [`Store::open`] finds the model to run and splits the store
//! in two: the running model's bytes, borrowed, and the [`Spare`] slot, borrowed mutably. A new model goes to the spare slot in chunks,
//! is tested there with its own test vector, and becomes active by one record in the journal. Power may fail between any two bits of
//! this: what boots next is the old model or the new one, whole.
//!
//! That the running model's slot is never erased is a matter of types: its bytes are borrowed from the store, and the only slot that can be
//! written meanwhile is the other. To write this one too, the model has to be given up first:
//!
//! ```compile_fail,E0499
//! # use embedded_rnn_update::{Slot, Store, Refused};
//! # use embedded_storage::nor_flash::NorFlash;
//! fn update<S: Slot, J: NorFlash<Error = S::Error>>(store: &mut Store<S, J>, check: fn(&[u8]) -> Result<u32, Refused>) {
//!     let running = store.open(check).unwrap();
//!     let again = store.open(check).unwrap(); // the running model is still borrowed ...
//!     let _ = (running.active, again.spare);  // ... and used here
//! }
//! ```
//!
//! A [`Journal`] of its own also keeps small records that are written often: a forecaster's snapshot, to be restored after a reset.
#![no_std]
#![forbid(unsafe_code)]

mod error;
mod journal;
mod refused;
mod slot;
mod spare;
mod store;
mod words;

pub use error::{OpenError, UpdateError};
pub use journal::{Journal, JournalError};
pub use refused::Refused;
pub use slot::Slot;
pub use spare::Spare;
pub use store::{Active, Opened, Store};
