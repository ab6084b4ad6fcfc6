//! Trainings of the recipe, measured through the device crate.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::protocol::Protocol;
use crate::config::Config;
use crate::data::{Augmented, Dataset, Part, Selection, Series};
use crate::error::Result;
use crate::evaluate::backtest::{run_through, score_baselines};
use crate::evaluate::by_baseline::ByBaseline;
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::evaluate::metrics::NormalizedErrors;
use crate::export::{Format, Trained, agreement, export, float_forecasts, raw_windows, target_deviations};
use crate::files::write_atomically;
use crate::pack::Budget;
use crate::parallel::each;
use crate::report::run_folder::shape;
use crate::train::batches::batch_count;
use crate::train::{EpochReport, Observer, State, StepReport, Task, fit};

/// One horizon and one size of network, over all seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Samples forecast.
    pub horizon: usize,
    /// Units.
    pub hidden: usize,
    /// Windows that were forecast.
    pub windows: usize,
    /// Mean square error, mean over seeds.
    pub mse: f64,
    /// Its sample deviation over seeds; none of a single seed.
    pub mse_sd: Option<f64>,
    /// Mean absolute error, mean over seeds.
    pub mae: f64,
    /// Mean square error on the validation windows, mean over seeds.
    pub validation_mse: f64,
    /// Bytes of the model file.
    pub flash_bytes: usize,
    /// Bytes of a sensor's history, and of state while a forecast runs.
    pub ram_bytes: usize,
    /// Multiply-accumulates of a forecast.
    pub macs: usize,
    /// Root mean square of the file's forecasts minus the unquantized network's, in units of the target's deviation; the largest of the seeds.
    pub int8_vs_float_rms: f64,
    /// Wall-clock seconds of a training, evaluation of every epoch included, mean over seeds.
    pub training_seconds: f64,
    /// What needs no network, on the same windows.
    pub baselines: ByBaseline<NormalizedErrors>,
}

/// Looks on from all threads.
pub trait Watch: Sync {
    /// After every optimizer step of any training.
    fn step(&self);
}

struct Steps<'a>(&'a dyn Watch);

impl Observer for Steps<'_> {
    fn step(&mut self, _: &StepReport) {
        self.0.step();
    }

    fn epoch(&mut self, _: &EpochReport, _: Duration) -> std::ops::ControlFlow<()> {
        std::ops::ControlFlow::Continue(())
    }
}

/// One seed.
struct Seed {
    windows: usize,
    errors: NormalizedErrors,
    validation_mse: f64,
    budget: Budget,
    agreement: f64,
    seconds: f64,
}

/// A protocol on its series, checked: every horizon with every size.
#[derive(Clone, Debug)]
pub struct Prepared<'a> {
    protocol: &'a Protocol,
    hidden: &'a [usize],
    /// One for each horizon.
    datasets: Vec<Dataset>,
}

impl<'a> Prepared<'a> {
    /// Reads the series and checks that the recipe can be trained on it. `hidden` is not empty.
    pub fn new(protocol: &'a Protocol, horizons: &[usize], hidden: &'a [usize]) -> Result<Self> {
        let mut datasets = Vec::new();
        for horizon in horizons {
            for units in hidden {
                protocol.recipe(*horizon, *units, 0).validate()?;
            }
            let config = protocol.recipe(*horizon, hidden[0], 0);
            let series = Series::read(&protocol.path, &Selection::from(&config))?;
            datasets.push(Dataset::new(series, &config.window, &config.data.split)?);
        }
        Ok(Prepared { protocol, hidden, datasets })
    }

    /// SHA-256 of the CSV.
    pub fn data_sha256(&self) -> String {
        let sha256 = self.datasets.first().map_or([0; 32], |dataset| dataset.series().sha256);
        sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Optimizer steps of all trainings with so many seeds.
    pub fn steps(&self, seeds: u64) -> u64 {
        let of_horizon = |dataset: &Dataset| {
            let training = self.protocol.recipe(dataset.window().horizon, self.hidden[0], 0).training;
            (batch_count(dataset.windows(Part::Training).len(), training.batch) * training.epochs) as u64
        };
        self.datasets.iter().map(of_horizon).sum::<u64>() * self.hidden.len() as u64 * seeds
    }
}

/// Trains every horizon with every size and at least one seed, several at a time, and measures the files on the windows of `part`.
/// Model files are kept in `folder`.
pub fn run(
    prepared: &Prepared<'_>,
    seeds: u64,
    part: Part,
    folder: &Path,
    threads: usize,
    watch: &dyn Watch,
) -> Result<Vec<Row>> {
    let Prepared { protocol, hidden, datasets } = prepared;
    let baselines = each(datasets, threads, |dataset| score_baselines(dataset, part, None))?;
    let of_row = |dataset| hidden.iter().map(move |units| (dataset, *units));
    let rows: Vec<(&Dataset, usize)> = datasets.iter().flat_map(of_row).collect();
    let trainings: Vec<(&Dataset, Config)> = rows
        .iter()
        .flat_map(|(dataset, units)| (0..seeds).map(|seed| (*dataset, protocol.recipe(dataset.window().horizon, *units, seed))))
        .collect();
    let measured = each(&trainings, threads, |(dataset, config)| one(dataset, config, part, folder, watch))?;
    let of_horizon = baselines.iter().flat_map(|baselines| hidden.iter().map(move |_| baselines));
    Ok(rows
        .iter()
        .zip(measured.chunks_exact(seeds.max(1) as usize))
        .zip(of_horizon)
        .map(|(((dataset, units), seeds), baselines)| {
            row(dataset.window().horizon, *units, seeds, baselines.map(|metrics| metrics.normalized))
        })
        .collect())
}

fn row(horizon: usize, hidden: usize, seeds: &[Seed], baselines: ByBaseline<NormalizedErrors>) -> Row {
    let mean = |value: fn(&Seed) -> f64| seeds.iter().map(value).sum::<f64>() / seeds.len() as f64;
    let mse = mean(|seed| seed.errors.mse);
    let squares: f64 = seeds.iter().map(|seed| (seed.errors.mse - mse).powi(2)).sum();
    Row {
        horizon,
        hidden,
        windows: seeds[0].windows,
        mse,
        mse_sd: (seeds.len() > 1).then(|| (squares / (seeds.len() - 1) as f64).sqrt()),
        mae: mean(|seed| seed.errors.mae),
        validation_mse: mean(|seed| seed.validation_mse),
        // The same for every seed, but for how columns fall into blocks.
        flash_bytes: seeds.iter().map(|seed| seed.budget.flash_bytes).max().unwrap_or(0),
        ram_bytes: seeds[0].budget.ram_bytes,
        macs: seeds[0].budget.macs,
        int8_vs_float_rms: seeds.iter().map(|seed| seed.agreement).fold(0.0, f64::max),
        training_seconds: mean(|seed| seed.seconds),
        baselines,
    }
}

fn one(dataset: &Dataset, config: &Config, part: Part, folder: &Path, watch: &dyn Watch) -> Result<Seed> {
    let (shape, seed) = (shape(config, dataset), config.training.seed);
    let task = Task {
        shape: &shape,
        steps: dataset.steps(),
        threads: Some(1),
        regularization: &config.regularization,
        training: &config.training,
        train: &Augmented { windows: dataset.windows(Part::Training), amplitude: 0.0, seed },
        validation: &Augmented { windows: dataset.windows(Part::Validation), amplitude: 0.0, seed },
    };
    let begun = std::time::Instant::now();
    let outcome = fit(&task, State::new(&shape, seed), None, &mut Steps(watch))?;
    let seconds = begun.elapsed().as_secs_f64();
    let name = format!("h{}-z{}-s{seed}.rnn", config.network.hidden[0], config.window.horizon);
    let network = outcome.best.params.to_plain();
    let exported = export(&Trained { network: &network, config, dataset }, Format::Int8, &name)?;
    let path = folder.join(&name);
    write_atomically(&path, &exported.file)?;
    // From here on only the file counts.
    let bytes = ModelBytes::new(&exported.file);
    let mut device = DeviceModel::open(&bytes, &path)?;
    let (metrics, forecasts, _) = run_through(&mut device, dataset, part)?;
    let validation_mse = match part {
        Part::Validation => metrics.normalized.mse,
        _ => run_through(&mut device, dataset, Part::Validation)?.0.normalized.mse,
    };
    let float = float_forecasts(&exported.folded, dataset, &raw_windows(&dataset.windows(part), usize::MAX));
    Ok(Seed {
        windows: metrics.windows,
        errors: metrics.normalized,
        validation_mse,
        budget: exported.budget,
        agreement: agreement(&forecasts, &float, &target_deviations(dataset)),
        seconds,
    })
}
