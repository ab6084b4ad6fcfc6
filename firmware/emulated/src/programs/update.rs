//! Serves a desk, and takes new models from it: two slots and a journal in flash that is RAM here.

use embedded_io::{Read, Write};
use embedded_rnn_app::{Ended, Updating};
use embedded_rnn_update::{Refused, Store};

use super::serve::{answer, finish};
use crate::{
    IMAGE, end,
    memory_flash::{MemoryFlash, SECTOR},
    model::Model,
};

/// Bytes of a slot.
const SLOT: usize = 16 * SECTOR;

/// Binds a file and runs its own test.
fn check(file: &[u8]) -> Result<u32, Refused> {
    let model = Model::load(file)?;
    model.self_test()?;
    Ok(model.digest())
}

/// Runs it until the desk ends it.
pub fn run(port: impl Read + Write + Clone) -> ! {
    let slots = [MemoryFlash::<SLOT>::holding(IMAGE), MemoryFlash::holding(&[])];
    let Ok(mut store) = Store::new(slots, MemoryFlash::<{ 2 * SECTOR }>::holding(&[])) else {
        defmt::error!("the flash in RAM does not serve");
        end::fail();
    };
    loop {
        let ended = match store.open(check) {
            Ok(opened) => match opened.active.map(|active| (active.bytes, Model::load(active.bytes))) {
                Some((file, Ok(model))) => answer(model.forecaster(), file, Updating::new(opened.spare, check), port.clone()),
                _ => {
                    defmt::error!("no slot holds a whole model");
                    end::fail();
                }
            },
            Err(_) => {
                defmt::error!("the journal cannot be read");
                end::fail();
            }
        };
        // The old model was given up above; the next round finds the new one.
        if ended != Ended::Model {
            finish(ended);
        }
    }
}
