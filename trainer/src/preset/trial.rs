//! Short trainings that choose between settings, by the loss on validation windows.

use crate::config::Config;
use crate::data::{Augmented, Dataset, Part};
use crate::error::Result;
use crate::network::skip::PlainSkip;
use crate::report::run_folder::shape;
use crate::train::{Residual, State, Task, fit, skip};

/// The validation loss that a configuration reaches beside its skip.
pub(super) fn loss(config: &Config, dataset: &Dataset, fitted: Option<&PlainSkip>) -> Result<f64> {
    let (shape, seed) = (shape(config, dataset), config.training.seed);
    let quantiles = config.training.outputs_per_value();
    let fitted = fitted.map(|skip| skip.repeated(quantiles));
    let windows = |part, amplitude| Augmented { windows: dataset.windows(part), amplitude, seed };
    let train = windows(Part::Training, config.regularization.amplitude);
    let validation = windows(Part::Validation, 0.0);
    let task = Task {
        shape: &shape,
        steps: dataset.steps(),
        regularization: &config.regularization,
        training: &config.training,
        train: &Residual { windows: &train, skip: fitted.as_ref(), quantiles },
        validation: &Residual { windows: &validation, skip: fitted.as_ref(), quantiles },
        threads: None,
    };
    let start = if fitted.is_some() { skip::start(&task, seed)? } else { State::new(&shape, seed) };
    let outcome = fit(&task, start, None, &mut ())?;
    if fitted.is_some() { Ok(skip::best_share(&task, &outcome.best.params)?.1) } else { Ok(outcome.best.loss) }
}

/// Multiply-accumulates of a training, forward and backward.
pub(super) fn work(config: &Config, windows: usize, features: usize) -> f64 {
    let (units, patch) = (config.network.hidden.iter().sum::<usize>() as f64, config.window.patch * features);
    let step = 4.0 * units * (units + patch as f64);
    3.0 * step * (config.window.lookback / config.window.patch) as f64 * (windows * config.training.epochs) as f64
}
