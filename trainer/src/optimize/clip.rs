//! Clipping by the global norm (Pascanu et al., arXiv 1211.5063, algorithm 1): one factor for all gradients.

use crate::network::lanes::LANES;
use crate::network::{Params, Real};

/// The 2-norm of all gradients. Sixteen partial sums in `f64`, added up in one fixed order.
pub fn norm<R: Real>(gradients: &Params<R>) -> f64 {
    let mut partial = [0.0; LANES];
    for chunk in gradients.values.chunks(LANES) {
        for (sum, value) in partial.iter_mut().zip(chunk) {
            let value = value.to_f64();
            *sum += value * value;
        }
    }
    libm::sqrt(partial.iter().sum())
}

/// Scales the gradients to a norm of at most `limit`, as PyTorch's `clip_grad_norm_`; a limit of 0 leaves them. Returns the norm
/// before.
pub fn clip<R: Real>(gradients: &mut Params<R>, limit: f64) -> f64 {
    let norm = norm(gradients);
    let factor = limit / (norm + 1e-6);
    if limit > 0.0 && factor < 1.0 {
        let factor = R::from_f64(factor);
        for value in &mut gradients.values {
            *value = *value * factor;
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Shape;

    fn gradients() -> Params<f64> {
        let mut gradients = Params::zeros(&Shape { inputs: 1, hidden: vec![3], outputs: 2, norm: None, head_norm: None });
        gradients.values[0] = 3.0;
        gradients.values[40] = -4.0;
        gradients
    }

    #[test]
    fn long_gradients_are_shortened_and_keep_their_direction() {
        let mut clipped = gradients();
        assert_eq!(clip(&mut clipped, 1.0), 5.0);
        assert!((norm(&clipped) - 1.0).abs() < 1e-6);
        assert!((clipped.values[0] / clipped.values[40] + 0.75).abs() < 1e-15);
    }

    #[test]
    fn short_gradients_and_a_limit_of_zero_change_nothing() {
        for limit in [5.1, 100.0, 0.0] {
            let mut same = gradients();
            assert_eq!(clip(&mut same, limit), 5.0);
            assert_eq!(same, gradients());
        }
    }

    #[test]
    fn a_norm_that_is_not_a_number_is_reported() {
        let mut broken = gradients();
        broken.values[7] = f64::NAN;
        assert!(clip(&mut broken, 1.0).is_nan());
    }
}
