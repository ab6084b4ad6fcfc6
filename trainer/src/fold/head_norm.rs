//! Layer norm before the head: what of it moves into the head's weights, which is all but one number.
//!
//! `V LN(h; γ, β) + d = r*(V diag(γ) P) h + (V β + d)` with `P = I - 11'/n` and `r = 1/sqrt(var h + ε)`. Nothing nonlinear stands between the
//! norm and V, so that γ moves too, unlike in the cell, and r comes after the product: one multiplication an output.
//!
//! A unit that was removed held an h of zero. It counts in both statistics, which keep the original n, and V has nothing to read of it:
//! what is left of `V P` is `V - (sum of V's row)/n`, with the sum over the units that are left, because the others' columns are zero.

use super::folded::FoldedNetwork;
use super::mean::MeanNetwork;
use super::rewrite::Rewrite;
use crate::network::plain::{PlainDense, PlainHeadNorm};

/// The norm and where the identity comes from.
const SOURCE: &str = "Ba et al., arXiv 1607.06450, eq. 4, before a linear map";

/// β moves into d.
pub fn merge_shift(network: &mut MeanNetwork) -> Option<Rewrite> {
    let PlainDense { inputs, w, b, norm, .. } = &mut network.head;
    let norm = norm.as_mut().filter(|norm| norm.shift.iter().any(|shift| *shift != 0.0))?;
    let keep = network.keep.output;
    for (row, bias) in w.chunks_exact(*inputs).zip(b) {
        *bias += row.iter().zip(&norm.shift).map(|(v, shift)| v * keep * shift).sum::<f64>();
    }
    norm.shift.fill(0.0);
    Some(Rewrite {
        name: "head norm's shift",
        formula: "d <- d + V beta",
        source: SOURCE,
        applied: format!("{} outputs", network.head.outputs),
    })
}

/// γ moves into V.
pub fn merge_gain(network: &mut MeanNetwork) -> Option<Rewrite> {
    let PlainDense { inputs, w, norm, .. } = &mut network.head;
    let norm = norm.as_mut().filter(|norm| norm.gain.iter().any(|gain| *gain != 1.0))?;
    for row in w.chunks_exact_mut(*inputs) {
        row.iter_mut().zip(&norm.gain).for_each(|(v, gain)| *v *= gain);
    }
    norm.gain.fill(1.0);
    Some(Rewrite {
        name: "head norm's gain",
        formula: "V <- V diag(gamma)",
        source: SOURCE,
        applied: format!("{} units", network.head.inputs),
    })
}

/// The mean moves into V; with units removed, divided by the original n.
pub fn center(network: &mut FoldedNetwork) -> Option<Rewrite> {
    let inputs = network.head.inputs;
    let norm = network.head_norm.as_mut().filter(|norm| !norm.centered)?;
    for row in network.head.w.chunks_exact_mut(inputs) {
        let mean = row.iter().sum::<f64>() / norm.divisor as f64;
        row.iter_mut().for_each(|v| *v -= mean);
    }
    norm.centered = true;
    Some(Rewrite {
        name: "head norm's mean",
        formula: "V <- V P = V - (V 1)1'/n with the original n; y = r*(V h) + d, r = 1/sqrt(var h + eps)",
        source: SOURCE,
        applied: format!("{inputs} of {} units", norm.divisor),
    })
}

/// What is left of a norm whose gain and shift have moved: its ε.
pub(super) fn epsilon(norm: &PlainHeadNorm) -> f64 {
    assert!(norm.shift.iter().all(|shift| *shift == 0.0), "the head norm's shift has moved into d");
    assert!(norm.gain.iter().all(|gain| *gain == 1.0), "the head norm's gain has moved into V");
    norm.epsilon
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Normalization;
    use crate::fold::Scaler;
    use crate::fold::random::{Shape, agree, agree_kept, kept_difference, largest_difference, mean, signal};
    use crate::fold::{units, zoneout};
    use crate::network::plain::NormForm;
    use crate::regularize::settings::{Dropout, LayerNorm, Regularization, Scaling, Zoneout};

    const FORMS: [Option<NormForm>; 4] = [None, Some(NormForm::A), Some(NormForm::B), Some(NormForm::Joint)];

    fn normed(form: Option<NormForm>) -> MeanNetwork {
        let shape = Shape { features: 2, patch: 1, hidden: vec![5, 6], targets: 2, horizon: 2 };
        let regularization = Regularization {
            dropout: Dropout { output: 0.3, scaling: Scaling::Classical, ..Dropout::default() },
            zoneout: Zoneout { cell: 0.2, hidden: 0.25, ..Zoneout::default() },
            layer_norm: LayerNorm { form, head: true, ..LayerNorm::default() },
            ..Regularization::default()
        };
        let mut network = mean(81, &shape, &regularization, Normalization::Last);
        network.scalers.targets.fill(Scaler { mean: 0.0, deviation: 1.0 });
        network
    }

    /// Gain and shift merged, the output's factor folded.
    fn merged(form: Option<NormForm>) -> MeanNetwork {
        let mut network = normed(form);
        crate::fold::dropout::output_keep(&mut network).unwrap();
        crate::fold::layer_norm::merge_shifts(&mut network);
        merge_shift(&mut network).unwrap();
        merge_gain(&mut network).unwrap();
        network
    }

    #[test]
    fn shift_gain_and_mean_move_into_the_head_one_after_the_other() {
        for form in FORMS {
            let before = normed(form);
            let samples = signal(81, &before.scalers, 300);
            // In either order with the output's factor.
            let mut after = before.clone();
            assert!(merge_shift(&mut after).is_some() && merge_shift(&mut after).is_none());
            agree(&before, &after, &samples);
            assert!(merge_gain(&mut after).is_some() && merge_gain(&mut after).is_none());
            agree(&before, &after, &samples);
            let mut folded = FoldedNetwork::from_mean(merged(form));
            agree(&before, &folded, &samples);
            assert!(center(&mut folded).is_some() && center(&mut folded).is_none());
            agree(&before, &folded, &samples);
            assert!(folded.head.w.chunks_exact(6).all(|row| row.iter().sum::<f64>().abs() < 1e-14));
            // h as it is carried under zoneout: the norm sees no factor, its ε does.
            assert!(zoneout::scale_hidden(&mut folded).is_some());
            agree(&before, &folded, &samples);
        }
    }

    #[test]
    fn what_looks_like_the_fold_but_is_not_is_seen() {
        type Spoil = fn(&mut FoldedNetwork);
        let before = normed(None);
        let samples = signal(81, &before.scalers, 100);
        let spoils: [(&str, Spoil); 4] = [
            ("the mean left out", |network| network.head_norm.as_mut().unwrap().centered = true),
            ("another divisor", |network| network.head_norm.as_mut().unwrap().divisor += 1),
            ("no norm", |network| network.head_norm = None),
            ("ε left alone under a scaled h", |network| {
                let epsilon = network.head_norm.unwrap().epsilon;
                zoneout::scale_hidden(network);
                network.head_norm.as_mut().unwrap().epsilon = epsilon;
            }),
        ];
        for (name, spoil) in spoils {
            let mut folded = FoldedNetwork::from_mean(merged(None));
            spoil(&mut folded);
            let difference = largest_difference(&before, &folded, &samples);
            assert!(difference > 1e-3, "{name}: {difference:e}");
        }
    }

    #[test]
    fn removed_units_count_as_zeros() {
        for form in [None, Some(NormForm::Joint)] {
            let mut before = merged(form);
            let kept = vec![vec![0, 2, 3, 4], vec![1, 2, 5]];
            units::zero_groups(&mut before.layers, &mut before.head, &kept);
            let samples = signal(81, &before.scalers, 200);
            let mut after = FoldedNetwork::from_mean(before.clone());
            assert!(units::remove(&mut after).is_some());
            assert_eq!((after.head.inputs, after.head_norm.unwrap().divisor), (3, 6));
            agree_kept(&before, &after, &kept, &samples);
            assert_eq!(center(&mut after).unwrap().applied, "3 of 6 units");
            agree_kept(&before, &after, &kept, &samples);
            let mut wrong = after.clone();
            wrong.head_norm.as_mut().unwrap().divisor = 3;
            let difference = kept_difference(&before, &wrong, &kept, &samples);
            assert!(difference > 0.01, "{difference:e}");
        }
    }

    /// A unit that nothing reads still moves the statistics, unless its own h is zero.
    #[test]
    fn unread_units_matter_and_stay() {
        let mut before = merged(None);
        before.head.w.iter_mut().skip(3).step_by(6).for_each(|v| *v = 0.0);
        before.layers[1].u.iter_mut().skip(3).step_by(6).for_each(|u| *u = 0.0);
        assert_eq!(units::remove(&mut FoldedNetwork::from_mean(before.clone())), None);
        // With its candidate's row gone it can leave.
        let layer = &mut before.layers[1];
        let row = 2 * 6 + 3;
        layer.w[row * 5..][..5].fill(0.0);
        layer.u[row * 6..][..6].fill(0.0);
        layer.b[row] = 0.0;
        let mut after = FoldedNetwork::from_mean(before.clone());
        assert!(units::remove(&mut after).is_some());
        let kept = [vec![0, 1, 2, 3, 4], vec![0, 1, 2, 4, 5]];
        agree_kept(&before, &after, &kept, &signal(81, &before.scalers, 200));
    }
}
