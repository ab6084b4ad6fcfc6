//! Errors of a network that is still in training's own arithmetic, on the normalized scale.

use serde::{Deserialize, Serialize};

use crate::data::Windows;
use crate::network::{Mode, Params, Workspace};

/// Windows that are run together.
pub(super) const ROWS: usize = 128;

/// Errors over all windows of a part, all targets and the whole horizon, in units of the training rows' deviation in the transformed
/// domain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// The root of the mean square.
    pub rmse: f64,
    /// The mean square.
    pub mse: f64,
}

impl Errors {
    /// From a mean square.
    pub fn from_mse(mse: f64) -> Self {
        Errors { rmse: mse.sqrt(), mse }
    }
}

/// The errors of the mean network of test time. The workspace has room for [`ROWS`] windows.
pub(super) fn errors(workspace: &mut Workspace<f32>, params: &Params<f32>, windows: &Windows<'_>) -> Errors {
    let (input_len, target_len) = (windows.input_len(), windows.target_len());
    let (mut inputs, mut targets) = (vec![0.0; ROWS * input_len], vec![0.0; ROWS * target_len]);
    let mut sum = 0.0;
    for first in (0..windows.len()).step_by(ROWS) {
        let rows = ROWS.min(windows.len() - first);
        let (inputs, targets) = (&mut inputs[..rows * input_len], &mut targets[..rows * target_len]);
        for (row, (input, target)) in inputs.chunks_exact_mut(input_len).zip(targets.chunks_exact_mut(target_len)).enumerate() {
            windows.input(first + row, input);
            windows.target(first + row, target);
        }
        let predictions = workspace.forward(params, inputs, Mode::Evaluation);
        for (output, (said, came)) in predictions.iter().zip(targets.iter()).enumerate() {
            let unit = windows.unit(first + output / target_len, output % target_len / windows.dataset().window().horizon);
            sum += ((f64::from(*said) - f64::from(*came)) * unit).powi(2);
        }
    }
    Errors::from_mse(sum / (windows.len() * target_len).max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Normalization, Split};
    use crate::data::testing::{synthetic, window};
    use crate::data::{Dataset, Part};
    use crate::network::{Shape, init::initialize};
    use crate::regularize::settings::Regularization;

    #[test]
    fn every_window_counts_once() {
        let series = synthetic(1400, 1, 1, |row, _| ((row * 7) % 23) as f32);
        let dataset = Dataset::new(series, &window(6, 2, 3, Normalization::Last), &Split::default()).unwrap();
        let shape = Shape { inputs: 2, hidden: vec![5], outputs: 3, norm: None, head_norm: None };
        let params = initialize(&shape, 1);
        let mut workspace = Workspace::new(&shape, &Regularization::default(), 3, ROWS);
        // More than one block of rows, and a rest.
        let windows = dataset.windows(Part::Test);
        assert!(windows.len() > ROWS && !windows.len().is_multiple_of(ROWS));
        let mut sum = 0.0;
        for index in 0..windows.len() {
            let (mut input, mut target) = (vec![0.0; 6], vec![0.0; 3]);
            windows.input(index, &mut input);
            windows.target(index, &mut target);
            let said = workspace.forward(&params, &input, Mode::Evaluation);
            sum += said.iter().zip(&target).map(|(y, t)| f64::from(y - t).powi(2)).sum::<f64>();
        }
        let expected = sum / (3 * windows.len()) as f64;
        let found = errors(&mut workspace, &params, &windows);
        assert!((found.mse / expected - 1.0).abs() < 1e-5 && (found.rmse * found.rmse / found.mse - 1.0).abs() < 1e-12);
    }
}
