//! The group lasso's part of a step: after the optimizer has followed the loss, every group is shortened, and a short one becomes zero.
//!
//! Not as a gradient: `strength * w/|w|` drives a group around zero and never to it, and Adam would divide it by the noise of the
//! loss's gradient along with everything else. The proximal map of the penalty, `w * max(0, 1 - step*strength/|w|)`, reaches zero in
//! finite time and stays there as long as the loss's gradient is weaker than the penalty (Parikh & Boyd 2014, section 6.5.1; for
//! adaptive optimizers Yun et al., arXiv 2007.07714).
//!
//! Adam's step is different for each weight; the map has a closed form only for one step per group, which is taken from the group's mean
//! second moment: `learning rate / sqrt(mean v)`. Where groups share a weight they are shortened one after the other.

use super::adamw::{AdamW, BETA2, EPSILON};
use crate::network::{Params, Real};
use crate::regularize::group_lasso::{Groups, norm};

/// Shortens every group, after [`AdamW::step`] with the same learning rate.
pub fn shrink<R: Real>(params: &mut Params<R>, groups: &Groups, strength: f64, optimizer: &AdamW<R>, learning_rate: f64) {
    let corrected = 1.0 - libm::pow(BETA2, optimizer.steps as f64);
    for group in &groups.units {
        let size = norm(group, &params.values);
        if size == 0.0 {
            continue;
        }
        let square = group.iter().map(|&index| optimizer.square[index].to_f64()).sum::<f64>() / group.len() as f64;
        let step = learning_rate / (libm::sqrt(square / corrected) + EPSILON);
        let factor = R::from_f64((1.0 - step * strength / size).max(0.0));
        for &index in group {
            params.values[index] = params.values[index] * factor;
        }
    }
}

/// Clears in the average what is zero in the parameters: a mean over the past would bring a unit back that is gone.
pub fn clear_removed<R: Real>(average: &mut Params<R>, params: &Params<R>, groups: &Groups) {
    for group in &groups.units {
        if group.iter().all(|&index| params.values[index] == R::ZERO) {
            group.iter().for_each(|&index| average.values[index] = R::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Shape;
    use crate::optimize::Decay;

    fn shape() -> Shape {
        Shape { inputs: 1, hidden: vec![1], outputs: 1, norm: None, head_norm: None }
    }

    /// Trains `1/2 |w - target|^2 + strength * |w|`, whose minimum is `target * max(0, 1 - strength/|target|)`, and returns the
    /// parameters. One unit, so that its group holds every weight.
    fn minimize(target: f64, strength: f64) -> Params<f64> {
        let groups = Groups::new(&shape());
        let mut params = Params::<f64>::zeros(&shape());
        let group = &groups.units[0];
        group.iter().for_each(|&index| params.values[index] = 1.0);
        let mut adam = AdamW::new(&params);
        for step in 0..4000 {
            let mut gradients = Params::zeros(&shape());
            group.iter().for_each(|&index| gradients.values[index] = params.values[index] - target);
            let rate = 0.02 * (1.0 - f64::from(step) / 4000.0);
            adam.step(&mut params, &gradients, rate, Decay::default());
            shrink(&mut params, &groups, strength, &adam, rate);
        }
        params
    }

    #[test]
    fn it_finds_the_minimum_of_a_penalized_quadratic() {
        // Nine weights of 0.5: |target| is 1.5.
        let params = minimize(0.5, 0.3);
        let expected = 0.5 * (1.0 - 0.3 / 1.5);
        let group = &Groups::new(&shape()).units[0];
        let found: Vec<f64> = group.iter().map(|&index| params.values[index]).collect();
        assert_eq!(found.len(), 9);
        assert!(found.iter().all(|v| (v - expected).abs() < 0.02), "{found:?}");
    }

    #[test]
    fn a_penalty_stronger_than_the_loss_gives_exact_zeros() {
        assert!(minimize(0.5, 2.0).values.iter().all(|&v| v == 0.0));
        assert!(minimize(0.5, 1.0).values.iter().any(|&v| v != 0.0));
    }

    #[test]
    fn what_is_gone_is_gone_from_the_average() {
        let shape = Shape { inputs: 1, hidden: vec![2], outputs: 1, norm: None, head_norm: None };
        let groups = Groups::new(&shape);
        let mut params = Params::<f64>::zeros(&shape);
        let mut average = params.clone();
        params.values.fill(1.0);
        average.values.fill(2.0);
        groups.units[1].iter().for_each(|&index| params.values[index] = 0.0);
        clear_removed(&mut average, &params, &groups);
        for (average, value) in average.values.iter().zip(&params.values) {
            assert_eq!(*average, 2.0 * value);
        }
    }
}
