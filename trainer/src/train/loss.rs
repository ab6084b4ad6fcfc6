//! What training minimizes: the mean over windows and outputs of an error's cost, with its gradient. As PyTorch's `mse_loss`,
//! `l1_loss` and `huber_loss`.

use crate::config::{Loss, Training};
use crate::network::Real;

/// A loss with its parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    loss: Loss,
    delta: f64,
}

impl Objective {
    /// The loss that the settings ask for.
    pub fn new(settings: &Training) -> Self {
        Objective { loss: settings.loss, delta: settings.delta }
    }

    /// The mean over all predictions.
    pub fn value<R: Real>(&self, predictions: &[R], targets: &[R]) -> f64 {
        assert_eq!(predictions.len(), targets.len());
        let costs = predictions.iter().zip(targets).map(|(&y, &target)| self.cost((y - target).to_f64()));
        costs.sum::<f64>() / predictions.len() as f64
    }

    /// The same, and its gradients with respect to the predictions.
    pub fn gradient<R: Real>(&self, predictions: &[R], targets: &[R], gradients: &mut [R]) -> f64 {
        assert_eq!(predictions.len(), gradients.len());
        let scale = 1.0 / predictions.len() as f64;
        for ((gradient, &y), &target) in gradients.iter_mut().zip(predictions).zip(targets) {
            *gradient = R::from_f64(scale * self.slope((y - target).to_f64()));
        }
        self.value(predictions, targets)
    }

    fn cost(&self, error: f64) -> f64 {
        match self.loss {
            Loss::Mse => error * error,
            Loss::Mae => error.abs(),
            Loss::Huber if error.abs() <= self.delta => 0.5 * error * error,
            Loss::Huber => self.delta * (error.abs() - 0.5 * self.delta),
        }
    }

    fn slope(&self, error: f64) -> f64 {
        match self.loss {
            Loss::Mse => 2.0 * error,
            Loss::Mae if error == 0.0 => 0.0,
            // A NaN stays one, where `signum` and comparisons would hide it.
            Loss::Mae => error / error.abs(),
            Loss::Huber if error.abs() <= self.delta => error,
            Loss::Huber => self.delta * (error / error.abs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOSSES: [Loss; 3] = [Loss::Mse, Loss::Mae, Loss::Huber];

    fn objective(loss: Loss) -> Objective {
        Objective { loss, delta: 0.5 }
    }

    #[test]
    fn values() {
        let (predictions, targets) = ([1.0, 2.0, -1.0], [1.25, 0.0, -1.0]);
        let values = LOSSES.map(|loss| objective(loss).value(&predictions, &targets));
        assert_eq!(values, [(0.0625 + 4.0) / 3.0, 2.25 / 3.0, (0.03125 + 0.5 * 1.75) / 3.0]);
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
