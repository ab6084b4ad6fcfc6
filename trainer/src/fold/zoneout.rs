//! Zoneout does not fold away: its expectation is a blend with the previous state. What folds is one of the blend's factors.
//!
//! `h_t = z_h h + (1-z_h) h'`; with `u = h/(1-z_h)` this is `u_t = z_h u + h'`, and whatever read h reads `(1-z_h) u`. The factor moves into
//! U and W(l+1) under layer norm as without it: it stands inside the norm before and after. (Where a norm reads U h alone, forms A and B,
//! `LN_ε((1-z) U u) = LN_(ε/(1-z)^2)(U u)` would do too, with the same result.)

use super::folded::{Carried, FoldedNetwork};
use super::rewrite::{Rewrite, scale};

/// Carries every layer's hidden state as `u = h/(1-z_h)`; `1-z_h` moves into U, the next layer's W and the head's V, or into the ε of a
/// norm before the head.
pub fn scale_hidden(network: &mut FoldedNetwork) -> Option<Rewrite> {
    let mut applied = None;
    for index in 0..network.layers.len() {
        let layer = &mut network.layers[index];
        let Some(zoneout) = layer.zoneout.as_mut().filter(|z| z.hidden > 0.0 && z.carried == Carried::Hidden) else {
            continue;
        };
        zoneout.carried = Carried::Scaled;
        let factor = 1.0 - zoneout.hidden;
        applied = Some(zoneout.hidden);
        scale(&mut layer.weights.u, factor);
        match (network.layers.get_mut(index + 1), &mut network.head_norm) {
            (Some(above), _) => scale(&mut above.weights.w, factor),
            // The norm is blind to the factor but for its ε.
            (None, Some(norm)) => norm.epsilon /= factor * factor,
            (None, None) => scale(&mut network.head.w, factor),
        }
    }
    applied.map(|rate| Rewrite {
        name: "hidden zoneout's factor",
        formula: "u = h/(1-z_h): u_t = z_h u + h'; U, W(l+1), V <- (1-z_h) U, W(l+1), V; a head norm's eps <- eps/(1-z_h)^2",
        source: "Krueger et al., arXiv 1606.01305, expectation at test time",
        applied: format!("z_h = {rate}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Normalization;
    use crate::fold::mean::MeanNetwork;
    use crate::fold::random::{Shape, agree, largest_difference, mean, signal};
    use crate::fold::reference::{Reference, State};
    use crate::network::plain::NormForm;
    use crate::regularize::settings::{LayerNorm, Reading, Regularization, Zoneout};

    fn shape() -> Shape {
        Shape { features: 1, patch: 1, hidden: vec![5, 7, 3], targets: 1, horizon: 2 }
    }

    fn zoned(cell: f64, hidden: f64, reading: Reading) -> MeanNetwork {
        zoned_under(None, cell, hidden, reading)
    }

    fn zoned_under(form: Option<NormForm>, cell: f64, hidden: f64, reading: Reading) -> MeanNetwork {
        let zoneout = Zoneout { cell, hidden, reading };
        let layer_norm = LayerNorm { form, ..LayerNorm::default() };
        mean(11, &shape(), &Regularization { zoneout, layer_norm, ..Regularization::default() }, Normalization::Last)
    }

    /// Target scalers are taken over as folded.
    fn unscaled_targets(mut network: MeanNetwork) -> MeanNetwork {
        for target in &mut network.scalers.targets {
            target.deviation = 1.0;
        }
        network
    }

    #[test]
    fn the_scaled_state_computes_the_same() {
        let forms = [None, Some(NormForm::A), Some(NormForm::B), Some(NormForm::Joint)];
        for (form, reading) in forms.into_iter().flat_map(|form| [(form, Reading::Candidate), (form, Reading::Zoned)]) {
            for (cell, hidden) in [(0.0, 0.4), (0.5, 0.0), (0.3, 0.7), (0.1, 0.95), (0.0, 0.0)] {
                let before = unscaled_targets(zoned_under(form, cell, hidden, reading));
                let mut after = FoldedNetwork::from_mean(before.clone());
                let samples = signal(11, &before.scalers, 400);
                agree(&before, &after, &samples);
                let done = scale_hidden(&mut after);
                assert_eq!(done.is_some(), hidden > 0.0);
                agree(&before, &after, &samples);
                assert_eq!(scale_hidden(&mut after), None, "a second time there is nothing left to do");
            }
        }
    }

    /// Scale invariance instead of a factor in U, where a norm reads `U h` alone.
    #[test]
    fn the_factor_may_move_into_epsilon_instead() {
        for form in [NormForm::A, NormForm::B] {
            let before = unscaled_targets(zoned_under(Some(form), 0.3, 0.6, Reading::Candidate));
            let mut after = FoldedNetwork::from_mean(before.clone());
            let u: Vec<Vec<f64>> = after.layers.iter().map(|layer| layer.weights.u.clone()).collect();
            scale_hidden(&mut after);
            let samples = signal(11, &before.scalers, 200);
            for (layer, u) in after.layers.iter_mut().zip(u) {
                layer.weights.u = u;
                layer.norm.as_mut().unwrap().epsilon_h /= 0.4 * 0.4;
            }
            agree(&before, &after, &samples);
            for layer in &mut after.layers {
                layer.norm.as_mut().unwrap().epsilon_h *= 0.4 * 0.4;
            }
            assert!(largest_difference(&before, &after, &samples) > 1e-4, "an epsilon left alone is seen");
        }
    }

    #[test]
    fn the_scaled_state_stays_within_its_bound() {
        let mut folded = FoldedNetwork::from_mean(zoned(0.2, 0.9, Reading::Candidate));
        scale_hidden(&mut folded);
        let mut state = folded.start(&[0.0]);
        for _ in 0..500 {
            folded.step(&mut state, &[40.0]);
            assert!(state.layers.iter().flat_map(|layer| &layer.h).all(|u| u.abs() <= 10.0));
        }
        assert!(
            state.layers.iter().flat_map(|layer| &layer.h).any(|u| u.abs() > 1.0),
            "u leaves h's range, so the bound is not idle"
        );
    }

    /// Both readings and rates differ visibly, and so do the two errors that public implementations make: forgetting the blend at test
    /// time, and taking z for the probability of an update.
    #[test]
    fn wrong_readings_are_told_apart() {
        let right = unscaled_targets(zoned(0.3, 0.2, Reading::Candidate));
        let mut folded = FoldedNetwork::from_mean(right.clone());
        scale_hidden(&mut folded);
        let samples = signal(11, &right.scalers, 30);
        for (error, cell, hidden, reading) in [
            ("blend forgotten", 0.0, 0.0, Reading::Candidate),
            ("cell's blend forgotten", 0.0, 0.2, Reading::Candidate),
            ("hidden state's blend forgotten", 0.3, 0.0, Reading::Candidate),
            ("probability inverted", 0.7, 0.8, Reading::Candidate),
            ("the other reading", 0.3, 0.2, Reading::Zoned),
        ] {
            let wrong = unscaled_targets(zoned(cell, hidden, reading));
            let difference = largest_difference(&wrong, &folded, &samples);
            assert!(difference > 1e-3, "{error}: {difference}");
        }
    }

    /// One step's expectation over both masks, enumerated from the training rule: with probability z a unit keeps what it had.
    #[test]
    fn one_step_is_the_expectation_over_the_masks() {
        let (z_c, z_h) = (0.3, 0.2);
        let network = zoned(z_c, z_h, Reading::Candidate);
        let plain = zoned(0.0, 0.0, Reading::Candidate);
        let mut start = network.start(&[0.0]);
        for layer in &mut start.layers {
            layer.h.iter_mut().for_each(|h| *h = 0.4);
            layer.c.iter_mut().for_each(|c| *c = -0.6);
        }
        let stepped = |network: &MeanNetwork| -> State {
            let mut state = start.clone();
            network.step(&mut state, &[0.8]);
            state
        };
        let (blended, candidate) = (stepped(&network), stepped(&plain));
        // The first layer only: the second one's input depends on the first one's mask.
        let (blended, candidate, start) = (&blended.layers[0], &candidate.layers[0], &start.layers[0]);
        for k in 0..shape().hidden[0] {
            let mut expected = (0.0, 0.0);
            for (kept_c, p_c) in [(true, z_c), (false, 1.0 - z_c)] {
                for (kept_h, p_h) in [(true, z_h), (false, 1.0 - z_h)] {
                    expected.0 += p_c * p_h * if kept_c { start.c[k] } else { candidate.c[k] };
                    expected.1 += p_c * p_h * if kept_h { start.h[k] } else { candidate.h[k] };
                }
            }
            assert!((blended.c[k] - expected.0).abs() < 1e-15 && (blended.h[k] - expected.1).abs() < 1e-15);
        }
    }
}
