//! Sizes of the boards' images on record: growth does not go unseen.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use crate::deploy::Sizes;
use crate::error::{Error, Result};

/// Growth in percent that is let pass.
const TOLERANCE: u64 = 3;
/// Bytes of growth that are let pass of whatever size.
const SLACK: u64 = 64;

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The board.
    pub board: String,
    /// Its program.
    pub program: String,
    /// Bytes of flash: code, constants, initial values of variables.
    pub flash: u64,
    /// Bytes of code.
    pub code: u64,
    /// Bytes of constants, the model among them.
    pub constants: u64,
    /// Bytes of variables.
    pub ram: u64,
}

impl Row {
    /// An image's row.
    pub fn new(board: &str, program: &str, sizes: &Sizes) -> Self {
        Row {
            board: board.to_owned(),
            program: program.to_owned(),
            flash: sizes.flash(),
            code: sizes.text,
            constants: sizes.rodata,
            ram: sizes.ram(),
        }
    }
}

/// The record as a text file.
pub fn write(rows: &[Row], model: &Path) -> String {
    let mut text = format!(
        "# Bytes of each real board's image with {} inside, as the distribution's toolchain links it.\n\
         # Written and compared by `rnn bench size`; growth by more than {TOLERANCE} % fails until --bless writes it down.\n\
         # board program flash code constants ram\n",
        model.display()
    );
    for Row { board, program, flash, code, constants, ram } in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{board} {program} {flash} {code} {constants} {ram}");
    }
    text
}

/// Reads a record; `path` is the file that complaints name.
pub fn read(text: &str, path: &Path) -> Result<Vec<Row>> {
    let row = |(index, line): (usize, &str)| {
        let mut words = line.split_whitespace();
        let [board, program] = [words.next(), words.next()].map(|word| word.map(str::to_owned));
        let numbers: Option<Vec<u64>> = words.map(|word| word.parse().ok()).collect();
        match (board, program, numbers.as_deref()) {
            (Some(board), Some(program), Some(&[flash, code, constants, ram])) => {
                Ok(Row { board, program, flash, code, constants, ram })
            }
            _ => Err(Error::input(format!(
                "{}, line {}: no board, its program and four sizes: write the file anew with --bless",
                path.display(),
                index + 1
            ))),
        }
    };
    text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty()).map(row).collect()
}

/// Refuses images that have grown, with every number that has, and boards that are not on record.
pub fn compare(recorded: &[Row], measured: &[Row]) -> Result<()> {
    let mut grown = Vec::new();
    for now in measured {
        let Some(before) = recorded.iter().find(|row| (&row.board, &row.program) == (&now.board, &now.program)) else {
            grown.push(format!("{} {} is not on record", now.board, now.program));
            continue;
        };
        for (what, before, now_bytes) in [("flash", before.flash, now.flash), ("RAM", before.ram, now.ram)] {
            if now_bytes > before + (before * TOLERANCE / 100).max(SLACK) {
                grown.push(format!("{} {} has grown from {before} to {now_bytes} bytes of {what}", now.board, now.program));
            }
        }
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(Error::failed(format!("{}: make it smaller, or write it down with --bless", grown.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(board: &str, flash: u64, ram: u64) -> Row {
        Row { board: board.into(), program: "serve".into(), flash, code: flash / 2, constants: flash / 2, ram }
    }

    #[test]
    fn a_record_reads_back_as_it_was() {
        let rows = [row("rp2040", 76_000, 228), row("stm32f4", 40_000, 12)];
        let text = write(&rows, Path::new("model.rnn"));
        assert_eq!(read(&text, Path::new("sizes.txt")).unwrap(), rows);
        let error = read(&text.replace(" 228", " many"), Path::new("sizes.txt")).unwrap_err();
        assert_eq!((error.exit_code(), error.to_string().starts_with("sizes.txt, line 4: ")), (2, true), "{error}");
        assert!(read("rp2040 serve 1 2 3", Path::new("sizes.txt")).is_err());
    }

    #[test]
    fn growth_beyond_the_tolerance_is_refused_and_shrinking_is_not() {
        let recorded = [row("a", 100_000, 1_000)];
        for (flash, ram) in [(103_000, 1_064), (100_000, 1_000), (50_000, 0)] {
            assert_eq!(compare(&recorded, &[row("a", flash, ram)]), Ok(()));
        }
        let error = compare(&recorded, &[row("a", 103_001, 1_065)]).unwrap_err();
        assert_eq!(error.exit_code(), 1);
        let expected = "a serve has grown from 100000 to 103001 bytes of flash, a serve has grown from 1000 to 1065 bytes of RAM: \
                        make it smaller, or write it down with --bless";
        assert_eq!(error.to_string(), expected);
        assert!(compare(&recorded, &[row("b", 1, 1)]).unwrap_err().to_string().starts_with("b serve is not on record"));
    }
}
