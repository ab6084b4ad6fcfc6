//! Who looked at the test windows, and when: a test split that is read often is no test any more.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use jiff::Timestamp;

use crate::error::{Error, Result};

/// Appends a line to the log of readings.
pub fn note_reading(path: &Path, what: &str) -> Result<()> {
    let line = format!("{:.0} {what}\n", Timestamp::now());
    let written = OpenOptions::new().create(true).append(true).open(path).and_then(|mut log| log.write_all(line.as_bytes()));
    written.map_err(|reason| Error::file("write", path, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_added_and_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("final.log");
        note_reading(&path, "first").unwrap();
        note_reading(&path, "second").unwrap();
        let log = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("Z first") && lines[1].ends_with("Z second"), "{log}");
        assert!(note_reading(folder.path(), "a folder").is_err());
    }
}
