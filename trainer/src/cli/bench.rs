//! `rnn bench`: what things cost.

use super::output::Output;
use super::{bench_device, bench_size, bench_train};
use crate::error::Result;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, clap::Subcommand)]
enum Subject {
    /// Executed instructions, code, tables and memory of an LSTM step on an emulated board, for networks of several sizes that are
    /// trained on the shipped series first.
    Device(bench_device::Args),
    /// Bytes of flash and RAM of every real board's firmware around a model, beside what is on record.
    Size(bench_size::Args),
    /// One optimizer step of training: forward, backward, Adam.
    Train(bench_train::Args),
    /// Be the contender that trains with this program.
    #[command(hide = true)]
    Worker(bench_train::WorkerArgs),
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    match &args.subject {
        Subject::Device(args) => bench_device::run(args, output),
        Subject::Size(args) => bench_size::run(args, output),
        Subject::Train(args) => bench_train::run(args, output),
        Subject::Worker(args) => bench_train::worker(args),
    }
}
