//! Failures that are known: when they happened, and where an alarm counts as theirs.

use std::ops::Range;
use std::path::Path;

use crate::data::{Series, Stamp};
use crate::error::{Error, Result};

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When, as it was given.
    pub stamp: String,
    /// The row.
    pub row: usize,
    /// The rows in which an alarm counts as its.
    pub window: Range<usize>,
}

impl Failure {
    /// A failure at a time, with `around` samples on both sides. `place` begins a refusal.
    pub fn at(series: &Series, stamp: &str, around: usize, place: &str) -> Result<Failure> {
        let row = row_of(series, stamp, place)?;
        let window = row.saturating_sub(around)..(row + around + 1).min(series.rows());
        Ok(Failure { stamp: stamp.trim().to_owned(), row, window })
    }

    /// Reads a CSV: a column `failure` with times and, where they are there, columns `from` and `to`, the first and last time at which an
    /// alarm counts. Lines that begin with `#` are remarks.
    pub fn read(path: &Path, series: &Series, around: usize) -> Result<Vec<Failure>> {
        let text = crate::files::read_text(path)?;
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(text.as_bytes());
        let broken = |reason: csv::Error| {
            let line = reason.position().map_or(1, csv::Position::line);
            Error::input(format!("{}, line {line}: not a row of the header's cells: write failure,from,to", path.display()))
        };
        let header = reader.headers().map_err(broken)?.clone();
        let place_of = |name: &str| header.iter().position(|cell| cell == name);
        let Some(failure) = place_of("failure") else {
            return Err(Error::input(format!(
                "{} has no column \"failure\": give it a header line with failure, or with failure,from,to",
                path.display()
            )));
        };
        let window = match (place_of("from"), place_of("to")) {
            (Some(from), Some(to)) => Some((from, to)),
            (None, None) => None,
            _ => return Err(Error::input(format!("{} has one of the columns \"from\" and \"to\": give both", path.display()))),
        };
        let mut failures = Vec::new();
        for record in reader.records() {
            let record = record.map_err(broken)?;
            let line = record.position().map_or(0, csv::Position::line);
            let place = |name: &str| format!("{}, line {line}, column \"{name}\"", path.display());
            let mut found = Failure::at(series, &record[failure], around, &place("failure"))?;
            if let Some((from, to)) = window {
                found.window = row_of(series, &record[from], &place("from"))?..row_of(series, &record[to], &place("to"))? + 1;
                if !found.window.contains(&found.row) {
                    return Err(Error::input(format!(
                        "{}: the failure lies outside its own window: give from, failure and to in the order of time",
                        place("failure")
                    )));
                }
            }
            failures.push(found);
        }
        if failures.is_empty() {
            return Err(Error::input(format!("{} holds no failures: add one line each", path.display())));
        }
        Ok(failures)
    }
}

/// The row of a time: the first one with the stamp (a clock on the wall may say it twice), else the first one after it. Without time
/// stamps times are lines of the file.
fn row_of(series: &Series, text: &str, place: &str) -> Result<usize> {
    let (text, rows) = (text.trim(), series.rows());
    let refuse = |why: String| Err(Error::input(format!("{place}: {why}")));
    let Some(times) = &series.times else {
        let row = text.parse().ok().and_then(|line: usize| (0..rows).find(|row| series.line(*row) == line));
        return match row {
            Some(row) => Ok(row),
            None => refuse(format!(
                "\"{text}\" is not the line of a sample: the model knows no time column, so give a line from {} to {}",
                series.line(0),
                series.line(rows - 1)
            )),
        };
    };
    let stamp = match Stamp::parse(text) {
        Ok((stamp, _)) => stamp,
        Err(why) => return refuse(why),
    };
    let stamps = times.stamps();
    let row = stamps.iter().position(|at| at.micros == stamp.micros);
    match row.or_else(|| stamps.iter().position(|at| at.micros > stamp.micros)) {
        Some(row) if row > 0 || stamps[0].micros == stamp.micros => Ok(row),
        _ => refuse(format!(
            "{text} lies outside the series, which reaches from {} to {}: give a time within it",
            times.text(0),
            times.text(rows - 1)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Clock;
    use crate::data::Selection;
    use crate::data::testing::{select, synthetic, write_csv};

    fn timed() -> Series {
        let minutes = (0..60).chain(0..60).map(|minute| format!("2014-01-07 02:{minute:02},1\n"));
        let content: String = std::iter::once("t,v\n".to_owned()).chain(minutes).collect();
        let selection = Selection { time: Some("t".into()), clock: Clock::Wall, ..select("v") };
        Series::read(write_csv(content).path(), &selection).unwrap()
    }

    fn read(content: &str, series: &Series) -> Result<Vec<Failure>> {
        Failure::read(write_csv(content).path(), series, 5)
    }

    #[test]
    fn failures_have_the_window_that_is_given_or_one_around_them() {
        let series = timed();
        let plain = read("# a remark\nfailure\n2014-01-07 02:20\n2014-01-07T02:30:30\n", &series).unwrap();
        assert_eq!((plain[0].row, plain[0].window.clone()), (20, 15..26));
        assert_eq!((plain[1].row, plain[1].stamp.as_str()), (31, "2014-01-07T02:30:30"));
        let given = read("from,failure,to\n2014-01-07 02:10,2014-01-07 02:20, 2014-01-07 02:59\n", &series).unwrap();
        assert_eq!(given[0].window, 10..60);
        let untimed = synthetic(20, 1, 1, |_, _| 1.0);
        assert_eq!(Failure::at(&untimed, "11", 2, "--label").unwrap().window, 7..12);
    }

    #[test]
    fn what_is_no_failure_is_refused_by_place() {
        let series = timed();
        for (content, expected) in [
            ("when\n2014-01-07 02:20\n", " has no column \"failure\": "),
            ("failure,from\n2014-01-07 02:20,2014-01-07 02:10\n", " has one of the columns \"from\" and \"to\": "),
            ("failure\n", " holds no failures: "),
            ("failure\nnever\n", ", line 2, column \"failure\": \"never\" is not a time stamp"),
            ("failure\n2015-01-07 02:20\n", "2015-01-07 02:20 lies outside the series, which reaches from 2014-01-07 02:00 to "),
            ("failure\n2013-01-07 02:20\n", "2013-01-07 02:20 lies outside the series"),
            (
                "failure,from,to\n2014-01-07 02:20,2014-01-07 02:30,2014-01-07 02:40\n",
                ", line 2, column \"failure\": the failure lies outside its own window",
            ),
            ("failure,from,to\n2014-01-07 02:20\n", ", line 2: not a row of the header's cells"),
        ] {
            let error = read(content, &series).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(expected), "{error}\nshould contain {expected}");
        }
        let untimed = synthetic(20, 1, 1, |_, _| 1.0);
        let error = Failure::at(&untimed, "2014-01-07", 2, "--label").unwrap_err().to_string();
        assert!(
            error.starts_with("--label: \"2014-01-07\" is not the line of a sample") && error.ends_with("2 to 21"),
            "{error}"
        );
    }
}
