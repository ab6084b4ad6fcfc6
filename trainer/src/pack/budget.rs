//! What a model costs on a board, known before it is flashed.

use embedded_rnn::image::{Arithmetic, Layout, Manifest, Mode};
use embedded_rnn::network::{CellForm, HeadForm, ZoneoutForm};
use serde::Serialize;

use super::writer::head_outputs;

/// What a model costs on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Bytes of the model file, which is read in place.
    pub flash_bytes: usize,
    /// Bytes of one sensor's history, which stay; of a stream the samples that wait for the next step.
    pub history_bytes: usize,
    /// Bytes of the network's state and scratch: on the stack while a forecast runs; of a stream the state stays.
    pub state_bytes: usize,
    /// Both.
    pub ram_bytes: usize,
    /// Multiply-accumulates of one network step.
    pub macs_per_step: usize,
    /// Network steps of a forecast; of a stream those of a new one.
    pub steps: usize,
    /// Multiply-accumulates of a forecast.
    pub macs: usize,
}

/// The budget of a file of `flash_bytes`. `layers`: inputs, units and form of each LSTM layer; `head`: the head's form; `levels`: of its
/// quantiles, none where it has none; `skip`: the rank of a linear skip, 0 where there is none.
pub fn budget(
    manifest: &Manifest<'_>,
    layers: &[(usize, usize, CellForm)],
    head: HeadForm,
    levels: &[f32],
    skip: usize,
    flash_bytes: usize,
) -> Budget {
    let window = &manifest.window;
    let [features, lookback, patch] = [window.features, window.lookback, window.patch].map(usize::from);
    let (activation, cell, wide) = match manifest.arithmetic {
        Arithmetic::Int8 { .. } => (2, 4, 4),
        Arithmetic::Int8Cell16 { .. } => (2, 2, 4),
        _ => (4, 4, 0),
    };
    let padding = if manifest.layout == Layout::RowMajor { 7 } else { 3 };
    // As the device crate's LstmState: a joint buffer with its padding, aligned to 8; c; the wide h where it is blended.
    let state = |(inputs, hidden, form): &(usize, usize, CellForm)| {
        let joint = ((inputs + hidden + padding) * activation).next_multiple_of(8);
        let wide = if form.zoneout == ZoneoutForm::Both { wide * hidden } else { 0 };
        (joint + cell * hidden + wide).next_multiple_of(8)
    };
    let outputs = head_outputs(manifest, levels.len().max(1));
    // While a layer steps: its new h, and rows of four 32-bit pre-activations that wait for layer norm's statistics.
    let scratch = |(_, hidden, form): &(usize, usize, CellForm)| hidden * (activation + 16 * form.scratch_rows());
    let largest_scratch = layers.iter().map(scratch).max().unwrap_or(0);
    // As the device crate's SkipState: sums and a count of steps, beside a state that is aligned to 8.
    let skip_state = if skip > 0 { (4 * skip + 4).next_multiple_of(8) } else { 0 };
    let state_bytes = layers.iter().map(state).sum::<usize>() + skip_state + largest_scratch + 4 * outputs;
    let (history_bytes, steps) = match window.mode {
        // The ring's position and fill, and the model's reference.
        Mode::Windowed => (lookback * features * 4 + 12, (lookback - window.normalization.season().min(lookback)) / patch.max(1)),
        // Those of the next step and the last one before them; counts of steps, samples and clamped inputs, and the model's reference.
        Mode::Streaming { .. } => ((patch + 1) * features * 4 + 16, 1),
    };
    let lstm: usize = layers.iter().map(|(inputs, hidden, _)| 4 * hidden * (inputs + hidden)).sum();
    let macs_per_step = lstm + skip * features * patch;
    // A norm before the head squares each unit.
    let rows = outputs + usize::from(head == HeadForm::Norm);
    let head = layers.last().map_or(0, |(_, hidden, _)| hidden * rows) + skip * outputs;
    Budget {
        flash_bytes,
        history_bytes,
        state_bytes,
        ram_bytes: history_bytes + state_bytes,
        macs_per_step,
        steps,
        macs: macs_per_step * steps + head,
    }
}
