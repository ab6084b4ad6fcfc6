//! `rnn demo`: the whole path on the shipped series.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::deploy::{Deployed, Stream, check, deploy, expect_installed};
use super::export::{costs, file_name, write};
use super::numbers::{count, counted, grouped, seed};
use super::output::Output;
use super::train::{self, Outcome};
use crate::config::Config;
use crate::data::{Dataset, Part};
use crate::deploy::{Stop, boards};
use crate::error::Result;
use crate::evaluate::backtest::{Evaluation, backtest};
use crate::evaluate::by_baseline::{ByBaseline, spoken};
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::evaluate::metrics::Errors;
use crate::export::{Exported, Format, Trained, agreement, export, float_forecasts, raw_windows, target_deviations};
use crate::files::{create_folder, write_atomically};
use crate::report::plot;
use crate::report::run_folder::{RunFolder, dataset};

/// The shipped series and its configuration.
pub(super) const SERIES: &str = include_str!("../../../data/sunspots.csv");
const CONFIG: &str = include_str!("../../../data/sunspots.toml");

const UNIT: &str = "sunspots";

/// The board of the demonstration.
const BOARD: &str = "qemu-m4";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where everything is written.
    #[arg(long, value_name = "DIR", default_value = "target/rnn/demo")]
    out: PathBuf,
    /// The seed, instead of the configuration's.
    #[arg(long, value_name = "N", value_parser = seed())]
    seed: Option<u64>,
    /// Train and evaluate with so many seeds, 0 and up, and print each and the mean; no board.
    #[arg(long, value_name = "N", conflicts_with = "seed", value_parser = count())]
    seeds: Option<usize>,
}

/// One seed's way from training to evaluation.
struct Made {
    exported: Exported,
    evaluation: Evaluation,
    dataset: Dataset,
    /// RMS of the file's test forecasts minus the folded `f64` network's, relative to the target's deviation.
    float_rms: f64,
}

fn make(folder: &Path, seed: Option<u64>, output: &Output) -> Result<Made> {
    create_folder(folder)?;
    write_atomically(&folder.join("sunspots.csv"), SERIES.as_bytes())?;
    let config_path = folder.join("sunspots.toml");
    write_atomically(&config_path, CONFIG.as_bytes())?;
    let mut config = Config::read(&config_path)?;
    config.training.seed = seed.unwrap_or(config.training.seed);
    let run = RunFolder::create(&folder.join("run"), true)?;
    let dataset = dataset(&config)?;
    let Outcome { network, .. } = train::train(&config, &dataset, &run, train::How::default(), output)?;

    let model = folder.join("model.rnn");
    let trained = Trained { network: &network, config: &config, dataset: &dataset };
    let exported = export(&trained, Format::Int8, &file_name(&model)?)?;
    write(&exported, &model)?;

    // From here on only the file counts.
    let bytes = ModelBytes::read(&model)?;
    let mut device = DeviceModel::open(&bytes, &model)?;
    let evaluation = backtest(&mut device, &dataset, Part::Test, config.data.season)?;
    let windows = raw_windows(&dataset.windows(Part::Test), usize::MAX);
    let float = float_forecasts(&exported.folded, &dataset, &windows);
    let float_rms = agreement(&evaluation.forecasts, &float, &target_deviations(&dataset));
    Ok(Made { exported, evaluation, dataset, float_rms })
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    match args.seeds {
        None => one(args, output),
        Some(seeds) => many(args, seeds as u64, output),
    }
}

/// What the board is fed: the test rows and the window before them.
fn held_back(dataset: &Dataset) -> Vec<f32> {
    let windows = dataset.windows(Part::Test);
    let first = windows.origin(0) - dataset.window().lookback;
    (first..dataset.partition().test.end).flat_map(|row| dataset.series().sample(row)).collect()
}

fn one(args: &Args, output: &Output) -> Result<()> {
    output.say("monthly sunspot numbers from 1749 on, forecast 12 months ahead; the last 15 % of the months are the test years");
    let made = make(&args.out, args.seed, output)?;
    let [path, plot] = ["model.rnn", "forecast.svg"].map(|name| args.out.join(name));
    write_atomically(&plot, plot::forecasts(&made.dataset, &made.evaluation.forecasts, None, UNIT)?.as_bytes())?;
    output.say(format!("\n{}", made.exported.certificate));
    output.say(format!("{}: {}\n", path.display(), costs(&made.exported.budget)));
    output.say("test years, the model file through the device crate:");
    output.say(made.evaluation.table(UNIT));
    made.evaluation.warnings().iter().for_each(|warning| output.warn(warning));

    let deployed = match on_board(args, &path, &made, output) {
        Ok(deployed) => Some(deployed),
        Err(Stop::Missing(missing)) => {
            output.warn(format!("no forecast on the emulated board: {missing}"));
            None
        }
        Err(Stop::Error(error)) => return Err(error),
    };
    let report = Report::new(&made, &path, &plot, deployed.as_ref());
    output.finish(&report, || summary(&made, &report))?;
    deployed.as_ref().map_or(Ok(()), check)
}

fn on_board(args: &Args, model: &Path, made: &Made, output: &Output) -> std::result::Result<Deployed, Stop> {
    let board = boards::find(BOARD)?;
    expect_installed(board)?;
    output.say(format!("building the firmware for {BOARD} with the model inside (a first build takes a minute) and running it"));
    let bytes = ModelBytes::read(model)?;
    let mut device = DeviceModel::open(&bytes, model)?;
    let stream = Stream::new(&mut device, held_back(&made.dataset))?;
    deploy(board, &bytes, &device, &stream, args.out.parent().unwrap_or(Path::new(".")))
}

#[derive(Serialize)]
struct Report<'a> {
    model: &'a Path,
    plot: &'a Path,
    test: Errors,
    baselines: ByBaseline<Errors>,
    /// Relative to the target's deviation.
    int8_vs_float_rms: f64,
    flash_bytes: usize,
    ram_bytes: usize,
    macs: usize,
    clamped_inputs: u64,
    /// `null` where there is no emulator.
    device: Option<&'a Deployed>,
}

impl<'a> Report<'a> {
    fn new(made: &Made, model: &'a Path, plot: &'a Path, device: Option<&'a Deployed>) -> Self {
        let budget = &made.exported.budget;
        Report {
            model,
            plot,
            test: made.evaluation.test.errors,
            baselines: made.evaluation.baselines.map(|metrics| metrics.errors),
            int8_vs_float_rms: made.float_rms,
            flash_bytes: budget.flash_bytes,
            ram_bytes: budget.ram_bytes,
            macs: budget.macs,
            clamped_inputs: made.evaluation.clamped_inputs,
            device,
        }
    }
}

fn summary(made: &Made, report: &Report<'_>) -> String {
    let budget = &made.exported.budget;
    let Errors { mae, rmse } = report.test;
    let mut lines = vec![("accuracy", format!("MAE {mae:.2}, RMSE {rmse:.2} {UNIT} on {}", forecasts(&made.evaluation)))];
    if let Some((name, Errors { mae, rmse })) = made.evaluation.best_baseline() {
        lines.push(("", format!("the best baseline, {}: MAE {mae:.2}, RMSE {rmse:.2}", spoken(name))));
    }
    lines.push((
        "int8",
        format!("{:.2} % of the target's deviation away from the float network (RMS)", 100.0 * report.int8_vs_float_rms),
    ));
    lines.push(("flash", format!("{} bytes for the model", grouped(budget.flash_bytes as u64))));
    let [ram, history, state] = [budget.ram_bytes, budget.history_bytes, budget.state_bytes].map(|bytes| grouped(bytes as u64));
    lines.push(("RAM", format!("{ram} bytes: {history} for each sensor's history, {state} of stack while a forecast runs")));
    lines.push(("MACs", format!("{} a forecast, {} a step", grouped(budget.macs as u64), grouped(budget.macs_per_step as u64))));
    match report.device {
        Some(device) => {
            let [step, forecast, flash, stack] =
                [device.instructions_per_step, device.instructions_per_forecast, device.image_flash_bytes, device.stack_bytes]
                    .map(grouped);
            lines.push(("Cortex-M4", format!("{step} instructions a step, {forecast} a forecast (executed, under QEMU)")));
            lines.push(("", format!("whole image {flash} bytes of flash, stack {stack} bytes at most")));
            lines.push(("", format!("{} of {} forecasts bit-identical", device.identical, device.compared)));
        }
        None => lines.push(("Cortex-M4", "not run; the warning above says what to install".to_owned())),
    }
    lines.push(("files", format!("{}, {}", report.model.display(), report.plot.display())));
    let lines = lines.into_iter().map(|(name, text)| format!("{name:<11}{text}\n"));
    std::iter::once("\n".to_owned()).chain(lines).collect()
}

fn forecasts(evaluation: &Evaluation) -> String {
    counted(evaluation.test.windows, "forecast")
}

#[derive(Serialize)]
struct Seed {
    seed: u64,
    mae: f64,
    rmse: f64,
    int8_vs_float_rms: f64,
}

fn mean_and_deviation(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    (mean, (values.map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
}

#[derive(Serialize)]
struct Seeds {
    seeds: Vec<Seed>,
    mean: Errors,
    /// Population deviation over the seeds.
    deviation: Errors,
    baselines: ByBaseline<Errors>,
}

fn many(args: &Args, seeds: u64, output: &Output) -> Result<()> {
    let mut rows = Vec::new();
    let mut baselines = ByBaseline::new();
    for seed in 0..seeds {
        let made = make(&args.out.join(format!("seed-{seed}")), Some(seed), output)?;
        let Errors { mae, rmse } = made.evaluation.test.errors;
        output.say(format!("seed {seed}: MAE {mae:.2}, RMSE {rmse:.2}"));
        rows.push(Seed { seed, mae, rmse, int8_vs_float_rms: made.float_rms });
        // They know no seed.
        baselines = made.evaluation.baselines.map(|metrics| metrics.errors);
    }
    let (mae, mae_deviation) = mean_and_deviation(rows.iter().map(|row| row.mae));
    let (rmse, rmse_deviation) = mean_and_deviation(rows.iter().map(|row| row.rmse));
    let (mean, deviation) = (Errors { mae, rmse }, Errors { mae: mae_deviation, rmse: rmse_deviation });
    let report = Seeds { seeds: rows, mean, deviation, baselines };
    output.finish(&report, || {
        let mut text = format!(
            "mean of {seeds} seeds: MAE {mae:.2} (deviation {mae_deviation:.2}), RMSE {rmse:.2} (deviation {rmse_deviation:.2})\n"
        );
        for (name, Errors { mae, rmse }) in report.baselines.iter() {
            text += &format!("{}: MAE {mae:.2}, RMSE {rmse:.2}\n", spoken(name));
        }
        text
    })
}
