//! The time between samples.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

use super::timestamp::{Stamp, Style};

/// From one sample to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interval {
    /// Calendar months: of different lengths, always on the same day.
    Months(u32),
    /// Always equally long.
    Microseconds(u64),
}

impl Interval {
    /// The length in seconds; `None` for months.
    pub fn seconds(self) -> Option<f64> {
        match self {
            Interval::Months(_) => None,
            Interval::Microseconds(micros) => Some(micros as f64 * 1e-6),
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 5] = [
            (86_400_000_000, "day"),
            (3_600_000_000, "hour"),
            (60_000_000, "minute"),
            (1_000_000, "second"),
            (1_000, "millisecond"),
        ];
        let (count, unit) = match *self {
            Interval::Months(months) if months % 12 == 0 => (u64::from(months / 12), "year"),
            Interval::Months(months) => (u64::from(months), "month"),
            Interval::Microseconds(micros) => UNITS
                .iter()
                .find(|(length, _)| micros.is_multiple_of(*length))
                .map_or((micros, "microsecond"), |(length, unit)| (micros / length, *unit)),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

/// The grid on which stamps lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grid {
    /// One stamp a month, on `day` (or on the last day of a shorter month) at `time`.
    Calendar { day: i8, time: Time },
    /// A fixed length apart.
    Fixed,
}

impl Grid {
    /// Calendar months where more than half of all stamps lie on one day of the month at one time; the day is the most common one,
    /// and of equally common ones the last, so that month ends (31, 28, 31, 30, ...) are recognized.
    pub(super) fn find(stamps: &[Stamp], style: Style) -> Grid {
        if style.is_calendar() {
            return Grid::Calendar { day: 1, time: Time::midnight() };
        }
        let Some(day) = most_common(stamps.iter().map(|stamp| stamp.civil.day())).map(|(day, _)| day) else { return Grid::Fixed };
        let Some(time) = most_common(stamps.iter().map(|stamp| stamp.civil.time())).map(|(time, _)| time) else {
            return Grid::Fixed;
        };
        let calendar = Grid::Calendar { day, time };
        let on_grid = stamps.iter().filter(|stamp| calendar.holds(stamp)).count();
        if 2 * on_grid > stamps.len() { calendar } else { Grid::Fixed }
    }

    /// Whether a stamp lies on the grid's day and time.
    pub(super) fn holds(self, stamp: &Stamp) -> bool {
        match self {
            Grid::Fixed => true,
            Grid::Calendar { day, time } => {
                stamp.civil.time() == time && stamp.civil.day() == day.min(stamp.civil.date().days_in_month())
            }
        }
    }

    /// From `earlier` to `later` in the grid's unit: months or microseconds.
    pub(super) fn between(self, earlier: &Stamp, later: &Stamp) -> i64 {
        match self {
            Grid::Calendar { .. } => later.months() - earlier.months(),
            Grid::Fixed => later.micros - earlier.micros,
        }
    }

    /// The most common step between neighbors, of equally common ones the shortest; `None` if no step leads forward.
    pub(super) fn interval(self, stamps: &[Stamp]) -> Option<Interval> {
        let steps = stamps.windows(2).map(|pair| self.between(&pair[0], &pair[1])).filter(|step| *step > 0);
        // Negated, because the largest of equally common values wins.
        let (step, _) = most_common(steps.map(|step| -step))?;
        match self {
            Grid::Calendar { .. } => u32::try_from(-step).ok().map(Interval::Months),
            Grid::Fixed => Some(Interval::Microseconds(step.unsigned_abs())),
        }
    }

    /// The calendar's reading `intervals` steps after `stamp`, in the zone of `style`; `None` beyond the years that the calendar knows.
    pub(super) fn after(self, stamp: &Stamp, interval: Interval, intervals: usize, style: Style) -> Option<DateTime> {
        let intervals = i64::try_from(intervals).ok()?;
        match (self, interval) {
            (Grid::Calendar { day, time }, Interval::Months(months)) => {
                let month = stamp.months().checked_add(i64::from(months).checked_mul(intervals)?)?;
                let first = Date::new(i16::try_from(month.div_euclid(12)).ok()?, month.rem_euclid(12) as i8 + 1, 1).ok()?;
                let date = Date::new(first.year(), first.month(), day.min(first.days_in_month())).ok()?;
                Some(DateTime::from_parts(date, time))
            }
            (_, Interval::Microseconds(micros)) => {
                let micros = stamp.micros.checked_add(i64::try_from(micros).ok()?.checked_mul(intervals)?)?;
                Stamp::at(micros, style.offset()).map(|stamp| stamp.civil)
            }
            (Grid::Fixed, Interval::Months(_)) => None,
        }
    }
}

/// The most common value and how often it occurs; of equally common ones the largest.
fn most_common<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<(T, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for value in values {
        *counts.entry(value).or_insert(0usize) += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count)
}

#[cfg(test)]
mod tests {
    use super::{Grid, Interval, Stamp};

    fn found(texts: &[&str]) -> Option<Interval> {
        let parsed: Vec<_> = texts.iter().map(|text| Stamp::parse(text).unwrap()).collect();
        let stamps: Vec<Stamp> = parsed.iter().map(|(stamp, _)| *stamp).collect();
        Grid::find(&stamps, parsed[0].1).interval(&stamps)
    }

    #[test]
    fn months_are_recognized_in_every_spelling() {
        assert_eq!(found(&["1749-01", "1749-02", "1749-03"]), Some(Interval::Months(1)));
        assert_eq!(found(&["1749", "1750", "1751"]), Some(Interval::Months(12)));
        assert_eq!(found(&["2020-01-15", "2020-02-15", "2020-03-15"]), Some(Interval::Months(1)));
        assert_eq!(found(&["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"]), Some(Interval::Months(1)));
        assert_eq!(
            found(&["2020-03-31 12:00", "2020-06-30 12:00", "2020-09-30 12:00", "2020-12-31 12:00"]),
            Some(Interval::Months(3))
        );
    }

    #[test]
    fn fixed_steps_are_recognized_despite_a_gap() {
        assert_eq!(found(&["2020-01-31", "2020-02-01", "2020-02-02"]), Some(Interval::Microseconds(86_400_000_000)));
        assert_eq!(found(&["0", "600", "900", "1200"]), Some(Interval::Microseconds(300_000_000)));
        assert_eq!(found(&["2020-01-01T00:00:00.5Z", "2020-01-01T00:00:01Z"]), Some(Interval::Microseconds(500_000)));
        assert_eq!(found(&["7"]), None);
        assert_eq!(found(&["7", "7"]), None);
    }

    #[test]
    fn intervals_are_written_in_their_largest_unit() {
        let shown = |interval: Interval| interval.to_string();
        assert_eq!(shown(Interval::Months(1)), "1 month");
        assert_eq!(shown(Interval::Months(24)), "2 years");
        assert_eq!(shown(Interval::Microseconds(3_600_000_000)), "1 hour");
        assert_eq!(shown(Interval::Microseconds(90_000_000)), "90 seconds");
        assert_eq!(shown(Interval::Microseconds(7)), "7 microseconds");
        assert_eq!(Interval::Microseconds(1_500_000).seconds(), Some(1.5));
        assert_eq!(Interval::Months(1).seconds(), None);
    }
}
