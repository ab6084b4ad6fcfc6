//! The programs, the same for every board.

pub mod bare;
pub mod battery;
pub mod bench;
pub mod demo;
pub mod selftest;

use crate::{IMAGE, end, model::Model};

/// The linked model, or the end of the program.
fn load() -> Model<'static> {
    match Model::load(IMAGE) {
        Ok(model) => model,
        Err(error) => {
            defmt::error!("the linked model file is refused: {}", error);
            end::fail();
        }
    }
}
