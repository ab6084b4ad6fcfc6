//! What training minimizes: the mean over windows and outputs of an error's cost, with its gradient. As PyTorch's `mse_loss`,
//! `l1_loss` and `huber_loss`, and the pinball loss of quantiles (Koenker & Bassett 1978; the sum over levels of Wen et al., arXiv
//! 1711.11053): of the error `e = forecast - actual` and a level τ, `|e|/2 + (1/2 - τ) e`, that is `(1 - τ) e` above and `-τ e` below.
//!
//! Under the pinball loss predictions are `[B][K][Z][Q]`, all quantiles of one value side by side, and targets repeat each value Q times.

use super::cross_entropy;
use crate::config::{Loss, Training};
use crate::network::Real;

/// A loss with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    loss: Loss,
    delta: f64,
    /// Levels of the pinball loss.
    quantiles: Vec<f64>,
    /// Outputs of a window: the cross-entropy's classes.
    outputs: usize,
}

impl Objective {
    /// The loss that the settings ask for, of a network with so many outputs.
    pub fn new(settings: &Training, outputs: usize) -> Self {
        Objective { loss: settings.loss, delta: settings.delta, quantiles: settings.quantiles.clone(), outputs }
    }

    /// The mean over all predictions, or over windows if it is of classes.
    pub fn value<R: Real>(&self, predictions: &[R], targets: &[R]) -> f64 {
        assert_eq!(predictions.len(), targets.len());
        if self.loss == Loss::CrossEntropy {
            return cross_entropy::value(self.outputs, predictions, targets);
        }
        let costs = predictions.iter().zip(targets).enumerate().map(|(k, (&y, &target))| self.cost(k, (y - target).to_f64()));
        costs.sum::<f64>() / predictions.len() as f64
    }

    /// The same, and its gradients with respect to the predictions.
    pub fn gradient<R: Real>(&self, predictions: &[R], targets: &[R], gradients: &mut [R]) -> f64 {
        assert_eq!(predictions.len(), gradients.len());
        if self.loss == Loss::CrossEntropy {
            cross_entropy::gradient(self.outputs, predictions, targets, gradients);
            return self.value(predictions, targets);
        }
        let scale = 1.0 / predictions.len() as f64;
        for (k, ((gradient, &y), &target)) in gradients.iter_mut().zip(predictions).zip(targets).enumerate() {
            *gradient = R::from_f64(scale * self.slope(k, (y - target).to_f64()));
        }
        self.value(predictions, targets)
    }

    /// The level of an output, less a half.
    fn tilt(&self, output: usize) -> f64 {
        // Without levels, which no configuration asks for, all are medians.
        self.quantiles.get(output % self.quantiles.len().max(1)).map_or(0.0, |level| level - 0.5)
    }

    fn cost(&self, output: usize, error: f64) -> f64 {
        match self.loss {
            Loss::Mse => error * error,
            Loss::Mae => error.abs(),
            Loss::Huber if error.abs() <= self.delta => 0.5 * error * error,
            Loss::Huber => self.delta * (error.abs() - 0.5 * self.delta),
            Loss::Pinball => 0.5 * error.abs() - self.tilt(output) * error,
            // Of windows, not of outputs: it has functions of its own.
            Loss::CrossEntropy => f64::NAN,
        }
    }

    fn slope(&self, output: usize, error: f64) -> f64 {
        match self.loss {
            Loss::Mse => 2.0 * error,
            Loss::Mae | Loss::Pinball if error == 0.0 => 0.0,
            // A NaN stays one, where `signum` and comparisons would hide it.
            Loss::Mae => error / error.abs(),
            Loss::Huber if error.abs() <= self.delta => error,
            Loss::Huber => self.delta * (error / error.abs()),
            Loss::Pinball => 0.5 * (error / error.abs()) - self.tilt(output),
            // Of windows, not of outputs: it has functions of its own.
            Loss::CrossEntropy => f64::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOSSES: [Loss; 4] = [Loss::Mse, Loss::Mae, Loss::Huber, Loss::Pinball];

    fn objective(loss: Loss) -> Objective {
        Objective { loss, delta: 0.5, quantiles: vec![0.1, 0.5, 0.9], outputs: 3 }
    }

    #[test]
    fn values() {
        let (predictions, targets) = ([1.0, 2.0, -1.0], [1.25, 0.0, -1.0]);
        let values = LOSSES.map(|loss| objective(loss).value(&predictions, &targets));
        assert_eq!(values[..3], [(0.0625 + 4.0) / 3.0, 2.25 / 3.0, (0.03125 + 0.5 * 1.75) / 3.0]);
        // 0.25 too little at level 0.1, 2 too much at the median.
        assert!((values[3] - (0.1 * 0.25 + 0.5 * 2.0) / 3.0).abs() < 1e-15);
    }

    #[test]
    fn gradients_match_differences() {
        let targets = [0.1, -0.4, 2.0, 0.3];
        let predictions = [0.3f64, 0.9, -1.0, 0.25];
        for loss in LOSSES {
            let mut gradients = [0.0; 4];
            let value = objective(loss).gradient(&predictions, &targets, &mut gradients);
            assert_eq!(value, objective(loss).value(&predictions, &targets));
            for (k, gradient) in gradients.iter().enumerate() {
                let at = |offset: f64| {
                    let mut moved = predictions;
                    moved[k] += offset;
                    objective(loss).value(&moved, &targets)
                };
                let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!((gradient - numeric).abs() < 1e-9, "{loss:?} {k}: {gradient} {numeric}");
            }
        }
    }

    /// The definition, `max(τ u, (τ - 1) u)` of `u = actual - forecast`, written down on its own; and the gradient by differences, for
    /// several windows, values and levels.
    #[test]
    fn the_pinball_loss_is_its_definition_and_its_gradient_matches_differences() {
        let levels = [0.05, 0.3, 0.5, 0.7, 0.95];
        let objective = Objective { loss: Loss::Pinball, delta: 1.0, quantiles: levels.to_vec(), outputs: 60 };
        let values = 12;
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        let came: Vec<f64> = (0..values).map(|_| next()).collect();
        let targets: Vec<f64> = came.iter().flat_map(|value| [*value; 5]).collect();
        let predictions: Vec<f64> = targets.iter().map(|_| next()).collect();
        let defined = |predictions: &[f64]| {
            let cost = |(k, y): (usize, &f64)| {
                let (level, under) = (levels[k % 5], came[k / 5] - y);
                (level * under).max((level - 1.0) * under)
            };
            predictions.iter().enumerate().map(cost).sum::<f64>() / predictions.len() as f64
        };
        let mut gradients = vec![0.0; targets.len()];
        let value = objective.gradient(&predictions, &targets, &mut gradients);
        assert!((value - defined(&predictions)).abs() < 1e-15);
        for (k, gradient) in gradients.iter().enumerate() {
            assert!((predictions[k] - targets[k]).abs() > 1e-5, "away from the kink");
            let at = |offset: f64| {
                let mut moved = predictions.clone();
                moved[k] += offset;
                defined(&moved)
            };
            assert!((gradient - (at(1e-6) - at(-1e-6)) / 2e-6).abs() < 1e-9, "{k}");
        }
    }

    /// The constant with the least pinball loss is the sample's quantile.
    #[test]
    fn the_least_pinball_loss_is_at_the_quantile() {
        let came: Vec<f64> = (0..=100).map(f64::from).collect();
        for level in [0.1, 0.5, 0.9] {
            let objective = Objective { loss: Loss::Pinball, delta: 1.0, quantiles: vec![level], outputs: 1 };
            let loss = |constant: i32| objective.value(&vec![f64::from(constant); came.len()], &came);
            let best = (0..=100).min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap();
            assert_eq!(f64::from(best), 100.0 * level);
        }
    }

    #[test]
    fn no_error_no_gradient_and_not_a_number_is_never_hidden() {
        for loss in LOSSES {
            let mut gradients = [9.0f32; 2];
            assert!(objective(loss).gradient(&[1.0, f32::NAN], &[1.0, 0.0], &mut gradients).is_nan());
            assert_eq!(gradients[0], 0.0);
            assert!(gradients[1].is_nan());
        }
    }
}
