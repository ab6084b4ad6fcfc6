//! `rnn bench device`: a step's cost on emulated boards.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::demo::SERIES;
use super::deploy::expect_installed;
use super::output::Output;
use super::progress::Progress;
use super::train;
use crate::bench::device::markdown::markdown;
use crate::bench::device::measure::measure;
use crate::bench::device::networks::{CELLS, Network, networks};
use crate::bench::device::table::table;
use crate::bench::device::{Calibration, LeftOut, Row};
use crate::config::Config;
use crate::deploy::{Board, Limits, Machine, Places, boards, firmware};
use crate::error::{Error, Result};
use crate::export::{Format, Trained, export_for};
use crate::files::{create_folder, write_atomically};
use crate::report::run_folder::{RunFolder, TrainedRun, dataset};

/// The arithmetics that are measured, where a board has a use for them: a 16-bit cell is for cores without a wide product, and has no norm.
const FORMATS: [Format; 3] = [Format::Int8, Format::Int8Cell16, Format::F32];

fn has_use(format: Format, asked: bool, board: &Board, network: &Network) -> bool {
    format != Format::Int8Cell16 || (network.cell.name == "lstm" && (asked || board.core == "m0"))
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The board, or `all`; a name that is not known gets the list.
    #[arg(long, value_name = "NAME")]
    board: String,
    /// Only cells of this name: lstm, lstm-ln-joint, lstm-ln-a, lstm-ln-b.
    #[arg(long, value_name = "CELL")]
    cell: Option<String>,
    /// Only this arithmetic.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// For people, print a Markdown table.
    #[arg(long)]
    markdown: bool,
    /// Where networks are kept and firmware is built.
    #[arg(long, value_name = "DIR", default_value = "target/rnn")]
    work: PathBuf,
}

#[derive(Serialize)]
struct Report {
    rows: Vec<Row>,
    left_out: Vec<LeftOut>,
    calibration: Vec<Calibration>,
}

fn chosen(name: &str) -> Result<Vec<&'static Board>> {
    match name {
        "all" => Ok(boards::emulated().collect()),
        name => Ok(vec![boards::find_emulated(name)?]),
    }
}

/// Refuses a cell that there is none of.
fn expect_cell(name: &str) -> Result<()> {
    if CELLS.iter().any(|cell| cell.name == name) {
        return Ok(());
    }
    let mut known = CELLS.map(|cell| cell.name).to_vec();
    known.dedup();
    Err(Error::input(format!("--cell {name}: no such cell; the known ones are {}", known.join(", "))))
}

/// The network's training, made now if it is not there yet.
fn trained(network: &Network, folder: &Path, output: &Output) -> Result<TrainedRun> {
    let folder = folder.join(network.folder()?);
    let run = RunFolder::at(&folder.join("run"));
    // The report is written last.
    if !run.report().exists() {
        create_folder(&folder)?;
        write_atomically(&folder.join("sunspots.csv"), SERIES.as_bytes())?;
        let path = folder.join("sunspots.toml");
        write_atomically(&path, network.config().as_bytes())?;
        let config = Config::read(&path)?;
        let run = RunFolder::create(run.path(), true)?;
        output.say(format!("{}, {}, ({}, {}):", network.cell.name, network.cell.variant, network.input, network.hidden));
        train::train(&config, &dataset(&config)?, &run, train::How::default(), output)?;
    }
    run.trained()
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let output = &output.for_result();
    let boards = chosen(&args.board)?;
    if let Some(cell) = &args.cell {
        expect_cell(cell)?;
    }
    for board in &boards {
        expect_installed(board)?;
    }
    let networks = networks(args.cell.as_deref());
    let formats: Vec<Format> = args.format.map_or(FORMATS.to_vec(), |format| vec![format]);
    let folder = args.work.join("bench");
    let trained = networks.iter().map(|network| trained(network, &folder, output)).collect::<Result<Vec<_>>>()?;

    let progress = Progress::new();
    let total = boards.len() * formats.len() * networks.len();
    let mut report = Report { rows: Vec::new(), left_out: Vec::new(), calibration: Vec::new() };
    for (b, board) in boards.iter().enumerate() {
        let work = folder.join(board.name);
        let places = Places { firmware: &firmware::source(), work: &work, target: &args.work.join("boards") };
        let machine = Machine::find(board, places, Limits::default())?;
        for (f, format) in formats.iter().enumerate() {
            for (n, (network, run)) in networks.iter().zip(&trained).enumerate() {
                if !has_use(*format, args.format.is_some(), board, network) {
                    continue;
                }
                let Network { cell, input, hidden } = *network;
                let done = (b * formats.len() + f) * networks.len() + n;
                progress.set(
                    done as u64,
                    total as u64,
                    format!("{}: {}, {}, ({input}, {hidden})", board.name, cell.name, cell.variant),
                );
                let trained = Trained { network: &run.network, config: &run.config, dataset: &run.dataset };
                let exported = export_for(&trained, *format, board.packing, "model.rnn")?;
                if let Err(refusal) = board.expect_room(exported.file.len() as u64) {
                    let (arithmetic, reason) = (format.arithmetic(), refusal.to_string());
                    report.left_out.push(LeftOut { core: board.core, cell: cell.name, arithmetic, input, hidden, reason });
                    continue;
                }
                let (row, calibration) = measure(&machine, network, &exported.file)?;
                report.rows.push(row);
                if !report.calibration.contains(&calibration) {
                    report.calibration.push(calibration);
                }
            }
        }
    }
    progress.clear();
    output.finish(&report, || summary(&report, args.markdown))
}

fn summary(report: &Report, as_markdown: bool) -> String {
    let Report { rows, left_out, calibration } = report;
    if as_markdown {
        return markdown(rows, left_out);
    }
    let scales: String = calibration.iter().map(|calibration| format!("{calibration}\n")).collect();
    format!("{scales}\n{}", table(rows, left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_and_cells_are_named() {
        assert_eq!(chosen("all").unwrap().len(), boards::emulated().count());
        assert_eq!(chosen("qemu-m7").unwrap()[0].core, "m7");
        assert!(chosen("every").unwrap_err().to_string().starts_with("--board every: no such board"));
        assert!(expect_cell("lstm-ln-joint").is_ok());
        let refusal = expect_cell("gru").unwrap_err();
        assert_eq!(refusal.exit_code(), 2);
        let known = "lstm, lstm-ln-joint, lstm-ln-a, lstm-ln-b";
        assert_eq!(refusal.to_string(), format!("--cell gru: no such cell; the known ones are {known}"));
    }
}
