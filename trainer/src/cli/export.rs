//! `rnn export`: a run folder to a model file.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::numbers::{counted, grouped};
use super::output::Output;
use crate::config::{Config, Costs, Export, Fold, Rounding};
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::evaluate::warmup::WarmUp;
use crate::export::{
    CalibratedIntervals, Exported, Format, Trained, certificate_beside, certificate_path, export_for, snippet_path,
};
use crate::files::{expect_place_for_file, write_atomically};
use crate::fold::Certificate;
use crate::pack::{Budget, Core, budget, repack};
use crate::report::run_folder::RunFolder;
use crate::static_fold::{StaticFold, static_fold};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run folder of `rnn train`.
    #[arg(required_unless_present = "repack", conflicts_with = "repack")]
    run: Option<PathBuf>,
    /// The core that the model is for: it chooses the order of integer weights, which changes no bit of a forecast.
    #[arg(long, value_enum, default_value = "cortex-m4")]
    target: Core,
    /// The arithmetic.
    #[arg(long, value_enum, default_value = "int8", conflicts_with = "repack")]
    format: Format,
    /// Instead of a run folder, a model file whose weights are to be put in the order of another core, without loss.
    #[arg(long, value_name = "MODEL")]
    repack: Option<PathBuf>,
    /// How weights are rounded, instead of as export.rounding says; int8 only.
    #[arg(long, value_enum)]
    rounding: Option<Rounding>,
    /// The model file; its type's Rust lines and its certificate are written beside it.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Export even if static folding raised the validation loss by more than export.tolerance.
    #[arg(long, conflicts_with = "repack")]
    accept_loss: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    model: &'a Path,
    snippet: PathBuf,
    certificate_file: PathBuf,
    target: Core,
    arithmetic: &'static str,
    layout: String,
    budget: Budget,
    certificate: &'a Certificate,
    /// Prediction intervals on the validation windows, where the network says quantiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    intervals: Option<&'a CalibratedIntervals>,
    /// How long a stream takes to forget its beginning, where the model is one for streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_up: Option<WarmUp>,
    /// What static folding did to the validation loss, where it was asked for.
    static_fold: Option<&'a StaticFold>,
}

/// Writes the certificate beside a model file.
fn write_certificate(certificate: &Certificate, model: &Path) -> Result<()> {
    let mut json = serde_json::to_string_pretty(certificate)
        .map_err(|reason| Error::failed(format!("the certificate cannot be written as JSON: {reason}")))?;
    json.push('\n');
    write_atomically(&certificate_path(model), json.as_bytes())
}

/// Writes a model file with what belongs beside it. The model comes last: where it is new, its companions are too.
pub fn write(exported: &Exported, model: &Path) -> Result<()> {
    write_certificate(&exported.certificate, model)?;
    write_atomically(&snippet_path(model), exported.snippet.as_bytes())?;
    write_atomically(model, &exported.file)
}

/// The file's name, as its snippet calls it.
pub fn file_name(model: &Path) -> Result<String> {
    let name = model.file_name().ok_or_else(|| Error::input(format!("--output {} names no file", model.display())))?;
    Ok(name.to_string_lossy().into_owned())
}

/// A model's cost for people.
pub fn costs(budget: &Budget) -> String {
    let [flash, ram, history, state, macs] =
        [budget.flash_bytes, budget.ram_bytes, budget.history_bytes, budget.state_bytes, budget.macs]
            .map(|number| grouped(number as u64));
    format!(
        "{flash} bytes of flash, {ram} bytes of RAM ({history} for each sensor's history, {state} of stack while a forecast runs), \
         {macs} multiply-accumulates a forecast"
    )
}

/// Refuses a place where the model cannot be written, or where what is written beside it would fall upon it.
fn expect_place(model: &Path) -> Result<()> {
    for path in [model.to_owned(), snippet_path(model), certificate_path(model)] {
        expect_place_for_file(&path)?;
    }
    if snippet_path(model) == model {
        return Err(Error::input(format!(
            "--output {}: the type's Rust lines go into a file of that name: call the model {}",
            model.display(),
            model.with_extension("rnn").display()
        )));
    }
    Ok(())
}

/// Static folding, with its losses shown.
fn statically(trained: &Trained<'_>, accept: bool, output: &Output) -> Result<StaticFold> {
    let folded = static_fold(trained, &mut ())?;
    output.say(format!(
        "static folding of layer norm, validation loss: {:.5} before, {:.5} folded, {:.5} after {} epochs of training on",
        folded.before, folded.folded, folded.tuned, folded.config.export.fine_tune
    ));
    match folded.check() {
        Err(refusal) if accept => output.warn(refusal.to_string()),
        checked => checked?,
    }
    Ok(folded)
}

#[derive(Serialize)]
struct Repacked<'a> {
    model: &'a Path,
    snippet: PathBuf,
    /// Beside the new file too, where it lay beside the old one.
    certificate_file: Option<PathBuf>,
    target: Core,
    arithmetic: &'static str,
    layout: String,
    budget: Budget,
}

/// A model file in the order of weights of another core.
fn repacked(from: &Path, args: &Args, name: &str, output: &Output) -> Result<()> {
    let bytes = ModelBytes::read(from)?;
    // Says what is wrong with a file that cannot be read.
    let certificate = certificate_beside(from, &DeviceModel::open(&bytes, from)?.manifest.provenance.certificate);
    let file = repack(&bytes, args.target.layout())?
        .map_err(|refusal| Error::input(format!("{}: {refusal}: write it anew with `rnn export`", from.display())))?;
    let packed = ModelBytes::new(&file);
    let mut model = DeviceModel::open(&packed, &args.output)?;
    if !model.self_test() {
        return Err(Error::failed(format!("{}: the self-test's forecast is not the one that the file states", from.display())));
    }
    let layers = model.layers();
    if let Some(certificate) = &certificate {
        write_certificate(certificate, &args.output)?;
    }
    write_atomically(&snippet_path(&args.output), model.snippet(name).as_bytes())?;
    write_atomically(&args.output, &file)?;
    let report = Repacked {
        model: &args.output,
        snippet: snippet_path(&args.output),
        certificate_file: certificate.map(|_| certificate_path(&args.output)),
        target: args.target,
        arithmetic: model.manifest.arithmetic.name(),
        layout: model.manifest.layout.to_string(),
        budget: budget(&model.manifest, &layers, model.head(), model.levels(), model.skip_rank(), file.len()),
    };
    output.finish(&report, || {
        let files = [Some(&report.snippet), report.certificate_file.as_ref()].into_iter().flatten();
        let files: Vec<String> = files.map(|path| path.display().to_string()).collect();
        format!(
            "{}, layout {}\n{}\nwritten: {}, {}",
            model.manifest.arithmetic,
            report.layout,
            costs(&report.budget),
            args.output.display(),
            files.join(", ")
        )
    })
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let name = file_name(&args.output)?;
    expect_place(&args.output)?;
    let folder = match (&args.repack, &args.run) {
        (Some(model), _) => return repacked(model, args, &name, output),
        (None, Some(run)) => run,
        (None, None) => return Err(Error::input("name a run folder, or a model file with --repack")),
    };
    if args.rounding.is_some() && args.format.arithmetic() == "f32" {
        return Err(Error::input("--rounding says how weights become int8, and --format asks for f32: leave one of them out"));
    }
    let run = RunFolder::open(folder)?;
    let read = run.trained()?;
    let mut trained = Trained { network: &read.network, config: &read.config, dataset: &read.dataset };
    let folded = match read.config.export.fold {
        Fold::Exact => None,
        Fold::Static => Some(statically(&trained, args.accept_loss, output)?),
    };
    if let Some(folded) = &folded {
        trained = Trained { network: &folded.network, config: &folded.config, ..trained };
    }
    let rounding = args.rounding.unwrap_or(trained.config.export.rounding);
    let config = Config { export: Export { rounding, ..trained.config.export }, ..trained.config.clone() };
    let exported = export_for(&Trained { config: &config, ..trained }, args.format, args.target, &name)?;
    // The image and the stack come on top: what the model alone exceeds cannot be kept.
    let costs_of_model = Costs {
        flash: Some(exported.budget.flash_bytes as u64),
        ram: Some(exported.budget.ram_bytes as u64),
        instructions: None,
    };
    config.budget.check(&costs_of_model, "the model alone")?;
    write(&exported, &args.output)?;
    let report = Report {
        model: &args.output,
        snippet: snippet_path(&args.output),
        certificate_file: certificate_path(&args.output),
        target: args.target,
        arithmetic: args.format.arithmetic(),
        layout: exported.layout.to_string(),
        budget: exported.budget,
        certificate: &exported.certificate,
        intervals: exported.intervals.as_ref(),
        warm_up: exported.warm_up,
        static_fold: folded.as_ref(),
    };
    if let Some(warning) = exported.intervals.as_ref().and_then(CalibratedIntervals::warning) {
        output.warn(warning);
    }
    if let Some(warning) = exported.warm_up.as_ref().and_then(WarmUp::warning) {
        output.warn(warning);
    }
    output.finish(&report, || {
        let files = [report.model, &report.snippet, &report.certificate_file].map(|path| path.display().to_string());
        let unit = &trained.config.data.unit;
        let intervals = exported.intervals.as_ref().map_or_else(String::new, |intervals| {
            format!("prediction intervals on the validation rows, where they were widened:\n{}\n", intervals.metrics.table(unit))
        });
        let warm_up = exported.warm_up.map_or_else(String::new, |WarmUp { steps, samples, .. }| {
            format!("a stream is warm after {} ({})\n", counted(steps as usize, "step"), counted(samples, "sample"))
        });
        format!("{}\n{intervals}{warm_up}{}\nwritten: {}", exported.certificate, costs(&exported.budget), files.join(", "))
    })
}
