//! AdamW: Adam (Kingma & Ba, arXiv 1412.6980, algorithm 1) with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101,
//! algorithm 2), in the order of operations of PyTorch's `AdamW`.

use serde::{Deserialize, Serialize};

use crate::network::shape::Role;
use crate::network::{Params, Real};

/// Decay of the first moment.
pub const BETA1: f64 = 0.9;
/// Decay of the second moment.
pub const BETA2: f64 = 0.999;
/// Keeps the quotient finite where gradients vanish.
pub const EPSILON: f64 = 1e-8;

/// Decoupled weight decay.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decay {
    /// Each step takes `learning rate * rate` of a weight.
    pub rate: f64,
    /// Does it reach biases and gains too?
    pub biases: bool,
}

/// The optimizer's state, in the parameters' layout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamW<R> {
    /// First moment.
    pub mean: Vec<R>,
    /// Second moment.
    pub square: Vec<R>,
    /// Steps taken.
    pub steps: u64,
}

impl<R: Real> AdamW<R> {
    /// No step taken yet.
    pub fn new(params: &Params<R>) -> Self {
        let zeros = vec![R::ZERO; params.values.len()];
        AdamW { mean: zeros.clone(), square: zeros, steps: 0 }
    }

    /// One step.
    pub fn step(&mut self, params: &mut Params<R>, gradients: &Params<R>, learning_rate: f64, decay: Decay) {
        self.steps += 1;
        let corrected = |beta: f64| 1.0 - libm::pow(beta, self.steps as f64);
        let rate = R::from_f64(learning_rate / corrected(BETA1));
        let spread = R::from_f64(1.0 / libm::sqrt(corrected(BETA2)));
        let (beta1, beta2, epsilon) = (R::from_f64(BETA1), R::from_f64(BETA2), R::from_f64(EPSILON));
        let (rest1, rest2) = (R::from_f64(1.0 - BETA1), R::from_f64(1.0 - BETA2));
        for tensor in params.shape().tensors() {
            let decayed = tensor.role == Role::Weights || decay.biases;
            let shrink = if decayed { R::from_f64(1.0 - learning_rate * decay.rate) } else { R::ONE };
            let range = tensor.range;
            let moments = self.mean[range.clone()].iter_mut().zip(&mut self.square[range.clone()]);
            let values = params.values[range.clone()].iter_mut().zip(&gradients.values[range]);
            for ((value, &gradient), (mean, square)) in values.zip(moments) {
                *mean = beta1 * *mean + rest1 * gradient;
                *square = beta2 * *square + rest2 * gradient * gradient;
                *value = *value * shrink - rate * *mean / (square.sqrt() * spread + epsilon);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Shape;
    use crate::network::plain::NormForm;
    use crate::network::shape::Norm;

    const NORM: Norm = Norm { form: NormForm::A, per_gate: false, epsilon: 1e-5 };

    fn filled(value: f64) -> Params<f64> {
        let mut params = Params::zeros(&Shape { inputs: 1, hidden: vec![2], outputs: 1, norm: Some(NORM), head_norm: None });
        params.values.fill(value);
        params
    }

    #[test]
    fn the_first_step_is_the_learning_rate_against_the_gradients_sign() {
        for gradient in [1e-3, -250.0] {
            let mut params = filled(1.0);
            AdamW::new(&params).step(&mut params, &filled(gradient), 0.01, Decay::default());
            let expected = 1.0 - 0.01 * f64::signum(gradient);
            assert!(params.values.iter().all(|v| (v - expected).abs() < 1e-6));
        }
    }

    #[test]
    fn decay_shrinks_weights_and_others_only_where_asked() {
        for biases in [false, true] {
            let mut params = filled(1.0);
            AdamW::new(&params).step(&mut params, &filled(0.0), 0.1, Decay { rate: 0.5, biases });
            for tensor in params.shape().tensors() {
                let expected = if tensor.role == Role::Weights || biases { 0.95 } else { 1.0 };
                assert!(params.values[tensor.range].iter().all(|&v| v == expected));
            }
        }
    }

    #[test]
    fn it_finds_the_minimum_of_a_quadratic() {
        let mut params = filled(3.0);
        let mut adam = AdamW::new(&params);
        for _ in 0..2000 {
            let mut gradients = params.clone();
            gradients.values.iter_mut().for_each(|v| *v -= 1.0);
            adam.step(&mut params, &gradients, 0.02, Decay::default());
        }
        assert!(params.values.iter().all(|v| (v - 1.0).abs() < 1e-3), "{:?}", &params.values[..2]);
    }
}
