//! One time stamp: read in the usual spellings, written back in the same.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Microseconds since 1970-01-01 UTC; a stamp without a zone is counted as if it were UTC.
    pub micros: i64,
    /// The calendar's reading, in the stamp's own zone.
    pub civil: DateTime,
}

/// What a stamp says about its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Nothing.
    Unnamed,
    /// `Z`
    Utc,
    /// `+02:00`, in seconds east of Greenwich.
    Offset(i32),
}

/// How a stamp is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `1749`
    Year,
    /// `1749-01`
    YearMonth,
    /// `2016-07-01`
    Date,
    /// `2016-07-01 00:00:00`
    DateTime {
        /// Between date and time: a space or `T`.
        separator: char,
        /// Whether seconds are written.
        seconds: bool,
        /// Digits of the second's fraction.
        fraction: u8,
        /// The zone.
        zone: Zone,
    },
    /// `1385990100`: seconds since 1970-01-01 UTC.
    Unix {
        /// Digits of the second's fraction.
        fraction: u8,
    },
}

const SPELLINGS: &str =
    "write stamps like 2016-07, 2016-07-01, 2016-07-01 00:00:00, 2016-07-01T00:00:00Z or as Unix seconds, all rows alike";
/// Four digits in this range are a year, not a count of seconds.
const YEARS: std::ops::RangeInclusive<i64> = 1500..=2500;
/// Eight digits in this range are a date without its dashes, not a count of seconds.
const COMPACT_DATES: std::ops::RangeInclusive<i64> = 15_000_101..=25_001_231;
/// Counts from here on are milliseconds: as seconds they would lie after the year 5000.
const LARGEST_UNIX_SECOND: i64 = 99_999_999_999;

impl Style {
    /// Whether two stamps may stand in one column; digits of fractions and offsets (daylight saving) may differ.
    pub fn is_like(self, other: Style) -> bool {
        match (self, other) {
            (Style::DateTime { zone: a, .. }, Style::DateTime { zone: b, .. }) => (a == Zone::Unnamed) == (b == Zone::Unnamed),
            (Style::Unix { .. }, Style::Unix { .. }) => true,
            _ => self == other,
        }
    }

    /// Whether the stamps count years or months.
    pub fn is_calendar(self) -> bool {
        matches!(self, Style::Year | Style::YearMonth)
    }

    /// A calendar reading in this spelling.
    pub fn write(self, civil: DateTime) -> String {
        let date = format!("{:04}-{:02}-{:02}", civil.year(), civil.month(), civil.day());
        match self {
            Style::Year => format!("{:04}", civil.year()),
            Style::YearMonth => date[..date.len() - 3].to_owned(),
            Style::Date => date,
            Style::DateTime { separator, seconds, fraction, zone } => {
                let mut text = format!("{date}{separator}{:02}:{:02}", civil.hour(), civil.minute());
                if seconds {
                    text += &format!(":{:02}", civil.second());
                }
                text += &fraction_text(civil.subsec_nanosecond() / 1_000, fraction);
                match zone {
                    Zone::Unnamed => {}
                    Zone::Utc => text.push('Z'),
                    Zone::Offset(east) => {
                        let sign = if east < 0 { '-' } else { '+' };
                        let minutes = east.abs() / 60;
                        text += &format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
                    }
                }
                text
            }
            Style::Unix { fraction } => {
                let micros = micros_of(civil, Offset::UTC).unwrap_or(0);
                let sign = if micros < 0 { "-" } else { "" };
                let micros = micros.unsigned_abs();
                format!("{sign}{}{}", micros / 1_000_000, fraction_text((micros % 1_000_000) as i32, fraction))
            }
        }
    }

    /// The zone in which this spelling shows a moment.
    pub(super) fn offset(self) -> Offset {
        match self {
            Style::DateTime { zone: Zone::Offset(east), .. } => Offset::from_seconds(east).unwrap_or(Offset::UTC),
            _ => Offset::UTC,
        }
    }
}

fn fraction_text(micros: i32, digits: u8) -> String {
    if digits == 0 { String::new() } else { format!(".{micros:06}")[..=usize::from(digits.min(6))].to_owned() }
}

fn micros_of(civil: DateTime, offset: Offset) -> Option<i64> {
    offset.to_timestamp(civil).ok().map(Timestamp::as_microsecond)
}

impl Stamp {
    /// The moment `micros` after 1970-01-01 UTC, read in the zone of `offset`; `None` beyond the years that the calendar knows.
    pub(super) fn at(micros: i64, offset: Offset) -> Option<Stamp> {
        Timestamp::from_microsecond(micros).ok().map(|moment| Stamp { micros, civil: offset.to_datetime(moment) })
    }

    /// Months since the year 0.
    pub(super) fn months(&self) -> i64 {
        i64::from(self.civil.year()) * 12 + i64::from(self.civil.month()) - 1
    }

    /// Reads a stamp in any of the spellings; a refusal says why and what to write.
    pub fn parse(text: &str) -> Result<(Stamp, Style), String> {
        let refused = |why: &str| format!("\"{text}\" {why}: {SPELLINGS}");
        let unknown = || refused("is not a time stamp");
        let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
        let unsigned = digits.strip_prefix('-').unwrap_or(digits);
        let is_number = !unsigned.is_empty() && [unsigned, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
        if is_number {
            let seconds: i64 = digits.parse().map_err(|_| unknown())?;
            if fraction.is_empty() && text.len() == 4 && YEARS.contains(&seconds) {
                return Self::on(Date::new(seconds as i16, 1, 1).map_err(|_| unknown())?, Style::Year).ok_or_else(unknown);
            }
            if fraction.is_empty() && COMPACT_DATES.contains(&seconds) {
                return Err(refused("is a date without dashes"));
            }
            if seconds.abs() > LARGEST_UNIX_SECOND {
                return Err(refused("seems to count milliseconds or less, not seconds"));
            }
            let micros = micros_of_fraction(fraction).ok_or_else(|| refused("is finer than microseconds"))?;
            let micros = if digits.starts_with('-') { -micros } else { micros };
            let stamp = Stamp::at(seconds * 1_000_000 + micros, Offset::UTC).ok_or_else(unknown)?;
            return Ok((stamp, Style::Unix { fraction: fraction.len().min(6) as u8 }));
        }
        if let [year @ .., b'-', _, _] = text.as_bytes()
            && year.len() == 4
        {
            let date =
                text[..4].parse().ok().zip(text[5..].parse().ok()).and_then(|(year, month)| Date::new(year, month, 1).ok());
            return Self::on(date.ok_or_else(unknown)?, Style::YearMonth).ok_or_else(unknown);
        }
        let pieces = Pieces::parse(text).map_err(|_| unknown())?;
        if pieces.time_zone_annotation().is_some() {
            return Err(refused("names its zone in brackets"));
        }
        let Some(time) = pieces.time() else {
            return Self::on(pieces.date(), Style::Date).ok_or_else(unknown);
        };
        if time.subsec_nanosecond() % 1_000 != 0 {
            return Err(refused("is finer than microseconds"));
        }
        let zone = match pieces.to_numeric_offset() {
            None => Zone::Unnamed,
            Some(_) if text.ends_with(['Z', 'z']) => Zone::Utc,
            Some(offset) => Zone::Offset(offset.seconds()),
        };
        let clock = &text[11.min(text.len())..];
        let fraction = clock.split_once(['.', ',']).map_or(0, |(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
        let style = Style::DateTime {
            separator: if text.contains('T') { 'T' } else { ' ' },
            seconds: clock.split(['+', '-', 'Z']).next().unwrap_or(clock).matches(':').count() == 2,
            fraction: fraction.min(6) as u8,
            zone,
        };
        let civil = DateTime::from_parts(pieces.date(), time);
        let micros = micros_of(civil, style.offset()).ok_or_else(unknown)?;
        Ok((Stamp { micros, civil }, style))
    }

    /// Midnight of a date.
    fn on(date: Date, style: Style) -> Option<(Stamp, Style)> {
        let civil = DateTime::from_parts(date, Time::midnight());
        micros_of(civil, Offset::UTC).map(|micros| (Stamp { micros, civil }, style))
    }
}

/// `"25"` is 250,000 microseconds; `None` if digits beyond the sixth are not zero.
fn micros_of_fraction(digits: &str) -> Option<i64> {
    let (kept, beyond) = digits.split_at(digits.len().min(6));
    if beyond.bytes().any(|digit| digit != b'0') {
        return None;
    }
    format!("{kept:0<6}").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Stamp, Style};

    #[test]
    fn every_spelling_is_written_back_as_it_was() {
        for text in [
            "1749",
            "1749-01",
            "2016-07-01",
            "2016-07-01 00:00:00",
            "2016-07-01T23:59",
            "2016-07-01T23:59:07.250Z",
            "2016-07-01 23:59:07+02:00",
            "2016-07-01T23:59-03:30",
            "1385990100",
            "1385990100.5",
            "-60.25",
        ] {
            let (stamp, style) = Stamp::parse(text).unwrap();
            assert_eq!(style.write(stamp.civil), text, "{style:?}");
        }
    }

    #[test]
    fn zones_are_counted() {
        let micros = |text| Stamp::parse(text).unwrap().0.micros;
        assert_eq!(micros("2016-07-01T02:00:00+02:00"), micros("2016-07-01T00:00:00Z"));
        assert_eq!(micros("2016-07-01 00:00:00"), micros("2016-07-01T00:00:00Z"));
        assert_eq!(micros("1970-01-01 00:01:00"), micros("60"));
        assert_eq!(micros("1970-01-01 00:00:00.25"), 250_000);
    }

    #[test]
    fn what_is_no_stamp_is_told_the_spellings() {
        for (text, why) in [
            ("yesterday", "\"yesterday\" is not a time stamp: write stamps like 2016-07"),
            ("", "\"\" is not a time stamp"),
            ("-", "\"-\" is not a time stamp"),
            ("2016-13", "\"2016-13\" is not a time stamp"),
            ("2016-02-30", "\"2016-02-30\" is not a time stamp"),
            ("01/02/2016", "\"01/02/2016\" is not a time stamp"),
            ("20160701", "\"20160701\" is a date without dashes"),
            ("1385990100000", "seems to count milliseconds"),
            ("99999999999999999999", "is not a time stamp"),
            ("12.1234567", "is finer than microseconds"),
            ("2016-07-01T00:00:00.123456789", "is finer than microseconds"),
            ("2016-07-01T00:00:00+02:00[Europe/Berlin]", "names its zone in brackets"),
        ] {
            let refusal = Stamp::parse(text).unwrap_err();
            assert!(refusal.contains(why) && refusal.ends_with("all rows alike"), "{refusal}");
        }
    }

    #[test]
    fn styles_that_may_share_a_column() {
        let style = |text| Stamp::parse(text).unwrap().1;
        assert!(style("2016-07-01T00:00:00+02:00").is_like(style("2016-12-01T00:00:00.5+01:00")));
        assert!(!style("2016-07-01T00:00:00+02:00").is_like(style("2016-07-01T00:00:00")));
        assert!(!style("2016-07-01").is_like(style("2016-07")));
        assert!(style("60").is_like(style("60.5")));
        assert!(Style::Year.is_calendar() && Style::YearMonth.is_calendar() && !Style::Date.is_calendar());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_but_never_a_panic(text in "\\PC{0,30}") {
            let _ = Stamp::parse(&text);
        }

        #[test]
        fn any_stamp_like_text_survives_the_way_back(text in "(1[6-9]|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?(Z|[+-]0[1-9]:[03]0)?") {
            let (stamp, style) = Stamp::parse(&text).unwrap();
            prop_assert_eq!(style.write(stamp.civil), text);
        }
    }
}
