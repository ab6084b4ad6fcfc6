//! One run: train, fold statically where the variant is about that, measure both sets of weights, and for the first seed export the device
//! file.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use super::measure::{ROWS, errors};
use super::plan::{Plan, Run};
use super::record::{DeviceCost, Fate, LayerShape, Measured, Point, Record, Trained, Validated};
use super::statistics::tenth;
use super::store::Store;
use crate::config::{Config, Fold};
use crate::data::{Augmented, Dataset, Part};
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::export::{self, Exported, Format, export};
use crate::files::write_atomically;
use crate::network::{Params, Workspace};
use crate::report::run_folder::shape;
use crate::static_fold::static_fold;
use crate::train::{EpochReport, Observer, Outcome, State, StepReport, Task, fit};

/// Times every optimizer step; validation is left out.
struct Clock<'a> {
    since: Instant,
    seconds: Vec<f64>,
    tick: &'a dyn Fn(u64),
}

impl Observer for Clock<'_> {
    fn step(&mut self, _: &StepReport) {
        let now = Instant::now();
        self.seconds.push(now.duration_since(self.since).as_secs_f64());
        self.since = now;
        (self.tick)(1);
    }

    fn epoch(&mut self, _: &EpochReport, _: Duration) -> ControlFlow<()> {
        self.since = Instant::now();
        ControlFlow::Continue(())
    }
}

/// Trains one run and measures it; `tick` is told of every optimizer step, skipped ones included.
pub(super) fn train(plan: &Plan<'_>, run: &Run, store: &Store, tick: &dyn Fn(u64)) -> Result<Record> {
    let config = plan.config_of(run.variant, run.seed);
    let dataset = plan.dataset;
    let mut clock = Clock { since: Instant::now(), seconds: Vec::new(), tick };
    let outcome = fit_one(&config, dataset, &mut clock);
    tick(plan.steps().saturating_sub(clock.seconds.len() as u64));
    let outcome = outcome.and_then(|outcome| Ok((networks(&config, dataset, &outcome)?, outcome)));
    let outcome = match outcome {
        Ok((networks, outcome)) if plan.validation_only => Fate::Validated(Box::new(validated(&networks, dataset, &outcome))),
        Ok((networks, outcome)) => Fate::Trained(Box::new(measured(&networks, dataset, &outcome, &clock, run, store)?)),
        Err(Error::Failed(reason)) => Fate::Diverged { reason },
        Err(error) => return Err(error),
    };
    Ok(Record { variant: plan.variants[run.variant].name.to_owned(), seed: run.seed, digest: run.digest.clone(), outcome })
}

fn fit_one(config: &Config, dataset: &Dataset, clock: &mut Clock<'_>) -> Result<Outcome> {
    let shape = shape(config, dataset);
    let seed = config.training.seed;
    let amplitude = config.regularization.amplitude;
    let task = Task {
        shape: &shape,
        steps: dataset.steps(),
        regularization: &config.regularization,
        training: &config.training,
        train: &Augmented { windows: dataset.windows(Part::Training), amplitude, seed },
        validation: &Augmented { windows: dataset.windows(Part::Validation), amplitude: 0.0, seed },
        threads: Some(1),
    };
    fit(&task, State::new(&shape, seed), None, clock)
}

/// What of a training is measured and exported.
struct Networks {
    /// What the network runs under: the run's own, without layer norm where it was folded statically.
    config: Config,
    /// Of the epoch with the lowest validation loss.
    best: Params<f32>,
    /// Of the last epoch.
    last: Params<f32>,
    /// Why the best one may not be exported.
    refusal: Option<String>,
}

/// The two sets of weights of a training; under static folding each of them folded and trained on, the last one to its last epoch.
fn networks(config: &Config, dataset: &Dataset, outcome: &Outcome) -> Result<Networks> {
    let (best, last) = (&outcome.best.params, &outcome.last);
    if config.export.fold == Fold::Exact {
        return Ok(Networks { config: config.clone(), best: best.clone(), last: last.clone(), refusal: None });
    }
    let fold = |params: &Params<f32>| {
        let network = params.to_plain();
        static_fold(&export::Trained { network: &network, config, dataset }, &mut ())
    };
    let (best, last) = (fold(best)?, fold(last)?);
    let refusal = match best.check() {
        Ok(()) => None,
        Err(Error::Failed(reason)) => Some(reason),
        Err(error) => return Err(error),
    };
    let params = |network| Params::from_plain(network);
    Ok(Networks { best: params(&best.network), last: params(&last.last), config: best.config, refusal })
}

/// The validation errors alone.
fn validated(networks: &Networks, dataset: &Dataset, outcome: &Outcome) -> Validated {
    let config = &networks.config;
    let mut workspace = Workspace::new(&shape(config, dataset), &config.regularization, dataset.steps(), ROWS);
    let mut measure = |params: &Params<f32>| errors(&mut workspace, params, &dataset.windows(Part::Validation));
    Validated {
        best_epoch: outcome.best.epoch,
        best: measure(&networks.best),
        last: measure(&networks.last),
        curve: curve(outcome),
    }
}

fn curve(outcome: &Outcome) -> Vec<Point> {
    let point = |report: &EpochReport| Point {
        epoch: report.epoch,
        training_loss: report.train_loss,
        validation_loss: report.validation_loss,
    };
    outcome.history.iter().map(point).collect()
}

fn measured(
    networks: &Networks,
    dataset: &Dataset,
    outcome: &Outcome,
    clock: &Clock<'_>,
    run: &Run,
    store: &Store,
) -> Result<Trained> {
    let config = &networks.config;
    let mut workspace = Workspace::new(&shape(config, dataset), &config.regularization, dataset.steps(), ROWS);
    let mut measure = |params: &Params<f32>| Measured {
        validation: errors(&mut workspace, params, &dataset.windows(Part::Validation)),
        test: errors(&mut workspace, params, &dataset.windows(Part::Test)),
    };
    let (best, last) = (measure(&networks.best), measure(&networks.last));
    // The first seed's files. A result that fails is noted; what cannot be written ends the comparison.
    let mut export_failure = networks.refusal.clone();
    let mut file = |wanted: bool, params: &Params<f32>, stem: &str| -> Result<Option<DeviceCost>> {
        if !(wanted && run.seed == 0) {
            return Ok(None);
        }
        match exported(config, dataset, params) {
            Ok(exported) => device(&exported, stem, store).map(Some),
            Err(Error::Failed(reason)) => {
                export_failure.get_or_insert(reason);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    };
    let device = file(networks.refusal.is_none(), &networks.best, &run.stem)?;
    let removes_units = config.regularization.group_lasso.strength > 0.0;
    let device_last = file(removes_units, &networks.last, &format!("{}-last", run.stem))?;
    Ok(Trained {
        best_epoch: outcome.best.epoch,
        steps: outcome.history.last().map_or(0, |report| report.step),
        seconds_per_step: tenth(clock.seconds.clone()).unwrap_or(0.0),
        best,
        last,
        curve: curve(outcome),
        device,
        device_last,
        export_failure,
    })
}

fn exported(config: &Config, dataset: &Dataset, params: &Params<f32>) -> Result<Exported> {
    let network = params.to_plain();
    export(&export::Trained { network: &network, config, dataset }, Format::Int8, "model.rnn")
}

/// Keeps the file, for the board, and notes its cost.
fn device(exported: &Exported, stem: &str, store: &Store) -> Result<DeviceCost> {
    let model = format!("{stem}.rnn");
    let bytes = ModelBytes::new(&exported.file);
    let opened = DeviceModel::open(&bytes, Path::new(&model))?;
    write_atomically(&store.model(&model), &exported.file)?;
    Ok(DeviceCost {
        model,
        layers: opened
            .layers()
            .into_iter()
            .map(|(inputs, hidden, form)| LayerShape { inputs, hidden, form: form.type_name().to_string() })
            .collect(),
        head: opened.head().type_name().to_owned(),
        flash_bytes: exported.budget.flash_bytes,
        ram_bytes: exported.budget.ram_bytes,
        macs: exported.budget.macs,
        agreement: exported.certificate.measurements.forecast_agreement_rms,
    })
}
