//! The time column: strictly increasing, evenly spaced, and continued beyond its end.

use super::interval::{Grid, Interval};
use super::timestamp::{Stamp, Style, Zone};
use crate::config::Clock;

/// By how much clocks on the wall are set.
const HOUR: i64 = 3_600_000_000;

/// Evenly spaced time stamps, one a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    stamps: Vec<Stamp>,
    /// The last row's spelling.
    style: Style,
    grid: Grid,
    interval: Option<Interval>,
    /// Rows before which the clock was set.
    clock_set: Vec<usize>,
}

impl Timeline {
    /// Checks that the stamps increase without a gap, but for what the clock admits; `lines` are the rows' lines in the file, which a
    /// refusal names.
    pub(super) fn new(stamps: Vec<Stamp>, style: Style, clock: Clock, lines: &[usize]) -> Result<Timeline, String> {
        let grid = Grid::find(&stamps, style);
        let interval = grid.interval(&stamps);
        let mut timeline = Timeline { stamps, style, grid, interval, clock_set: Vec::new() };
        timeline.clock_set = timeline.check(clock, lines)?;
        Ok(timeline)
    }

    /// By how much the clock was set between two stamps, if it is an hour: only stamps that name no zone can be a wall clock's.
    fn hour(&self, pair: &[Stamp]) -> Option<i64> {
        let on_wall = matches!(self.style, Style::DateTime { zone: Zone::Unnamed, .. });
        let Some(Interval::Microseconds(interval)) = self.interval else { return None };
        let set = pair[1].micros.checked_sub(pair[0].micros)?.checked_sub(i64::try_from(interval).ok()?)?;
        (on_wall && set.abs() == HOUR).then_some(set)
    }

    /// The rows before which the clock was set.
    fn check(&self, clock: Clock, lines: &[usize]) -> Result<Vec<usize>, String> {
        let mut clock_set = Vec::new();
        for (row, pair) in self.stamps.windows(2).enumerate() {
            let (line, earlier, later) = (lines[row + 1], self.text(row), self.text(row + 1));
            let hour = self.hour(pair);
            if hour.is_some() && clock == Clock::Wall {
                clock_set.push(row + 1);
                continue;
            }
            if pair[1].micros <= pair[0].micros {
                let how = if pair[1].micros == pair[0].micros { "repeats" } else { "comes after" };
                let named = if how == "repeats" {
                    "the stamp of the line before".to_owned()
                } else {
                    format!("{earlier}, which is later")
                };
                let mend = match hour {
                    Some(_) => {
                        "sort the rows by time and keep each stamp once, or set data.clock = \"wall\" if the clock was set back there"
                    }
                    None => "sort the rows by time and keep each stamp once",
                };
                return Err(format!("line {line}: {later} {how} {named}: {mend}"));
            }
            // Stamps that increase have at least one step forward, so there is an interval.
            let Some(interval) = self.interval else { continue };
            let length = match interval {
                Interval::Months(months) => i64::from(months),
                Interval::Microseconds(micros) => i64::try_from(micros).unwrap_or(i64::MAX),
            };
            let step = self.grid.between(&pair[0], &pair[1]);
            let on_grid = self.grid.holds(&pair[0]) && self.grid.holds(&pair[1]);
            if !on_grid || step % length != 0 {
                return Err(format!(
                    "line {line}: {later} does not follow {earlier} at the series' interval of {interval}: \
                     bring the rows onto an even grid of time"
                ));
            }
            let missing = step / length - 1;
            if missing > 0 {
                let samples = if missing == 1 { "sample is" } else { "samples are" };
                return Err(format!(
                    "line {line}: from {earlier} to {later} {missing} {samples} missing (the interval is {interval}): \
                     fill them in, or cut the file at the gap"
                ));
            }
        }
        Ok(clock_set)
    }

    /// Rows before which a clock on the wall was set by an hour.
    pub fn clock_set(&self) -> &[usize] {
        &self.clock_set
    }

    /// The time between samples; `None` where there are fewer than two.
    pub fn interval(&self) -> Option<Interval> {
        self.interval
    }

    /// How the last stamp is spelled.
    pub fn style(&self) -> Style {
        self.style
    }

    /// The stamps.
    pub fn stamps(&self) -> &[Stamp] {
        &self.stamps
    }

    /// A row's stamp in the column's spelling.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn text(&self, row: usize) -> String {
        let stamp = self.stamps[row];
        // Under daylight saving offsets differ; all are shown in the last row's.
        let shown = match self.style {
            Style::DateTime { .. } | Style::Unix { .. } => Stamp::at(stamp.micros, self.style.offset()).unwrap_or(stamp),
            _ => stamp,
        };
        self.style.write(shown.civil)
    }

    /// The stamp of the `ahead`-th sample after the last row (1: the next one); `None` where the interval is not known or the
    /// calendar ends.
    pub fn after_end(&self, ahead: usize) -> Option<String> {
        let civil = self.grid.after(self.stamps.last()?, self.interval?, ahead, self.style)?;
        Some(self.style.write(civil))
    }
}

#[cfg(test)]
mod tests {
    use super::{Stamp, Timeline};
    use crate::config::Clock;

    fn timeline(texts: &[&str]) -> Result<Timeline, String> {
        timeline_of(Clock::Steady, texts)
    }

    fn timeline_of(clock: Clock, texts: &[&str]) -> Result<Timeline, String> {
        let parsed: Vec<_> = texts.iter().map(|text| Stamp::parse(text).unwrap()).collect();
        let lines: Vec<usize> = (2..texts.len() + 2).collect();
        Timeline::new(parsed.iter().map(|(stamp, _)| *stamp).collect(), parsed[0].1, clock, &lines)
    }

    #[test]
    fn the_future_is_spelled_as_the_past() {
        let next = |texts: &[&str], ahead| timeline(texts).unwrap().after_end(ahead).unwrap();
        assert_eq!(next(&["1983-11", "1983-12"], 1), "1984-01");
        assert_eq!(next(&["1983-11", "1983-12"], 14), "1985-02");
        assert_eq!(next(&["2020", "2021"], 3), "2024");
        assert_eq!(next(&["2020-02-28", "2020-02-29"], 1), "2020-03-01");
        assert_eq!(next(&["2020-11-30", "2020-12-31", "2021-01-31"], 1), "2021-02-28");
        assert_eq!(next(&["2018-06-26 18:00:00", "2018-06-26 19:00:00"], 5), "2018-06-27 00:00:00");
        assert_eq!(next(&["2020-01-01T23:30+01:00", "2020-01-01T23:45+01:00"], 1), "2020-01-02T00:00+01:00");
        assert_eq!(next(&["1385990100", "1385990400"], 2), "1385991000");
        assert_eq!(next(&["0.0", "0.1"], 2), "0.3");
        assert_eq!(timeline(&["2020"]).unwrap().after_end(1), None);
        assert_eq!(timeline(&["2020", "2021"]).unwrap().after_end(usize::MAX), None);
    }

    #[test]
    fn the_end_of_daylight_saving_is_no_gap() {
        let texts =
            ["2020-10-25T01:00:00+02:00", "2020-10-25T02:00:00+02:00", "2020-10-25T02:00:00+01:00", "2020-10-25T03:00:00+01:00"];
        assert!(timeline(&texts).is_ok());
    }

    #[test]
    fn a_clock_on_the_wall_may_be_set_by_an_hour_and_no_other_clock() {
        let back = ["2014-01-07 02:50", "2014-01-07 02:55", "2014-01-07 02:00", "2014-01-07 02:05"];
        let forward = ["2014-03-09 01:50", "2014-03-09 01:55", "2014-03-09 03:00", "2014-03-09 03:05"];
        for texts in [back, forward] {
            let read = timeline_of(Clock::Wall, &texts).unwrap();
            assert_eq!((read.clock_set(), read.text(2)), (&[2][..], texts[2].to_owned()));
        }
        assert_eq!(timeline_of(Clock::Wall, &back).unwrap().after_end(1).unwrap(), "2014-01-07 02:10");
        assert!(timeline(&back).unwrap_err().ends_with("or set data.clock = \"wall\" if the clock was set back there"));
        assert!(timeline(&forward).unwrap_err().contains("12 samples are missing"));
        // An hourly series repeats a stamp.
        let hourly = ["2020-10-25 01:00", "2020-10-25 02:00", "2020-10-25 02:00", "2020-10-25 03:00", "2020-10-25 04:00"];
        assert_eq!(timeline_of(Clock::Wall, &hourly).unwrap().clock_set(), [2]);
        // Anything but an hour is no clock's change, nor is anything in stamps that name their zone or count seconds.
        for texts in [
            &["2014-01-07 02:50", "2014-01-07 02:55", "2014-01-07 02:05", "2014-01-07 02:10"][..],
            &["2014-01-07 02:50", "2014-01-07 02:55", "2014-01-07 03:05", "2014-01-07 03:10"],
            &["2014-01-07 02:50Z", "2014-01-07 02:55Z", "2014-01-07 02:00Z", "2014-01-07 02:05Z"],
            &["300", "600", "4500", "4800"],
        ] {
            assert!(timeline_of(Clock::Wall, texts).is_err(), "{texts:?}");
        }
    }

    #[test]
    fn disorder_gaps_and_uneven_steps_are_named_by_line() {
        for (texts, expected) in [
            (
                &["1749-01", "1749-02", "1749-02"][..],
                "line 4: 1749-02 repeats the stamp of the line before: sort the rows by time and keep each stamp once",
            ),
            (
                &["1749-01", "1749-03", "1749-02"],
                "line 4: 1749-02 comes after 1749-03, which is later: sort the rows by time and keep each stamp once",
            ),
            (
                &["1749-01", "1749-02", "1749-03", "1749-07", "1749-08"],
                "line 5: from 1749-03 to 1749-07 3 samples are missing (the interval is 1 month): fill them in, or cut the file at the gap",
            ),
            (
                &["2016-07-01 00:00", "2016-07-01 00:05", "2016-07-01 00:15", "2016-07-01 00:20"],
                "line 4: from 2016-07-01 00:05 to 2016-07-01 00:15 1 sample is missing (the interval is 5 minutes): \
                 fill them in, or cut the file at the gap",
            ),
            (
                &["2016-07-01 00:00", "2016-07-01 00:05", "2016-07-01 00:11", "2016-07-01 00:16"],
                "line 4: 2016-07-01 00:11 does not follow 2016-07-01 00:05 at the series' interval of 5 minutes: \
                 bring the rows onto an even grid of time",
            ),
            (
                &["2020-01-01", "2020-02-01", "2020-03-02", "2020-04-01", "2020-05-01"],
                "line 4: 2020-03-02 does not follow 2020-02-01 at the series' interval of 1 month: bring the rows onto an even grid of time",
            ),
        ] {
            assert_eq!(timeline(texts).unwrap_err(), expected);
        }
    }
}
