//! L1 and L2 penalties: added to the loss and to its gradient, on weights, and on biases and gains only where
//! `decay_biases` asks for it.

use super::settings::Regularization;
use crate::network::shape::{Role, Tensor};
use crate::network::{Params, Real};

/// `l1 * sum |w| + l2/2 * sum w^2`
pub fn value<R: Real>(settings: &Regularization, params: &Params<R>) -> f64 {
    let mut sum = 0.0;
    for &w in weights(settings, params) {
        let w = w.to_f64();
        sum += settings.l1 * w.abs() + 0.5 * settings.l2 * w * w;
    }
    sum
}

/// Adds `l1 * sign(w) + l2 * w` to the gradients; the sign of 0 is 0.
pub fn add_gradient<R: Real>(settings: &Regularization, params: &Params<R>, gradients: &mut Params<R>) {
    if settings.l1 == 0.0 && settings.l2 == 0.0 {
        return;
    }
    let (l1, l2) = (R::from_f64(settings.l1), R::from_f64(settings.l2));
    for tensor in penalized(settings, params) {
        for (g, &w) in gradients.values[tensor.range.clone()].iter_mut().zip(&params.values[tensor.range]) {
            let sign = if w > R::ZERO {
                R::ONE
            } else if w < R::ZERO {
                -R::ONE
            } else {
                R::ZERO
            };
            *g += l1 * sign + l2 * w;
        }
    }
}

/// All penalized values; none where there is no penalty.
fn weights<'p, R: Real>(settings: &Regularization, params: &'p Params<R>) -> impl Iterator<Item = &'p R> {
    let active = settings.l1 != 0.0 || settings.l2 != 0.0;
    penalized(settings, params).filter(move |_| active).flat_map(|tensor| &params.values[tensor.range])
}

/// The tensors that penalties reach.
fn penalized<R: Real>(settings: &Regularization, params: &Params<R>) -> impl Iterator<Item = Tensor> + use<R> {
    let all = settings.decay_biases;
    params.shape().tensors().into_iter().filter(move |tensor| all || tensor.role == Role::Weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Shape;
    use crate::network::plain::NormForm;
    use crate::network::shape::Norm;

    #[test]
    fn weights_are_penalized_and_biases_are_not() {
        let shape = Shape { inputs: 1, hidden: vec![1], outputs: 1, norm: None, head_norm: None };
        let mut plain = Params::<f64>::zeros(&shape).to_plain();
        plain.layers[0].w = vec![1.0, -2.0, 0.0, 0.0];
        plain.layers[0].u = vec![0.0, 0.0, 3.0, 0.0];
        plain.layers[0].b = vec![50.0; 4];
        plain.head.w = vec![-4.0];
        plain.head.b = vec![60.0];
        let params = Params::<f64>::from_plain(&plain);
        let settings = Regularization { l1: 0.1, l2: 0.01, ..Regularization::default() };
        assert!((value(&settings, &params) - (0.1 * 10.0 + 0.005 * 30.0)).abs() < 1e-12);
        let mut gradients = Params::zeros(&shape);
        add_gradient(&settings, &params, &mut gradients);
        let gradients = gradients.to_plain();
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-15);
        assert!(near(&gradients.layers[0].w, &[0.11, -0.12, 0.0, 0.0]));
        assert!(near(&gradients.layers[0].u, &[0.0, 0.0, 0.13, 0.0]));
        assert!(near(&gradients.head.w, &[-0.14]));
        assert_eq!((gradients.layers[0].b.as_slice(), gradients.head.b.as_slice()), (&[0.0; 4][..], &[0.0][..]));
        assert_eq!(value(&Regularization::default(), &params), 0.0);
    }

    #[test]
    fn biases_and_gains_are_penalized_where_asked() {
        let norm = Some(Norm { form: NormForm::Joint, per_gate: false, epsilon: 1e-5 });
        let shape = Shape { inputs: 1, hidden: vec![1], outputs: 1, norm, head_norm: None };
        let mut plain = Params::<f64>::zeros(&shape).to_plain();
        plain.layers[0].b = vec![2.0; 4];
        plain.layers[0].norm.as_mut().expect("a norm").gain_x = vec![3.0; 4];
        plain.head.b = vec![5.0];
        let params = Params::<f64>::from_plain(&plain);
        let settings = Regularization { l2: 0.1, ..Regularization::default() };
        assert_eq!(value(&settings, &params), 0.0);
        let settings = Regularization { decay_biases: true, ..settings };
        assert!((value(&settings, &params) - 0.05 * (16.0 + 36.0 + 25.0)).abs() < 1e-12);
        let mut gradients = Params::zeros(&shape);
        add_gradient(&settings, &params, &mut gradients);
        let gradients = gradients.to_plain();
        assert!((gradients.layers[0].b[2] - 0.2).abs() < 1e-15 && (gradients.head.b[0] - 0.5).abs() < 1e-15);
        assert!((gradients.layers[0].norm.as_ref().expect("a norm").gain_x[1] - 0.3).abs() < 1e-15);
    }
}
