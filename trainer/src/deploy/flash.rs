//! An image onto a real board: by the drive that the board shows itself as, else by a debug probe, else by the user's hand.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    boards::{Board, Drive, Hardware},
    drives,
    emulator::in_path,
    memory, process, uf2,
};
use crate::error::{Error, Result};
use crate::files::write_atomically;

/// The program that works debug probes.
const PROBE: &str = "probe-rs";
/// Looking for probes takes a moment.
const LISTING: Duration = Duration::from_secs(20);
/// Erasing and writing some hundred KB through a slow probe.
const WRITING: Duration = Duration::from_secs(180);

/// How an image got onto the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// It was copied to the board's drive.
    Drive(PathBuf),
    /// A probe wrote it.
    Probe,
    /// It did not: neither drive nor probe is there.
    NotYet,
}

/// Writes beside the ELF file what the board's drive takes, if the board has one.
pub fn image(board: &Board, drive: &Drive, elf: &Path) -> Result<PathBuf> {
    let bytes = fs::read(elf).map_err(|reason| Error::file("read", elf, reason))?;
    let memory = memory::of(&bytes, elf, board.flash)?;
    let (path, content) = match drive {
        Drive::Uf2 { family, .. } => (elf.with_extension("uf2"), uf2::encode(&memory, *family)),
        Drive::Flat { .. } => (elf.with_extension("bin"), memory.flat()),
    };
    write_atomically(&path, &content)?;
    Ok(path)
}

/// Brings the image onto the board. `drive`: the folder that the user says is the board's drive.
pub fn flash(hardware: &Hardware, elf: &Path, image: Option<&Path>, drive: Option<&Path>) -> Result<Way> {
    if let (Some(kind), Some(image)) = (&hardware.drive, image) {
        if let Some(folder) = drive {
            expect_drive(hardware, kind, folder)?;
        }
        if let Some(folder) = drive.map(Path::to_owned).or_else(|| drives::find(kind)) {
            copy(image, &folder)?;
            return Ok(Way::Drive(folder));
        }
    } else if drive.is_some() {
        return Err(Error::input(format!("--drive: the {} shows itself as no drive; leave it out", hardware.product)));
    }
    match in_path(PROBE) {
        Some(program) if has_probe(&program)? => by_probe(&program, hardware, elf).map(|()| Way::Probe),
        _ => Ok(Way::NotYet),
    }
}

/// Refuses a folder that is not the board's drive: a file copied there would do nothing.
fn expect_drive(hardware: &Hardware, kind: &Drive, folder: &Path) -> Result<()> {
    if drives::is(kind, folder) {
        return Ok(());
    }
    let sign = match kind {
        Drive::Uf2 { id, .. } => format!("has no INFO_UF2.TXT with Board-ID: {id}"),
        Drive::Flat { label } => format!("is not called {label}"),
    };
    Err(Error::input(format!(
        "--drive {} is not the drive of a {}: it {sign}; {}",
        folder.display(),
        hardware.product,
        hardware.connect
    )))
}

/// Copies the image to the drive. There is no renaming here: the boot loader takes the blocks as they come, and the drive vanishes after the last.
fn copy(image: &Path, folder: &Path) -> Result<()> {
    let bytes = fs::read(image).map_err(|reason| Error::file("read", image, reason))?;
    let to = folder.join(image.file_name().unwrap_or(image.as_os_str()));
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(&to)?;
        file.write_all(&bytes)?;
        match file.sync_all() {
            // The board has taken the last block and has gone to run it.
            Err(_) if !folder.exists() => Ok(()),
            synced => synced,
        }
    };
    write().map_err(|reason| Error::file("copy the image to", &to, reason))
}

fn has_probe(program: &Path) -> Result<bool> {
    let finished =
        process::run(Command::new(program).arg("list"), LISTING).map_err(|reason| Error::file("run", program, reason))?;
    // Each probe has a line that begins with its number.
    let listed = String::from_utf8_lossy(&finished.stdout).lines().any(|line| line.trim_start().starts_with('['));
    Ok(listed && finished.status.is_some_and(|status| status.success()))
}

fn by_probe(program: &Path, hardware: &Hardware, elf: &Path) -> Result<()> {
    for (action, file) in [("download", Some(elf)), ("reset", None)] {
        let mut command = Command::new(program);
        command.args([action, "--chip", hardware.chip]).args(file);
        let finished = process::run(&mut command, WRITING).map_err(|reason| Error::file("run", program, reason))?;
        if !finished.status.is_some_and(|status| status.success()) {
            let said = String::from_utf8_lossy(&finished.stderr);
            let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            return Err(Error::failed(format!("{PROBE} {action} failed for the {}: {}", hardware.product, said.join("; "))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::boards;

    fn hardware(name: &str) -> &'static Hardware {
        boards::find(name).unwrap().hardware.as_ref().unwrap()
    }

    #[test]
    fn an_image_is_copied_to_the_boards_drive_and_to_no_other_folder() {
        let folder = tempfile::tempdir().unwrap();
        let [elf, image, drive] = ["station", "station.uf2", "drive"].map(|name| folder.path().join(name));
        fs::write(&image, b"blocks").unwrap();
        fs::create_dir(&drive).unwrap();
        let flash = |board| flash(hardware(board), &elf, Some(&image), Some(&drive));
        let refusal = flash("rp2040").unwrap_err();
        assert_eq!(refusal.exit_code(), 2);
        assert!(refusal.to_string().contains("has no INFO_UF2.TXT with Board-ID: RPI-RP2; hold the button BOOTSEL"), "{refusal}");
        assert_eq!(fs::read_dir(&drive).unwrap().count(), 0);
        fs::write(drive.join("INFO_UF2.TXT"), "Board-ID: RPI-RP2\r\n").unwrap();
        assert_eq!(flash("rp2040").unwrap(), Way::Drive(drive.clone()));
        assert_eq!(fs::read(drive.join("station.uf2")).unwrap(), b"blocks");
        assert!(flash("rp2350").is_err());
        assert!(flash("stm32f4").unwrap_err().to_string().contains("is not called NODE_F411RE"));
        let none = super::flash(hardware("nrf52840"), &elf, None, Some(&drive)).unwrap_err();
        assert!(none.to_string().contains("shows itself as no drive"), "{none}");
    }

    #[cfg(unix)]
    #[test]
    fn a_probe_is_asked_for_and_its_failure_told() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [program, calls] = ["probe", "calls"].map(|name| folder.path().join(name));
        let script = |text: &str| {
            fs::write(&program, format!("#!/bin/sh\necho \"$@\" >> {}\n{text}", calls.display())).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        };
        script("echo 'No debug probes were found.'\n");
        assert!(!has_probe(&program).unwrap());
        script("echo 'The following debug probes were found:'\necho '[0]: STLink V2-1'\n");
        assert!(has_probe(&program).unwrap());
        by_probe(&program, hardware("stm32f4"), Path::new("a/station")).unwrap();
        let called = fs::read_to_string(&calls).unwrap();
        assert!(called.ends_with("download --chip STM32F411RETx a/station\nreset --chip STM32F411RETx\n"), "{called}");
        script("echo 'Error: flash is locked' >&2\nexit 1\n");
        let error = by_probe(&program, hardware("stm32f4"), Path::new("station")).unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert_eq!(error.to_string(), "probe-rs download failed for the ST Nucleo-F411RE: Error: flash is locked");
    }
}
