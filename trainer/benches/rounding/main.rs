//! Where the errors of `int8` come from, on networks that are trained here: a table in Markdown.
//!
//!     RNN_DATA=<folder with ETTh1.csv> cargo bench -p embedded-rnn-trainer --bench rounding
//!     cargo bench -p embedded-rnn-trainer --bench rounding -- RUN...
//!
//! The first trains a set of networks from one to 256 units on the shipped series and on ETTh1; the second takes run folders of
//! `rnn train`. All errors are of the model file through the device crate against the folded network in `f64`, over validation windows.

mod models;
mod parts;

use std::path::Path;
use std::process::ExitCode;

use embedded_rnn_trainer::config::{Config, Export, Rounding};
use embedded_rnn_trainer::error::Result;
use embedded_rnn_trainer::export::{Exported, Format, Trained, export};
use embedded_rnn_trainer::report::run_folder::RunFolder;

use models::{Model, Subject};

/// The file with compensated rounding; what rounding to nearest gives stands in its certificate.
fn exported(subject: &Subject) -> Result<Exported> {
    let config = &subject.config;
    let config = Config { export: Export { rounding: Rounding::Compensated, ..config.export }, ..config.clone() };
    export(&Trained { network: &subject.network, config: &config, dataset: &subject.dataset }, Format::Int8, "model.rnn")
}

/// A share in percent.
fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

/// The blocks and coarser rows that the accumulators' bound asked for, in a few words a layer.
fn accumulations(exported: &Exported) -> Vec<String> {
    let notes = exported.certificate.measurements.accumulator.iter().flatten();
    notes
        .filter_map(|note| note.strip_prefix("layer ").and_then(|note| note.split_once(": ")))
        .map(|(_, note)| note.to_owned())
        .collect()
}

fn rows(name: &str, subject: &Subject) -> Result<()> {
    let exported = exported(subject)?;
    let measured = &exported.certificate.measurements;
    let parts = parts::measure(subject, &exported)?;
    let notes = accumulations(&exported);
    let nearest = measured.nearest.as_ref();
    for (layer, part) in parts.iter().enumerate() {
        let h = |values: Option<&Vec<f64>>| values.and_then(|values| values.get(layer)).map_or(String::new(), |v| percent(*v));
        let first = layer == 0;
        let forecast = |share: Option<f64>| share.filter(|_| first).map_or(String::new(), percent);
        let cells = [
            if first { name.to_owned() } else { String::new() },
            format!("{} to {}", part.inputs, part.hidden),
            h(nearest.map(|nearest| &nearest.hidden_rmse)),
            h(measured.hidden_rmse.as_ref()),
            percent(part.weights),
            percent(part.activations),
            percent(part.functions),
            forecast(nearest.map(|nearest| nearest.forecast_agreement_rms)),
            forecast(measured.forecast_agreement_rms),
            notes.get(layer).cloned().unwrap_or_default(),
        ];
        println!("| {} |", cells.join(" | "));
    }
    Ok(())
}

const HEADER: [&str; 10] = [
    "network",
    "layer",
    "h, nearest",
    "h, compensated",
    "of it weights",
    "activations",
    "tables and cell",
    "forecast, nearest",
    "forecast, compensated",
    "accumulators",
];

fn run() -> Result<()> {
    // Cargo adds `--bench`.
    let runs: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    println!("RMSE of h in % of its deviation, RMS of forecasts in % of the target's deviation\n");
    println!("| {} |\n|{}", HEADER.join(" | "), "---|".repeat(HEADER.len()));
    for path in &runs {
        let run = RunFolder::open(Path::new(path))?.trained()?;
        rows(path, &Subject { network: run.network, config: run.config, dataset: run.dataset })?;
    }
    if runs.is_empty() {
        for Model { name, train } in models::all() {
            match train()? {
                Some(subject) => rows(name, &subject)?,
                None => println!("| {name} | SKIPPED: RNN_DATA names no folder with ETTh1.csv |"),
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rounding: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
