//! Folding: everything that only training needed leaves the network, and what is left is what the device computes.
//!
//! The starting point is the network's *mean* at test time ([`MeanNetwork`]): masks replaced by their expectation, scalers around it.
//! Each rewrite moves one factor into the weights, leaves the function that is computed as it was, and lives in a function of its own:
//!
//! | rewrite | what moves | where |
//! |---|---|---|
//! | [`dropout::input_keep`] | `W1 <- q W1` | classical dropout on the input |
//! | [`dropout::between_keep`] | `W(l+1) <- q W(l+1)` | classical dropout between layers |
//! | [`dropout::recurrent_keep`] | `U <- q U` | classical dropout on h(t-1) |
//! | [`dropout::weights_keep`] | `U <- q U` | classical weight-drop on U |
//! | [`dropout::output_keep`] | `V <- q V` | classical dropout before the head |
//! | [`scaler::input_shift`] | `b1 <- b1 - W1 (m/s)`, inside norms | float only, and only where `m/s` is small: see [`scaler::SHIFT_GUARD`] |
//! | [`scaler::input_scale`] | `W1 <- W1/s` | float only: an integer device scales while it quantizes its input |
//! | [`scaler::target_scale`] | `V <- s_y V`, `d <- s_y d` | always |
//! | [`scaler::target_shift`] | `d <- d + m_y` | without per-window normalization |
//! | [`skip::skip_bias`] | `d <- d + c` | a linear skip |
//! | [`layer_norm::merge_shifts`] | `b <- b + βx + βh` | layer norm, forms A and B |
//! | [`head_norm::merge_shift`] | `d <- d + V β` | layer norm before the head |
//! | [`head_norm::merge_gain`] | `V <- V diag(γ)` | layer norm before the head |
//! | [`units::remove`] | rows and columns of units leave | groups that are zero |
//! | [`cell::candidate_keep`] | `ε_c <- ε_c/q^2` | classical dropout on the candidate, form A; elsewhere q stays |
//! | [`cell::cell_keep`] | `ε_c <- ε_c/q^2` | dropout on the cell, form B; elsewhere q stays |
//! | [`layer_norm::center`] | `W, U, b <- P W, P U, P b` | layer norm |
//! | [`layer_norm::center_pruned`] | the same with the original divisor | layer norm of layers that have lost units |
//! | [`head_norm::center`] | `V <- V P` with the original divisor | layer norm before the head |
//! | [`zoneout::scale_hidden`] | `U, W(l+1), V <- (1-z_h) ..` | float only: h is carried as `u = h/(1-z_h)` |
//! | [`input_norm::gain`] | `W, b inside <- diag(γ) W, diag(γ) b` | layer norm, forms A and B, where a layer has few inputs |
//!
//! What changes the network instead is no rewrite and comes before all of them: [`units::zero_groups`], with its own line in the
//! certificate, and [`static_norm`], after which the network must be trained on. Masks of any duration and number have the same mean,
//! so variational masks fold as per-step ones do; noise, penalties, bounds and averaged weights leave nothing to fold.
//!
//! **`q` is the keep probability.** Rates in the configuration are *drop* probabilities `p`, and the mean of a masked activation is
//! `(1-p)` times the activation, so classical dropout multiplies by `q = 1 - p` at test time. Tutorials that say "multiply by p" either
//! call the keep probability p, as Srivastava et al. (2014) do, or are wrong. Inverted dropout divides by `q` in training and leaves
//! nothing to fold.
//!
//! [`fold`] gives the folded network and the list of rewrites; [`certify`] does the same and measures each of them on real windows.

pub mod cell;
mod certificate;
mod certify;
pub mod dropout;
mod folded;
pub mod head_norm;
pub mod input_norm;
pub mod layer_norm;
mod mean;
#[cfg(test)]
pub(crate) mod random;
pub mod reference;
mod rewrite;
pub mod scaler;
pub mod skip;
pub mod static_norm;
#[cfg(test)]
mod tests;
pub mod units;
pub mod zoneout;

pub use certificate::{Certificate, Difference, MeasuredRewrite, Measurements, NearestMeasurements, ZeroedGroups};
pub use certify::certify;
pub use folded::{Carried, FoldedHeadNorm, FoldedLstm, FoldedNetwork, FoldedNorm, FoldedZoneout, InputScaler};
pub use input_norm::InputStatistics;
pub use mean::{Keep, MeanNetwork, Scaler, Scalers};
pub use rewrite::Rewrite;

use reference::Reference;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::network::plain::PlainNetwork;
use crate::regularize::settings::Regularization;

/// The number system that the folded network is meant for; it decides what may move into the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// `f32` weights: the input scaler and zoneout's factor are folded.
    Float,
    /// Integer weights with a scale per row: the quantizer scales the input, h is carried as it is and blended in wide integers.
    Integer,
}

/// Folds a trained network for `target`; the rewrites that had something to do come in the order of their application.
pub fn fold(
    network: &PlainNetwork,
    regularization: &Regularization,
    scalers: &Scalers,
    target: Target,
) -> Result<(FoldedNetwork, Vec<Rewrite>)> {
    let mut mean = MeanNetwork::new(network, regularization, scalers)?;
    zero_groups(&mut mean, network, regularization);
    let mut rewrites = Vec::new();
    let folded = apply(mean, target, &mut |rewrite, _| rewrites.push(rewrite));
    Ok((folded, rewrites))
}

/// If units are to be removed, sets to zero the groups that are below the threshold; what that did, and the units that go.
fn zero_groups(
    mean: &mut MeanNetwork,
    network: &PlainNetwork,
    regularization: &Regularization,
) -> Option<(units::Zeroed, usize)> {
    if regularization.group_lasso.strength == 0.0 {
        return None;
    }
    let kept = units::kept_units(network, regularization.group_lasso.threshold);
    let gone = network.layers.iter().zip(&kept).map(|(layer, kept)| layer.hidden - kept.len()).sum();
    Some((units::zero_groups(&mut mean.layers, &mut mean.head, &kept), gone))
}

/// Applies every rewrite in order; `observe` sees each with the network that it left.
fn apply(mut mean: MeanNetwork, target: Target, observe: &mut dyn FnMut(Rewrite, &dyn Reference)) -> FoldedNetwork {
    type OnMean = fn(&mut MeanNetwork) -> Option<Rewrite>;
    type OnFolded = fn(&mut FoldedNetwork) -> Option<Rewrite>;
    let keeps: [OnMean; 5] =
        [dropout::input_keep, dropout::between_keep, dropout::recurrent_keep, dropout::weights_keep, dropout::output_keep];
    // The shift comes before the scale: its guard needs the deviation that the scale takes away.
    let inputs: &[OnMean] = match target {
        Target::Float => &[scaler::input_shift, scaler::input_scale],
        Target::Integer => &[],
    };
    let last: [OnMean; 6] = [
        scaler::target_scale,
        scaler::target_shift,
        skip::skip_bias,
        layer_norm::merge_shifts,
        head_norm::merge_shift,
        head_norm::merge_gain,
    ];
    for rewrite in keeps.iter().chain(inputs).chain(&last) {
        if let Some(done) = rewrite(&mut mean) {
            observe(done, &mean);
        }
    }
    let mut folded = FoldedNetwork::from_mean(mean);
    // Units leave while their rows are zero, before centering fills them.
    let norms: [OnFolded; 6] =
        [units::remove, cell::candidate_keep, cell::cell_keep, layer_norm::center, layer_norm::center_pruned, head_norm::center];
    let hidden: &[OnFolded] = match target {
        Target::Float => &[zoneout::scale_hidden],
        Target::Integer => &[],
    };
    // What it takes its statistics of must be the last word on W.
    let last: OnFolded = input_norm::gain;
    for rewrite in norms.iter().chain(hidden).chain([&last]) {
        if let Some(done) = rewrite(&mut folded) {
            observe(done, &folded);
        }
    }
    folded
}
