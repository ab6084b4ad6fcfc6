//! Runs the model file's own test vector and one held-back window; the exit status is the verdict.

use embedded_rnn_app::Source as _;

use super::load;
use crate::{bits::Bits, end, held_back};

/// Runs it to its end.
pub fn run() -> ! {
    let model = load();
    if let Err(error) = model.self_test() {
        defmt::error!("the model file's own vector fails: {}", error);
        end::fail();
    }
    defmt::info!("vector passed");

    let mut forecaster = model.forecaster();
    let mut window = held_back::window();
    while let Some(Ok(sample)) = window.sample() {
        if let Err(error) = forecaster.push(&sample) {
            defmt::error!("a sample of the held-back window is refused: {}", error);
            end::fail();
        }
    }
    match forecaster.quantiles() {
        Ok(forecast) => forecast.bits(|bits| {
            if bits.len() != held_back::expected().count() {
                defmt::error!("the host's forecast has other values than the model's {=usize}", bits.len());
                end::fail();
            }
            for (index, (&found, expected)) in bits.iter().zip(held_back::expected()).enumerate() {
                if found != expected {
                    defmt::error!("window value {=usize}: expected {=u32:#010x}, found {=u32:#010x}", index, expected, found);
                    end::fail();
                }
            }
        }),
        Err(error) => {
            defmt::error!("a whole window does not suffice for a forecast: {}", error);
            end::fail();
        }
    }
    defmt::info!("window passed");
    end::succeed()
}
