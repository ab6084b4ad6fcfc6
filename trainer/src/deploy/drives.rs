//! Drives that boards show themselves as.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::boards::Drive;

/// The board's drive among those that are mounted.
pub fn find(drive: &Drive) -> Option<PathBuf> {
    mounted().into_iter().find(|folder| is(drive, folder))
}

/// Whether the folder is the board's drive.
pub fn is(drive: &Drive, folder: &Path) -> bool {
    match drive {
        Drive::Uf2 { id, .. } => {
            let about = fs::read_to_string(folder.join("INFO_UF2.TXT")).unwrap_or_default();
            about.lines().any(|line| line.strip_prefix("Board-ID:").is_some_and(|found| found.trim() == *id))
        }
        Drive::Flat { label } => folder.is_dir() && folder.file_name().is_some_and(|name| name == *label),
    }
}

/// Where drives are mounted.
#[cfg(target_os = "linux")]
fn mounted() -> Vec<PathBuf> {
    fs::read_to_string("/proc/self/mounts").map(|mounts| mount_points(&mounts)).unwrap_or_default()
}

#[cfg(target_os = "macos")]
fn mounted() -> Vec<PathBuf> {
    fs::read_dir("/Volumes").map(|volumes| volumes.flatten().map(|volume| volume.path()).collect()).unwrap_or_default()
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn mounted() -> Vec<PathBuf> {
    (b'D'..=b'Z').map(|letter| PathBuf::from(format!("{}:\\", char::from(letter)))).collect()
}

/// The second column; blanks in it are written as octal numbers.
#[cfg(any(target_os = "linux", test))]
fn mount_points(mounts: &str) -> Vec<PathBuf> {
    let plain = |path: &str| path.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\");
    mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(|path| PathBuf::from(plain(path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::uf2;

    #[test]
    fn a_boot_loader_says_which_board_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let pico = Drive::Uf2 { family: uf2::RP2040, id: "RPI-RP2" };
        assert!(!is(&pico, folder.path()));
        fs::write(folder.path().join("INFO_UF2.TXT"), "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n")
            .unwrap();
        assert!(is(&pico, folder.path()));
        assert!(!is(&Drive::Uf2 { family: uf2::RP2350_ARM, id: "RP2350" }, folder.path()));
    }

    #[test]
    fn a_probes_drive_is_known_by_its_label() {
        let folder = tempfile::tempdir().unwrap();
        let drive = folder.path().join("NODE_F411RE");
        let nucleo = Drive::Flat { label: "NODE_F411RE" };
        assert!(!is(&nucleo, &drive));
        fs::create_dir(&drive).unwrap();
        assert!(is(&nucleo, &drive) && !is(&nucleo, folder.path()));
    }

    #[test]
    fn mount_points_with_blanks_are_read() {
        let mounts =
            "proc /proc proc rw 0 0\n/dev/sdb1 /media/me/RPI-RP2 vfat rw 0 0\n/dev/sdc1 /media/my\\040self/RP2350 vfat rw 0 0\n";
        assert_eq!(mount_points(mounts), ["/proc", "/media/me/RPI-RP2", "/media/my self/RP2350"].map(PathBuf::from));
    }
}
