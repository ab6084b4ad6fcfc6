//! `rnn train`: a configuration to a run folder.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::interrupt;
use super::numbers::{counted, seed};
use super::output::Output;
use super::progress::Progress;
use crate::config::Config;
use crate::data::{Augmented, Dataset, Part};
use crate::error::{Error, Result};
use crate::files::write_atomically;
use crate::network::plain::{PlainLstm, PlainNetwork, PlainNorm};
use crate::report::run_folder::{RunFolder, dataset, shape};
use crate::train::{Ending, EpochReport, Observer, State, StepReport, Task, fit};

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
    pub training_windows: usize,
    pub validation_windows: usize,
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

/// Trains into a run folder, from the start or from the folder's checkpoint.
pub fn train(config: &Config, dataset: &Dataset, run: &RunFolder, resume: bool, output: &Output) -> Result<Outcome> {
    let begun = Instant::now();
    let shape = shape(config, dataset);
    let file = run.checkpoint_file(config, dataset)?;
    let seed = config.training.seed;
    let start = if resume {
        run.expect_checkpoint()?;
        file.load(&shape)?
    } else {
        run.write_config(config)?;
        State::new(&shape, seed)
    };
    let windows = Augmented { windows: dataset.windows(Part::Training), amplitude: config.regularization.amplitude, seed };
    let validation = Augmented { windows: dataset.windows(Part::Validation), amplitude: 0.0, seed };
    let task = Task {
        shape: &shape,
        steps: dataset.steps(),
        regularization: &config.regularization,
        training: &config.training,
        train: &windows,
        validation: &validation,
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
    let outcome = Outcome {
        parameters: parameters(&network),
        network,
        run: run.path().to_owned(),
        epochs: trained.history.len(),
        best_epoch: trained.best.epoch,
        validation_loss: trained.best.loss,
        training_windows: windows.windows.len(),
        validation_windows: validation.windows.len(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    let mut report = serde_json::to_string_pretty(&outcome)
        .map_err(|reason| Error::failed(format!("the report cannot be written: {reason}")))?;
    report.push('\n');
    write_atomically(&run.report(), report.as_bytes())?;
    output.say(summary(&outcome));
    Ok(outcome)
}

fn parameters(network: &PlainNetwork) -> usize {
    let norm = |norm: &PlainNorm| {
        let pre_activations = [&norm.gain_x, &norm.shift_x, &norm.bias_x, &norm.gain_h, &norm.shift_h];
        pre_activations.into_iter().chain([&norm.gain_c, &norm.shift_c]).map(Vec::len).sum::<usize>()
    };
    let layer = |layer: &PlainLstm| layer.w.len() + layer.u.len() + layer.b.len() + layer.norm.as_ref().map_or(0, norm);
    network.layers.iter().map(layer).sum::<usize>() + network.head.w.len() + network.head.b.len()
}

fn summary(outcome: &Outcome) -> String {
    format!(
        "trained {} on {} for {} in {:.1} s; best validation loss {:.5} in epoch {}",
        counted(outcome.parameters, "parameter"),
        counted(outcome.training_windows, "window"),
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
    let mut config = Config::read(&args.config)?;
    config.training.seed = args.seed.unwrap_or(config.training.seed);
    let folder = args.out.clone().unwrap_or_else(|| Path::new("runs").join(args.config.file_stem().unwrap_or_default()));
    let dataset = dataset(&config)?;
    let run = if args.resume {
        RunFolder::open(&folder)?
    } else {
        expect_not_own_folder(&args.config, &folder)?;
        RunFolder::create(&folder, args.overwrite)?
    };
    interrupt::listen()?;
    let outcome = train(&config, &dataset, &run, args.resume, output)?;
    output.finish(&outcome, || format!("next: rnn export {} --output model.rnn", folder.display()))
}
