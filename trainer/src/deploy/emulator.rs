//! QEMU, with a limit on its time.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    boards::{Board, Emulator},
    process,
    stop::{Missing, Stop},
};
use crate::error::Error;

/// What came out of one emulated program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Whether the program ended with success.
    pub success: bool,
    /// The raw log, to be decoded.
    pub log: Vec<u8>,
    /// What a panic or a fault said, and QEMU's own complaints.
    pub complaint: String,
}

/// The path of the emulator for `board`.
pub fn find(board: &Board) -> Result<PathBuf, Stop> {
    let emulator = of(board)?;
    let missing = || Missing {
        what: emulator.program.to_string(),
        install: format!("apt-get install --no-install-recommends {}", emulator.package),
    };
    Ok(in_path(emulator.program).ok_or_else(missing)?)
}

fn of(board: &Board) -> Result<&Emulator, Error> {
    board.emulator.as_ref().ok_or_else(|| Error::input(format!("{} is not emulated", board.name)))
}

/// The emulator's command for a firmware image, its first serial port led to `serial`.
pub(super) fn command(emulator: &Path, board: &Board, serial: &str, elf: &Path) -> Result<Command, Error> {
    let how = of(board)?;
    let mut command = Command::new(emulator);
    command.args(["-machine", how.machine, "-nographic", "-monitor", "none", "-serial", serial]);
    command.args(how.arguments);
    command.args(["-semihosting-config", "enable=on,target=native"]);
    // One instruction is one nanosecond of virtual time: timers count instructions, and nothing depends on the host's speed.
    command.args(["-icount", "shift=0,sleep=off"]);
    command.arg("-kernel").arg(elf);
    Ok(command)
}

/// Runs one firmware image to its end; a program that is still running after `limit` is stopped and is an error.
pub fn run(emulator: &Path, board: &Board, elf: &Path, limit: Duration) -> Result<Output, Stop> {
    let mut command = command(emulator, board, "none", elf)?;
    let finished = process::run(&mut command, limit).map_err(|reason| Error::file("run", emulator, reason))?;
    let complaint = String::from_utf8_lossy(&finished.stderr).trim().to_string();
    match finished.status {
        Some(status) => Ok(Output { success: status.success(), log: finished.stdout, complaint }),
        None => Err(Error::failed(format!(
            "{} was still running on the emulated {} after {} s and was stopped; give it more time or look for an endless loop",
            elf.display(),
            board.name,
            limit.as_secs_f64()
        ))
        .into()),
    }
}

/// The first executable file of that name in `PATH`.
pub(super) fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file() || file.with_extension("exe").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::boards;

    #[test]
    fn programs_are_found_in_path() {
        assert!(in_path("sh").is_some());
        assert_eq!(in_path("no-such-program-anywhere"), None);
    }

    #[cfg(unix)]
    #[test]
    fn an_emulator_that_hangs_is_stopped_and_named() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let fake = folder.path().join("emulator");
        std::fs::write(&fake, "#!/bin/sh\nexec sleep 600\n").unwrap();
        std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
        let board = boards::find("qemu-m4").unwrap();
        let Err(Stop::Error(error)) = run(&fake, board, Path::new("demo"), Duration::from_millis(300)) else { panic!() };
        assert_eq!(error.exit_code(), 1);
        assert!(error.to_string().contains("still running on the emulated qemu-m4 after 0.3 s"), "{error}");
    }
}
