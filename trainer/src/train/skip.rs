//! Training beside a linear skip: the network learns what the skip leaves.
//!
//! The skip is frozen, so that its forecasts are taken from the targets where windows are made, after amplitude augmentation. The head
//! starts at zero and the skip alone counts as epoch 0: training begins at the skip's validation error and never ends above it. At the end
//! the network's part is scaled by the share of it that is best on validation.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::batches::Windows;
use super::checkpoint::{Best, State};
use super::fit::{Task, evaluate};
use crate::error::Result;
use crate::network::Params;
use crate::network::plain::PlainNetwork;
use crate::network::skip::PlainSkip;

/// Shares of the network's part that are tried at the end.
const SHARES: [f64; 5] = [1.0, 0.75, 0.5, 0.25, 0.0];

/// A skip beside a network, as a run keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// The skip that the network is trained beside.
    pub skip: PlainSkip,
    /// The skip that takes its place when the network is trained, where one does.
    pub refitted: Option<PlainSkip>,
    /// The share of the network's output that is added; 1 until training has ended.
    pub share: f64,
}

impl Skipped {
    /// A trained network with its skip, its head scaled.
    pub fn around(&self, network: PlainNetwork) -> PlainNetwork {
        PlainNetwork { skip: Some(self.refitted.as_ref().unwrap_or(&self.skip).clone()), ..scaled(network, self.share) }
    }
}

fn scaled(mut network: PlainNetwork, share: f64) -> PlainNetwork {
    network.head.w.iter_mut().chain(&mut network.head.b).for_each(|value| *value *= share);
    network
}

/// Windows whose targets are what a skip leaves, each as often as the network has outputs for it.
pub struct Residual<'a> {
    /// Where windows come from.
    pub windows: &'a dyn Windows,
    /// What is taken from their targets; nothing where there is no skip.
    pub skip: Option<&'a PlainSkip>,
    /// Quantiles of each value, side by side; 1 where there are none.
    pub quantiles: usize,
}

impl Windows for Residual<'_> {
    fn count(&self) -> usize {
        self.windows.count()
    }

    fn streams(&self) -> Option<usize> {
        self.windows.streams()
    }

    fn is_fresh(&self, epoch: usize, window: usize) -> bool {
        self.windows.is_fresh(epoch, window)
    }

    fn counted(&self, window: usize) -> Range<usize> {
        self.windows.counted(window)
    }

    fn fill(&self, epoch: usize, windows: &[usize], inputs: &mut [f32], targets: &mut [f32]) {
        if self.quantiles == 1 {
            self.windows.fill(epoch, windows, inputs, targets);
        } else {
            let mut values = vec![0.0; targets.len() / self.quantiles];
            self.windows.fill(epoch, windows, inputs, &mut values);
            targets.chunks_exact_mut(self.quantiles).zip(&values).for_each(|(quantiles, value)| quantiles.fill(*value));
        }
        let Some(skip) = self.skip else { return };
        let mut x = Vec::with_capacity(skip.inputs);
        for (input, target) in inputs.chunks_exact(skip.inputs).zip(targets.chunks_exact_mut(skip.outputs)) {
            x.clear();
            x.extend(input.iter().map(|value| f64::from(*value)));
            for (target, said) in target.iter_mut().zip(skip.forecast(&x)) {
                *target = (f64::from(*target) - said) as f32;
            }
        }
    }
}

/// A fresh training beside a skip, its head at zero; the skip alone is the best so far. The task's windows are [`Residual`]s.
pub fn start(task: &Task<'_>, seed: u64) -> Result<State> {
    let silent = scaled(State::new(task.shape, seed).params.to_plain(), 0.0);
    let mut state = State::from_params(Params::from_plain(&silent));
    let loss = evaluate(task, &state.params)?;
    state.best = Some(Best { epoch: 0, loss, params: state.params.clone() });
    Ok(state)
}

/// The share of a trained network's output that has the smallest validation loss, and that loss.
pub fn best_share(task: &Task<'_>, params: &Params<f32>) -> Result<(f64, f64)> {
    let network = params.to_plain();
    let mut best = (1.0, f64::INFINITY);
    for share in SHARES {
        let loss = evaluate(task, &Params::from_plain(&scaled(network.clone(), share)))?;
        if loss < best.1 {
            best = (share, loss);
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Loss, Network, Normalization, Split, Training};
    use crate::data::testing::{synthetic, window};
    use crate::data::{Augmented, Dataset, Part, amplitude_factor};
    use crate::linear::fit_skip;
    use crate::network::Shape;
    use crate::regularize::settings::Regularization;
    use crate::train::fit;

    fn dataset() -> Dataset {
        let noise = |row: usize| amplitude_factor(1.0, 5, 0, row).ln();
        let series = synthetic(300, 1, 1, move |row, _| {
            ((row as f64 * 0.7).sin() + 0.5 * (row as f64 * 0.7).sin().powi(3) + 0.2 * noise(row)) as f32
        });
        Dataset::new(series, &window(8, 2, 3, Normalization::Last), &Split::default()).unwrap()
    }

    #[test]
    fn targets_are_what_the_skip_leaves_of_augmented_windows() {
        let dataset = dataset();
        let skip = fit_skip(&dataset, &Network::default()).unwrap().skip;
        let source = Augmented { windows: dataset.windows(Part::Training), amplitude: 0.3, seed: 9 };
        let residual = Residual { windows: &source, skip: Some(&skip), quantiles: 1 };
        assert_eq!(residual.count(), source.windows.len());
        let indices = [5, 0, 11];
        let (mut x, mut y) = (vec![0.0; 24], vec![0.0; 9]);
        let (mut inputs, mut targets) = (x.clone(), y.clone());
        source.fill(4, &indices, &mut x, &mut y);
        residual.fill(4, &indices, &mut inputs, &mut targets);
        assert_eq!(inputs, x);
        for window in 0..3 {
            let said = skip.forecast(&x[8 * window..][..8].iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
            for k in 0..3 {
                let expected = f64::from(y[3 * window + k]) - said[k];
                assert!((f64::from(targets[3 * window + k]) - expected).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn every_quantile_of_a_value_has_the_same_target() {
        let dataset = dataset();
        let skip = fit_skip(&dataset, &Network::default()).unwrap().skip;
        let source = Augmented { windows: dataset.windows(Part::Training), amplitude: 0.3, seed: 9 };
        let repeated = skip.repeated(3);
        let (mut inputs, mut point, mut targets) = (vec![0.0; 16], vec![0.0; 6], vec![0.0; 18]);
        for (one, three) in [(None, None), (Some(&skip), Some(&repeated))] {
            Residual { windows: &source, skip: one, quantiles: 1 }.fill(2, &[7, 3], &mut inputs, &mut point);
            Residual { windows: &source, skip: three, quantiles: 3 }.fill(2, &[7, 3], &mut inputs, &mut targets);
            assert!(targets.iter().enumerate().all(|(k, target)| *target == point[k / 3]));
        }
    }

    #[test]
    fn training_begins_at_the_skips_error_and_never_ends_above_it() {
        let dataset = dataset();
        let fitted = fit_skip(&dataset, &Network::default()).unwrap();
        let shape = Shape { inputs: 2, hidden: vec![8], outputs: 3, norm: None, head_norm: None };
        let windows = |part| Augmented { windows: dataset.windows(part), amplitude: 0.0, seed: 1 };
        let (train, validation) = (windows(Part::Training), windows(Part::Validation));
        let train = Residual { windows: &train, skip: Some(&fitted.skip), quantiles: 1 };
        let validation = Residual { windows: &validation, skip: Some(&fitted.skip), quantiles: 1 };
        for learning_rate in [1e-2, 3.0] {
            let training = Training { loss: Loss::Mse, epochs: 4, batch: 32, learning_rate, ..Training::default() };
            let regularization = Regularization::default();
            let task = Task {
                shape: &shape,
                steps: 4,
                regularization: &regularization,
                training: &training,
                train: &train,
                validation: &validation,
                threads: None,
            };
            let state = start(&task, 1).unwrap();
            let begun = state.best.as_ref().unwrap().loss;
            assert!((begun - fitted.error).abs() < 1e-6, "{begun} {}", fitted.error);
            let outcome = fit(&task, state, None, &mut ()).unwrap();
            let (share, loss) = best_share(&task, &outcome.best.params).unwrap();
            assert!(loss <= outcome.best.loss * (1.0 + 1e-12) && outcome.best.loss <= begun, "{share} {loss} {begun}");
            assert!(SHARES.contains(&share));
        }
    }
}
