//! Static folding: layer norm replaced by calibrated constants, so that none is left at run time.
//!
//! With a constant `r` in the place of `1/sqrt(var z + ε)` the joint form is linear up to the gates,
//! `γ*r*P(W x + U h + b) + β = W' x + U' h + b'` with `W' = γ*r*P W`, `U' = γ*r*P U`, `b' = γ*r*P b + β`: a plain LSTM. The constant comes
//! from [`calibrate`]. The network changes, by as much as its statistics vary, and must be trained on as the plain LSTM that it has become;
//! removing layer norm by training on has a precedent in arXiv 2409.13710. The folded network keeps its regularizers' keep factors: it
//! stands under the same configuration, without layer norm.
//!
//! **Only the joint form folds to a plain LSTM.** Forms A and B normalize c too; with constants that is `tanh(α c + δ)` in form A, or
//! `c <- α c' + δ` in form B, which is another cell, and trained on it comes out no better than a plain LSTM. They are refused.
//!
//! A norm before the head is left to the exact fold: it costs one root a forecast, and replacing it by a constant would save nothing a step.
//!
//! Where units are to be removed as well, zero their groups first ([`super::units::zero_groups`]): the mean over all rows fills the zero
//! rows with its negative, but nothing reads their units, so that [`super::units::shrink_plain`] removes them from the folded network exactly.

use super::certify::check_windows;
use super::mean::MeanNetwork;
use super::reference::Reference;
use crate::error::{Error, Result};
use crate::network::plain::{NormForm, PlainLstm, PlainNetwork, PlainNorm};

/// What a layer's norm is replaced by.
#[derive(Clone, Debug, PartialEq)]
pub struct Constants {
    /// For each block that shares its statistics, one or, per gate, four: the constant in the place of `1/sqrt(var z + ε)`.
    pub r: Vec<f64>,
}

/// Measures the constants of every layer on `windows` of the transformed domain, `[samples][F]` each, through the mean network.
///
/// With `v` the variance at a step and `r = 1/sqrt(v + ε)`, the constant is `sum of r v / sum of v` over all steps: the one whose
/// pre-activations are nearest to the normalized ones in the mean square.
pub fn calibrate(network: &MeanNetwork, windows: &[Vec<f64>]) -> Result<Vec<Constants>> {
    let norms = network.layers.iter().enumerate().map(|(index, layer)| joint(layer, index)).collect::<Result<Vec<_>>>()?;
    check_windows(windows, network.step_inputs())?;
    // Of each layer and block: the sums of `r v` and of `v`.
    let mut sums: Vec<Vec<[f64; 2]>> = norms.iter().map(|norm| vec![[0.0; 2]; blocks(norm)]).collect();
    for window in windows {
        let mut state = network.start_of(window);
        for x in window.chunks_exact(network.step_inputs()) {
            network.step_observed(&mut state, x, &mut |layer, wx, uh| {
                let z = wx.iter().zip(uh).zip(&network.layers[layer].b).map(|((x, h), b)| x + h + b);
                let z: Vec<f64> = z.collect();
                let rows = z.len() / sums[layer].len();
                for (z, [weighted, sum]) in z.chunks_exact(rows).zip(&mut sums[layer]) {
                    let mean = z.iter().sum::<f64>() / rows as f64;
                    let variance = z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / rows as f64;
                    *weighted += variance / (variance + norms[layer].epsilon).sqrt();
                    *sum += variance;
                }
            });
        }
    }
    let constants = sums.iter().zip(&norms).map(|(sums, norm)| {
        let r = |[weighted, sum]: &[f64; 2]| if *sum > 0.0 { weighted / sum } else { 1.0 / norm.epsilon.sqrt() };
        Constants { r: sums.iter().map(r).collect() }
    });
    Ok(constants.collect())
}

/// The plain network that `network` is with its statistics at `constants`; exact where they are constant.
pub fn fold_static(network: &PlainNetwork, constants: &[Constants]) -> Result<PlainNetwork> {
    assert_eq!(network.layers.len(), constants.len(), "constants of every layer");
    let layers = network.layers.iter().zip(constants).enumerate().map(|(index, (layer, constants))| {
        let norm = joint(layer, index)?;
        assert_eq!(constants.r.len(), blocks(norm), "a constant for each block");
        Ok(fold_layer(layer, norm, constants))
    });
    Ok(PlainNetwork { layers: layers.collect::<Result<_>>()?, head: network.head.clone(), skip: network.skip.clone() })
}

fn fold_layer(layer: &PlainLstm, norm: &PlainNorm, constants: &Constants) -> PlainLstm {
    let rows = 4 * layer.hidden / constants.r.len();
    // γ*r*P times a matrix of some columns.
    let folded = |matrix: &[f64], columns: usize| -> Vec<f64> {
        let mut folded = matrix.to_vec();
        for (block, ((matrix, gains), r)) in folded
            .chunks_exact_mut(rows * columns)
            .zip(matrix.chunks_exact(rows * columns).zip(norm.gain_x.chunks_exact(rows)).zip(&constants.r))
        {
            for column in 0..columns {
                let mean = matrix.iter().skip(column).step_by(columns).sum::<f64>() / rows as f64;
                for (value, gain) in block.iter_mut().skip(column).step_by(columns).zip(gains) {
                    *value = gain * r * (*value - mean);
                }
            }
        }
        folded
    };
    let bias = folded(&layer.b, 1).iter().zip(&norm.shift_x).map(|(b, shift)| b + shift).collect();
    PlainLstm {
        inputs: layer.inputs,
        hidden: layer.hidden,
        w: folded(&layer.w, layer.inputs),
        u: folded(&layer.u, layer.hidden),
        b: bias,
        norm: None,
    }
}

/// Blocks of rows that share their statistics.
fn blocks(norm: &PlainNorm) -> usize {
    if norm.per_gate { 4 } else { 1 }
}

/// The norm of a layer that can be folded statically.
fn joint(layer: &PlainLstm, index: usize) -> Result<&PlainNorm> {
    match &layer.norm {
        Some(norm) if norm.form == NormForm::Joint => Ok(norm),
        Some(norm) => Err(Error::input(format!(
            "layer norm of form {:?} in layer {} normalizes the cell too and folds to no plain LSTM: set regularization.layer_norm.form = \"joint\" for a static fold, or leave the static fold out",
            norm.form,
            index + 1
        ))),
        None => Err(Error::input(format!(
            "layer {} has no layer norm to fold statically: set regularization.layer_norm.form = \"joint\", or leave the static fold out",
            index + 1
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Normalization;
    use crate::fold::random::{Shape, agree, agree_kept, largest_difference, mean, network, normed, scalers, signal};
    use crate::fold::{FoldedNetwork, units};
    use crate::regularize::settings::{Dropout, LayerNorm, RecurrentDropout, Regularization, Scaling, Zoneout};

    fn shape() -> Shape {
        Shape { features: 2, patch: 2, hidden: vec![6, 5], targets: 2, horizon: 2 }
    }

    /// Keep factors of several kinds and zoneout around the norm.
    fn settings(per_gate: bool) -> Regularization {
        Regularization {
            dropout: Dropout { input: 0.2, between: 0.3, scaling: Scaling::Classical, ..Dropout::default() },
            recurrent: RecurrentDropout { drop: 0.25, scaling: Scaling::Classical, ..RecurrentDropout::default() },
            zoneout: Zoneout { cell: 0.2, hidden: 0.1, ..Zoneout::default() },
            layer_norm: LayerNorm { form: Some(NormForm::Joint), per_gate, ..LayerNorm::default() },
            ..Regularization::default()
        }
    }

    fn joint_network(per_gate: bool) -> MeanNetwork {
        mean(51, &shape(), &settings(per_gate), Normalization::Last)
    }

    /// The same network with its layers folded statically on some windows.
    fn folded(before: &MeanNetwork, windows: &[Vec<f64>]) -> MeanNetwork {
        let plain = PlainNetwork { layers: before.layers.clone(), head: before.head.clone(), skip: None };
        let folded = fold_static(&plain, &calibrate(before, windows).unwrap()).unwrap();
        assert!(folded.layers.iter().all(|layer| layer.norm.is_none()));
        MeanNetwork { layers: folded.layers, head: folded.head, ..before.clone() }
    }

    /// ε so large that the variance does not show beside it, gains as large: the statistics are constants.
    fn constant(network: &mut MeanNetwork) {
        for layer in &mut network.layers {
            let norm = layer.norm.as_mut().unwrap();
            norm.epsilon = 1e24;
            norm.gain_x.iter_mut().for_each(|gain| *gain *= 1e12);
        }
    }

    #[test]
    fn with_constant_statistics_the_fold_is_exact() {
        for per_gate in [false, true] {
            let mut before = joint_network(per_gate);
            constant(&mut before);
            let samples = signal(51, &before.scalers, 400);
            let windows: Vec<Vec<f64>> = samples.chunks_exact(40).map(<[f64]>::to_vec).collect();
            agree(&before, &folded(&before, &windows), &samples);
        }
    }

    #[test]
    fn a_norm_before_the_head_stays() {
        let mut settings = settings(false);
        settings.layer_norm.head = true;
        let mut before = mean(51, &shape(), &settings, Normalization::Last);
        constant(&mut before);
        let samples = signal(51, &before.scalers, 400);
        let after = folded(&before, &[samples[..40].to_vec()]);
        assert!(after.head.norm.is_some() && after.head == before.head);
        agree(&before, &after, &samples);
    }

    /// Calibrated on one step, the constants are that step's own statistics, whatever ε.
    #[test]
    fn on_the_step_that_it_was_calibrated_on_the_fold_is_exact() {
        for per_gate in [false, true] {
            let before = joint_network(per_gate);
            let samples = signal(51, &before.scalers, 80);
            let (step, other) = samples.split_at(4);
            let after = folded(&before, &[step.to_vec()]);
            let deviation = before.scalers.targets.iter().map(|scaler| scaler.deviation).fold(0.0, f64::max);
            for (a, b) in before.forecast_window(step).iter().zip(after.forecast_window(step)) {
                assert!((a - b).abs() <= 1e-12 * a.abs().max(deviation), "{a} {b}");
            }
            let difference = largest_difference(&before, &after, other);
            assert!(difference > 1e-3, "the statistics of other steps differ: {difference:e}");
        }
    }

    #[test]
    fn the_constant_is_nearest_in_the_mean_square() {
        let before = joint_network(true);
        let samples = signal(51, &before.scalers, 200);
        let constants = calibrate(&before, std::slice::from_ref(&samples)).unwrap();
        let norm = before.layers[1].norm.as_ref().unwrap();
        // Squared error of each gate of layer 2 with its constant times a factor.
        let error = |factor: f64| {
            let mut errors = [0.0; 4];
            let mut state = before.start(&samples[samples.len() - 2..]);
            for x in samples.chunks_exact(4) {
                before.step_observed(&mut state, x, &mut |layer, wx, uh| {
                    if layer == 0 {
                        return;
                    }
                    for (gate, error) in errors.iter_mut().enumerate() {
                        let rows = gate * 5..gate * 5 + 5;
                        let z: Vec<f64> = rows.map(|row| wx[row] + uh[row] + before.layers[1].b[row]).collect();
                        let mean = z.iter().sum::<f64>() / 5.0;
                        let squares: f64 = z.iter().map(|z| (z - mean) * (z - mean)).sum();
                        let r = (squares / 5.0 + norm.epsilon).powf(-0.5);
                        *error += (r - factor * constants[1].r[gate]).powi(2) * squares;
                    }
                });
            }
            errors
        };
        let best = error(1.0);
        for factor in [0.99, 1.01] {
            assert!(error(factor).iter().zip(best).all(|(error, best)| *error > best));
        }
    }

    #[test]
    fn groups_at_zero_leave_the_folded_network() {
        let mut before = joint_network(false);
        let kept = vec![vec![1, 2, 4], vec![0, 3]];
        units::zero_groups(&mut before.layers, &mut before.head, &kept);
        constant(&mut before);
        let samples = signal(51, &before.scalers, 400);
        let mut after = folded(&before, std::slice::from_ref(&samples));
        let mut plain = PlainNetwork { layers: after.layers, head: after.head, skip: None };
        assert_eq!(units::kept_units(&plain, 0.0), kept);
        units::shrink_plain(&mut plain, &kept);
        (after.layers, after.head) = (plain.layers, plain.head);
        agree_kept(&before, &after, &kept, &samples);
    }

    #[test]
    fn what_does_not_fold_to_a_plain_network_is_refused() {
        let columns = scalers(51, &shape(), Normalization::Last);
        let window = signal(51, &columns, 24);
        for (plain, part) in [
            (normed(51, &shape(), NormForm::A, false), "form A in layer 1"),
            (normed(51, &shape(), NormForm::B, true), "form B in layer 1"),
            (network(51, &shape()), "layer 1 has no layer norm"),
        ] {
            let mean = MeanNetwork::new(&plain, &Regularization::default(), &columns).unwrap();
            let constants = vec![Constants { r: vec![1.0] }; 2];
            for error in
                [calibrate(&mean, std::slice::from_ref(&window)).unwrap_err(), fold_static(&plain, &constants).unwrap_err()]
            {
                assert!(error.to_string().contains(part), "{error}");
                assert_eq!(error.exit_code(), 2);
            }
        }
        let error = calibrate(&joint_network(false), &[]).unwrap_err();
        assert!(error.to_string().contains("no window"), "{error}");
    }

    /// A unit of zeros everywhere has no variance to weigh by.
    #[test]
    fn a_layer_of_zeros_gives_a_finite_constant() {
        let mut network = joint_network(false);
        for layer in &mut network.layers {
            [&mut layer.w, &mut layer.u, &mut layer.b].into_iter().for_each(|values| values.fill(0.0));
        }
        let samples = signal(51, &network.scalers, 40);
        let constants = calibrate(&network, std::slice::from_ref(&samples)).unwrap();
        assert!(constants.iter().all(|constants| constants.r == [1.0 / 0.02f64.sqrt()]));
        agree(&network, &FoldedNetwork::from_mean(unscaled(folded(&network, std::slice::from_ref(&samples)))), &samples);
    }

    /// Target scalers are taken over as folded, keep factors too.
    fn unscaled(mut network: MeanNetwork) -> MeanNetwork {
        use crate::fold::dropout::{between_keep, input_keep, recurrent_keep};
        use crate::fold::scaler::target_scale;
        for rewrite in [input_keep, between_keep, recurrent_keep, target_scale] {
            rewrite(&mut network);
        }
        network
    }
}
