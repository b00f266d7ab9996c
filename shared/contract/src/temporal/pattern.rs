//! A JDK pattern's letters to pieces, and pieces with optional parts to all that they allow.
//! It knows patterns, no values.

use super::{Field, Piece};

/// Each optional part doubles what a text may be.
const ALTERNATIVES_MAX: usize = 64;

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("pattern letter {0} is not supported")]
    Letter(char),
    #[error("{0} letters {1} in a row are not supported")]
    Count(usize, char),
    #[error("zone names (z) such as CET are ambiguous; XXX is an offset, VV a zone such as Europe/Berlin")]
    ZoneName,
    #[error("a quote or bracket is not closed")]
    Unclosed,
    #[error("a bracket ] has no [ before it")]
    Unopened,
    #[error("the optional parts allow more than {ALTERNATIVES_MAX} patterns")]
    Alternatives,
    #[error("the pattern has no year, month and day")]
    NoDate,
    #[error("the pattern has no hour")]
    NoTime,
    #[error("hh is an hour of half a day and needs a (AM or PM); HH is an hour of the day")]
    NoHalfDay,
}

/// The pattern with `yyyy` for `YYYY` and `dd` for `DD`, outside quotes.
pub(super) fn as_meant(text: &str) -> String {
    let parts = text.split('\'').enumerate();
    let meant =
        parts.map(
            |(index, part)| {
                if index % 2 == 0 { part.replace("YYYY", "yyyy").replace("DD", "dd") } else { part.to_owned() }
            },
        );
    meant.collect::<Vec<_>>().join("'")
}

/// The pieces of a pattern that has all it needs.
pub(super) fn pieces(text: &str, needs_time: bool) -> Result<Vec<Piece>, PatternError> {
    let pieces = sequence(&mut text.chars().peekable(), 0)?;
    if count_alternatives(&pieces) > ALTERNATIVES_MAX {
        return Err(PatternError::Alternatives);
    }
    let has = |wanted: &[Field]| {
        has_piece(&pieces, &|piece| matches!(piece, Piece::Number { field, .. } if wanted.contains(field)))
    };
    let has_month = has(&[Field::Month]) || has_piece(&pieces, &|piece| matches!(piece, Piece::MonthName { .. }));
    if !(has(&[Field::Year, Field::YearOfCentury]) && has_month && has(&[Field::Day])) {
        return Err(PatternError::NoDate);
    }
    if has(&[Field::HourOfHalfDay]) && !has_piece(&pieces, &|piece| *piece == Piece::AmPm) {
        return Err(PatternError::NoHalfDay);
    }
    if needs_time && !has(&[Field::Hour, Field::HourOfHalfDay]) {
        return Err(PatternError::NoTime);
    }
    Ok(pieces)
}

/// Every sequence without optional parts that the pieces allow, a part before its absence.
pub(super) fn alternatives(pieces: &[Piece]) -> Vec<Vec<Piece>> {
    let mut found = vec![Vec::new()];
    for piece in pieces {
        found = match piece {
            Piece::Optional(inner) => {
                let mut parts = alternatives(inner);
                parts.push(Vec::new());
                let longer =
                    |before: &Vec<Piece>| parts.iter().map(|part| [before.as_slice(), part].concat()).collect();
                found.iter().flat_map(|before| -> Vec<_> { longer(before) }).collect()
            }
            Piece::Literal(_)
            | Piece::DateTimeSeparator
            | Piece::Number { .. }
            | Piece::Fraction { .. }
            | Piece::MonthName { .. }
            | Piece::DayName { .. }
            | Piece::AmPm
            | Piece::Offset
            | Piece::ZoneId => {
                for before in &mut found {
                    before.push(piece.clone());
                }
                found
            }
        };
    }
    found
}

fn count_alternatives(pieces: &[Piece]) -> usize {
    let optional =
        pieces.iter().filter_map(|piece| if let Piece::Optional(inner) = piece { Some(inner) } else { None });
    optional.fold(1, |count, inner| count_alternatives(inner).saturating_add(1).saturating_mul(count))
}

fn has_piece(pieces: &[Piece], is_wanted: &dyn Fn(&Piece) -> bool) -> bool {
    pieces
        .iter()
        .any(|piece| if let Piece::Optional(inner) = piece { has_piece(inner, is_wanted) } else { is_wanted(piece) })
}

impl Piece {
    /// The fewest and the most bytes that it takes.
    pub(super) fn lengths(&self) -> (usize, usize) {
        match self {
            Self::Literal(_) | Self::DateTimeSeparator => (1, 1),
            Self::Number { min, max, .. } | Self::Fraction { min, max } => (*min, *max),
            Self::MonthName { short: true } | Self::DayName { short: true } => (3, 3),
            Self::MonthName { short: false } => (3, 9),
            Self::DayName { short: false } => (6, 9),
            Self::AmPm => (2, 2),
            Self::Offset => (1, 6),
            Self::ZoneId => (1, usize::MAX),
            Self::Optional(inner) => (0, inner.iter().fold(0, |sum, piece| piece.lengths().1.saturating_add(sum))),
        }
    }
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn sequence(letters: &mut Letters<'_>, depth: usize) -> Result<Vec<Piece>, PatternError> {
    // So many brackets inside each other allow as many patterns.
    if depth >= ALTERNATIVES_MAX {
        return Err(PatternError::Alternatives);
    }
    let mut pieces = Vec::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => quoted(letters, &mut pieces)?,
            '[' => pieces.push(Piece::Optional(sequence(letters, depth + 1)?)),
            ']' if depth > 0 => return Ok(pieces),
            ']' => return Err(PatternError::Unopened),
            // The standard's own examples write `yyyy-MM-ddTHH:mm:ss` without quotes.
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
    if depth > 0 { Err(PatternError::Unclosed) } else { Ok(pieces) }
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
        ('E', 1..=3) => Ok(Piece::DayName { short: true }),
        ('E', 4) => Ok(Piece::DayName { short: false }),
        ('H', 1 | 2) => number(Field::Hour),
        ('h', 1 | 2) => number(Field::HourOfHalfDay),
        ('m', 1 | 2) => number(Field::Minute),
        ('s', 1 | 2) => number(Field::Second),
        ('S', 1..=9) => Ok(Piece::Fraction { min: count, max: count }),
        ('a', 1) => Ok(Piece::AmPm),
        ('X' | 'x' | 'Z', 1..=3) => Ok(Piece::Offset),
        ('V', 2) => Ok(Piece::ZoneId),
        ('z', _) => Err(PatternError::ZoneName),
        ('y' | 'u' | 'M' | 'L' | 'd' | 'E' | 'H' | 'h' | 'm' | 's' | 'S' | 'a' | 'X' | 'x' | 'Z' | 'V', _) => {
            Err(PatternError::Count(count, letter))
        }
        _ => Err(PatternError::Letter(letter)),
    }
}
