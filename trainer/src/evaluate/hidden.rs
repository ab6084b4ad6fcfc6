//! Hidden states on the device against the folded network's in `f64`.

use embedded_rnn::image::Arithmetic;

use super::device::DeviceModel;
use crate::fold::FoldedNetwork;
use crate::fold::reference::Reference;

/// The root mean square of errors, relative to the deviation of what they are errors of.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelativeError {
    errors: f64,
    sum: f64,
    squares: f64,
    count: f64,
}

impl RelativeError {
    /// Takes in a value and what it should be.
    pub fn add(&mut self, found: f64, exact: f64) {
        self.errors += (found - exact).powi(2);
        self.sum += exact;
        self.squares += exact * exact;
        self.count += 1.0;
    }

    /// Over all that was taken in.
    pub fn value(&self) -> f64 {
        let variance = (self.squares / self.count - (self.sum / self.count).powi(2)).max(f64::MIN_POSITIVE);
        (self.errors / self.count / variance).sqrt()
    }
}

/// Root mean square error of each layer's h on the device against the folded network, relative to h's deviation. `raw` and `transformed`:
/// the same windows, `[lookback][F]` each.
pub fn hidden_rmse(
    model: &mut DeviceModel<'_>,
    folded: &FoldedNetwork,
    raw: &[Vec<f32>],
    transformed: &[Vec<f64>],
) -> std::result::Result<Vec<f64>, String> {
    let mut errors = vec![RelativeError::default(); folded.layers.len()];
    for (raw, window) in raw.iter().zip(transformed) {
        let mut state = folded.start_of(window);
        let steps = model.hidden_states(raw)?;
        for (x, device) in window.chunks_exact(folded.step_inputs()).zip(steps) {
            folded.step(&mut state, x);
            for (layer, (device, errors)) in device.iter().zip(&mut errors).enumerate() {
                let scale = carried_scale(folded, layer, model.manifest.arithmetic);
                device.iter().zip(folded.hidden(&state, layer)).for_each(|(device, exact)| errors.add(device * scale, exact));
            }
        }
    }
    Ok(errors.iter().map(RelativeError::value).collect())
}

/// What a device's stored h is multiplied by to give h: `f32` files carry `u = h/(1-z_h)`.
fn carried_scale(folded: &FoldedNetwork, layer: usize, arithmetic: Arithmetic) -> f64 {
    match (&folded.layers[layer].zoneout, arithmetic) {
        (Some(zoneout), Arithmetic::F32 { .. }) => 1.0 - zoneout.hidden,
        _ => 1.0,
    }
}
