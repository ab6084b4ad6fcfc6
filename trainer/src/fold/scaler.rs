//! Scalers move into the first layer and into the head.
//!
//! `W q (z - m)/s + b = (W/s) q z + (b - q W (m/s))` and `s_y (V h + d) + m_y = (s_y V) h + (s_y d + m_y)`.
//! Under a norm over `W x` the shift stays inside it: it moves into the bias that stands there, b_x in forms A and B, b in the joint one.

use super::mean::{MeanNetwork, Scaler};
use super::rewrite::{Rewrite, scale};
use crate::config::Normalization;
use crate::network::plain::NormForm;
use crate::network::skip::PlainSkip;

/// The largest `|m|/s` whose shift is folded into the bias.
///
/// A folded shift makes the device sum products of raw values, which are about `|m|/s` times larger than normalized ones and cancel
/// against the bias; in `f32` the error grows by that factor. Air pressure at 101325 +- 200 Pa loses up to 5e-5 of a pre-activation
/// instead of 1.3e-7; up to this guard it is at most 4e-7. A test asserts these figures.
pub const SHIFT_GUARD: f64 = 2.0;

/// The algebra is elementary; what needs care is its conditioning.
const SOURCE: &str = "linearity";

/// The inputs' means move into the first layer's bias where they are well conditioned; elsewhere they stay to be subtracted first.
/// Without effect under per-window normalization, where the mean cancels.
pub fn input_shift(network: &mut MeanNetwork) -> Option<Rewrite> {
    let MeanNetwork { layers, skip, scalers, keep, .. } = network;
    if scalers.normalization == Normalization::Last {
        return None;
    }
    let (first, features) = (&mut layers[0], scalers.inputs.len());
    let mut folded = Vec::new();
    for (feature, Scaler { mean, deviation }) in scalers.inputs.iter_mut().enumerate() {
        let shift = *mean / *deviation;
        if *mean == 0.0 || shift.abs() > SHIFT_GUARD {
            continue;
        }
        let inside = match &mut first.norm {
            Some(norm) if norm.form != NormForm::Joint => &mut norm.bias_x,
            _ => &mut first.b,
        };
        for (row, bias) in first.w.chunks_exact(first.inputs).zip(inside) {
            *bias -= row.iter().skip(feature).step_by(features).map(|w| keep.input * w * shift).sum::<f64>();
        }
        if let Some(PlainSkip { inputs, rank, products, spread, bias, .. }) = skip {
            let sums: Vec<f64> = products
                .chunks_exact(*inputs)
                .map(|row| row.iter().skip(feature).step_by(features).sum::<f64>() * shift)
                .collect();
            for (bias, row) in bias.iter_mut().zip(spread.chunks_exact((*rank).max(1))) {
                *bias -= row.iter().zip(&sums).map(|(b, sum)| b * sum).sum::<f64>();
            }
        }
        *mean = 0.0;
        folded.push(feature + 1);
    }
    (!folded.is_empty()).then(|| Rewrite {
        name: "input shift",
        formula: match skip {
            None => "b1 (the bias inside, under a norm) <- b1 - W1 (m/s)",
            Some(_) => "b1 (the bias inside, under a norm) <- b1 - W1 (m/s), c <- c - B A (m/s)",
        },
        source: SOURCE,
        applied: format!("input columns {folded:?} of {features}, those with |m|/s <= {SHIFT_GUARD}"),
    })
}

/// The inputs' deviations move into the first layer's W.
pub fn input_scale(network: &mut MeanNetwork) -> Option<Rewrite> {
    let MeanNetwork { layers, skip, scalers, .. } = network;
    let (first, features) = (&mut layers[0], scalers.inputs.len());
    if scalers.inputs.iter().all(|scaler| scaler.deviation == 1.0) {
        return None;
    }
    for (column, w) in first.w.iter_mut().enumerate() {
        // A row holds whole samples, so a flat index runs through the features in turn.
        *w /= scalers.inputs[column % features].deviation;
    }
    // So does a window.
    for (column, a) in skip.iter_mut().flat_map(|skip| &mut skip.products).enumerate() {
        *a /= scalers.inputs[column % features].deviation;
    }
    for scaler in &mut scalers.inputs {
        scaler.deviation = 1.0;
    }
    let formula = if skip.is_some() { "W1 <- W1/s, A <- A/s" } else { "W1 <- W1/s" };
    Some(Rewrite { name: "input scale", formula, source: SOURCE, applied: format!("all {features} input columns") })
}

/// The targets' deviations move into the head.
pub fn target_scale(network: &mut MeanNetwork) -> Option<Rewrite> {
    let MeanNetwork { head, skip, scalers, .. } = network;
    let targets = scalers.targets.len();
    if scalers.targets.iter().all(|scaler| scaler.deviation == 1.0) {
        return None;
    }
    let horizon = head.outputs / targets;
    for (target, scaler) in scalers.targets.iter_mut().enumerate() {
        let rows = target * horizon..(target + 1) * horizon;
        scale(&mut head.w[rows.start * head.inputs..rows.end * head.inputs], scaler.deviation);
        scale(&mut head.b[rows.clone()], scaler.deviation);
        if let Some(skip) = skip {
            scale(&mut skip.spread[rows.start * skip.rank..rows.end * skip.rank], scaler.deviation);
            scale(&mut skip.bias[rows], scaler.deviation);
        }
        scaler.deviation = 1.0;
    }
    Some(Rewrite {
        name: "target scale",
        formula: if skip.is_some() { "V, d, B, c <- s_y (V, d, B, c)" } else { "V <- s_y V, d <- s_y d" },
        source: SOURCE,
        applied: format!("all {targets} targets"),
    })
}

/// The targets' means move into the head's bias. Without effect under per-window normalization, where the last value is added instead.
///
/// In `f32` a large mean makes a large bias; a device that adds it after the sum rounds once, as the raw forecast itself must be
/// rounded.
pub fn target_shift(network: &mut MeanNetwork) -> Option<Rewrite> {
    let MeanNetwork { head, scalers, .. } = network;
    let targets = scalers.targets.len();
    if scalers.normalization == Normalization::Last || scalers.targets.iter().all(|scaler| scaler.mean == 0.0) {
        return None;
    }
    for (biases, scaler) in head.b.chunks_exact_mut(head.outputs / targets).zip(&mut scalers.targets) {
        for bias in biases {
            *bias += scaler.mean / scaler.deviation;
        }
        scaler.mean = 0.0;
    }
    Some(Rewrite {
        name: "target shift",
        formula: "d <- d + m_y/s_y (s_y = 1 after the target scale)",
        source: SOURCE,
        applied: format!("all {targets} targets"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::random::{Shape, Uniform, agree, largest_difference, mean, signal};
    use crate::fold::{Target, fold};
    use crate::network::plain::{PlainDense, PlainLstm, PlainNetwork};
    use crate::regularize::settings::{Dropout, LayerNorm, Regularization, Scaling};

    const ALL: [fn(&mut MeanNetwork) -> Option<Rewrite>; 4] = [input_shift, input_scale, target_scale, target_shift];

    const FORMS: [Option<NormForm>; 4] = [None, Some(NormForm::A), Some(NormForm::B), Some(NormForm::Joint)];

    fn start(normalization: Normalization, form: Option<NormForm>) -> MeanNetwork {
        let shape = Shape { features: 3, patch: 2, hidden: vec![6, 4], targets: 2, horizon: 3 };
        let dropout = Dropout { input: 0.2, scaling: Scaling::Classical, ..Dropout::default() };
        let layer_norm = LayerNorm { form, ..LayerNorm::default() };
        let mut network = mean(5, &shape, &Regularization { dropout, layer_norm, ..Regularization::default() }, normalization);
        let [a, b, c] = &mut network.scalers.inputs[..] else { panic!("three features") };
        *a = Scaler { mean: -3.1, deviation: 1.7 };
        *b = Scaler { mean: 101_325.0, deviation: 200.0 };
        *c = Scaler { mean: -0.02 * 5.0, deviation: 0.02 };
        let [t, u] = &mut network.scalers.targets[..] else { panic!("two targets") };
        *t = Scaler { mean: -3.1, deviation: 1.7 };
        *u = Scaler { mean: 101_325.0, deviation: 200.0 };
        network
    }

    /// Alone, with a keep factor still on the input, and in any order.
    #[test]
    fn each_scaler_moves_and_the_order_does_not_matter() {
        for form in FORMS {
            let before = start(Normalization::None, form);
            let samples = signal(5, &before.scalers, 600);
            for orders in [[0, 1, 2, 3], [3, 2, 1, 0]] {
                for count in 1..=orders.len() {
                    let mut after = before.clone();
                    for kind in &orders[..count] {
                        ALL[*kind](&mut after);
                    }
                    agree(&before, &after, &samples);
                }
            }
            for rewrite in ALL {
                let mut after = before.clone();
                assert!(rewrite(&mut after).is_some());
                assert_ne!(after, before);
                agree(&before, &after, &samples);
            }
        }
    }

    #[test]
    fn a_shift_that_is_taken_out_of_the_norm_is_seen() {
        for form in [NormForm::A, NormForm::B, NormForm::Joint] {
            let before = start(Normalization::None, Some(form));
            let mut after = before.clone();
            input_shift(&mut after).unwrap();
            let (inside, outside) = (after.layers[0].clone(), &mut after.layers[0]);
            let (norm, folded) = (outside.norm.as_mut().unwrap(), inside.norm.unwrap());
            match form {
                NormForm::Joint => {
                    for (shift, (b, before)) in norm.shift_x.iter_mut().zip(outside.b.iter_mut().zip(&before.layers[0].b)) {
                        *shift += *b - before;
                        *b = *before;
                    }
                }
                NormForm::A | NormForm::B => {
                    norm.bias_x = before.layers[0].norm.as_ref().unwrap().bias_x.clone();
                    for (b, (moved, bias)) in outside.b.iter_mut().zip(folded.bias_x.iter().zip(&norm.bias_x)) {
                        *b += moved - bias;
                    }
                }
            }
            let difference = largest_difference(&before, &after, &signal(5, &before.scalers, 60));
            assert!(difference > 1e-2, "{form:?}: {difference:e}");
        }
    }

    #[test]
    fn per_window_normalization_has_no_shift_to_fold() {
        let before = start(Normalization::Last, None);
        let samples = signal(5, &before.scalers, 600);
        for (rewrite, applies) in ALL.iter().zip([false, true, true, false]) {
            let mut after = before.clone();
            assert_eq!(rewrite(&mut after).is_some(), applies);
            agree(&before, &after, &samples);
        }
    }

    #[test]
    fn the_guard_leaves_large_means_to_be_subtracted_first() {
        let mut network = start(Normalization::None, None);
        let done = input_shift(&mut network).unwrap();
        assert!(done.applied.starts_with("input columns [1] of 3"), "{}", done.applied);
        let means: Vec<f64> = network.scalers.inputs.iter().map(|scaler| scaler.mean).collect();
        assert_eq!(means, [0.0, 101_325.0, -0.1], "of either sign");
    }

    /// The largest error in `f32` of pre-activations `w (z - m)/s + b` over a deviation to either side of the mean, for 64 rows, with
    /// the shift folded into the bias or the mean subtracted first; against the same in `f64`, unfolded.
    fn error_in_f32(Scaler { mean, deviation }: Scaler, shift_folded: bool) -> f64 {
        let mut uniform = Uniform(9);
        let mut largest = 0f64;
        for _ in 0..64 {
            let (weight, bias) = (uniform.next(), uniform.next());
            let (b, offset) = if shift_folded { (bias - weight * mean / deviation, 0.0) } else { (bias, mean) };
            let (w, b, offset) = ((weight / deviation) as f32, b as f32, offset as f32);
            for step in -100..=100 {
                // As a sensor gives it: already an f32.
                let z = (mean + deviation * f64::from(step) / 100.0) as f32;
                let exact = weight * (f64::from(z) - mean) / deviation + bias;
                largest = largest.max((f64::from(w * (z - offset) + b) - exact).abs());
            }
        }
        largest
    }

    #[test]
    fn in_f32_the_folded_shift_of_air_pressure_loses_two_digits() {
        let pressure = Scaler { mean: 101_325.0, deviation: 200.0 };
        let (subtracted, folded) = (error_in_f32(pressure, false), error_in_f32(pressure, true));
        println!("air pressure: subtracted first {subtracted:.1e}, folded {folded:.1e}");
        assert!(subtracted <= 1.5e-7, "{subtracted:e}");
        assert!((2e-5..=6e-5).contains(&folded), "{folded:e}");
        // At the guard's edge.
        let edge = Scaler { mean: SHIFT_GUARD * 3.0, deviation: 3.0 };
        let (subtracted, folded) = (error_in_f32(edge, false), error_in_f32(edge, true));
        println!("at the guard: subtracted first {subtracted:.1e}, folded {folded:.1e}");
        assert!(folded <= 4e-7, "{folded:e}");
    }

    /// The choice above as [`fold`] makes it.
    #[test]
    fn fold_keeps_the_offset_of_air_pressure_and_folds_a_mild_one() {
        let network = PlainNetwork {
            skip: None,
            layers: vec![PlainLstm { inputs: 1, hidden: 1, w: vec![0.7; 4], u: vec![0.0; 4], b: vec![0.1; 4], norm: None }],
            head: PlainDense { inputs: 1, outputs: 1, w: vec![1.0], b: vec![0.0], norm: None },
        };
        for (mean, kept) in [(101_325.0, 101_325.0), (400.0, 0.0)] {
            let column = vec![Scaler { mean, deviation: 200.0 }];
            let scalers = super::super::Scalers {
                inputs: column.clone(),
                targets: column,
                normalization: Normalization::None,
                streaming: false,
            };
            let (folded, _) = fold(&network, &Regularization::default(), &scalers, Target::Float).unwrap();
            assert_eq!((folded.inputs[0].offset, folded.inputs[0].scale), (kept, 1.0));
            assert_eq!(folded.layers[0].weights.b[0] == 0.1, kept != 0.0);
            let (folded, _) = fold(&network, &Regularization::default(), &scalers, Target::Integer).unwrap();
            assert_eq!((folded.inputs[0].offset, folded.inputs[0].scale), (mean, 1.0 / 200.0));
            assert_eq!(folded.layers[0].weights, network.layers[0]);
        }
    }
}
