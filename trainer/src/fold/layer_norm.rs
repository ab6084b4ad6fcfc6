//! Layer norm at run time: what of it moves into weights beforehand.
//!
//! `LN(z; γ, β) = γ*(z - mean z)/sqrt(var z + ε) + β`. All β and b become one bias after the norms. The mean is linear in z, so it moves
//! into the matrices, `z - mean z = P z` with `P = I - 11'/N`, and an RMS is left. γ stays: it would change the RMS that it stands before
//! (only a sum weighted by `1/γ^2` would not mind), so it remains a factor of each row, which an integer device merges with the row's
//! scale; but see [`super::input_norm`] for the branch of x. Factors of 1-z_h and of dropout within a norm move as without it, see [`super::dropout`].

use super::folded::{FoldedNetwork, FoldedNorm};
use super::mean::MeanNetwork;
use super::rewrite::Rewrite;
use crate::network::plain::{NormForm, PlainLstm};

/// In forms A and B, β of the norms over `W x` and `U h` move into b, the one bias after them. In the joint form β is that bias already.
pub fn merge_shifts(network: &mut MeanNetwork) -> Option<Rewrite> {
    let mut merged = 0;
    for layer in &mut network.layers {
        let Some(norm) = layer.norm.as_mut().filter(|norm| norm.form != NormForm::Joint) else { continue };
        merged += 1;
        for shift in [&mut norm.shift_x, &mut norm.shift_h] {
            for (bias, shift) in layer.b.iter_mut().zip(shift) {
                *bias += core::mem::replace(shift, 0.0);
            }
        }
    }
    (merged > 0).then(|| Rewrite {
        name: "norms' shifts and the bias",
        formula: "b <- b + beta_x + beta_h",
        source: "Ba et al., arXiv 1607.06450, eq. 20",
        applied: format!("{merged} layers"),
    })
}

/// The mean moves into the matrices of every layer that has all its units.
pub fn center(network: &mut FoldedNetwork) -> Option<Rewrite> {
    let centered = center_where(network, |removed| removed == 0)?;
    Some(Rewrite {
        name: "norms' means",
        formula: "W, U, bias inside <- P W, P U, P b; P = I - 11'/N, a block a gate for norms per gate; var z = S2/N",
        source: "Ba et al., arXiv 1607.06450, eq. 3: the mean is linear",
        applied: centered,
    })
}

/// The same in layers that have lost units. The rows that are gone held 0 and would hold minus the mean m if they were centered too,
/// which counts in the variance. m itself is what the centered rows that are left sum up to: `S1 = N m - (N-M) m = M m`.
pub fn center_pruned(network: &mut FoldedNetwork) -> Option<Rewrite> {
    let centered = center_where(network, |removed| removed > 0)?;
    Some(Rewrite {
        name: "norms' means, with units removed",
        formula: "kept rows <- row - (sum of kept rows)/N with the original N; var z = (S2 + S1^2/M)/N, M rows gone",
        source: "Ba et al., arXiv 1607.06450, eq. 3, with the rows of removed units at 0",
        applied: centered,
    })
}

/// Centers the layers whose count of removed units `applies`; names them.
fn center_where(network: &mut FoldedNetwork, applies: fn(usize) -> bool) -> Option<String> {
    let mut centered = Vec::new();
    for (index, layer) in network.layers.iter_mut().enumerate() {
        let PlainLstm { inputs, hidden, w, u, b, .. } = &mut layer.weights;
        let Some(norm) = layer.norm.as_mut() else { continue };
        if norm.centered || !applies(norm.divisor - *hidden) {
            continue;
        }
        norm.centered = true;
        for (matrix, columns) in [(w, *inputs), (u, *hidden), (b, 1)] {
            subtract_means(matrix, columns, *hidden, norm);
        }
        centered.push(index + 1);
    }
    (!centered.is_empty()).then(|| format!("layers {centered:?}"))
}

/// Subtracts from the rows of each block their mean; rows that were removed count as 0.
fn subtract_means(matrix: &mut [f64], columns: usize, hidden: usize, norm: &FoldedNorm) {
    let kept = if norm.per_gate { hidden } else { 4 * hidden };
    for block in matrix.chunks_exact_mut(kept * columns) {
        for column in 0..columns {
            let mean = block.iter().skip(column).step_by(columns).sum::<f64>() / norm.rows() as f64;
            block.iter_mut().skip(column).step_by(columns).for_each(|value| *value -= mean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Normalization;
    use crate::fold::random::{Shape, agree, agree_kept, kept_difference, mean, signal};
    use crate::fold::units;
    use crate::regularize::settings::{LayerNorm, Regularization};

    const FORMS: [NormForm; 3] = [NormForm::A, NormForm::B, NormForm::Joint];

    fn normed(form: NormForm, per_gate: bool) -> MeanNetwork {
        let shape = Shape { features: 2, patch: 2, hidden: vec![6, 5, 7], targets: 1, horizon: 2 };
        let layer_norm = LayerNorm { form: Some(form), per_gate, ..LayerNorm::default() };
        let mut network = mean(31, &shape, &Regularization { layer_norm, ..Regularization::default() }, Normalization::None);
        network.scalers.targets[0] = crate::fold::Scaler { mean: 0.0, deviation: 1.0 };
        network
    }

    #[test]
    fn shifts_and_bias_become_one() {
        for form in FORMS {
            let before = normed(form, false);
            let mut after = before.clone();
            assert_eq!(merge_shifts(&mut after).is_some(), form != NormForm::Joint);
            let samples = signal(31, &before.scalers, 300);
            agree(&before, &after, &samples);
            agree(&before, &FoldedNetwork::from_mean(after), &samples);
        }
    }

    #[test]
    fn centered_weights_leave_an_rms() {
        for form in FORMS {
            for per_gate in [false, true] {
                let before = normed(form, per_gate);
                let mut after = FoldedNetwork::from_mean(before.clone());
                assert_eq!(center_pruned(&mut after), None);
                assert_eq!(center(&mut after).unwrap().applied, "layers [1, 2, 3]");
                agree(&before, &after, &signal(31, &before.scalers, 300));
                assert_eq!(center(&mut after), None, "a second time there is nothing left to do");
                let w = &after.layers[1].weights.w;
                let rows = if per_gate { 5 } else { 20 };
                let mean = |block: &[f64]| block.iter().step_by(6).sum::<f64>() / rows as f64;
                assert!(w.chunks_exact(rows * 6).all(|block| mean(block).abs() < 1e-15));
            }
        }
    }

    /// Centering across all gates what is normalized gate by gate leaves every gate a mean.
    #[test]
    fn centering_over_the_wrong_block_is_seen() {
        let before = normed(NormForm::Joint, true);
        let mut after = FoldedNetwork::from_mean(before.clone());
        for layer in &mut after.layers {
            layer.norm.as_mut().unwrap().per_gate = false;
        }
        center(&mut after);
        for layer in &mut after.layers {
            layer.norm.as_mut().unwrap().per_gate = true;
        }
        let difference = crate::fold::random::largest_difference(&before, &after, &signal(31, &before.scalers, 60));
        assert!(difference > 1e-2, "{difference:e}");
    }

    /// A joint network of which units of every layer are zero as a group, the same with them removed, and the units that are left.
    fn pruned(per_gate: bool) -> (MeanNetwork, FoldedNetwork, Vec<Vec<usize>>) {
        let mut before = normed(NormForm::Joint, per_gate);
        let kept = vec![vec![0, 2, 5], vec![1, 2, 3, 4], vec![0, 1, 2, 3, 4, 5, 6]];
        units::zero_groups(&mut before.layers, &mut before.head, &kept);
        let mut after = FoldedNetwork::from_mean(before.clone());
        assert!(units::remove(&mut after).is_some());
        (before, after, kept)
    }

    #[test]
    fn pruned_and_centered_is_an_identity_of_its_own() {
        for per_gate in [false, true] {
            let (before, after, kept) = pruned(per_gate);
            let samples = signal(31, &before.scalers, 300);
            agree_kept(&before, &after, &kept, &samples);
            let mut both = after.clone();
            assert_eq!(center_pruned(&mut both).unwrap().applied, "layers [1, 2]");
            assert_eq!(center(&mut both).unwrap().applied, "layers [3]");
            agree_kept(&before, &both, &kept, &samples);
        }
    }

    /// The orders in which the two folds would simply follow each other, and the divisor of the units that are left.
    #[test]
    fn what_looks_like_pruned_and_centered_but_is_not_is_seen() {
        for per_gate in [false, true] {
            let (before, after, kept) = pruned(per_gate);
            let samples = signal(31, &before.scalers, 60);
            let new_divisor = |network: &FoldedNetwork| {
                let mut network = network.clone();
                for layer in &mut network.layers {
                    layer.norm.as_mut().unwrap().divisor = layer.weights.hidden;
                }
                network
            };
            // Statistics over the units that are left.
            let uncentered = new_divisor(&after);
            // Removed, then centered over what is left.
            let mut remaining = new_divisor(&after);
            center(&mut remaining);
            // Centered over all with the right divisor, the removed rows' part in the variance forgotten.
            let mut forgotten = after.clone();
            center_pruned(&mut forgotten);
            for layer in &mut forgotten.layers {
                let norm = layer.norm.as_mut().unwrap();
                let factor = (norm.divisor as f64 / layer.weights.hidden as f64).sqrt();
                norm.divisor = layer.weights.hidden;
                // sqrt(S2/N_kept + ε) back to sqrt(S2/N + ε).
                norm.epsilon_x *= factor * factor;
                norm.gain_x.iter_mut().for_each(|gain| *gain *= factor);
            }
            for (error, wrong) in [("new divisor", uncentered), ("centered after", remaining), ("m forgotten", forgotten)] {
                let difference = kept_difference(&before, &wrong, &kept, &samples);
                assert!(difference > 1e-4, "{error}: {difference:e}");
            }
        }
    }
}
