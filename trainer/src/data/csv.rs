//! Reading a CSV: a header, numbers, and a complaint with file, line and column for everything else.

use std::path::Path;

use embedded_rnn::forecast::Transform;
use sha2::{Digest, Sha256};

use super::labels::Labels;
use super::series::{Column, Selection, Series};
use super::timeline::Timeline;
use super::timestamp::{Stamp, Style};
use crate::config::place::closest;
use crate::error::{Error, Result};

impl Series {
    /// Reads the chosen columns. Commas, semicolons or tabs separate cells; values are read as the `f32` that a sensor would deliver.
    pub fn read(path: &Path, selection: &Selection) -> Result<Series> {
        let bytes = std::fs::read(path).map_err(|reason| Error::file("read", path, reason))?;
        let reader = Reader { path, selection };
        let text = reader.text(&bytes)?;
        reader.series(text, Sha256::digest(&bytes).into())
    }
}

/// A CSV's text, UTF-8 without a byte order mark.
pub(super) fn text<'b>(path: &Path, bytes: &'b [u8]) -> Result<&'b str> {
    Reader { path, selection: &Selection::default() }.text(bytes)
}

struct Reader<'a> {
    path: &'a Path,
    selection: &'a Selection,
}

/// The chosen columns' places in the header.
struct Places {
    time: Option<usize>,
    label: Option<usize>,
    values: Vec<usize>,
}

impl Reader<'_> {
    fn refuse(&self, line: usize, sentence: impl std::fmt::Display) -> Error {
        Error::input(format!("{}, line {line}: {sentence}", self.path.display()))
    }

    fn refuse_cell(&self, line: usize, column: &str, sentence: impl std::fmt::Display) -> Error {
        Error::input(format!("{}, line {line}, column \"{column}\": {sentence}", self.path.display()))
    }

    /// UTF-8 without a byte order mark.
    fn text<'b>(&self, bytes: &'b [u8]) -> Result<&'b str> {
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(Error::input(format!("{} is UTF-16 text: save it as UTF-8", self.path.display())));
        }
        let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
        std::str::from_utf8(bytes)
            .map_err(|error| self.refuse(1 + line_ends(&bytes[..error.valid_up_to()]), "not UTF-8 text: save the file as UTF-8"))
    }

    fn series(&self, text: &str, sha256: [u8; 32]) -> Result<Series> {
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(text)).from_reader(text.as_bytes());
        let mut record = ::csv::StringRecord::new();
        let mut lines = Lines { bytes: text.as_bytes(), offset: 0, line: 1 };
        let mut next = |record: &mut ::csv::StringRecord| -> Result<Option<Line>> {
            // Text in memory that is known to be UTF-8 leaves the reader nothing to fail on but its own limits.
            match reader.read_record(record) {
                Ok(true) => Ok(Some(lines.next(record.position().map_or(0, |position| position.byte() as usize)))),
                Ok(false) => Ok(None),
                Err(reason) => Err(Error::file("read", self.path, reason)),
            }
        };

        if next(&mut record)?.is_none() {
            return Err(Error::input(format!("{} is empty: it needs a header line and one row a sample", self.path.display())));
        }
        let header: Vec<String> = record.iter().map(|cell| cell.trim().to_owned()).collect();
        let places = self.places(&header)?;

        let mut lines = Vec::new();
        let mut stamps: Vec<Stamp> = Vec::new();
        let mut classes: Vec<String> = Vec::new();
        let mut style: Option<(Style, String)> = None;
        let names = self.selection.targets.iter().chain(&self.selection.features);
        let mut columns: Vec<Column> = names.map(|name| Column { name: name.clone(), values: Vec::new() }).collect();
        while let Some(Line { line, blank_before }) = next(&mut record)? {
            if let Some(blank) = blank_before {
                return Err(self.refuse(blank, "the line is blank: fill its row in, or delete the line if no sample is missing"));
            }
            if record.len() != header.len() {
                let (found, expected) = (record.len(), header.len());
                let cells = if found == 1 { "cell" } else { "cells" };
                return Err(self.refuse(
                    line,
                    format!("{found} {cells} where the header has {expected}: give every row the header's number of cells"),
                ));
            }
            for (column, &place) in columns.iter_mut().zip(&places.values) {
                let value = self.value(record.get(place).unwrap_or(""));
                column.values.push(value.map_err(|sentence| self.refuse_cell(line, &column.name, sentence))?);
            }
            classes.extend(places.label.map(|place| record.get(place).unwrap_or("").trim().to_owned()));
            if let Some(place) = places.time {
                let name = &header[place];
                let text = record.get(place).unwrap_or("").trim();
                let (stamp, found) = Stamp::parse(text).map_err(|why| self.refuse_cell(line, name, why))?;
                if let Some((first, example)) = &style
                    && !first.is_like(found)
                {
                    let why = format!("\"{text}\" is spelled otherwise than \"{example}\" above: spell all stamps alike");
                    return Err(self.refuse_cell(line, name, why));
                }
                // The first row's text stays as the example, the last row's spelling goes on.
                let example = style.take().map_or_else(|| text.to_owned(), |(_, example)| example);
                style = Some((found, example));
                stamps.push(stamp);
            }
            lines.push(line);
        }
        if lines.is_empty() {
            return Err(Error::input(format!("{} has a header but no rows: add one row a sample", self.path.display())));
        }
        let times = match style {
            Some((style, _)) => {
                let timeline = Timeline::new(stamps, style, self.selection.clock, &lines);
                Some(timeline.map_err(|why| Error::input(format!("{}, {why}", self.path.display())))?)
            }
            None => None,
        };
        let labels = match &self.selection.label {
            Some(column) => Some(
                Labels::new(column, classes).map_err(|(row, sentence)| self.refuse_cell(lines[row], &column.name, sentence))?,
            ),
            None => None,
        };
        let targets = self.selection.targets.len();
        Ok(Series { path: self.path.to_owned(), sha256, columns, targets, labels, times, lines })
    }

    /// Finds the chosen columns in the header.
    fn places(&self, header: &[String]) -> Result<Places> {
        if header.iter().all(|cell| cell.parse::<f64>().is_ok()) {
            return Err(self.refuse(1, "the first line holds numbers: put a line with the columns' names above it"));
        }
        let find = |name: &str| -> Result<usize> {
            let mut places = (0..header.len()).filter(|place| header[*place] == name);
            let Some(first) = places.next() else {
                let known: Vec<&str> = header.iter().map(String::as_str).collect();
                let mend = match closest(name, &known) {
                    Some(known) => format!("did you mean \"{known}\"?"),
                    None => "choose one of these".to_owned(),
                };
                let listed = header.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
                return Err(Error::input(format!(
                    "{} has no column \"{name}\"; its columns are {listed}: {mend}",
                    self.path.display()
                )));
            };
            match places.next() {
                None => Ok(first),
                Some(second) => {
                    let why = format!("the header names \"{name}\" twice (columns {} and {}): rename one", first + 1, second + 1);
                    Err(self.refuse(1, why))
                }
            }
        };
        let time = self.selection.time.as_deref().map(find).transpose()?;
        let label = self.selection.label.as_ref().map(|column| find(&column.name)).transpose()?;
        let values =
            self.selection.targets.iter().chain(&self.selection.features).map(|name| find(name)).collect::<Result<_>>()?;
        Ok(Places { time, label, values })
    }

    /// A cell's number, if the transform can take it; a refusal says why and how to mend it.
    fn value(&self, cell: &str) -> std::result::Result<f32, String> {
        let cell = cell.trim();
        if cell.is_empty() {
            return Err("the cell is empty: fill the value in, or cut the file there".into());
        }
        let Ok(value) = cell.parse::<f32>() else {
            let comma = cell.replacen(',', ".", 1);
            let mend = if comma.parse::<f32>().is_ok() && comma != cell {
                format!("write it with a point, {comma}")
            } else {
                "write a number".to_owned()
            };
            return Err(format!("\"{cell}\" is not a number: {mend}"));
        };
        if !value.is_finite() {
            let why = if cell.bytes().any(|byte| byte.is_ascii_digit()) {
                "is too large for 32 bits"
            } else {
                "is not a finite number"
            };
            return Err(format!("\"{cell}\" {why}: fill a measured value in, or cut the file there"));
        }
        if self.selection.transform.forward(value).is_none() {
            let (key, needs) = match self.selection.transform {
                Transform::None => ("none", "finite values"),
                Transform::Sqrt => ("sqrt", "values of 0 or more"),
                Transform::Log => ("log", "values above 0"),
            };
            return Err(format!(
                "{cell} is outside the transform \"{key}\", which needs {needs}: mend the value, or choose transform = \"none\""
            ));
        }
        Ok(value)
    }
}

/// The delimiter that the first line holds most often outside quotes; a comma where it holds none.
pub(super) fn delimiter(text: &str) -> u8 {
    let header = text.trim_start_matches(['\r', '\n']).lines().next().unwrap_or("");
    let outside: Vec<&str> = header.split('"').step_by(2).collect();
    let count = |delimiter: u8| outside.iter().flat_map(|part| part.bytes()).filter(|byte| *byte == delimiter).count();
    // The last of equals wins, so the comma stands last.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// Line ends: `\n`, `\r\n` or a lone `\r`.
fn line_ends(bytes: &[u8]) -> usize {
    let newline = |i: &usize| bytes[*i] == b'\n' || (bytes[*i] == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
    (0..bytes.len()).filter(newline).count()
}

/// Where a record stands.
struct Line {
    /// From 1.
    line: usize,
    /// The first blank line between the record before and this one.
    blank_before: Option<usize>,
}

/// Counts lines from record to record; the reader's own count takes the blank lines that it skips for the record's.
struct Lines<'t> {
    bytes: &'t [u8],
    /// Start and line of the record before.
    offset: usize,
    line: usize,
}

impl Lines<'_> {
    /// The record that begins at `offset` or after the line ends found there.
    fn next(&mut self, offset: usize) -> Line {
        let is_end = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
        let start = offset + self.bytes[offset.min(self.bytes.len())..].iter().take_while(is_end).count();
        let between = &self.bytes[self.offset..start.min(self.bytes.len())];
        let ends = between.iter().rev().take_while(is_end).count();
        // Lines inside quoted cells, then the record's own end, then blank ones.
        let record_ends_on = self.line + line_ends(&between[..between.len() - ends]);
        let line = self.line + line_ends(between);
        let blank_before = (line > record_ends_on + 1).then_some(record_ends_on + 1);
        (self.offset, self.line) = (start, line);
        Line { line, blank_before }
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
