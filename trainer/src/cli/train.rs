//! `rnn train`: a configuration to a run folder.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::interrupt;
use super::numbers::{count, counted, seed};
use super::output::Output;
use super::progress::Progress;
use crate::config::Config;
use crate::data::{Dataset, Part};
use crate::error::{Error, Result};
use crate::evaluate::classes::{ClassMetrics, score};
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::export::{CalibratedIntervals, Format, Trained, export};
use crate::files::write_atomically;
use crate::linear::{fit_skip, refit_skip};
use crate::network::plain::PlainNetwork;
use crate::preset::{self, Resolved};
use crate::report::run_folder::{RunFolder, dataset, shape};
use crate::train::{
    Ending, EpochReport, Observer, Residual, Skipped, Sources, State, StepReport, Task, Weighted, fit, skip, weights,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file.
    config: PathBuf,
    /// The run folder; `runs/NAME` for `NAME.toml` if left out.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The seed, instead of the configuration's. The same seed gives the same model file, byte for byte.
    #[arg(long, value_name = "N", value_parser = seed())]
    seed: Option<u64>,
    /// Continue the training in the run folder; it ends with the same bytes as one that was not interrupted.
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Replace a training that the run folder holds.
    #[arg(long)]
    overwrite: bool,
    /// Threads that share each step; as many as it is worth if left out. The files are the same, byte for byte.
    #[arg(long, value_name = "N", value_parser = count())]
    threads: Option<usize>,
}

/// What a training came to.
#[derive(Serialize)]
pub struct Outcome {
    /// The best epoch's weights.
    #[serde(skip)]
    pub network: PlainNetwork,
    pub run: PathBuf,
    pub epochs: usize,
    pub best_epoch: usize,
    /// The best epoch's loss on the validation windows.
    pub validation_loss: f64,
    pub parameters: usize,
    /// Products of the window that the linear skip takes, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_rank: Option<usize>,
    /// The share of the network's output that is added to the skip's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_share: Option<f64>,
    /// Prediction intervals on the validation windows, before and after they are widened there as an export widens them: of this network in
    /// `f32`, through the device crate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<CalibratedIntervals>,
    /// How well classes are told on the validation windows: by this network in `f32`, through the device crate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassMetrics>,
    /// Of streams, segments.
    pub training_windows: usize,
    pub validation_windows: usize,
    #[serde(skip)]
    streaming: bool,
    pub seconds: f64,
}

/// Shows a training, and writes its metrics after every epoch.
struct Watch<'a> {
    run: &'a RunFolder,
    progress: Progress,
    history: Vec<EpochReport>,
    best: f64,
    /// Why the metrics could not be written.
    failure: Option<Error>,
}

impl Observer for Watch<'_> {
    fn step(&mut self, report: &StepReport) {
        let shown = self.history.last().map_or_else(String::new, |last| {
            format!(
                "epoch {}: training {:.5}, validation {:.5}, best {:.5}",
                last.epoch, last.train_loss, last.validation_loss, self.best
            )
        });
        self.progress.set(report.step, report.total, shown);
    }

    fn epoch(&mut self, report: &EpochReport, _: Duration) -> ControlFlow<()> {
        self.history.push(*report);
        self.best = self.best.min(report.validation_loss);
        if let Err(error) = write_atomically(&self.run.metrics(), metrics(&self.history).as_bytes()) {
            self.failure = Some(error);
        }
        if self.failure.is_some() || interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// A line an epoch.
fn metrics(history: &[EpochReport]) -> String {
    let mut text = "epoch,step,learning_rate,training_loss,validation_loss,gradient_norm\n".to_owned();
    for EpochReport { epoch, step, train_loss, validation_loss, learning_rate, gradient_norm, .. } in history {
        text += &format!("{epoch},{step},{learning_rate},{train_loss},{validation_loss},{gradient_norm}\n");
    }
    text
}

/// How a training begins, and what it may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// From the run folder's checkpoint.
    pub resume: bool,
    /// As many as a step is worth if left out.
    pub threads: Option<usize>,
}

/// Trains into a run folder.
pub fn train(config: &Config, dataset: &Dataset, run: &RunFolder, how: How, output: &Output) -> Result<Outcome> {
    let begun = Instant::now();
    let shape = shape(config, dataset);
    let file = run.checkpoint_file(config, dataset)?;
    let (seed, quantiles) = (config.training.seed, config.training.outputs_per_value());
    let mut skipped = if how.resume {
        run.expect_checkpoint()?;
        run.read_skip(config, dataset)?
    } else {
        run.write_config(config)?;
        fitted_skip(config, dataset, output)?
    };
    let skip = skipped.as_ref().map(|skipped| skipped.skip.clone());
    let sources = Sources::new(config, dataset)?;
    let weights = weights(config.training.class_weights, dataset);
    let [training, validation] =
        [sources.training(), sources.validation()].map(|windows| Weighted { windows, weights: weights.clone() });
    let task = Task {
        shape: &shape,
        steps: dataset.steps(),
        regularization: &config.regularization,
        training: &config.training,
        train: &Residual { windows: &training, skip: skip.as_ref(), quantiles },
        validation: &Residual { windows: &validation, skip: skip.as_ref(), quantiles },
        threads: how.threads,
    };
    let start = match (how.resume, &skipped) {
        (true, _) => file.load(&shape)?,
        (false, None) => State::new(&shape, seed),
        (false, Some(skipped)) => {
            run.write_skip(skipped, config, dataset)?;
            skip::start(&task, seed)?
        }
    };
    let history = start.history.clone();
    let best = start.best.as_ref().map_or(f64::INFINITY, |best| best.loss);
    let mut watch = Watch { run, progress: Progress::new(), history, best, failure: None };
    let trained = fit(&task, start, Some(&file), &mut watch);
    watch.progress.clear();
    if let Some(error) = watch.failure {
        return Err(error);
    }
    let trained = trained?;
    if trained.ending == Ending::Asked {
        return Err(Error::failed(format!(
            "the training was stopped after epoch {} of {}: go on with --resume",
            trained.history.len(),
            config.training.epochs
        )));
    }
    // A resumed training may have ended between its last checkpoint and its metrics.
    write_atomically(&run.metrics(), metrics(&trained.history).as_bytes())?;
    let network = trained.best.params.to_plain();
    let parameters = network.parameters();
    let (network, validation_loss) = match &mut skipped {
        None => (network, trained.best.loss),
        Some(skipped) => {
            let (share, loss) = skip::best_share(&task, &trained.best.params)?;
            skipped.share = share;
            if config.network.skip_refit {
                skipped.refitted = Some(refit_skip(dataset, &fit_skip(dataset, &config.network)?)?.repeated(quantiles));
            }
            run.write_skip(skipped, config, dataset)?;
            (skipped.around(network), loss)
        }
    };
    let intervals = if quantiles > 1 {
        export(&Trained { network: &network, config, dataset }, Format::F32, "model.rnn")?.intervals
    } else {
        None
    };
    let classes = if dataset.classes().is_empty() { None } else { Some(told(&network, config, dataset)?) };
    let outcome = Outcome {
        intervals,
        classes,
        parameters,
        skip_rank: skipped.as_ref().map(|skipped| skipped.skip.rank),
        network_share: skipped.as_ref().map(|skipped| skipped.share),
        network,
        run: run.path().to_owned(),
        epochs: trained.history.len(),
        best_epoch: trained.best.epoch,
        validation_loss,
        training_windows: sources.training().count(),
        validation_windows: dataset.windows(Part::Validation).len(),
        streaming: config.window.mode.is_streaming(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    let mut report = serde_json::to_string_pretty(&outcome)
        .map_err(|reason| Error::failed(format!("the report cannot be written: {reason}")))?;
    report.push('\n');
    write_atomically(&run.report(), report.as_bytes())?;
    output.say(summary(&outcome));
    if let Some(intervals) = &outcome.intervals {
        let table = intervals.metrics.table(&config.data.unit);
        output.say(format!("prediction intervals on the validation rows, before and after they are widened there:\n{table}"));
    }
    if let Some(classes) = &outcome.classes {
        output.say(format!("on the validation rows:\n{}", classes.table()));
    }
    Ok(outcome)
}

/// How well a network tells classes on the validation windows.
fn told(network: &PlainNetwork, config: &Config, dataset: &Dataset) -> Result<ClassMetrics> {
    let file = export(&Trained { network, config, dataset }, Format::F32, "model.rnn")?.file;
    let bytes = ModelBytes::new(&file);
    score(&mut DeviceModel::open(&bytes, Path::new("model.rnn"))?, dataset, Part::Validation)
}

/// The linear skip that a configuration asks for, said aloud.
fn fitted_skip(config: &Config, dataset: &Dataset, output: &Output) -> Result<Option<Skipped>> {
    if config.network.skip.is_none() {
        return Ok(None);
    }
    let fit = fit_skip(dataset, &config.network)?;
    output.say(format!(
        "linear skip: rank {} of ridge with lambda {}, share {:.2}; validation error (mean square) {:.5}, ridge's own {:.5}",
        fit.skip.rank, fit.lambda, fit.share, fit.error, fit.ridge_error
    ));
    Ok(Some(Skipped { skip: fit.skip.repeated(config.training.outputs_per_value()), refitted: None, share: 1.0 }))
}

fn summary(outcome: &Outcome) -> String {
    format!(
        "trained {} on {} for {} in {:.1} s; best validation loss {:.5} in epoch {}",
        counted(outcome.parameters, "parameter"),
        counted(outcome.training_windows, if outcome.streaming { "segment" } else { "window" }),
        counted(outcome.epochs, "epoch"),
        outcome.seconds,
        outcome.validation_loss,
        outcome.best_epoch
    )
}

/// A run folder gets its own `config.toml`, every default written out: it must not replace the user's, comments and all.
fn expect_not_own_folder(config: &Path, folder: &Path) -> Result<()> {
    let run = RunFolder::at(folder);
    let is_own = match (config.canonicalize(), run.config().canonicalize()) {
        (Ok(own), Ok(resolved)) => own == resolved,
        _ => false,
    };
    if is_own && !run.checkpoint().exists() {
        return Err(Error::input(format!(
            "--out {}: the run's config.toml would replace {} itself: name another folder",
            folder.display(),
            config.display()
        )));
    }
    Ok(())
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let Resolved { mut config, notes } = preset::read(&args.config)?;
    notes.iter().for_each(|note| output.say(note));
    config.training.seed = args.seed.unwrap_or(config.training.seed);
    let folder = args.out.clone().unwrap_or_else(|| Path::new("runs").join(args.config.file_stem().unwrap_or_default()));
    let dataset = dataset(&config)?;
    if let Some(changes) = dataset.series().clock_changes() {
        output.warn(changes);
    }
    // What cannot be trained leaves no run folder behind.
    Sources::new(&config, &dataset)?;
    let run = if args.resume {
        RunFolder::open(&folder)?
    } else {
        expect_not_own_folder(&args.config, &folder)?;
        RunFolder::create(&folder, args.overwrite)?
    };
    interrupt::listen()?;
    let how = How { resume: args.resume, threads: args.threads };
    let outcome = train(&config, &dataset, &run, how, output)?;
    output.finish(&outcome, || format!("next: rnn export {} --output model.rnn", folder.display()))
}
