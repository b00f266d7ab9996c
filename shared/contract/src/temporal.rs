//! How dates and timestamps are read: the pattern letters of the JDK's `DateTimeFormatter`, as far as data files use them.
//! It does not know time zones by name, nor the time that it is now.

use std::fmt;

use chrono::NaiveDate;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Days from 0001-01-01 (chrono's day 1) to 1970-01-01.
const EPOCH_DAYS_FROM_CE: i32 = 719_163;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// How a date or a timestamp is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporalPattern {
    text: String,
    pieces: Vec<Piece>,
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
    AmPm,
    /// `Z`, `+hh`, `+hhmm` or `+hh:mm`.
    Offset,
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

#[derive(Debug, Clone, Copy, Default)]
struct Fields {
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    micros: i64,
    afternoon: Option<bool>,
    offset_secs: i64,
}

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("pattern letter {0} is not supported")]
    Letter(char),
    #[error("{0} letters {1} in a row are not supported")]
    Count(usize, char),
    #[error("a quote or bracket is not closed")]
    Unclosed,
    #[error("the pattern has no year, month and day")]
    NoDate,
    #[error("the pattern has no hour")]
    NoTime,
    #[error("hh is an hour of half a day and needs a (AM or PM); HH is an hour of the day")]
    NoHalfDay,
}

impl TemporalPattern {
    /// `yyyy-MM-dd`.
    #[must_use]
    pub fn iso_date() -> Self {
        let number = |field, width| Piece::Number { field, min: width, max: width };
        let dash = || Piece::Literal(b'-');
        let pieces = vec![number(Field::Year, 4), dash(), number(Field::Month, 2), dash(), number(Field::Day, 2)];
        Self { text: "yyyy-MM-dd".to_owned(), pieces }
    }

    /// ISO 8601: a date, `T` or a space, `HH:mm`, optional seconds with up to nine digits of fraction, an optional offset.
    #[must_use]
    pub fn iso_timestamp() -> Self {
        let number = |field| Piece::Number { field, min: 2, max: 2 };
        let colon = || Piece::Literal(b':');
        let fraction = Piece::Optional(vec![Piece::Literal(b'.'), Piece::Fraction { min: 1, max: 9 }]);
        let mut pieces = Self::iso_date().pieces;
        pieces.extend([Piece::DateTimeSeparator, number(Field::Hour), colon(), number(Field::Minute)]);
        pieces.push(Piece::Optional(vec![colon(), number(Field::Second), fraction]));
        pieces.push(Piece::Optional(vec![Piece::Offset]));
        Self { text: "ISO 8601".to_owned(), pieces }
    }

    /// A pattern of the JDK's `DateTimeFormatter`; `None` where [`crate::parse`] would refuse it as a column's `format`.
    #[must_use]
    pub fn of_jdk(text: &str, needs_time: bool) -> Option<Self> {
        Self::parse(text, needs_time).ok().map(|(pattern, _)| pattern)
    }

    /// Reads a JDK pattern. The second value says what was read as meant instead of as written (`YYYY`, `DD`), if anything:
    /// the contract standard's own examples write these for year and day, where the JDK has week-based year and day of year.
    pub(crate) fn parse(text: &str, needs_time: bool) -> Result<(Self, Option<String>), PatternError> {
        let meant = text.replace("YYYY", "yyyy").replace("DD", "dd");
        let note = (meant != text).then(|| meant.clone());
        let mut letters = meant.chars().peekable();
        let pieces = pieces(&mut letters, false)?;
        let pattern = Self { text: meant, pieces };
        let has = |wanted: &[Field]| {
            has_piece(&pattern.pieces, &|piece| matches!(piece, Piece::Number { field, .. } if wanted.contains(field)))
        };
        let has_month =
            has(&[Field::Month]) || has_piece(&pattern.pieces, &|piece| matches!(piece, Piece::MonthName { .. }));
        if !(has(&[Field::Year, Field::YearOfCentury]) && has_month && has(&[Field::Day])) {
            return Err(PatternError::NoDate);
        }
        if has(&[Field::HourOfHalfDay]) && !has_piece(&pattern.pieces, &|piece| *piece == Piece::AmPm) {
            return Err(PatternError::NoHalfDay);
        }
        if needs_time && !has(&[Field::Hour, Field::HourOfHalfDay]) {
            return Err(PatternError::NoTime);
        }
        Ok((pattern, note))
    }

    /// Reads a date in days since 1970-01-01; a time of day that the pattern has is read and left out. `None`: not such a date.
    #[inline]
    #[must_use]
    pub fn parse_date(&self, text: &[u8]) -> Option<i32> {
        Some(days(&self.fields(text)?)?.0)
    }

    /// Reads a timestamp in microseconds since 1970-01-01T00:00:00, an offset applied; digits beyond microseconds are cut.
    #[inline]
    #[must_use]
    pub fn parse_timestamp(&self, text: &[u8]) -> Option<i64> {
        let fields = self.fields(text)?;
        let (days, seconds) = days(&fields)?;
        let seconds = i64::from(days) * SECONDS_PER_DAY + seconds - fields.offset_secs;
        Some(seconds * MICROS_PER_SECOND + fields.micros)
    }

    /// Values without an offset are times of this zone (a name of the IANA time zone database). `None`: there is no such zone.
    pub(crate) fn with_default_zone(self, name: &str) -> Option<Self> {
        jiff::tz::TimeZone::get(name).is_ok().then_some(self)
    }

    fn fields(&self, text: &[u8]) -> Option<Fields> {
        let mut fields = Fields { month: 1, day: 1, ..Fields::default() };
        let rest = read(&self.pieces, text, &mut fields)?;
        rest.is_empty().then_some(fields)
    }
}

impl fmt::Display for TemporalPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn has_piece(pieces: &[Piece], is_wanted: &dyn Fn(&Piece) -> bool) -> bool {
    pieces
        .iter()
        .any(|piece| if let Piece::Optional(inner) = piece { has_piece(inner, is_wanted) } else { is_wanted(piece) })
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn pieces(letters: &mut Letters<'_>, in_optional: bool) -> Result<Vec<Piece>, PatternError> {
    let mut pieces = Vec::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => quoted(letters, &mut pieces)?,
            '[' => pieces.push(Piece::Optional(self::pieces(letters, true)?)),
            ']' if in_optional => return Ok(pieces),
            // The standard's own examples write `yyyy-MM-ddTHH:mm:ss` and a closing `Z` without quotes.
            'T' => pieces.push(Piece::Literal(b'T')),
            letter if letter.is_ascii_alphabetic() => {
                let mut count = 1;
                while letters.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                pieces.push(field_piece(letter, count)?);
            }
            letter => literal(letter, &mut pieces),
        }
    }
    if in_optional { Err(PatternError::Unclosed) } else { Ok(pieces) }
}

fn quoted(letters: &mut Letters<'_>, pieces: &mut Vec<Piece>) -> Result<(), PatternError> {
    if letters.next_if_eq(&'\'').is_some() {
        pieces.push(Piece::Literal(b'\''));
        return Ok(());
    }
    loop {
        match letters.next() {
            Some('\'') if letters.next_if_eq(&'\'').is_some() => pieces.push(Piece::Literal(b'\'')),
            Some('\'') => return Ok(()),
            Some(letter) => literal(letter, pieces),
            None => return Err(PatternError::Unclosed),
        }
    }
}

fn literal(letter: char, pieces: &mut Vec<Piece>) {
    let mut buffer = [0; 4];
    pieces.extend(letter.encode_utf8(&mut buffer).bytes().map(Piece::Literal));
}

fn field_piece(letter: char, count: usize) -> Result<Piece, PatternError> {
    // As the JDK has it: one letter takes as few or as many digits as there are, more letters take exactly so many.
    let number = |field| Ok(Piece::Number { field, min: count, max: count.max(2) });
    match (letter, count) {
        ('y' | 'u', 2) => number(Field::YearOfCentury),
        ('y' | 'u', 1 | 4) => Ok(Piece::Number { field: Field::Year, min: count, max: 4 }),
        ('M' | 'L', 1 | 2) => number(Field::Month),
        ('M' | 'L', 3) => Ok(Piece::MonthName { short: true }),
        ('M' | 'L', 4) => Ok(Piece::MonthName { short: false }),
        ('d', 1 | 2) => number(Field::Day),
        ('H', 1 | 2) => number(Field::Hour),
        ('h', 1 | 2) => number(Field::HourOfHalfDay),
        ('m', 1 | 2) => number(Field::Minute),
        ('s', 1 | 2) => number(Field::Second),
        ('S', 1..=9) => Ok(Piece::Fraction { min: count, max: count }),
        ('a', 1) => Ok(Piece::AmPm),
        ('X' | 'x' | 'Z', 1..=3) => Ok(Piece::Offset),
        ('y' | 'u' | 'M' | 'L' | 'd' | 'H' | 'h' | 'm' | 's' | 'S' | 'a' | 'X' | 'x' | 'Z', _) => {
            Err(PatternError::Count(count, letter))
        }
        _ => Err(PatternError::Letter(letter)),
    }
}

fn read<'t>(pieces: &[Piece], text: &'t [u8], fields: &mut Fields) -> Option<&'t [u8]> {
    let mut rest = text;
    for (index, piece) in pieces.iter().enumerate() {
        rest = match piece {
            Piece::Literal(byte) => match rest {
                [first, tail @ ..] if first == byte => tail,
                _ => return None,
            },
            Piece::DateTimeSeparator => match rest {
                [b'T' | b't' | b' ', tail @ ..] => tail,
                _ => return None,
            },
            Piece::Number { field, min, max } => {
                let (value, tail) = number(rest, *min, *max)?;
                fields.set(*field, value)?;
                tail
            }
            Piece::Fraction { min, max } => fraction(rest, *min, *max, fields)?,
            Piece::MonthName { short } => month_name(rest, *short, fields)?,
            Piece::AmPm => half_day(rest, fields)?,
            Piece::Offset => offset(rest, fields)?,
            Piece::Optional(inner) => return read_optional(inner, pieces.get(index + 1..)?, rest, fields),
        };
    }
    Some(rest)
}

/// With the optional part if text and the pieces behind it allow, else without.
fn read_optional<'t>(inner: &[Piece], after: &[Piece], text: &'t [u8], fields: &mut Fields) -> Option<&'t [u8]> {
    let mut with = *fields;
    if let Some(rest) = read(inner, text, &mut with).and_then(|rest| read(after, rest, &mut with)) {
        *fields = with;
        return Some(rest);
    }
    read(after, text, fields)
}

#[inline]
fn number(text: &[u8], min: usize, max: usize) -> Option<(u32, &[u8])> {
    let mut value = 0;
    let mut count = 0;
    for &byte in text.iter().take(max) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + u32::from(digit);
        count += 1;
    }
    if count < min { None } else { Some((value, text.get(count..)?)) }
}

fn fraction<'t>(text: &'t [u8], min: usize, max: usize, fields: &mut Fields) -> Option<&'t [u8]> {
    let digits = text.iter().take(max).take_while(|byte| byte.is_ascii_digit()).count();
    if digits < min {
        return None;
    }
    let (written, rest) = text.split_at_checked(digits)?;
    let six = written.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    fields.micros = six.fold(0, |micros, byte| micros * 10 + i64::from(byte - b'0'));
    Some(rest)
}

fn month_name<'t>(text: &'t [u8], short: bool, fields: &mut Fields) -> Option<&'t [u8]> {
    for (month, name) in (1..).zip(MONTHS) {
        let name = if short { name.get(..3)? } else { name };
        if let Some((head, rest)) = text.split_at_checked(name.len())
            && head.eq_ignore_ascii_case(name.as_bytes())
        {
            fields.month = month;
            return Some(rest);
        }
    }
    None
}

fn half_day<'t>(text: &'t [u8], fields: &mut Fields) -> Option<&'t [u8]> {
    let (head, rest) = text.split_at_checked(2)?;
    fields.afternoon = Some(match [head.first()?.to_ascii_lowercase(), head.last()?.to_ascii_lowercase()] {
        [b'a', b'm'] => false,
        [b'p', b'm'] => true,
        _ => return None,
    });
    Some(rest)
}

fn offset<'t>(text: &'t [u8], fields: &mut Fields) -> Option<&'t [u8]> {
    let (sign, rest) = match text {
        [b'Z' | b'z', rest @ ..] => return Some(rest),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2, 2)?;
    let rest_of_minutes = if let [b':', tail @ ..] = rest { tail } else { rest };
    let (minutes, rest) = number(rest_of_minutes, 2, 2).unwrap_or((0, rest));
    if hours > 18 || minutes > 59 {
        return None;
    }
    fields.offset_secs = sign * i64::from(hours * 3600 + minutes * 60);
    Some(rest)
}

impl Fields {
    fn set(&mut self, field: Field, value: u32) -> Option<()> {
        match field {
            Field::Year => self.year = i32::try_from(value).ok()?,
            Field::YearOfCentury => self.year = 2000 + i32::try_from(value).ok()?,
            Field::Month => self.month = value,
            Field::Day => self.day = value,
            Field::Hour => self.hour = value,
            Field::HourOfHalfDay if (1..=12).contains(&value) => self.hour = value % 12,
            Field::HourOfHalfDay => return None,
            Field::Minute => self.minute = value,
            Field::Second => self.second = value,
        }
        Some(())
    }
}

/// Days since 1970-01-01, and seconds of the day.
fn days(fields: &Fields) -> Option<(i32, i64)> {
    // Year 0 is no year of the calendar that Athena and Spark share.
    if fields.year == 0 || fields.hour > 23 || fields.minute > 59 || fields.second > 59 {
        return None;
    }
    let hour = match fields.afternoon {
        Some(true) if fields.hour < 12 => fields.hour + 12,
        Some(true | false) | None => fields.hour,
    };
    let date = NaiveDate::from_ymd_opt(fields.year, fields.month, fields.day)?;
    let days = chrono::Datelike::num_days_from_ce(&date) - EPOCH_DAYS_FROM_CE;
    Some((days, i64::from(hour * 3600 + fields.minute * 60 + fields.second)))
}

#[cfg(test)]
mod tests;
