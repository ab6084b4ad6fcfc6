//! `rnn bench size`: the real boards' images around a model, beside the sizes on record.

use std::path::PathBuf;

use serde::Serialize;

use super::deploy_real::{Program, build};
use super::numbers::grouped;
use super::output::Output;
use super::streaming::expect_windowed;
use crate::bench::size::{self, Row};
use crate::deploy::boards;
use crate::error::Result;
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::files::{expect_place_for_file, read_text, write_atomically};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model file that is linked in.
    model: PathBuf,
    /// The sizes on record: a growth by more than 3 % ends with 1.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Write the record anew instead of comparing with it.
    #[arg(long, requires = "record")]
    bless: bool,
    /// For people, print a Markdown table.
    #[arg(long)]
    markdown: bool,
    /// Where the firmware is built.
    #[arg(long, value_name = "DIR", default_value = "target/rnn")]
    work: PathBuf,
}

#[derive(Serialize)]
struct Report {
    rows: Vec<Row>,
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let output = &output.for_result();
    let recorded = match &args.record {
        Some(record) if args.bless => expect_place_for_file(record).map(|()| None)?,
        Some(record) => Some(size::read(&read_text(record)?, record)?),
        None => None,
    };
    let bytes = ModelBytes::read(&args.model)?;
    let device = DeviceModel::open(&bytes, &args.model)?;
    device.expect_forecaster(&args.model, "the real boards' firmware reports forecasts, write one around `Model::classifier`")?;
    expect_windowed(&device, &args.model, "the firmware forecasts")?;
    let mut rows = Vec::new();
    for (board, hardware) in boards::real() {
        output.say(format!("building the firmware for the {} (a first build takes some minutes)", hardware.product));
        let programs = [Program::Station, Program::Serve];
        let built = build((board, hardware), programs, &bytes, &device, &args.work, None)?;
        for (program, (_, sizes)) in programs.into_iter().zip(&built) {
            rows.push(Row::new(board.name, program.name(), sizes));
        }
    }
    if let (Some(record), true) = (&args.record, args.bless) {
        write_atomically(record, size::write(&rows, &args.model).as_bytes())?;
    }
    let report = Report { rows };
    output.finish(&report, || if args.markdown { markdown(&report.rows) } else { size::write(&report.rows, &args.model) })?;
    recorded.map_or(Ok(()), |recorded| size::compare(&recorded, &report.rows))
}

/// The table that the README has.
fn markdown(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let [flash, code, constants, ram] = [row.flash, row.code, row.constants, row.ram].map(grouped);
        format!("| `{}` | `{}` | {flash} | {code} | {constants} | {ram} |\n", row.board, row.program)
    };
    let rows: String = rows.iter().map(line).collect();
    format!("| board | program | flash | code | constants | RAM |\n|---|---|---|---|---|---|\n{rows}")
}
