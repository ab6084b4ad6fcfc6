//! Keep factors inside the cell, `c' = q_c*(f*c + q_g*(i*g))`: what a norm over c takes away.
//!
//! A norm is blind to the scale of what it reads but for its ε: `LN_ε(q z) = LN_(ε/q^2)(z)`. So a factor on everything that reaches c only
//! through a norm vanishes:
//!
//! | form | q_g on the candidate (Semeniuta) | q_c on the cell (Moon) |
//! |---|---|---|
//! | A: the norm reads c, c is stored raw | vanishes: c is carried as `c/q_g` | stays: it acts on c again at every step |
//! | B: the norm's result is stored | stays: `f*c` does not have it | vanishes |
//! | joint, and without layer norm | stays | stays |
//!
//! A factor that stays is a multiplication on the device, as [`FoldedLstm`] says. Without a norm over c the candidate's
//! could move to the tanh that reads c (`c = q_g u`, `h = o*tanh(q_g u)`); that is a multiplication too, and u needs a larger range than c.

use super::folded::{FoldedLstm, FoldedNetwork};
use super::rewrite::Rewrite;
use crate::network::plain::NormForm;

/// Takes a factor out of every layer of a form, into the norm's ε; the factor, if there was one.
fn into_epsilon(network: &mut FoldedNetwork, form: NormForm, factor: fn(&mut FoldedLstm) -> &mut f64) -> Option<f64> {
    let mut taken = None;
    for layer in &mut network.layers {
        let q = *factor(layer);
        let Some(norm) = layer.norm.as_mut().filter(|norm| norm.form == form && q != 1.0) else { continue };
        norm.epsilon_c /= q * q;
        *factor(layer) = 1.0;
        taken = Some(q);
    }
    taken
}

/// Classical dropout on the candidate, under form A: `c/q` is what is carried, and c's norm does not see the difference.
pub fn candidate_keep(network: &mut FoldedNetwork) -> Option<Rewrite> {
    let q = into_epsilon(network, NormForm::A, |layer| &mut layer.keep_candidate)?;
    Some(Rewrite {
        name: "candidate dropout's keep factor",
        formula: "c = q u: u' = f*u + i*g, eps_c <- eps_c/q^2",
        source: "Semeniuta et al., arXiv 1603.05118, eq. 9; scale invariance of layer norm, Ba et al., arXiv 1607.06450",
        applied: format!("q = {q}"),
    })
}

/// Dropout on the cell, under form B: the norm reads `q*(f*c + q_g*(i*g))` as a whole.
pub fn cell_keep(network: &mut FoldedNetwork) -> Option<Rewrite> {
    let q = into_epsilon(network, NormForm::B, |layer| &mut layer.keep_cell)?;
    Some(Rewrite {
        name: "cell dropout's keep factor",
        formula: "LN(q z; eps) = LN(z; eps/q^2): eps_c <- eps_c/q^2",
        source: "Moon et al., ASRU 2015; scale invariance of layer norm, Ba et al., arXiv 1607.06450",
        applied: format!("q = {q}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Normalization;
    use crate::fold::layer_norm::merge_shifts;
    use crate::fold::mean::MeanNetwork;
    use crate::fold::random::{Shape, agree, largest_difference, mean, signal};
    use crate::regularize::settings::{CandidateDropout, CellDropout, LayerNorm, Reading, Regularization, Scaling, Zoneout};

    const FORMS: [Option<NormForm>; 4] = [None, Some(NormForm::A), Some(NormForm::B), Some(NormForm::Joint)];

    fn dropped(form: Option<NormForm>, candidate: f64, cell: f64, zoneout: Zoneout) -> MeanNetwork {
        let shape = Shape { features: 2, patch: 1, hidden: vec![5, 4], targets: 1, horizon: 2 };
        let regularization = Regularization {
            candidate: CandidateDropout { drop: candidate, scaling: Scaling::Classical, ..CandidateDropout::default() },
            cell: CellDropout { drop: cell, scaling: None },
            layer_norm: LayerNorm { form, per_gate: candidate > 0.3, ..LayerNorm::default() },
            zoneout,
            ..Regularization::default()
        };
        let mut network = mean(21, &shape, &regularization, Normalization::Last);
        // Target scalers are taken over as folded.
        network.scalers.targets[0].deviation = 1.0;
        merge_shifts(&mut network);
        network
    }

    #[test]
    fn a_factor_vanishes_where_a_norm_is_blind_to_it_and_stays_elsewhere() {
        let zoned = |reading| Zoneout { cell: 0.3, hidden: 0.2, reading };
        for form in FORMS {
            for zoneout in [Zoneout::default(), zoned(Reading::Candidate), zoned(Reading::Zoned)] {
                for (candidate, cell) in [(0.0, 0.0), (0.25, 0.0), (0.0, 0.4), (0.5, 0.2)] {
                    let before = dropped(form, candidate, cell, zoneout);
                    let samples = signal(21, &before.scalers, 200);
                    let mut after = FoldedNetwork::from_mean(before.clone());
                    agree(&before, &after, &samples);
                    assert_eq!(candidate_keep(&mut after).is_some(), candidate > 0.0 && form == Some(NormForm::A));
                    agree(&before, &after, &samples);
                    assert_eq!(cell_keep(&mut after).is_some(), cell > 0.0 && form == Some(NormForm::B));
                    agree(&before, &after, &samples);
                    let left = |q: f64, vanishes| if form == Some(vanishes) { 1.0 } else { q };
                    for layer in &after.layers {
                        assert_eq!(layer.keep_candidate, left(1.0 - candidate, NormForm::A));
                        assert_eq!(layer.keep_cell, left(1.0 - cell, NormForm::B));
                    }
                }
            }
        }
    }

    #[test]
    fn an_epsilon_left_alone_is_seen() {
        for (form, candidate, cell) in [(NormForm::A, 0.5, 0.0), (NormForm::B, 0.0, 0.5)] {
            let before = dropped(Some(form), candidate, cell, Zoneout::default());
            let mut after = FoldedNetwork::from_mean(before.clone());
            let epsilon = after.layers[0].norm.as_ref().unwrap().epsilon_c;
            assert!(candidate_keep(&mut after).or(cell_keep(&mut after)).is_some());
            for layer in &mut after.layers {
                layer.norm.as_mut().unwrap().epsilon_c = epsilon;
            }
            let difference = largest_difference(&before, &after, &signal(21, &before.scalers, 100));
            assert!(difference > 1e-4, "{form:?}: {difference:e}");
        }
    }

    /// A factor dropped where it does not vanish makes another network: form B keeps the candidate's, form A the cell's.
    #[test]
    fn a_factor_that_stays_matters() {
        for (form, candidate, cell) in [(NormForm::B, 0.5, 0.0), (NormForm::A, 0.0, 0.5)] {
            let before = dropped(Some(form), candidate, cell, Zoneout::default());
            let mut after = FoldedNetwork::from_mean(before.clone());
            for layer in &mut after.layers {
                let q = core::mem::replace(&mut layer.keep_candidate, 1.0) * core::mem::replace(&mut layer.keep_cell, 1.0);
                layer.norm.as_mut().unwrap().epsilon_c /= q * q;
            }
            let difference = largest_difference(&before, &after, &signal(21, &before.scalers, 100));
            assert!(difference > 1e-3, "{form:?}: {difference:e}");
        }
    }
}
