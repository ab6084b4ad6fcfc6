//! What changes the weights themselves for one batch: DropConnect on U (Wan et al. 2013; Merity et al., arXiv 1708.02182) and Gaussian
//! noise on W and U (Graves, arXiv 1308.0850).
//!
//! The network runs on `U~ = M*U + noise`, and the gradient of U is `M` times that of U~: the noise is a constant.

use super::plan::{LayerPlan, Plan};
use crate::network::lanes::{LANES, Lanes, Row, multiply};
use crate::network::{Params, Real};
use crate::regularize::factors::Noise;

/// Turns a copy of the parameters into those that the batch sees.
pub fn perturb<R: Real>(plan: &Plan<R>, params: &mut Params<R>) {
    for (l, layer) in plan.layers.iter().enumerate() {
        let (inputs, hidden) = (params.shape().layer_inputs(l), params.shape().hidden[l]);
        let panels = params.layer_mut(l);
        mask(layer, panels.u, hidden);
        for (noise, panels, width) in [(&layer.noise_w, panels.w, inputs), (&layer.noise_u, panels.u, hidden)] {
            if let Some(noise) = noise {
                add_noise(noise, panels, width, hidden);
            }
        }
    }
}

/// Turns gradients with respect to the batch's parameters into those with respect to the parameters.
pub fn mask_gradients<R: Real>(plan: &Plan<R>, gradients: &mut Params<R>) {
    for (l, layer) in plan.layers.iter().enumerate() {
        let hidden = gradients.shape().hidden[l];
        mask(layer, gradients.layer_mut(l).u, hidden);
    }
}

/// Calls a function on the lanes of every gate of every panel row, with the row's input, its gate and its block.
fn each_lanes<R>(panels: &mut [Row<R>], width: usize, mut call: impl FnMut(&mut Lanes<R>, usize, usize, usize)) {
    for (block, rows) in panels.chunks_exact_mut(width).enumerate() {
        for (input, row) in rows.iter_mut().enumerate() {
            for (gate, lanes) in row.iter_mut().enumerate() {
                call(lanes, input, gate, block);
            }
        }
    }
}

/// Weight-drop's mask on U or on its gradient.
fn mask<R: Real>(layer: &LayerPlan<R>, panels: &mut [Row<R>], hidden: usize) {
    let Some(factors) = &layer.weights else { return };
    // Input and gate stand where rows and times do elsewhere.
    each_lanes(panels, hidden, |lanes, input, gate, block| multiply(lanes, &factors.lanes(input, gate, block)));
}

/// Padded units stay zero.
fn add_noise<R: Real>(noise: &Noise, panels: &mut [Row<R>], width: usize, hidden: usize) {
    each_lanes(panels, width, |lanes, input, gate, block| {
        let units = (hidden - block * LANES).min(LANES);
        let place = (input as u64) << 32 | (gate as u64) << 24 | block as u64;
        noise.add(place, &mut lanes[..units]);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{MaskKey, Mode, Shape, init::initialize};
    use crate::regularize::settings::{Noise as NoiseSettings, Regularization, Scaling, WeightDrop};

    fn shape() -> Shape {
        Shape { inputs: 3, hidden: vec![20, 18], outputs: 2, norm: None, head_norm: None }
    }

    fn perturbed(settings: &Regularization, step: u64) -> (Params<f64>, Params<f64>) {
        let params = initialize(&shape(), 1);
        let mut copy = params.clone();
        perturb(&Plan::new(settings, 2, Mode::Training(MaskKey { seed: 3, step, first_row: 0 })), &mut copy);
        (params, copy)
    }

    #[test]
    fn weight_drop_reaches_u_alone_and_drops_as_often_as_asked() {
        for (scaling, kept) in [(Scaling::Inverted, 1.0 / 0.7), (Scaling::Classical, 1.0)] {
            let settings = Regularization { weight_drop: WeightDrop { drop: 0.3, scaling }, ..Regularization::default() };
            let (before, after) = perturbed(&settings, 1);
            let (before, after) = (before.to_plain(), after.to_plain());
            let (mut dropped, mut count) = (0.0, 0.0);
            for (a, b) in after.layers.iter().zip(&before.layers) {
                assert_eq!((&a.w, &a.b), (&b.w, &b.b));
                for (a, b) in a.u.iter().zip(&b.u) {
                    count += 1.0;
                    dropped += f64::from(*a == 0.0);
                    assert!(*a == 0.0 || (a / b - kept).abs() < 1e-15);
                }
            }
            // Four deviations of a binomial share.
            assert!((dropped / count - 0.3).abs() < 4.0 * (0.21f64 / count).sqrt(), "{dropped} of {count}");
            assert_eq!(after.head, before.head);
        }
    }

    #[test]
    fn noise_reaches_w_and_u_alone_with_its_deviation() {
        let settings = Regularization { noise: NoiseSettings { weights: 0.1, input: 0.0 }, ..Regularization::default() };
        let (before, after) = perturbed(&settings, 1);
        let (plain_before, plain_after) = (before.to_plain(), after.to_plain());
        let mut differences = Vec::new();
        for (a, b) in plain_after.layers.iter().zip(&plain_before.layers) {
            assert_eq!(a.b, b.b);
            differences.extend(a.w.iter().chain(&a.u).zip(b.w.iter().chain(&b.u)).map(|(a, b)| a - b));
        }
        let n = differences.len() as f64;
        let variance = differences.iter().map(|d| d * d).sum::<f64>() / n;
        assert!((variance / 0.01 - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{variance}");
        // Not one draw for many weights.
        differences.sort_by(f64::total_cmp);
        assert!(differences.windows(2).all(|pair| pair[0] != pair[1]));
        // Padding is still zero: what is written out and read back is the same.
        assert_eq!(Params::from_plain(&plain_after), after);
    }

    #[test]
    fn batches_differ_and_evaluation_takes_the_mean() {
        let settings = Regularization {
            weight_drop: WeightDrop { drop: 0.4, scaling: Scaling::Classical },
            noise: NoiseSettings { weights: 0.1, input: 0.0 },
            ..Regularization::default()
        };
        assert_eq!(perturbed(&settings, 1), perturbed(&settings, 1));
        assert_ne!(perturbed(&settings, 1), perturbed(&settings, 2));
        let (before, _) = perturbed(&settings, 1);
        let mut mean = before.clone();
        perturb(&Plan::new(&settings, 2, Mode::Evaluation), &mut mean);
        for (a, b) in mean.to_plain().layers.iter().zip(&before.to_plain().layers) {
            assert_eq!(a.w, b.w);
            assert!(a.u.iter().zip(&b.u).all(|(a, b)| *a == 0.6 * b));
        }
    }

    #[test]
    fn gradients_pass_the_same_mask() {
        let settings =
            Regularization { weight_drop: WeightDrop { drop: 0.3, ..WeightDrop::default() }, ..Regularization::default() };
        let plan = Plan::<f64>::new(&settings, 2, Mode::Training(MaskKey { seed: 3, step: 1, first_row: 0 }));
        let mut ones = Params::zeros(&shape());
        ones.values.fill(1.0);
        let (mut weights, mut gradients) = (ones.clone(), ones.clone());
        perturb(&plan, &mut weights);
        mask_gradients(&plan, &mut gradients);
        assert_eq!(weights, gradients);
        assert_ne!(weights, ones);
    }
}
