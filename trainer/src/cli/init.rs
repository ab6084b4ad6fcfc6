//! `rnn init`: a first look at a CSV, and a configuration for it that trains well at once.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::numbers::{count, counted, seed};
use super::output::Output;
use crate::config::{Config, Data, Names, Normalization, Split, normalization_name};
use crate::data::{Content, Part, Partition, Selection, Series, Survey};
use crate::error::{Error, Result};
use crate::files::{expect_place_for_file, write_atomically};
use crate::preset::{Wishes, patch_lstm};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The CSV: a header line, one row a sample.
    data: PathBuf,
    /// The column to forecast; if left out, the only column of numbers, one that is called "target" or "value", or the last one.
    #[arg(long, value_name = "COL")]
    target: Option<String>,
    /// Samples to forecast; if left out, a short season, a day of hours, a year of months, or a dozen.
    #[arg(long, value_name = "N", value_parser = count())]
    horizon: Option<usize>,
    /// Bytes of flash that the weights may take, about.
    #[arg(long, value_name = "BYTES", default_value = "16384", value_parser = count())]
    flash: usize,
    /// The seed.
    #[arg(long, value_name = "N", default_value = "0", value_parser = seed())]
    seed: u64,
    /// The configuration to write; the CSV's name with `.toml`, in the current folder, if left out.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What was found and decided.
#[derive(Serialize)]
struct Report {
    config: PathBuf,
    #[serde(flatten)]
    survey: Survey,
    time: Option<String>,
    /// Why the time stamps are of no use, where there are some.
    time_trouble: Option<String>,
    interval: Option<String>,
    target: String,
    horizon: usize,
    season: Option<usize>,
    lookback: usize,
    patch: usize,
    hidden: Vec<usize>,
    training_windows: usize,
    notes: Vec<String>,
}

/// The configuration's file; never one that is there.
fn place(args: &Args) -> Result<PathBuf> {
    let path = match &args.output {
        Some(path) => path.clone(),
        None => Path::new(args.data.file_stem().unwrap_or_default()).with_extension("toml"),
    };
    expect_place_for_file(&path)?;
    if path.exists() {
        return Err(Error::input(format!(
            "--output {}: the file is there already: name another one with --output, or remove it",
            path.display()
        )));
    }
    Ok(path)
}

/// The column to forecast.
fn target(args: &Args, survey: &Survey) -> Result<String> {
    if let Some(target) = &args.target {
        return Ok(target.clone());
    }
    survey.target().map(str::to_owned).ok_or_else(|| {
        let gappy = survey.columns.iter().find_map(|column| column.first_gap.map(|line| (&column.name, line)));
        Error::input(match gappy {
            Some((name, line)) => format!(
                "{}, line {line}, column \"{name}\": a cell holds no number, and no other column holds numbers throughout: fill the value in, or cut the file there",
                args.data.display()
            ),
            None => format!("{} has no column of numbers to forecast: name one with --target", args.data.display()),
        })
    })
}

/// The series with its time stamps; without them where they are not evenly spaced, and the reason.
fn read(args: &Args, survey: &Survey, target: &str) -> Result<(Series, Option<String>)> {
    let selection = |time: Option<&str>| Selection {
        time: time.map(str::to_owned),
        targets: vec![target.to_owned()],
        ..Selection::default()
    };
    // Trouble with the values comes first, and is the user's to mend.
    let bare = Series::read(&args.data, &selection(None))?;
    match survey.time().filter(|time| *time != target) {
        None => Ok((bare, None)),
        Some(time) => match Series::read(&args.data, &selection(Some(time))) {
            Ok(series) => Ok((series, None)),
            Err(reason) => Ok((bare, Some(reason.to_string()))),
        },
    }
}

/// `path` as the configuration in `folder` names it.
fn relative(path: &Path, config: &Path) -> PathBuf {
    let folder = config.parent().unwrap_or(Path::new(""));
    match (path.canonicalize(), folder.canonicalize().or_else(|_| std::env::current_dir())) {
        (Ok(path), Ok(folder)) => path.strip_prefix(&folder).map(Path::to_owned).unwrap_or(path),
        _ => path.to_owned(),
    }
}

/// Text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A choice as TOML writes it.
fn shown(value: &impl Serialize) -> String {
    toml::Value::try_from(value).map(|value| value.to_string()).unwrap_or_default()
}

/// The configuration, with comments.
fn commented(config: &Config, report: &Report, data: &Path) -> String {
    let Config { window, network, regularization, training, .. } = config;
    let survey = &report.survey;
    let mut text = String::new();
    let name = report.config.display();
    // Writing to a String cannot fail.
    let mut line = |words: std::fmt::Arguments<'_>| {
        let _ = text.write_fmt(words).and_then(|()| text.write_char('\n'));
    };
    let setting = |key: &str, value: String, why: &str| format!("{:<35}# {why}", format!("{key} = {value}"));
    line(format_args!(
        "# Written by `rnn init`: {} of {}.",
        counted(survey.rows, "row"),
        data.file_name().unwrap_or_default().display()
    ));
    line(format_args!("# Next: rnn train {name}"));
    line(format_args!("#"));
    for note in &report.notes {
        line(format_args!("# - {}", note.replace(['\n', '\r'], " ")));
    }
    line(format_args!("\n[data]"));
    line(format_args!("path = {}", quoted(&data.display().to_string())));
    match (&report.time, &report.time_trouble) {
        (Some(time), _) => {
            let interval = report.interval.as_deref().unwrap_or("not known");
            line(format_args!("{}", setting("time", quoted(time), &format!("interval: {interval}"))));
        }
        (None, Some(trouble)) => {
            line(format_args!(
                "# The time stamps are left out, and rows taken as evenly spaced:\n# {}",
                trouble.replace(['\n', '\r'], " ")
            ));
        }
        (None, None) => line(format_args!("# time = \"...\"                      # no column of time stamps was found")),
    }
    line(format_args!("target = {}", quoted(&report.target)));
    let others: Vec<String> = survey.named(Content::Numbers).filter(|name| *name != report.target).map(quoted).collect();
    if !others.is_empty() {
        line(format_args!("# features = [{}]     # further inputs", others.join(", ")));
    }
    match report.season {
        Some(season) => {
            line(format_args!("{}", setting("season", season.to_string(), "samples; by autocorrelation of the training rows")))
        }
        None => line(format_args!("# season = 24                       # none was found")),
    }
    line(format_args!("unit = \"\""));
    line(format_args!("{}", setting("split", "[0.7, 0.15, 0.15]".into(), "training, validation, test; in the order of time")));
    line(format_args!("\n[window]"));
    line(format_args!("{}", setting("lookback", window.lookback.to_string(), "samples that the network sees")));
    line(format_args!("{}", setting("patch", window.patch.to_string(), "samples that enter as one step")));
    line(format_args!("{}", setting("horizon", window.horizon.to_string(), "samples that are forecast, all at once")));
    line(format_args!("{}", setting("transform", shown(&window.transform), "of the values: none, sqrt or log")));
    let normalization = match window.normalization {
        Normalization::None => "the training rows' mean and deviation",
        Normalization::Last => "the window's last value is subtracted, and added back",
        Normalization::Mean => "the window's mean is subtracted, and added back",
        Normalization::Scaled => "the window's mean is subtracted, the rest divided by its deviation",
        Normalization::Seasonal { .. } => "the value a season before is subtracted; the first season only serves for that",
    };
    line(format_args!("{}", setting("normalization", quoted(normalization_name(window.normalization)), normalization)));
    line(format_args!("\n[network]"));
    line(format_args!("{}", setting("hidden", format!("{:?}", network.hidden), "units of the LSTM layer")));
    line(format_args!("{}", setting("skip", shown(&network.skip), "a linear forecast that the network learns to correct")));
    if let Some(flash) = network.skip_flash {
        line(format_args!("{}", setting("skip_flash", flash.to_string(), "bytes of it, at most")));
    }
    if network.skip_refit {
        line(format_args!(
            "{}",
            setting("skip_refit", "true".into(), "once more on validation rows too, when the network is trained")
        ));
    }
    line(format_args!("\n[regularization]"));
    line(format_args!(
        "{}",
        setting("dropout", format!("{{ output = {:?} }}", regularization.dropout.output), "before the head")
    ));
    line(format_args!(
        "{}",
        setting(
            "zoneout",
            format!("{{ cell = {:?} }}", regularization.zoneout.cell),
            "cells keep their value in half of the steps"
        )
    ));
    if regularization.recurrent.drop > 0.0 {
        line(format_args!(
            "{}",
            setting("recurrent", format!("{{ drop = {:?} }}", regularization.recurrent.drop), "few windows: dropout on h")
        ));
        line(format_args!("{}", setting("decay", format!("{:?}", regularization.decay), "few windows: weight decay")));
    }
    line(format_args!(
        "{}",
        setting(
            "amplitude",
            format!("{:?}", regularization.amplitude),
            "windows are scaled by exp(amplitude N(0, 1)) in training"
        )
    ));
    line(format_args!("\n[training]"));
    line(format_args!("{}", setting("loss", shown(&training.loss), "quadratic up to delta, linear beyond")));
    line(format_args!("{}", setting("delta", format!("{:?}", training.delta), "deviations of the training rows")));
    line(format_args!("{}", setting("epochs", training.epochs.to_string(), "passes over the training windows")));
    line(format_args!("{}", setting("batch", training.batch.to_string(), "windows in an update")));
    line(format_args!("{}", setting("learning_rate", format!("{:?}", training.learning_rate), "falls to zero along a cosine")));
    line(format_args!("clip = {:?}", training.clip));
    line(format_args!("seed = {}", training.seed));
    text
}

/// What was found, for people.
fn findings(report: &Report) -> Vec<String> {
    let Report { survey, .. } = report;
    let mut lines = vec![format!(
        "{}, {}: {}",
        counted(survey.rows, "row"),
        counted(survey.columns.len(), "column"),
        survey.columns.iter().map(|column| format!("{} ({})", column.name, word(column.content))).collect::<Vec<_>>().join(", ")
    )];
    lines.push(match (&report.time, &report.time_trouble) {
        (Some(time), _) => {
            format!(
                "time stamps in \"{time}\", one every {}, without gaps",
                report.interval.as_deref().unwrap_or("(one row alone)")
            )
        }
        (None, Some(trouble)) => format!("the time stamps are left out and rows taken as evenly spaced: {trouble}"),
        (None, None) => "no column of time stamps: rows are taken as evenly spaced".to_owned(),
    });
    lines.push(match report.season {
        Some(season) => format!("\"{}\" has a season of {}", report.target, counted(season, "sample")),
        None => format!("\"{}\" has no clear season", report.target),
    });
    lines.extend(report.notes.iter().cloned());
    lines
}

fn word(content: Content) -> &'static str {
    match content {
        Content::Time => "time",
        Content::Numbers => "numbers",
        Content::Constant => "constant",
        Content::Gappy => "numbers with gaps",
        Content::Text => "text",
    }
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let path = place(args)?;
    let survey = Survey::of(&args.data)?;
    let target = target(args, &survey)?;
    let (series, time_trouble) = read(args, &survey, &target)?;
    let time = series.times.as_ref().and_then(|_| survey.time().map(str::to_owned));
    let data = Data {
        path: relative(&args.data, &path),
        time: time.clone(),
        clock: Default::default(),
        target: Names::One(target.clone()),
        label: None,
        features: Names::None,
        season: None,
        unit: String::new(),
        split: Split::default(),
    };
    let wishes = Wishes { horizon: args.horizon, flash: Some(args.flash), seed: Some(args.seed), ..Wishes::default() };
    let (config, notes) = patch_lstm(&series, &data, &wishes)?;
    let training = Partition::new(&config.data.split, series.rows()).map_err(Error::input)?;
    let report = Report {
        time,
        time_trouble,
        interval: series.times.as_ref().and_then(|times| times.interval()).map(|interval| interval.to_string()),
        target,
        horizon: config.window.horizon,
        season: config.data.season,
        lookback: config.window.lookback,
        patch: config.window.patch,
        hidden: config.network.hidden.clone(),
        training_windows: training.origins(Part::Training, config.window.lookback, config.window.horizon).len(),
        notes,
        survey,
        config: path.clone(),
    };
    let text = commented(&config, &report, &data.path);
    // What is written must be what was chosen.
    if Config::parse(&text, &path)? != config {
        return Err(Error::failed("the configuration does not read back as it was chosen: this is a defect of `rnn init`"));
    }
    write_atomically(&path, text.as_bytes())?;
    if let Some(trouble) = &report.time_trouble {
        output.warn(format!("the time stamps are left out: {trouble}"));
    }
    output.finish(&report, || {
        format!("{}\nwritten: {}; next: rnn train {}", findings(&report).join("\n"), path.display(), path.display())
    })
}
