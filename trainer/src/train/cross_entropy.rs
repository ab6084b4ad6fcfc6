//! The cross-entropy of a softmax: of a window with logits y and class k, `-ln(exp(y_k) / sum exp(y)) = ln sum exp(y) - y_k`, with the largest
//! logit taken out of the sum so that no exponential overflows. Its gradient is the probabilities, less 1 at the class.
//!
//! Targets are one-hot, or the window's weight in place of the 1; the mean is over windows, whatever they weigh.

use crate::network::Real;

/// m, the largest of a window's logits, and `ln sum exp(y - m)`: apart, for their sum would lose what is small beside m.
fn log_sum<R: Real>(logits: &[R]) -> [f64; 2] {
    let most = logits.iter().map(|logit| logit.to_f64()).fold(f64::NEG_INFINITY, f64::max);
    // Not a number stays one: it is in the sum.
    [most, libm::log(logits.iter().map(|logit| libm::exp(logit.to_f64() - most)).sum())]
}

/// The mean over windows. `logits`, `targets`: `[B][classes]`.
pub(super) fn value<R: Real>(classes: usize, logits: &[R], targets: &[R]) -> f64 {
    let windows = logits.chunks_exact(classes).zip(targets.chunks_exact(classes));
    let cost = |(logits, targets): (&[R], &[R])| {
        let [most, log] = log_sum(logits);
        let of_class = |(logit, target): (&R, &R)| match target.to_f64() {
            0.0 => 0.0,
            weight => weight * (log - (logit.to_f64() - most)),
        };
        // A logit that is not a number must not hide behind a target of zero.
        logits.iter().zip(targets).map(of_class).sum::<f64>() + 0.0 * log
    };
    windows.map(cost).sum::<f64>() / (logits.len() / classes) as f64
}

/// Its gradients.
pub(super) fn gradient<R: Real>(classes: usize, logits: &[R], targets: &[R], gradients: &mut [R]) {
    let scale = 1.0 / (logits.len() / classes) as f64;
    let windows = logits.chunks_exact(classes).zip(targets.chunks_exact(classes)).zip(gradients.chunks_exact_mut(classes));
    for ((logits, targets), gradients) in windows {
        let [most, log] = log_sum(logits);
        let weight: f64 = targets.iter().map(|target| target.to_f64()).sum();
        for ((gradient, logit), target) in gradients.iter_mut().zip(logits).zip(targets) {
            let probability = libm::exp(logit.to_f64() - most - log);
            *gradient = R::from_f64(scale * (weight * probability - target.to_f64()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_definitions() {
        // ln 3 for equal logits, whatever they are; nearly nothing for a certain one; its distance for a certain mistake.
        for logit in [0.0, 1e3, -1e300] {
            assert!((value(3, &[logit; 3], &[0.0, 1.0, 0.0]) - 3f64.ln()).abs() < 1e-15);
        }
        assert_eq!(value(2, &[800.0, 0.0], &[1.0, 0.0]), 0.0);
        assert_eq!(value(2, &[800.0, 0.0], &[0.0, 1.0]), 800.0);
        assert_eq!(value(2, &[0.0, 0.0, 800.0, 0.0], &[0.0, 3.0, 0.0, 0.5]), (3.0 * 2f64.ln() + 400.0) / 2.0);
        for broken in [f64::NAN, f64::INFINITY] {
            assert!(!value(2, &[broken, 1.0], &[0.0, 1.0]).is_finite());
        }
    }

    #[test]
    fn gradients_match_differences() {
        let logits = [0.3, -1.2, 2.5, 7.0, 7.5, -20.0, 0.0, 0.1, 0.2];
        let targets = [0.0, 1.0, 0.0, 2.5, 0.0, 0.0, 0.0, 0.0, 0.4];
        let mut gradients = [0.0f64; 9];
        gradient(3, &logits, &targets, &mut gradients);
        for (k, gradient) in gradients.iter().enumerate() {
            let at = |offset: f64| {
                let mut moved = logits;
                moved[k] += offset;
                value(3, &moved, &targets)
            };
            assert!((gradient - (at(1e-5) - at(-1e-5)) / 2e-5).abs() < 1e-9, "{k}");
        }
        // What one class gains, others lose.
        assert!(gradients.chunks_exact(3).all(|window| window.iter().sum::<f64>().abs() < 1e-15));
    }
}
