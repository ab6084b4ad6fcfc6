//! `rnn export`: a run folder to a model file.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::numbers::grouped;
use super::output::Output;
use crate::config::Fold;
use crate::error::{Error, Result};
use crate::export::{Exported, Format, Trained, certificate_path, export, snippet_path};
use crate::files::{expect_place_for_file, write_atomically};
use crate::fold::Certificate;
use crate::pack::Budget;
use crate::report::run_folder::RunFolder;
use crate::static_fold::{StaticFold, static_fold};

/// The core that a file is packed for. All of them read the packed-pair layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Core {
    Portable,
    CortexM0,
    CortexM3,
    CortexM4,
    CortexM7,
    CortexM33,
    CortexM55,
    Riscv32,
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run folder of `rnn train`.
    run: PathBuf,
    /// The core that the model is for. One layout serves them all.
    #[arg(long, value_enum, default_value = "cortex-m4")]
    target: Core,
    /// The arithmetic.
    #[arg(long, value_enum, default_value = "int8")]
    format: Format,
    /// The model file; its type's Rust lines and its certificate are written beside it.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Export even if static folding raised the validation loss by more than export.tolerance.
    #[arg(long)]
    accept_loss: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    model: &'a Path,
    snippet: PathBuf,
    certificate_file: PathBuf,
    target: Core,
    arithmetic: &'static str,
    budget: Budget,
    certificate: &'a Certificate,
    /// What static folding did to the validation loss, where it was asked for.
    static_fold: Option<&'a StaticFold>,
}

/// Writes a model file with what belongs beside it. The model comes last: where it is new, its companions are too.
pub fn write(exported: &Exported, model: &Path) -> Result<()> {
    let mut json = serde_json::to_string_pretty(&exported.certificate)
        .map_err(|reason| Error::failed(format!("the certificate cannot be written as JSON: {reason}")))?;
    json.push('\n');
    write_atomically(&certificate_path(model), json.as_bytes())?;
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

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let name = file_name(&args.output)?;
    expect_place(&args.output)?;
    let run = RunFolder::open(&args.run)?;
    let read = run.trained()?;
    let mut trained = Trained { network: &read.network, config: &read.config, dataset: &read.dataset };
    let folded = match read.config.export.fold {
        Fold::Exact => None,
        Fold::Static => Some(statically(&trained, args.accept_loss, output)?),
    };
    if let Some(folded) = &folded {
        trained = Trained { network: &folded.network, config: &folded.config, ..trained };
    }
    let exported = export(&trained, args.format, &name)?;
    write(&exported, &args.output)?;
    let report = Report {
        model: &args.output,
        snippet: snippet_path(&args.output),
        certificate_file: certificate_path(&args.output),
        target: args.target,
        arithmetic: args.format.arithmetic(),
        budget: exported.budget,
        certificate: &exported.certificate,
        static_fold: folded.as_ref(),
    };
    output.finish(&report, || {
        let files = [report.model, &report.snippet, &report.certificate_file].map(|path| path.display().to_string());
        format!("{}\n{}\nwritten: {}", exported.certificate, costs(&exported.budget), files.join(", "))
    })
}
