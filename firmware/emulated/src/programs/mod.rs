//! The programs, the same for every board.

pub mod bare;
pub mod battery;
pub mod bench;
pub mod demo;
pub mod panic;
pub mod selftest;
#[cfg(not(classifier))]
pub mod serve;
#[cfg(not(classifier))]
pub mod thermometer;
#[cfg(not(classifier))]
pub mod update;

#[cfg(not(classifier))]
use embedded_rnn::Image;
#[cfg(not(classifier))]
use embedded_rnn_app::Identity;

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

/// What a forecaster's file says of itself that its type does not, or the end of the program.
#[cfg(not(classifier))]
fn identity(file: &[u8]) -> Identity {
    match Image::open(file) {
        Ok(image) => {
            Identity { digest: image.digest, interval: image.manifest.series.interval, lookback: image.manifest.window.lookback }
        }
        Err(error) => {
            defmt::error!("the model file is refused: {}", error);
            end::fail();
        }
    }
}
