//! Builds a board's firmware around a model.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    boards::Board,
    process,
    stop::Stop,
    toolchain::{self, Toolchain},
};
use crate::error::Error;
use crate::files::create_folder;

/// The `firmware` folder of the repository that this program was built from.
pub fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).join("firmware")
}

/// Builds the named programs of a board with what lies in `inputs`, and puts their ELF files there too. `target` is cargo's target
/// folder: one for all boards, so that `core` is built once for each core; `limit` ends a build that hangs.
pub fn build<const N: usize>(
    toolchain: &Toolchain,
    board: &Board,
    firmware: &Path,
    inputs: &Path,
    target: &Path,
    programs: [&str; N],
    limit: Duration,
) -> Result<[PathBuf; N], Stop> {
    build_paced(toolchain, board, firmware, inputs, target, programs, None, limit)
}

/// The same, with the milliseconds from sample to sample for a board that takes its own.
#[expect(clippy::too_many_arguments, reason = "each is another kind of thing")]
pub fn build_paced<const N: usize>(
    toolchain: &Toolchain,
    board: &Board,
    firmware: &Path,
    inputs: &Path,
    target: &Path,
    programs: [&str; N],
    period: Option<u32>,
    limit: Duration,
) -> Result<[PathBuf; N], Stop> {
    let folder = firmware.join("boards").join(board.folder);
    if !folder.join("Cargo.toml").is_file() {
        return Err(Error::input(format!(
            "the firmware's source is not in {}; run `rnn deploy` from a build of the repository",
            folder.display()
        ))
        .into());
    }
    // Paths are relative to where the user is, and cargo runs elsewhere: it reads the board's settings from the board's folder.
    let inputs = absolute(inputs)?;
    let target = absolute(target)?;
    // The target folder has one place for each program, whatever the model: one build at a time until its programs are taken.
    let _lock = lock(&target)?;
    let mut command = toolchain::cargo(toolchain, board);
    command.current_dir(&folder).args(["build", "--release", "--locked", "--quiet"]);
    command.args(programs.iter().flat_map(|program| ["--bin", program]));
    if !board.features.is_empty() {
        command.arg("--features").arg(board.features.join(","));
    }
    command.args(toolchain::arguments(toolchain, board.target)).arg("--target-dir").arg(&target);
    // The log's level decides what the image holds: not left to the user's environment.
    command.env("RNN_MODEL_DIR", &inputs).env("DEFMT_LOG", "info");
    match period {
        Some(milliseconds) => command.env("RNN_PERIOD_MS", milliseconds.to_string()),
        None => command.env_remove("RNN_PERIOD_MS"),
    };
    let finished = process::run(&mut command, limit).map_err(|reason| Error::file("run", &toolchain.cargo, reason))?;
    match finished.status {
        // What the compiler warns of is for whoever changed the firmware.
        Some(status) if status.success() => eprint!("{}", String::from_utf8_lossy(&finished.stderr)),
        Some(_) => {
            let output = String::from_utf8_lossy(&finished.stderr);
            return Err(Error::failed(format!("building the firmware for {} failed:\n{}", board.name, output.trim_end())).into());
        }
        None => {
            let limit = limit.as_secs_f64();
            return Err(Error::failed(format!("building the firmware for {} took more than {limit} s", board.name)).into());
        }
    }
    let release = target.join(board.target).join("release");
    let taken = programs.map(|name| (release.join(name), inputs.join(name)));
    for (from, to) in &taken {
        fs::copy(from, to).map_err(|reason| Error::file("copy", from, reason))?;
    }
    Ok(taken.map(|(_, to)| to))
}

/// Waits for other builds in this target folder; the next may begin when the file is dropped.
fn lock(target: &Path) -> Result<fs::File, Error> {
    create_folder(target)?;
    let path = target.join("programs.lock");
    let file = fs::File::create(&path).map_err(|reason| Error::file("create", &path, reason))?;
    file.lock().map_err(|reason| Error::file("lock", &path, reason))?;
    Ok(file)
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|reason| Error::file("find", path, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::{boards, toolchain::Library};

    const SOME: Duration = Duration::from_secs(20);

    fn toolchain(cargo: &str) -> Toolchain {
        Toolchain { cargo: cargo.into(), rustc: "rustc".into(), library: Library::Installed, linker: None }
    }

    #[test]
    fn every_board_has_its_folder() {
        for board in boards::BOARDS {
            assert!(source().join("boards").join(board.folder).join("Cargo.toml").is_file(), "{}", board.name);
        }
    }

    #[test]
    fn a_folder_without_firmware_is_named() {
        let board = boards::find("qemu-m4").unwrap();
        let nowhere = Path::new("no/such/folder");
        let Err(Stop::Error(error)) = build(&toolchain("cargo"), board, nowhere, nowhere, nowhere, ["demo"], SOME) else {
            panic!()
        };
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("qemu-mps2"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_build_that_fails_shows_what_the_compiler_said() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let cargo = folder.path().join("cargo");
        fs::write(&cargo, "#!/bin/sh\necho \"no model in $RNN_MODEL_DIR\" >&2\nexit 101\n").unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        let board = boards::find("qemu-m4").unwrap();
        let inputs = folder.path().join("inputs");
        let toolchain = toolchain(cargo.to_str().unwrap());
        let built = build(&toolchain, board, &source(), &inputs, folder.path(), ["demo"], SOME);
        let Err(Stop::Error(error)) = built else { panic!() };
        assert_eq!(error.exit_code(), 1);
        assert!(error.to_string().ends_with(&format!("no model in {}", inputs.display())), "{error}");
    }
}
