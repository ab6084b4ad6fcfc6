//! `rnn init` on series of different traits: the table of test errors against the better of persistence and ridge.
//!
//! `cargo run --release -p embedded-rnn-trainer --example preset_traits [-- --validation] [NAME...]`
//!
//! Generated series, the shipped sunspots and, where the environment variable `RNN_DATA` names their folder, ETTh1 and the machine
//! temperature go through the preset untouched: choice, training, export to `int8`, evaluation through the device crate. A ratio below 1
//! beats both baselines. `--normalization=NAME` forces one of windows. `--validation` reads the validation windows instead of the test windows: settings of the preset are tuned with it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use embedded_rnn_trainer::config::{Config, Data, Names, Normalization, Split, normalization_name};
use embedded_rnn_trainer::data::{Augmented, Dataset, Part, Selection, Series, amplitude_factor};
use embedded_rnn_trainer::evaluate::backtest::backtest;
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::export::{Format, Trained, export};
use embedded_rnn_trainer::linear::{fit_skip, refit_skip};
use embedded_rnn_trainer::preset::{Wishes, patch_lstm};
use embedded_rnn_trainer::report::run_folder::shape;
use embedded_rnn_trainer::train::{Residual, Skipped, State, Task, fit, skip};

/// Standard normal numbers, the same everywhere.
fn noise(row: usize, kind: usize) -> f64 {
    amplitude_factor(1.0, 77, kind, row).ln()
}

/// A generated series: its name and value by value.
fn generated() -> Vec<(&'static str, Vec<f64>)> {
    let turn = std::f64::consts::TAU;
    let wave = |row: usize, period: f64| (turn * row as f64 / period).sin();
    // A strong season in few rows, as monthly passengers: a trend, growing amplitude.
    let season =
        (0..168).map(|t| (100.0 + 1.5 * t as f64) * (1.0 + 0.25 * wave(t, 12.0) + 0.1 * wave(t + 2, 6.0)) + 6.0 * noise(t, 1));
    let additive = (0..300).map(|t| 15.0 + 9.0 * wave(t + 3, 12.0) + 1.5 * noise(t, 2));
    let mut level = 50.0;
    let walk: Vec<f64> = (0..2500)
        .map(|t| {
            level += 0.5 * noise(t, 3);
            level
        })
        .collect();
    let mut drift = 20.0;
    let slow: Vec<f64> = (0..3000)
        .map(|t| {
            drift += 0.02 * noise(t, 4) + 0.01 * wave(t, 900.0);
            drift + 0.01 * noise(t, 5)
        })
        .collect();
    let mut ar = [0.0, 0.0];
    let ar: Vec<f64> = (0..2000)
        .map(|t| {
            ar = [1.3 * ar[0] - 0.5 * ar[1] + noise(t, 6), ar[0]];
            ar[0]
        })
        .collect();
    // Beats of a heart: sharp and round waves at a phase that wanders.
    let mut phase = 0.0;
    let ecg: Vec<f64> = (0..8000)
        .map(|t| {
            phase += (1.0 / 90.0) * (1.0 + 0.08 * (turn * t as f64 / 700.0).sin() + 0.1 * noise(t, 7));
            let p: f64 = phase - f64::floor(phase);
            let bump = |center: f64, width: f64| (-((p - center) / width).powi(2)).exp();
            1.2 * bump(0.35, 0.02) - 0.25 * bump(0.31, 0.015) - 0.3 * bump(0.39, 0.02)
                + 0.15 * bump(0.2, 0.04)
                + 0.3 * bump(0.6, 0.06)
                + 0.02 * noise(t, 8)
        })
        .collect();
    let mut breath = 0.0;
    let respiration: Vec<f64> = (0..5000)
        .map(|t| {
            breath += (1.0 / 60.0) * (1.0 + 0.25 * (turn * t as f64 / 1500.0).sin() + 0.15 * noise(t, 9));
            let s: f64 = (turn * breath).sin();
            s + 0.3 * s * s.abs() + 0.05 * noise(t, 10)
        })
        .collect();
    let mut weather = 0.0;
    let load: Vec<f64> = (0..24 * 7 * 40)
        .map(|t| {
            weather = 0.98 * weather + 0.2 * noise(t, 11);
            let weekend = if (t / 24) % 7 >= 5 { 0.75 } else { 1.0 };
            let day = 1.0 + 0.3 * wave(t + 18, 24.0) + 0.15 * wave(t + 5, 12.0);
            1000.0 * weekend * day + 60.0 * weather + 15.0 * noise(t, 12)
        })
        .collect();
    let intermittent = (0..1500).map(|t| {
        let demand = noise(t, 13) > 0.8 - 0.4 * wave(t, 30.0);
        if demand { (3.0 + 2.0 * noise(t, 14)).abs().round() } else { 0.0 }
    });
    let mut glass = vec![1.2; 18];
    for t in 17..3017 {
        let delayed: f64 = glass[t - 17];
        let next = glass[t] + 0.2 * delayed / (1.0 + delayed.powi(10)) - 0.1 * glass[t];
        glass.push(next);
    }
    vec![
        ("season-few-rows", season.collect()),
        ("season-additive", additive.collect()),
        ("random-walk", walk),
        ("slow-drift", slow),
        ("ar2", ar),
        ("ecg", ecg),
        ("respiration", respiration),
        ("load", load),
        ("intermittent", intermittent.collect()),
        ("mackey-glass", glass),
    ]
}

/// The normalization that the command line asks for.
fn forced() -> Result<Option<Normalization>, Box<dyn Error>> {
    let word = std::env::args().find_map(|word| word.strip_prefix("--normalization=").map(str::to_owned));
    Ok(match word.as_deref() {
        None => None,
        Some("none") => Some(Normalization::None),
        Some("last") => Some(Normalization::Last),
        Some("mean") => Some(Normalization::Mean),
        Some("scaled") => Some(Normalization::Scaled),
        Some("seasonal") => Some(Normalization::Seasonal { season: 0 }),
        Some(other) => return Err(format!("--normalization={other} is none").into()),
    })
}

/// One line of the table.
fn one(name: &str, path: &Path, time: Option<&str>, target: &str, part: Part) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let data = Data {
        clock: Default::default(),
        path: path.to_owned(),
        time: time.map(str::to_owned),
        target: Names::One(target.to_owned()),
        label: None,
        features: Names::None,
        season: None,
        unit: String::new(),
        split: Split::default(),
    };
    let selection = Selection { time: data.time.clone(), targets: vec![target.to_owned()], ..Selection::default() };
    let series = Series::read(path, &selection)?;
    let (mut config, notes) = patch_lstm(&series, &data, &Wishes { normalization: forced()?, ..Wishes::default() })?;
    let chosen = begun.elapsed().as_secs_f64();
    // What has seen the validation rows cannot be judged by them.
    config.network.skip_refit &= part != Part::Validation;
    let dataset = Dataset::new(series, &config.window, &config.data.split)?;
    let (network, fitted, best, share) = train(&config, &dataset)?;
    let exported = export(&Trained { network: &network, config: &config, dataset: &dataset }, Format::Int8, "model.rnn")?;
    let bytes = ModelBytes::new(&exported.file);
    let mut device = DeviceModel::open(&bytes, Path::new("model.rnn"))?;
    let evaluation = backtest(&mut device, &dataset, part, config.data.season)?;
    let of = |wanted: &str| evaluation.baselines.iter().find(|(name, _)| *name == wanted).map(|(_, metrics)| metrics.errors);
    let (Some(naive), Some(ridge)) = (of("naive"), of("ridge")) else { return Err("a baseline is missing".into()) };
    let own = evaluation.test.errors;
    println!(
        "{name:<16} {:>6} {:>4}/{:<3} {:>4} {:>4} {:>5} {:<8} | {:>7.3} {:>7.3} | {:>7.3} {:>7.3} | rank {} share {:.2} | epoch {best:>2} net {share:.2} amp {} agree {:.4} | {} B {:.0}+{:.0} s",
        dataset.series().rows(),
        config.window.lookback,
        config.window.patch,
        config.window.horizon,
        config.network.hidden[0],
        format!("{:?}", config.window.transform),
        normalization_name(config.window.normalization),
        own.rmse / naive.rmse.min(ridge.rmse),
        own.mae / naive.mae.min(ridge.mae),
        own.rmse / naive.rmse,
        own.rmse / ridge.rmse,
        fitted.0,
        fitted.1,
        config.regularization.amplitude,
        exported.certificate.measurements.forecast_agreement_rms.unwrap_or_default(),
        exported.file.len(),
        chosen,
        begun.elapsed().as_secs_f64() - chosen,
    );
    if std::env::var_os("NOTES").is_some() {
        notes.iter().for_each(|note| println!("    {note}"));
    }
    Ok(())
}

type Trainings = (embedded_rnn_trainer::network::plain::PlainNetwork, (usize, f64), usize, f64);

/// Trains as `rnn train` does; gives the network, rank and share of its skip, the best epoch and the network's share.
fn train(config: &Config, dataset: &Dataset) -> Result<Trainings, Box<dyn Error>> {
    let (shape, seed) = (shape(config, dataset), config.training.seed);
    let fitted = if config.network.skip.is_none() { None } else { Some(fit_skip(dataset, &config.network)?) };
    let plain = fitted.as_ref().map(|fitted| &fitted.skip);
    let windows = |part, amplitude| Augmented { windows: dataset.windows(part), amplitude, seed };
    let (train, validation) = (windows(Part::Training, config.regularization.amplitude), windows(Part::Validation, 0.0));
    let task = Task {
        threads: None,
        shape: &shape,
        steps: dataset.steps(),
        regularization: &config.regularization,
        training: &config.training,
        train: &Residual { windows: &train, skip: plain, quantiles: 1 },
        validation: &Residual { windows: &validation, skip: plain, quantiles: 1 },
    };
    let start = if plain.is_some() { skip::start(&task, seed)? } else { State::new(&shape, seed) };
    let outcome = fit(&task, start, None, &mut ())?;
    let network = outcome.best.params.to_plain();
    Ok(match &fitted {
        None => (network, (0, 0.0), outcome.best.epoch, 1.0),
        Some(fitted) => {
            let (share, _) = skip::best_share(&task, &outcome.best.params)?;
            let refitted = if config.network.skip_refit { Some(refit_skip(dataset, fitted)?) } else { None };
            let described = (fitted.skip.rank, fitted.share);
            (Skipped { skip: fitted.skip.clone(), refitted, share }.around(network), described, outcome.best.epoch, share)
        }
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let part = if arguments.iter().any(|word| word == "--validation") { Part::Validation } else { Part::Test };
    let names: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|word| name.contains(word.as_str()));
    println!("{part} windows; ratios of errors, below 1 beats");
    println!("series             rows  window  out unit trans norm     | min-rmse min-mae | naive   ridge");
    let folder = tempfile::tempdir()?;
    for (name, values) in generated() {
        if wanted(name) {
            let path = folder.path().join(format!("{name}.csv"));
            std::fs::write(&path, "v\n".to_owned() + &values.iter().map(|value| format!("{value}\n")).collect::<String>())?;
            one(name, &path, None, "v", part)?;
        }
    }
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data/sunspots.csv");
    if wanted("sunspots") {
        one("sunspots", &shipped, Some("month"), "sunspots", part)?;
    }
    match std::env::var_os("RNN_DATA").map(PathBuf::from) {
        None => println!("SKIPPED: ETTh1 and the machine temperature: RNN_DATA is not set"),
        Some(data) => {
            for column in ["OT", "HUFL", "MULL", "LUFL"] {
                let name = format!("etth1-{column}");
                if wanted(&name) {
                    one(&name, &data.join("ETTh1.csv"), Some("date"), column, part)?;
                }
            }
            if wanted("machine") {
                one("machine", &data.join("nab_machine_temperature.csv"), None, "value", part)?;
            }
        }
    }
    Ok(())
}
