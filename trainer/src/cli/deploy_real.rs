//! `rnn deploy` to a board that exists: build, write the image, flash it if the board is there, else say what to do.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::deploy::{Deployed, Stream, check, deploy};
use super::numbers::grouped;
use super::output::Output;
use crate::config::{Allowance, Costs};
use crate::deploy::boards::{self, Board, Drive, Hardware};
use crate::deploy::flash::{Way, flash, image};
use crate::deploy::{Inputs, Limits, Sizes, Stop, firmware, sizes, toolchain};
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes};

/// A program of every real board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Samples the board's thermometer and writes lines of text.
    Station,
    /// Answers a desk on the board's line, and takes new models.
    Serve,
}

impl Program {
    /// What it is called among the firmware's programs.
    pub fn name(self) -> &'static str {
        match self {
            Program::Station => "station",
            Program::Serve => "serve",
        }
    }

    /// Refuses a model with which the program does not work.
    fn expect(self, board: &Board, hardware: &Hardware, bytes: &ModelBytes, device: &DeviceModel<'_>) -> Result<()> {
        let length = bytes.as_slice().len() as u64;
        board.expect_room(length)?;
        match self {
            Program::Station => expect_one_column(board, device),
            Program::Serve if length <= hardware.slot => Ok(()),
            Program::Serve => Err(Error::failed(format!(
                "the model file has {length} bytes and a slot of {} {}: train a smaller network or choose another board",
                board.name, hardware.slot
            ))),
        }
    }
}

/// What is to be deployed where.
pub struct Job<'a, 'm> {
    pub board: &'static Board,
    pub hardware: &'static Hardware,
    pub program: Program,
    pub bytes: &'a ModelBytes,
    pub device: &'a DeviceModel<'m>,
    /// What the emulated board with the same core is fed.
    pub stream: &'a Stream,
    pub allowance: &'a Allowance,
    pub work: &'a Path,
}

#[derive(Serialize)]
struct Report {
    board: &'static str,
    core: &'static str,
    program: &'static str,
    /// What the board's drive takes; `null` where it has none.
    image: Option<PathBuf>,
    elf: PathBuf,
    /// `drive`, `probe`, or `null` if the board was not there.
    flashed: Option<&'static str>,
    image_flash_bytes: u64,
    text_bytes: u64,
    rodata_bytes: u64,
    model_bytes: u64,
    static_ram_bytes: u64,
    board_flash_bytes: u64,
    board_ram_bytes: u64,
    /// The same model on the emulated board with the same core; `null` without the emulator.
    counted: Option<Deployed>,
}

/// Refuses a model that the board's one thermometer cannot feed.
fn expect_one_column(board: &Board, device: &DeviceModel<'_>) -> Result<()> {
    match device.manifest.window.features {
        1 => Ok(()),
        columns => Err(Error::input(format!(
            "the model has {columns} columns and the firmware of {} samples one, a temperature: train with one target and no features",
            board.name
        ))),
    }
}

/// The board's programs with the model inside, their ELF files and their sizes.
pub fn build<const N: usize>(
    (board, hardware): (&Board, &Hardware),
    programs: [Program; N],
    bytes: &ModelBytes,
    device: &DeviceModel<'_>,
    work: &Path,
    period: Option<u32>,
) -> std::result::Result<Vec<(PathBuf, Sizes)>, Stop> {
    for program in programs {
        program.expect(board, hardware, bytes, device)?;
    }
    let lines = device.snippet("model.rnn");
    let inputs = Inputs { model: bytes.as_slice(), snippet: &lines, samples: &[], window: &[], forecast: &[] };
    let folder = work.join(board.name);
    inputs.write(&folder)?;
    let toolchain = toolchain::find(board)?;
    let target = work.join("boards");
    let limit = Limits::default().build;
    let names = programs.map(Program::name);
    let built = firmware::build_paced(&toolchain, board, &firmware::source(), &folder, &target, names, period, limit)?;
    let measured = built.into_iter().map(|elf| {
        let content = std::fs::read(&elf).map_err(|reason| Error::file("read", &elf, reason))?;
        let sizes = sizes::of(&content, &elf)?;
        Ok((elf, sizes))
    });
    measured.collect()
}

/// The same model on the emulated board with the same core, or why there is none.
fn count(job: &Job<'_, '_>) -> std::result::Result<Deployed, Stop> {
    let board = boards::find_emulated(job.hardware.counted_on)?;
    let counted = deploy(board, job.bytes, job.device, job.stream, job.work)?;
    check(&counted)?;
    Ok(counted)
}

pub fn run(job: &Job<'_, '_>, period: Option<u32>, drive: Option<&Path>, output: &Output) -> Result<()> {
    let Job { board, hardware, program, allowance, .. } = job;
    program.expect(board, hardware, job.bytes, job.device)?;
    output.say(format!("building the firmware for the {} (a first build takes some minutes)", hardware.product));
    let built = build((board, hardware), [*program], job.bytes, job.device, job.work, period)?;
    // One program gives one.
    let Some((elf, sizes)) = built.into_iter().next() else { return Ok(()) };
    let image = hardware.drive.as_ref().map(|drive| image(board, drive, &elf)).transpose()?;
    let counted = match count(job) {
        Ok(counted) => Some(counted),
        Err(Stop::Missing(missing)) if allowance.ram.is_none() && allowance.instructions.is_none() => {
            output.warn(format!("instructions and stack are not counted: {missing}"));
            None
        }
        Err(stop) => return Err(stop.into()),
    };
    let costs = Costs {
        flash: Some(sizes.flash()),
        ram: counted.as_ref().map(|counted| sizes.ram() + counted.forecaster_bytes + counted.stack_bytes),
        instructions: counted.as_ref().map(|counted| counted.instructions_per_forecast),
    };
    allowance.check(&costs, &format!("the image for {}", board.name))?;
    let way = flash(hardware, &elf, image.as_deref(), drive)?;
    let report = Report {
        board: board.name,
        core: board.core,
        program: program.name(),
        image,
        elf,
        flashed: match way {
            Way::Drive(_) => Some("drive"),
            Way::Probe => Some("probe"),
            Way::NotYet => None,
        },
        image_flash_bytes: sizes.flash(),
        text_bytes: sizes.text,
        rodata_bytes: sizes.rodata,
        model_bytes: job.bytes.as_slice().len() as u64,
        static_ram_bytes: sizes.ram(),
        board_flash_bytes: board.flash,
        board_ram_bytes: board.ram,
        counted,
    };
    output.finish(&report, || summary(&report, job, &way))
}

fn summary(report: &Report, job: &Job<'_, '_>, way: &Way) -> String {
    let [flash, text, rodata, model, of_flash, statics, of_ram] = [
        report.image_flash_bytes,
        report.text_bytes,
        report.rodata_bytes,
        report.model_bytes,
        report.board_flash_bytes,
        report.static_ram_bytes,
        report.board_ram_bytes,
    ]
    .map(grouped);
    let mut text = format!(
        "flash: image of {flash} bytes, {text} of them code, {rodata} constants (the model's {model} among them), of the board's {of_flash}\n\
         RAM: {statics} bytes of variables, of the board's {of_ram}\n"
    );
    if let Some(counted) = &report.counted {
        let [forecast, sensor, stack] =
            [counted.instructions_per_forecast, counted.forecaster_bytes, counted.stack_bytes].map(grouped);
        text += &format!(
            "on {}, the same core emulated: {forecast} instructions a forecast, {stack} bytes of stack at most, {sensor} for the sensor; \
             {} of {} forecasts bit-identical with the host's\n",
            counted.board, counted.identical, counted.compared
        );
    }
    text + &advice(report, job, way)
}

/// What was done, or what is left to do.
fn advice(report: &Report, job: &Job<'_, '_>, way: &Way) -> String {
    let hardware = job.hardware;
    let listen = match job.program {
        Program::Station => hardware.listen.to_owned(),
        Program::Serve => format!(
            "it answers on the serial port: `rnn deploy MODEL --board {} --port PORT --feed DATA.csv`, or `--update` (Linux: /dev/ttyACM0)",
            report.board
        ),
    };
    match (way, &report.image) {
        (Way::Drive(folder), _) => {
            format!("flashed: copied to {}; the board runs it now, and {}", folder.display(), listen)
        }
        (Way::Probe, _) => format!("flashed by the probe; the board runs it now, and {}", listen),
        (Way::NotYet, Some(image)) => {
            let drive = match &hardware.drive {
                Some(Drive::Uf2 { id, .. }) => *id,
                Some(Drive::Flat { label }) => *label,
                None => "",
            };
            format!(
                "the board is not there yet: {}, called {drive}. Then run this command again, or copy {} to that drive yourself; {}",
                hardware.connect,
                image.display(),
                listen
            )
        }
        (Way::NotYet, None) => format!(
            "the board is not there yet, or probe-rs is not installed (https://probe.rs): {}. Then run this command again, or \
             `probe-rs run --chip {} {}`; {}",
            hardware.connect,
            hardware.chip,
            report.elf.display(),
            listen
        ),
    }
}
