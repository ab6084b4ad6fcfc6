//! A first look at a CSV that nobody has described yet: its delimiter, its columns and what they hold.

use std::path::Path;

use super::csv::{delimiter, text};
use super::timestamp::Stamp;
use crate::error::{Error, Result};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Time stamps, in every row.
    Time,
    /// Finite numbers, in every row, of more than one value.
    Numbers,
    /// One number throughout.
    Constant,
    /// Numbers, and cells that are empty or hold something else.
    Gappy,
    /// Something else.
    Text,
}

/// A column at first sight.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Seen {
    /// Its header.
    pub name: String,
    /// What it holds.
    pub content: Content,
    /// The line of the first cell that is no number, where others are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_gap: Option<usize>,
}

/// What a CSV looks like.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Survey {
    /// What separates cells.
    pub delimiter: char,
    /// The columns, from left to right.
    pub columns: Vec<Seen>,
    /// Rows below the header.
    pub rows: usize,
}

/// Headers of columns whose numbers are times rather than measurements.
const TIMELY: [&str; 9] = ["time", "date", "stamp", "epoch", "year", "month", "day", "hour", "ds"];

/// What is known of a column while it is read.
#[derive(Clone, Debug, Default)]
struct Tally {
    stamps: usize,
    numbers: usize,
    first: Option<f32>,
    varies: bool,
    rising: bool,
    last: f64,
    first_gap: Option<usize>,
}

impl Tally {
    fn see(&mut self, cell: &str, line: usize) {
        if Stamp::parse(cell).is_ok() {
            self.stamps += 1;
        }
        match cell.parse::<f32>() {
            Ok(value) if value.is_finite() => {
                let exact = cell.parse::<f64>().unwrap_or_default();
                self.rising = if self.numbers == 0 { true } else { self.rising && exact > self.last };
                self.last = exact;
                self.numbers += 1;
                self.varies |= self.first.is_some_and(|first| first != value);
                self.first.get_or_insert(value);
            }
            _ => {
                self.first_gap.get_or_insert(line);
            }
        }
    }

    fn content(&self, name: &str, rows: usize) -> Content {
        let lower = name.to_lowercase();
        let timely = TIMELY.iter().any(|word| lower == *word || (word.len() > 2 && lower.contains(word)));
        if self.stamps == rows && (self.numbers == 0 || (timely && self.rising)) {
            Content::Time
        } else if self.numbers < rows {
            // Some tenths of a column are noise in it, no column of numbers.
            if self.numbers * 2 > rows { Content::Gappy } else { Content::Text }
        } else if self.varies {
            Content::Numbers
        } else {
            Content::Constant
        }
    }
}

impl Survey {
    /// Looks at every cell of a CSV.
    pub fn of(path: &Path) -> Result<Survey> {
        let bytes = std::fs::read(path).map_err(|reason| Error::file("read", path, reason))?;
        let text = text(path, &bytes)?;
        let delimiter = delimiter(text);
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
        let mut header: Vec<String> = Vec::new();
        let mut tallies: Vec<Tally> = Vec::new();
        let mut rows = 0;
        for record in reader.records() {
            let record = record.map_err(|reason| Error::file("read", path, reason))?;
            if header.is_empty() {
                header = record.iter().map(|cell| cell.trim().to_owned()).collect();
                tallies = vec![Tally::default(); header.len()];
                continue;
            }
            let line = record.position().map_or(0, |position| position.line() as usize);
            // Rows of another length are complained about by the reader of series.
            for (tally, cell) in tallies.iter_mut().zip(record.iter()) {
                tally.see(cell.trim(), line);
            }
            rows += 1;
        }
        let refuse = |sentence: &str| Error::input(format!("{}{sentence}", path.display()));
        if header.is_empty() {
            return Err(refuse(" is empty: it needs a header line and one row a sample"));
        }
        if header.iter().all(|cell| cell.parse::<f64>().is_ok()) {
            return Err(refuse(", line 1: the first line holds numbers: put a line with the columns' names above it"));
        }
        if rows == 0 {
            return Err(refuse(" has a header but no rows: add one row a sample"));
        }
        let seen = |(name, tally): (String, &Tally)| {
            let content = tally.content(&name, rows);
            Seen { first_gap: tally.first_gap.filter(|_| content == Content::Gappy), content, name }
        };
        let columns = header.into_iter().zip(&tallies).map(seen).collect();
        Ok(Survey { delimiter: delimiter.into(), columns, rows })
    }

    /// The first column of time stamps.
    pub fn time(&self) -> Option<&str> {
        self.named(Content::Time).next()
    }

    /// The columns of some content.
    pub fn named(&self, content: Content) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(move |column| column.content == content).map(|column| column.name.as_str())
    }

    /// The column to forecast where nobody says: the only column of numbers; or the first that is called as targets are; or the last one.
    pub fn target(&self) -> Option<&str> {
        const TARGETS: [&str; 4] = ["target", "value", "y", "ot"];
        let numbers: Vec<&str> = self.named(Content::Numbers).collect();
        let called = numbers.iter().find(|name| TARGETS.contains(&name.to_lowercase().as_str()));
        called.or(numbers.last()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::write_csv;

    fn survey(content: &str) -> Result<Survey> {
        Survey::of(write_csv(content).path())
    }

    fn contents(content: &str) -> Vec<Content> {
        survey(content).unwrap().columns.into_iter().map(|column| column.content).collect()
    }

    #[test]
    fn columns_are_told_apart() {
        use Content::{Constant, Gappy, Numbers, Text, Time};
        assert_eq!(
            contents("date;a;b;note;c;d\n2020-01-01;1.5;7;ok;1;3\n2020-01-02;-2;7;;2;4\n2020-01-03;1e3;7;x;;5\n"),
            [Time, Numbers, Constant, Text, Gappy, Numbers]
        );
        // Numbers are times where they are called so and rise.
        assert_eq!(contents("timestamp,v\n1385990100,1\n1385990400,2\n1385990700,1\n"), [Time, Numbers]);
        assert_eq!(contents("index,v\n1,1\n2,2\n3,1\n"), [Numbers, Numbers]);
        assert_eq!(contents("daytime_load,v\n5,1\n4,2\n3,1\n"), [Numbers, Numbers]);
        assert_eq!(survey("a\tb\n1\t2\n").unwrap().delimiter, '\t');
    }

    #[test]
    fn a_target_is_guessed_and_gaps_have_their_line() {
        let target = |content: &str| survey(content).unwrap().target().map(str::to_owned);
        assert_eq!(target("t,a,b\nx,1,2\nx,2,1\n").as_deref(), Some("b"));
        assert_eq!(target("a,Value,b\n1,1,2\n2,2,1\n").as_deref(), Some("Value"));
        assert_eq!(target("a\nx\ny\n"), None);
        let gappy = survey("a,b\n1,1\n2,1\n,2\n4,3\n").unwrap();
        assert_eq!(gappy.columns[0].first_gap, Some(4));
        assert_eq!((gappy.rows, gappy.time()), (4, None));
    }

    #[test]
    fn files_that_are_no_table_are_refused() {
        for (content, expected) in [
            ("", " is empty: it needs a header line"),
            ("a,b\n", " has a header but no rows"),
            ("1,2\n3,4\n", ", line 1: the first line holds numbers"),
        ] {
            let error = survey(content).unwrap_err();
            assert!(error.exit_code() == 2 && error.to_string().contains(expected), "{error}");
        }
    }
}
