//! One network on one board.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SymbolKind, elf};

use super::networks::Network;
use super::{Calibration, Row};
use crate::deploy::log::Event;
use crate::deploy::{Executed, Inputs, Machine, Stop, sizes};
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes};

/// Bytes of a row of four pre-activations, which wait for layer norm's statistics.
const SCRATCH_ROW: u64 = 16;

/// What the board's program logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Logged {
    calibration: (u64, u64),
    steps: u64,
    instructions: u64,
    stack: u64,
    state: u64,
    hidden: u64,
}

/// Builds a model into the board's bench, runs it, and sets its costs beside an image that lacks the network.
pub fn measure(machine: &Machine<'_>, network: &Network, model: &[u8]) -> std::result::Result<(Row, Calibration), Stop> {
    let bytes = ModelBytes::new(model);
    let mut device = DeviceModel::open(&bytes, Path::new("model.rnn"))?;
    let layers = device.layers();
    let window = device.test_window();
    let forecast = device.forecast(&window).map_err(|reason| Error::failed(format!("the network's own test: {reason}")))?;
    let inputs = Inputs { model, snippet: &device.snippet("model.rnn"), samples: &window, window: &window, forecast: &forecast };
    let [bench, bare] = machine.build(&inputs, ["bench", "bare"])?;
    let Executed { elf, events } = machine.execute(&bench)?;
    let core = machine.board.core;
    let logged = read(core, &events)?;
    let without = fs::read(&bare).map_err(|reason| Error::file("read", &bare, reason))?;
    let table_bytes = table_bytes(&elf, &without, &bench)?;
    let added = sizes::of(&elf, &bench)?.flash().saturating_sub(sizes::of(&without, &bare)?.flash());
    let scratch: u64 = layers.iter().map(|(_, hidden, form)| (form.scratch_rows() * hidden) as u64 * SCRATCH_ROW).sum();
    let per_step = logged.instructions as f64 / logged.steps as f64;
    let row = Row {
        core,
        cell: network.cell.name,
        arithmetic: device.manifest.arithmetic.name(),
        variant: network.cell.variant,
        input: network.input,
        hidden: network.hidden,
        instructions_per_step: per_step.round() as u64,
        instructions_per_mac: (per_step / network.macs() as f64 * 1e3).round() / 1e3,
        code_bytes: added.saturating_sub(table_bytes),
        table_bytes,
        ram_bytes: logged.state + logged.hidden + scratch,
        stack_bytes: logged.stack,
    };
    let (instructions, ticks) = logged.calibration;
    Ok((row, Calibration { core, instructions, ticks }))
}

/// The log, complete or an error that names what it lacks.
fn read(core: &str, events: &[Event]) -> Result<Logged> {
    let mut logged = Logged::default();
    for event in events {
        match *event {
            Event::Calibration { instructions, ticks } => logged.calibration = (instructions, ticks),
            Event::Steps { count, instructions, stack } => {
                (logged.steps, logged.instructions, logged.stack) = (count, instructions, stack);
            }
            Event::Layer { state, hidden } => (logged.state, logged.hidden) = (state, hidden),
            _ => {}
        }
    }
    let lacks = |what: &str| Error::failed(format!("the bench's log of {core} lacks its {what} line"));
    if logged.calibration.1 == 0 {
        return Err(lacks("calibration"));
    }
    if logged.steps == 0 || logged.instructions == 0 {
        return Err(lacks("steps"));
    }
    if logged.state == 0 {
        return Err(lacks("layer"));
    }
    Ok(logged)
}

/// Bytes of the constants with a name that only the first image holds.
fn table_bytes(with: &[u8], without: &[u8], path: &Path) -> Result<u64> {
    let without: HashSet<String> = constants(without, path)?.into_iter().map(|(name, _)| name).collect();
    Ok(constants(with, path)?.into_iter().filter(|(name, _)| !without.contains(name)).map(|(_, size)| size).sum())
}

/// Names and sizes of an image's constants.
fn constants(image: &[u8], path: &Path) -> Result<Vec<(String, u64)>> {
    let unreadable = |reason| Error::file("read the symbols of", path, reason);
    let file = object::File::parse(image).map_err(unreadable)?;
    let is_constant = |symbol: &object::Symbol<'_, '_>| {
        let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
        let flags = section.map(|section| section.flags());
        symbol.kind() == SymbolKind::Data
            && matches!(flags, Some(SectionFlags::Elf { sh_flags, .. })
                if sh_flags.contains(elf::SHF_ALLOC) && !sh_flags.contains(elf::SHF_WRITE))
    };
    let named = |symbol: object::Symbol<'_, '_>| Ok((symbol.name().map_err(unreadable)?.to_owned(), symbol.size()));
    file.symbols().filter(is_constant).map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 3] = [
        Event::Calibration { instructions: 2_000_000, ticks: 50_000 },
        Event::Steps { count: 128, instructions: 281_600, stack: 96 },
        Event::Layer { state: 408, hidden: 128 },
    ];

    #[test]
    fn a_complete_log_is_read() {
        let logged = read("m4", &EVENTS).unwrap();
        assert_eq!((logged.instructions, logged.steps, logged.stack), (281_600, 128, 96));
        assert_eq!((logged.state, logged.hidden, logged.calibration), (408, 128, (2_000_000, 50_000)));
    }

    #[test]
    fn each_missing_line_is_an_error_that_names_it() {
        for (index, name) in ["calibration", "steps", "layer"].into_iter().enumerate() {
            let mut events = EVENTS.to_vec();
            events.remove(index);
            let error = read("m4", &events).unwrap_err();
            assert_eq!(error.exit_code(), 1);
            assert_eq!(error.to_string(), format!("the bench's log of m4 lacks its {name} line"));
        }
    }

    #[test]
    fn a_file_that_is_no_elf_is_refused_by_name() {
        let error = constants(b"not an ELF file", Path::new("bench")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read the symbols of bench: "), "{error}");
    }
}
