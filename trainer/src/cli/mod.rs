//! The program `rnn`: commands, their flags and what they print.

mod bench;
mod bench_device;
mod bench_size;
mod bench_train;
mod benchmark;
mod compare;
mod demo;
mod deploy;
mod deploy_real;
mod evaluate;
mod evaluate_classes;
mod export;
mod feed;
mod init;
mod inspect;
mod interrupt;
mod model;
mod monitor;
mod numbers;
mod output;
mod predict;
mod predict_classes;
mod progress;
mod streaming;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Result;
use crate::network::kernel::Width;
use output::Output;

/// Trains small regularized LSTMs on a CSV and runs them on microcontrollers.
///
/// The usual way: train, export, evaluate, deploy. `rnn demo` walks it on a real series.
#[derive(Debug, Parser)]
#[command(
    name = "rnn",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, 1 a result that fails (a mismatch, a training that diverged or was stopped), 2 wrong input."
)]
struct Cli {
    /// Print one JSON object on stdout and nothing else; talk goes to stderr.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Walk the whole path on the shipped series: train, fold, quantize, evaluate, forecast on an emulated Cortex-M4.
    Demo(demo::Args),
    /// Look at a CSV and write a commented configuration that trains well at once.
    Init(init::Args),
    /// Train a network as a configuration file says.
    Train(train::Args),
    /// Fold, quantize and pack a trained network into a model file.
    Export(export::Args),
    /// Measure a model file's forecasts beside the baselines', through the device crate.
    Evaluate(evaluate::Args),
    /// Forecast with a model file, through the device crate; CSV on stdout.
    Predict(predict::Args),
    /// Watch a series for what the model does not expect: calibrate alarms on validation rows, list them, compare with a moving z-score.
    Monitor(monitor::Args),
    /// Show what a model file holds.
    Inspect(inspect::Args),
    /// Train the regularizers side by side and compare their errors and their cost on the device.
    Compare(compare::Args),
    /// Train a fixed recipe on a fixed split and compare it with baselines and published forecasters.
    Benchmark(benchmark::Args),
    /// Measure costs.
    Bench(bench::Args),
    /// Build the firmware with a model inside; run it on an emulated board and compare its forecasts with the host's, or flash a real one.
    Deploy(deploy::Args),
}

/// Runs the program: exit code 0 done, 1 a result that fails, 2 wrong input.
pub fn main() -> ExitCode {
    let Cli { json, command } = Cli::parse();
    let output = Output::new(json);
    // Asked before any work: a width that is not there is wrong input, not a slower training.
    let result = Width::asked().and_then(|_| dispatch(command, &output));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rnn: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(command: Command, output: &Output) -> Result<()> {
    match command {
        Command::Demo(args) => demo::run(&args, output),
        Command::Init(args) => init::run(&args, output),
        Command::Train(args) => train::run(&args, output),
        Command::Export(args) => export::run(&args, output),
        Command::Evaluate(args) => evaluate::run(&args, output),
        Command::Predict(args) => predict::run(&args, output),
        Command::Inspect(args) => inspect::run(&args, output),
        Command::Compare(args) => compare::run(&args, output),
        Command::Benchmark(args) => benchmark::run(&args, output),
        Command::Monitor(args) => monitor::run(&args, output),
        Command::Deploy(args) => deploy::run(&args, output),
        Command::Bench(args) => bench::run(&args, output),
    }
}
