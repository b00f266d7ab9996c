//! How dates and timestamps are read: the pattern letters of the JDK's `DateTimeFormatter`, as far as data files use them.
//! It does not know the time that it is now, nor where.

mod calendar;
mod fields;
mod layout;
mod pattern;
mod read;
mod zone;

use std::fmt;

use fields::{Fields, Moment, Place};
use layout::{End, Layout};
pub(crate) use pattern::PatternError;
use zone::Zone;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// 0001-01-01T00:00:00 and 9999-12-31T23:59:59 in seconds since 1970: Athena and Spark share no years beyond.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// How a date or a timestamp is written.
///
/// Names of months and days are English, in any case of letters. A day name that is not the date's, a field written twice with two
/// values, an hour that contradicts its AM or PM, `24:00` and second 60 are no value. What an optional part leaves out is the first
/// month, the first day, midnight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporalPattern {
    text: String,
    /// What the optional parts allow, the one with most of them first; the first that a text fits is how it is read.
    alternatives: Vec<Alternative>,
    /// Where values without an offset are local times; `None`: they are taken as they stand.
    zone: Option<&'static Zone>,
}

/// A pattern without optional parts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alternative {
    /// The shortest and the longest text that can fit, in bytes.
    min: usize,
    max: usize,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// Numbers that are to be taken for what they are, in fixed places.
    Fixed(Layout),
    /// Likewise, with a fraction of any length or an offset behind.
    FixedWithEnd(Layout, End),
    /// Pieces, behind the beginning as far as it has fixed places.
    Pieces(Option<Layout>, Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(u8),
    /// `T`, `t` or a space: what stands between date and time in ISO 8601 and in most files.
    DateTimeSeparator,
    /// A number of `min` to `max` digits.
    Number {
        field: Field,
        min: usize,
        max: usize,
    },
    /// Digits behind the second's point; more than six are read and cut (Parquet's safe timestamps are microseconds).
    Fraction {
        min: usize,
        max: usize,
    },
    MonthName {
        short: bool,
    },
    DayName {
        short: bool,
    },
    AmPm,
    /// `Z`, `+hh`, `+hhmm` or `+hh:mm`.
    Offset,
    /// A name of the time zone database, `Z` or an offset.
    ZoneId,
    /// What stands between `[` and `]`.
    Optional(Vec<Piece>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    /// Two digits of 2000 to 2099, as the JDK reads `yy`.
    YearOfCentury,
    Month,
    Day,
    Hour,
    HourOfHalfDay,
    Minute,
    Second,
}

impl TemporalPattern {
    /// `yyyy-MM-dd`.
    #[must_use]
    pub fn iso_date() -> Self {
        Self::from_pieces("yyyy-MM-dd".to_owned(), &iso_date_pieces())
    }

    /// ISO 8601: a date, `T` or a space, `HH:mm`, optional seconds with up to nine digits of fraction, an optional offset.
    #[must_use]
    pub fn iso_timestamp() -> Self {
        Self::from_pieces("ISO 8601".to_owned(), &iso_timestamp_pieces())
    }

    /// A JDK pattern, such as `yyyy-MM-dd HH:mm:ss`; `None` where a contract would be refused for it. `needs_time`: for a timestamp.
    #[must_use]
    pub fn of(text: &str, needs_time: bool) -> Option<Self> {
        Some(Self::parse(text, needs_time).ok()?.0)
    }

    /// Reads a JDK pattern. The second value says what was read as meant instead of as written (`YYYY`, `DD`), if anything:
    /// the contract standard's own examples write these for year and day, where the JDK has week-based year and day of year.
    pub(crate) fn parse(text: &str, needs_time: bool) -> Result<(Self, Option<String>), PatternError> {
        let meant = pattern::as_meant(text);
        let note = (meant != text).then(|| meant.clone());
        let pieces = pattern::pieces(&meant, needs_time)?;
        Ok((Self::from_pieces(meant, &pieces), note))
    }

    /// The same pattern, with values that have no offset as local times of a zone of the IANA database (`Europe/Berlin`), which become
    /// UTC. A local time that the clocks skipped is no value; one that they showed twice is the first of the two. Dates stay as
    /// they are written. `None`: there is no such zone.
    #[must_use]
    pub fn with_default_zone(self, name: &str) -> Option<Self> {
        Some(Self { zone: Some(zone::find(name)?), ..self })
    }

    /// The zone that [`Self::with_default_zone`] was given.
    #[must_use]
    pub fn default_zone(&self) -> Option<&str> {
        self.zone.map(Zone::name)
    }

    fn from_pieces(text: String, pieces: &[Piece]) -> Self {
        let alternatives = pattern::alternatives(pieces).into_iter().map(Alternative::new).collect();
        Self { text, alternatives, zone: None }
    }

    /// Reads a date in days since 1970-01-01; a time of day that the pattern has is read and left out. `None`: not such a date.
    #[inline]
    #[must_use]
    pub fn parse_date(&self, text: &[u8]) -> Option<i32> {
        Some(self.read(text)?.days)
    }

    /// Reads a timestamp in microseconds since 1970-01-01T00:00:00, its offset or zone applied. What that moves out of
    /// the years 1 to 9999 is no timestamp. Digits of a fraction beyond
    /// microseconds are cut, which is towards the past, before 1970 as well.
    #[inline]
    #[must_use]
    pub fn parse_timestamp(&self, text: &[u8]) -> Option<i64> {
        let moment = self.read(text)?;
        let local = i64::from(moment.days) * SECONDS_PER_DAY + i64::from(moment.seconds);
        let utc = match (moment.place, self.zone) {
            (Place::Offset(offset), _) => local - i64::from(offset),
            (Place::Zone(zone), _) | (Place::Unsaid, Some(zone)) => zone.utc(local)?,
            (Place::Unsaid, None) => local,
        };
        let seconds = Some(utc).filter(|seconds| SECONDS.contains(seconds))?;
        Some(seconds * MICROS_PER_SECOND + i64::from(moment.micros))
    }

    /// The first alternative that the text fits decides.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a quarter of the time is in the call")]
    fn read(&self, text: &[u8]) -> Option<Moment> {
        for alternative in &self.alternatives {
            if text.len() < alternative.min || text.len() > alternative.max {
                continue;
            }
            let found = match &alternative.form {
                Form::Fixed(layout) => layout.numbers(text).map(|numbers| numbers.resolve(Place::Unsaid)),
                Form::FixedWithEnd(layout, end) => {
                    layout.numbers_and_end(*end, text).map(|(numbers, place)| numbers.resolve(place))
                }
                Form::Pieces(layout, rest) => {
                    let mut fields = Fields::default();
                    read::whole(layout.as_ref(), rest, text, &mut fields).map(|()| fields.resolve())
                }
            };
            if let Some(moment) = found {
                return moment;
            }
        }
        None
    }
}

impl Alternative {
    fn new(mut pieces: Vec<Piece>) -> Self {
        let lengths = pieces.iter().map(Piece::lengths);
        let (min, max) = lengths.fold((0, 0_usize), |sum, (min, max)| (sum.0 + min, sum.1.saturating_add(max)));
        let (layout, len) = Layout::of(&pieces).map_or((None, 0), |(layout, len)| (Some(layout), len));
        pieces.drain(..len);
        let end = layout.as_ref().and_then(|layout| layout.end(&pieces));
        let form = match (layout, end) {
            (Some(layout), None) if pieces.is_empty() && layout.is_plain() => Form::Fixed(layout),
            (Some(layout), Some(end)) => Form::FixedWithEnd(layout, end),
            (layout, _) => Form::Pieces(layout, pieces),
        };
        Self { min, max, form }
    }
}

impl fmt::Display for TemporalPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn iso_date_pieces() -> Vec<Piece> {
    let number = |field, width| Piece::Number { field, min: width, max: width };
    let dash = || Piece::Literal(b'-');
    vec![number(Field::Year, 4), dash(), number(Field::Month, 2), dash(), number(Field::Day, 2)]
}

fn iso_timestamp_pieces() -> Vec<Piece> {
    let number = |field| Piece::Number { field, min: 2, max: 2 };
    let colon = || Piece::Literal(b':');
    let fraction = Piece::Optional(vec![Piece::Literal(b'.'), Piece::Fraction { min: 1, max: 9 }]);
    let mut pieces = iso_date_pieces();
    pieces.extend([Piece::DateTimeSeparator, number(Field::Hour), colon(), number(Field::Minute)]);
    pieces.push(Piece::Optional(vec![colon(), number(Field::Second), fraction]));
    pieces.push(Piece::Optional(vec![Piece::Offset]));
    pieces
}

#[cfg(test)]
mod tests;
