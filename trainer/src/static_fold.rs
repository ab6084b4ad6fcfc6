//! `fold = "static"`: layer norm leaves the network before it is exported.
//!
//! Statistics of the joint norm are replaced by constants that were calibrated on training windows, which makes the network a plain LSTM
//! of the same size ([`crate::fold::static_norm`]); it is then trained on for some epochs, because the replacement changes what it
//! computes. A norm before the head stays as it is: it is one number a forecast, and nothing a step. The validation loss is measured before, after folding, and after training on.

use serde::Serialize;

use crate::config::Config;
use crate::data::{Augmented, Part};
use crate::error::{Error, Result};
use crate::export::{Trained, calibration_windows, scalers};
use crate::fold::MeanNetwork;
use crate::fold::static_norm::{calibrate, fold_static};
use crate::network::Params;
use crate::network::plain::PlainNetwork;
use crate::report::run_folder::shape;
use crate::train::{Observer, Residual, State, Task, Weighted, evaluate, fit, weights};

/// A network without layer norm, and what that cost.
#[derive(Clone, Debug, Serialize)]
pub struct StaticFold {
    /// The network that was trained on.
    #[serde(skip)]
    pub network: PlainNetwork,
    /// The network as the last epoch of training on left it.
    #[serde(skip)]
    pub last: PlainNetwork,
    /// The configuration without layer norm.
    #[serde(skip)]
    pub config: Config,
    /// Validation loss with layer norm.
    pub before: f64,
    /// Validation loss with constants in its place.
    pub folded: f64,
    /// Validation loss of the best epoch after that.
    pub tuned: f64,
}

impl StaticFold {
    /// Refuses a loss that rose by more than the configuration's tolerance.
    pub fn check(&self) -> Result<()> {
        let tolerance = self.config.export.tolerance;
        if self.tuned <= self.before * (1.0 + tolerance) {
            return Ok(());
        }
        Err(Error::failed(format!(
            "static folding raised the validation loss by {:.1} %, from {:.5} to {:.5}, and export.tolerance allows {:.1} %: give it more epochs with export.fine_tune, or export it all the same with --accept-loss",
            100.0 * (self.tuned / self.before - 1.0),
            self.before,
            self.tuned,
            100.0 * tolerance
        )))
    }
}

/// Folds a trained network's joint norm statically and trains it on.
pub fn static_fold(trained: &Trained<'_>, observer: &mut dyn Observer) -> Result<StaticFold> {
    let Trained { network, config, dataset } = *trained;
    if config.regularization.layer_norm.form.is_none() {
        return Err(Error::input("export.fold = \"static\" folds layer norm away, and the network has none: leave the key out"));
    }
    let mean = MeanNetwork::new(network, &config.regularization, &scalers(dataset))?;
    let constants = calibrate(&mean, &calibration_windows(dataset))?;
    let plain = fold_static(network, &constants)?;
    let mut without = config.clone();
    without.regularization.layer_norm.form = None;
    without.training.epochs = config.export.fine_tune;
    without.training.patience = 0;

    let (seed, quantiles) = (config.training.seed, config.training.outputs_per_value());
    let windows = Augmented { windows: dataset.windows(Part::Training), amplitude: config.regularization.amplitude, seed };
    let validation = Augmented { windows: dataset.windows(Part::Validation), amplitude: 0.0, seed };
    let weights = weights(config.training.class_weights, dataset);
    let [weighted, weighted_validation] = [&windows, &validation].map(|windows| Weighted { windows, weights: weights.clone() });
    let (normed_shape, plain_shape) = (shape(config, dataset), shape(&without, dataset));
    let task = Task {
        shape: &normed_shape,
        steps: dataset.steps(),
        regularization: &config.regularization,
        training: &config.training,
        train: &Residual { windows: &weighted, skip: network.skip.as_ref(), quantiles },
        validation: &Residual { windows: &weighted_validation, skip: network.skip.as_ref(), quantiles },
        threads: None,
    };
    let before = evaluate(&task, &Params::from_plain(network))?;
    let task = Task { shape: &plain_shape, regularization: &without.regularization, training: &without.training, ..task };
    let start = Params::from_plain(&plain);
    let folded = evaluate(&task, &start)?;
    let (network, last, tuned) = if without.training.epochs == 0 {
        (plain.clone(), plain, folded)
    } else {
        let outcome = fit(&task, State::from_params(start), None, observer)?;
        let last = PlainNetwork { skip: plain.skip.clone(), ..outcome.last.to_plain() };
        // Training on must not make it worse.
        if outcome.best.loss < folded {
            (PlainNetwork { skip: plain.skip, ..outcome.best.params.to_plain() }, last, outcome.best.loss)
        } else {
            (plain, last, folded)
        }
    };
    without.training = config.training.clone();
    Ok(StaticFold { network, last, config: without, before, folded, tuned })
}
