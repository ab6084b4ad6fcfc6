//! What the networks take on an emulated board: measured once for each distinct shape and cell form, and kept.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::plan::Plan;
use super::record::{DeviceCost, Fate};
use super::store::{Store, read, write};
use crate::deploy::{Missing, Stop};
use crate::error::Result;

/// What a forecast takes on a board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardCost {
    /// The board's name.
    pub board: String,
    /// Executed instructions of one step of the network, transforms and head included.
    pub instructions_per_step: u64,
    /// Executed instructions of a forecast.
    pub instructions_per_forecast: u64,
    /// Peak stack of a forecast.
    pub stack_bytes: u64,
    /// Forecasts compared with the host's, all of them bit-identical.
    pub compared: usize,
}

/// What of a network decides its cost on a board: shapes, cell forms, window, and the program that builds the firmware.
fn key(plan: &Plan<'_>, board: &str, device: &DeviceCost) -> String {
    let window = plan.dataset.window();
    let sizes = [window.lookback, window.patch, plan.dataset.features(), plan.dataset.outputs()];
    let passes = (window.transform, window.normalization);
    let text = format!("{} {sizes:?} {passes:?} {:?} {}", env!("CARGO_PKG_VERSION"), device.layers, device.head);
    let digest: String = Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{board}-{digest}")
}

/// A cost that was measured before.
pub(super) fn known(plan: &Plan<'_>, store: &Store, board: &str, device: &DeviceCost) -> Result<Option<BoardCost>> {
    read(&store.board(&key(plan, board, device)))
}

/// Measures, through `run`, every distinct network of which a model file is there and whose cost is not known yet. Where the machine
/// lacks the emulator or the target, that is what comes back.
pub fn measure_boards(
    plan: &Plan<'_>,
    store: &Store,
    board: &str,
    run: &mut dyn FnMut(&Path) -> std::result::Result<BoardCost, Stop>,
) -> Result<Option<Missing>> {
    for planned in plan.runs.iter().filter(|run| run.seed == 0) {
        let Some(record) = store.load(planned)? else { continue };
        let Fate::Trained(trained) = record.outcome else { continue };
        let Some(device) = &trained.device else { continue };
        let model = store.model(&device.model);
        if !model.exists() || known(plan, store, board, device)?.is_some() {
            continue;
        }
        match run(&model) {
            Ok(cost) => write(&store.board(&key(plan, board, device)), &cost)?,
            Err(Stop::Missing(missing)) => return Ok(Some(missing)),
            Err(Stop::Error(error)) => return Err(error),
        }
    }
    Ok(None)
}
