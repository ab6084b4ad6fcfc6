//! `rnn deploy`: a model on a board, its forecasts compared with the host's.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::deploy_real::{self, Job, Program};
use super::feed;
use super::model;
use super::numbers::{count, grouped};
use super::output::Output;
use super::streaming::expect_windowed;
use crate::config::{Allowance, Costs};
use crate::deploy::{self, BoardRun, Comparison, Inputs, Limits, Places, Stop, boards, compare};
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::preset;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model file.
    model: PathBuf,
    /// The board; a name that is not known gets the list.
    #[arg(long, value_name = "NAME")]
    board: String,
    /// A CSV with the model's columns whose samples are streamed through the board; if left out, the window that the model file carries,
    /// there and back.
    #[arg(long, value_name = "CSV", group = "csv")]
    data: Option<PathBuf>,
    /// A CSV with the model's columns that is fed to the board sample by sample over its serial port; each forecast is compared with the
    /// host's as it comes, and the first that differs ends it.
    #[arg(long, value_name = "CSV", groups = ["csv", "talk"])]
    feed: Option<PathBuf>,
    /// The serial port of a board that runs the program `serve` with this model, for instance /dev/ttyACM0; if left out, an emulated board
    /// is fed at once, and a real one gets that program first.
    #[arg(long, value_name = "PORT", requires = "talk")]
    port: Option<String>,
    /// Send the model to the board on the serial port, which runs the firmware with two slots and another model of the same type.
    #[arg(long, requires = "port", group = "talk")]
    update: bool,
    /// For a real board, build the program that answers on its serial port, instead of the one that samples its thermometer.
    #[arg(long, conflicts_with_all = ["port", "period"])]
    serve: bool,
    /// The serial port's speed.
    #[arg(long, value_name = "BAUD", default_value_t = 115_200, requires = "port")]
    baud: u32,
    /// At most so many samples of the CSV are streamed or fed, its last ones.
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = count(), requires = "csv")]
    samples: usize,
    /// Show the emulated board's log.
    #[arg(long)]
    log: bool,
    /// A configuration whose table [budget] the image must keep; if it does not, nothing is flashed.
    #[arg(long, value_name = "CONFIG")]
    budget: Option<PathBuf>,
    /// Milliseconds from sample to sample on a real board, instead of the model's.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..))]
    period: Option<u32>,
    /// The drive that a real board shows itself as, where it is not found by itself.
    #[arg(long, value_name = "DIR")]
    drive: Option<PathBuf>,
    /// Where the firmware is built.
    #[arg(long, value_name = "DIR", default_value = "target/rnn")]
    work: PathBuf,
}

/// What a board did, beside what the host says.
#[derive(Clone, Debug, Serialize)]
pub struct Deployed {
    pub board: &'static str,
    pub core: &'static str,
    pub instructions_per_step: u64,
    pub instructions_per_forecast: u64,
    pub compared: usize,
    pub identical: usize,
    /// Bytes of the image in flash, without the samples that were linked in to be streamed.
    pub image_flash_bytes: u64,
    /// Bytes of code in it.
    pub text_bytes: u64,
    /// Bytes of constants in it, the model among them.
    pub rodata_bytes: u64,
    /// Bytes of the model file.
    pub model_bytes: u64,
    /// Bytes of RAM for the image's variables.
    pub static_ram_bytes: u64,
    /// Bytes of flash that the board has.
    pub board_flash_bytes: u64,
    /// Bytes of RAM that the board has.
    pub board_ram_bytes: u64,
    /// Bytes of a forecaster: one sensor's history.
    pub forecaster_bytes: u64,
    /// Peak stack of a forecast, painted.
    pub stack_bytes: u64,
    #[serde(skip)]
    pub comparison: Comparison,
    #[serde(skip)]
    pub log: Vec<String>,
}

/// Whether the machine has what it takes to build for a board and to run it: said before a build of a minute.
pub fn expect_installed(board: &boards::Board) -> std::result::Result<(), Stop> {
    deploy::emulator::find(board)?;
    deploy::toolchain::find(board).map(|_| ())
}

/// Samples that a board is fed, and what the host forecasts from them.
pub struct Stream {
    /// `[n][F]`, raw.
    samples: Vec<f32>,
    /// One after every sample from the `lookback`-th on, with all its quantiles.
    forecasts: Vec<Vec<f32>>,
}

impl Stream {
    /// Forecasts on the host.
    pub fn new(device: &mut DeviceModel<'_>, samples: Vec<f32>) -> Result<Self> {
        let [features, lookback] = [device.manifest.window.features, device.manifest.window.lookback].map(usize::from);
        if samples.len() < lookback * features {
            return Err(Error::input(format!(
                "{} samples are too few to stream: the model looks back {lookback}",
                samples.len() / features
            )));
        }
        let windows = samples.windows(lookback * features).step_by(features);
        let forecasts = windows.map(|window| device.spread(window)).collect::<std::result::Result<Vec<_>, _>>();
        let forecasts = forecasts.map_err(|reason| Error::input(format!("the samples to stream: {reason}")))?;
        Ok(Stream { samples, forecasts })
    }
}

/// Streams samples through a model on a board and compares its forecasts with the host's.
pub fn deploy(
    board: &'static boards::Board,
    bytes: &ModelBytes,
    device: &DeviceModel<'_>,
    stream: &Stream,
    work: &Path,
) -> std::result::Result<Deployed, Stop> {
    let Stream { samples, forecasts } = stream;
    let manifest = device.manifest;
    let window_length = usize::from(manifest.window.lookback) * usize::from(manifest.window.features);
    // There is at least one of each.
    let window = &samples[samples.len() - window_length..];
    let forecast = &forecasts[forecasts.len() - 1];
    let lines = device.snippet("model.rnn");
    let inputs = Inputs { model: bytes.as_slice(), snippet: &lines, samples, window, forecast };
    let places = Places { firmware: &deploy::firmware::source(), work: &work.join(board.name), target: &work.join("boards") };
    let run: BoardRun = deploy::run(board, &inputs, &places, &Limits::default())?;
    let comparison = compare(forecasts, &run.bits());
    Ok(Deployed {
        board: run.board,
        core: run.core,
        instructions_per_step: run.instructions_per_step,
        instructions_per_forecast: run.instructions_per_forecast,
        compared: comparison.compared,
        identical: comparison.identical,
        image_flash_bytes: run.sizes.flash().saturating_sub(run.test_bytes),
        text_bytes: run.sizes.text,
        rodata_bytes: run.sizes.rodata.saturating_sub(run.test_bytes),
        model_bytes: inputs.model.len() as u64,
        static_ram_bytes: run.sizes.ram(),
        board_flash_bytes: board.flash,
        board_ram_bytes: board.ram,
        forecaster_bytes: run.forecaster_bytes,
        stack_bytes: run.stack_bytes,
        comparison,
        log: run.lines.iter().map(ToString::to_string).collect(),
    })
}

/// A difference is a result that fails.
pub fn check(deployed: &Deployed) -> Result<()> {
    match &deployed.comparison.first_difference {
        None if deployed.compared > 0 => Ok(()),
        None => Err(Error::failed(format!("{} gave no forecast to compare", deployed.board))),
        Some(difference) => Err(Error::failed(format!(
            "{} of {} forecasts of {} differ from the host's: {difference}",
            deployed.compared - deployed.identical,
            deployed.compared,
            deployed.board
        ))),
    }
}

/// A window there and back, often enough for more than a hundred forecasts: samples that the model surely accepts.
pub fn there_and_back(window: &[f32], features: usize) -> Vec<f32> {
    let there = window.chunks_exact(features);
    let back = there.clone().rev();
    let once: Vec<f32> = there.chain(back).flatten().copied().collect();
    let samples = window.len() / features;
    let times = (samples + 120).div_ceil(2 * samples);
    once.repeat(times)
}

impl Deployed {
    /// What a `[budget]` is about.
    pub fn costs(&self) -> Costs {
        Costs {
            flash: Some(self.image_flash_bytes),
            ram: Some(self.static_ram_bytes + self.forecaster_bytes + self.stack_bytes),
            instructions: Some(self.instructions_per_forecast),
        }
    }
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let board = boards::find(&args.board)?;
    if board.hardware.is_none() && (args.drive.is_some() || args.period.is_some() || args.serve) {
        let real: Vec<&str> = boards::real().map(|(board, _)| board.name).collect();
        let real = real.join(", ");
        let message = format!("--drive, --period and --serve are for a real board ({real}), and {} is emulated", board.name);
        return Err(Error::input(message));
    }
    let allowance = match &args.budget {
        Some(config) => preset::read(config)?.config.budget,
        None => Allowance::default(),
    };
    let bytes = ModelBytes::read(&args.model)?;
    let mut device = DeviceModel::open(&bytes, &args.model)?;
    expect_windowed(&device, &args.model, "the firmware forecasts")?;
    let manifest = device.manifest;
    let features = usize::from(manifest.window.features);
    if board.hardware.is_some() || args.feed.is_some() || args.port.is_some() {
        let why = "the firmware of real boards and the serial line's protocol carry forecasts; compare it on an emulated board, with --data";
        device.expect_forecaster(&args.model, why)?;
    }
    let serial = args.port.as_ref().map(|port| feed::Serial { port, baud: args.baud });
    if let (Some(serial), true) = (serial, args.update) {
        return feed::update(board, serial, &bytes, output);
    }
    let samples = match args.data.as_ref().or(args.feed.as_ref()) {
        None => there_and_back(&device.test_window(), features),
        Some(csv) => {
            let series = model::series(&manifest, csv)?;
            let first = series.rows().saturating_sub(args.samples.max(usize::from(manifest.window.lookback)));
            (first..series.rows()).flat_map(|row| series.sample(row)).collect()
        }
    };
    if args.feed.is_some() {
        if !device.levels().is_empty() {
            return Err(Error::input(format!(
                "{}: its forecasts have quantiles, which the serial line's protocol does not carry: compare it with --data",
                args.model.display()
            )));
        }
        if serial.is_some() || board.hardware.is_none() {
            return feed::run(board, serial, &bytes, &mut device, samples, &args.work, output);
        }
        output.say(format!("no --port: {} gets the program that can be fed first", board.name));
    }
    let stream = Stream::new(&mut device, samples)?;
    if let Some(hardware) = &board.hardware {
        let program = if args.serve || args.feed.is_some() { Program::Serve } else { Program::Station };
        let (device, stream, allowance, work) = (&device, &stream, &allowance, &*args.work);
        let job = Job { board, hardware, program, bytes: &bytes, device, stream, allowance, work };
        return deploy_real::run(&job, args.period, args.drive.as_deref(), output);
    }
    expect_installed(board)?;
    output.say(format!("building the firmware for {} (a first build takes a minute) and running it", board.name));
    let deployed = deploy(board, &bytes, &device, &stream, &args.work)?;
    if args.log {
        deployed.log.iter().for_each(|line| output.say(line));
    }
    output.finish(&deployed, || summary(&deployed))?;
    check(&deployed)?;
    allowance.check(&deployed.costs(), &format!("the image for {}", board.name))
}

/// What a board did, for people.
fn summary(deployed: &Deployed) -> String {
    let [step, forecast, flash, text, rodata, model, of_flash, statics, sensor, stack, of_ram] = [
        deployed.instructions_per_step,
        deployed.instructions_per_forecast,
        deployed.image_flash_bytes,
        deployed.text_bytes,
        deployed.rodata_bytes,
        deployed.model_bytes,
        deployed.board_flash_bytes,
        deployed.static_ram_bytes,
        deployed.forecaster_bytes,
        deployed.stack_bytes,
        deployed.board_ram_bytes,
    ]
    .map(grouped);
    format!(
        "{} (core {}): {} of {} forecasts bit-identical with the host's\n\
         {step} instructions a step, {forecast} a forecast (executed, counted by the emulator)\n\
         flash: image of {flash} bytes, {text} of them code, {rodata} constants (the model's {model} among them), of the board's {of_flash}\n\
         RAM: {statics} bytes of variables, {sensor} for each sensor, {stack} of stack at most, of the board's {of_ram}",
        deployed.board, deployed.core, deployed.identical, deployed.compared,
    )
}
