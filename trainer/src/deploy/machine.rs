//! A board with all that it takes to build for it and to run it here.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    boards::Board,
    emulator, firmware,
    inputs::Inputs,
    line::Emulated,
    log::{self, Event},
    stop::Stop,
    toolchain::{self, Toolchain},
};
use crate::error::Error;

/// Where things are read and written.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The `firmware` folder; [`firmware::source`] is this repository's.
    pub firmware: &'a Path,
    /// Where the model and its test data are laid out for the build.
    pub work: &'a Path,
    /// Cargo's target folder for all boards.
    pub target: &'a Path,
}

/// How long each part may take by the clock on the wall.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Building the firmware, library and dependencies included.
    pub build: Duration,
    /// Running one program.
    pub run: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { build: Duration::from_secs(900), run: Duration::from_secs(120) }
    }
}

/// A board that can be built for and run.
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    /// The board.
    pub board: &'static Board,
    places: Places<'a>,
    limits: Limits,
    emulator: PathBuf,
    toolchain: Toolchain,
}

/// A program that ran to its end, which was a good one.
#[derive(Clone, Debug)]
pub struct Executed {
    /// The program's ELF file.
    pub elf: Vec<u8>,
    /// What it logged.
    pub events: Vec<Event>,
}

impl<'a> Machine<'a> {
    /// Looks for emulator and toolchain: whatever is missing is said before a build of a minute.
    pub fn find(board: &'static Board, places: Places<'a>, limits: Limits) -> Result<Self, Stop> {
        Ok(Machine { board, places, limits, emulator: emulator::find(board)?, toolchain: toolchain::find(board)? })
    }

    /// Builds programs of the board's firmware with `inputs` inside.
    pub fn build<const N: usize>(&self, inputs: &Inputs<'_>, programs: [&str; N]) -> Result<[PathBuf; N], Stop> {
        let Places { firmware, work, target } = self.places;
        inputs.write(work)?;
        firmware::build(&self.toolchain, self.board, firmware, work, target, programs, self.limits.build)
    }

    /// Starts a program that talks on the board's first serial port, with further arguments for the emulator.
    pub fn start(&self, program: &Path, arguments: &[String]) -> Result<(Emulated, TcpStream), Error> {
        Emulated::start(&self.emulator, self.board, program, arguments)
    }

    /// Runs a program; one that ends badly is an error with its own last word.
    pub fn execute(&self, program: &Path) -> Result<Executed, Stop> {
        let elf = fs::read(program).map_err(|reason| Error::file("read", program, reason))?;
        let output = emulator::run(&self.emulator, self.board, program, self.limits.run)?;
        let events = log::decode(&elf, &output.log);
        if !output.success {
            return Err(ended_badly(self.board, program, events, &output.complaint).into());
        }
        Ok(Executed { elf, events: events? })
    }
}

/// The last word of a program that ended with failure: what its panic said, else the log's last error.
fn ended_badly(board: &Board, program: &Path, events: Result<Vec<Event>, Error>, complaint: &str) -> Error {
    let logged = || {
        let line = |event: &Event| if let Event::Line(line) = event { Some(line.to_string()) } else { None };
        events.ok().and_then(|events| events.iter().rev().find_map(line))
    };
    let reason = match complaint {
        "" => logged().unwrap_or_else(|| "it gave no reason".into()),
        complaint => complaint.replace('\n', "; "),
    };
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    Error::failed(format!("the program {name} failed on {}: {reason}", board.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::{boards, log::Line};

    #[test]
    fn a_program_that_fails_gives_its_reason() {
        let board = boards::find("qemu-m4").unwrap();
        let line = |text: &str| Event::Line(Line { level: "error".into(), text: text.into(), place: None });
        let log = || Ok(vec![line("first"), line("the vector fails")]);
        let said = |events, complaint| ended_badly(board, Path::new("x/selftest"), events, complaint).to_string();
        assert_eq!(said(log(), ""), "the program selftest failed on qemu-m4: the vector fails");
        assert_eq!(said(log(), "panicked at a.rs:1\noops"), "the program selftest failed on qemu-m4: panicked at a.rs:1; oops");
        assert_eq!(said(Err(Error::failed("damaged")), ""), "the program selftest failed on qemu-m4: it gave no reason");
    }
}
