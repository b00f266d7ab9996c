//! The beginning of a pattern in which every piece has its fixed place: checked eight bytes at a time, then read at those places.
//! It must read what [`super::read`] reads of the same pieces, and nothing else.

use super::fields::{Fields, Numbers, Seen};
use super::{Field, Piece};
use crate::value::digits;

const CHUNK_BYTES: usize = 8;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
/// A place that no text has.
const NOWHERE: usize = usize::MAX;

/// At least eight bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    len: usize,
    /// They overlap where eight does not divide the length.
    chunks: Vec<Chunk>,
    /// Where `T`, `t` or a space stands.
    separator: usize,
    century: usize,
    year: usize,
    month: usize,
    day: usize,
    hour: usize,
    minute: usize,
    second: usize,
    fraction: (usize, usize),
    seen: Seen,
}

/// What eight bytes must be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chunk {
    offset: usize,
    /// The literals, and `0` for digits.
    expected: u64,
    /// Zeros where anything may stand.
    compared: u64,
    /// What lifts a difference that is too large to 0x80: 0x7F for literals, 0x76 for digits.
    above: u64,
}

/// What one byte must be.
#[derive(Debug, Clone, Copy)]
enum Place {
    Literal(u8),
    Digit,
    Any,
}

impl Layout {
    /// Also says how many of the pieces it covers.
    pub(super) fn of(pieces: &[Piece]) -> Option<(Self, usize)> {
        let mut layout = Self {
            len: 0,
            chunks: Vec::new(),
            separator: NOWHERE,
            century: NOWHERE,
            year: NOWHERE,
            month: NOWHERE,
            day: NOWHERE,
            hour: NOWHERE,
            minute: NOWHERE,
            second: NOWHERE,
            fraction: (NOWHERE, 0),
            seen: Seen::NOTHING,
        };
        let mut places = Vec::new();
        let covered = pieces.iter().take_while(|piece| layout.add(piece, &mut places).is_some()).count();
        layout.len = places.len();
        let last = places.len().checked_sub(CHUNK_BYTES)?;
        let offsets = (0..places.len()).step_by(CHUNK_BYTES).map(|offset| offset.min(last));
        layout.chunks = offsets.map(|offset| Chunk::new(offset, places.get(offset..).unwrap_or_default())).collect();
        Some((layout, covered))
    }

    /// `None`, and nothing added, for a piece that has no fixed place, or whose field has one already.
    fn add(&mut self, piece: &Piece, places: &mut Vec<Place>) -> Option<()> {
        let at = places.len();
        match piece {
            Piece::Literal(byte) => places.push(Place::Literal(*byte)),
            Piece::DateTimeSeparator if self.separator == NOWHERE => {
                self.separator = at;
                places.push(Place::Any);
            }
            Piece::Number { field, min, max } if min == max && !self.seen.has(Seen::field(*field)) => {
                self.place(*field, at);
                self.seen = self.seen.with(Seen::field(*field));
                places.extend(std::iter::repeat_n(Place::Digit, *max));
            }
            Piece::Fraction { min, max } if min == max && !self.seen.has(Seen::FRACTION) => {
                self.fraction = (at, *max);
                self.seen = self.seen.with(Seen::FRACTION);
                places.extend(std::iter::repeat_n(Place::Digit, *max));
            }
            Piece::DateTimeSeparator
            | Piece::Number { .. }
            | Piece::Fraction { .. }
            | Piece::MonthName { .. }
            | Piece::DayName { .. }
            | Piece::AmPm
            | Piece::Offset
            | Piece::ZoneId
            | Piece::Optional(_) => return None,
        }
        Some(())
    }

    /// Fixed numbers have two digits, but for the year with four.
    fn place(&mut self, field: Field, at: usize) {
        match field {
            Field::Year => (self.century, self.year) = (at, at + 2),
            Field::YearOfCentury => self.year = at,
            Field::Month => self.month = at,
            Field::Day => self.day = at,
            Field::Hour | Field::HourOfHalfDay => self.hour = at,
            Field::Minute => self.minute = at,
            Field::Second => self.second = at,
        }
    }

    /// Whether the numbers are all there is to it.
    pub(super) fn is_plain(&self) -> bool {
        !self.seen.has(Seen::UNUSUAL)
    }

    /// What it says, and the text behind.
    #[inline]
    pub(super) fn read<'t>(&self, text: &'t [u8]) -> Option<(Fields, &'t [u8])> {
        let mut fields = Fields::default();
        fields.numbers = self.numbers(text)?;
        fields.seen = self.seen;
        Some((fields, text.get(self.len..)?))
    }

    /// What it says of a text that may go on behind it.
    #[inline]
    pub(super) fn numbers(&self, text: &[u8]) -> Option<Numbers> {
        let mut wrong = 0;
        for chunk in &self.chunks {
            let bytes = u64::from_le_bytes(*text.get(chunk.offset..)?.first_chunk()?);
            // Digits leave their value and literals nothing; whatever is more than that reaches a high bit.
            let left = (bytes ^ chunk.expected) & chunk.compared;
            wrong |= left | left.wrapping_add(chunk.above);
        }
        if wrong & HIGH_BITS != 0 || !matches!(text.get(self.separator), None | Some(b'T' | b't' | b' ')) {
            return None;
        }
        let mut numbers = Numbers {
            year: pair(text, self.century, 20) * 100 + pair(text, self.year, 0),
            month: pair(text, self.month, 1),
            day: pair(text, self.day, 1),
            hour: pair(text, self.hour, 0),
            minute: pair(text, self.minute, 0),
            second: pair(text, self.second, 0),
            micros: 0,
        };
        if self.fraction.1 > 0 {
            let (at, digits) = self.fraction;
            numbers.micros = micros(text.get(at..at + digits)?)?;
        }
        Some(numbers)
    }
}

impl Chunk {
    fn new(offset: usize, places: &[Place]) -> Self {
        let mut bytes = [[0; CHUNK_BYTES]; 3];
        let [expected, compared, above] = &mut bytes;
        for (((place, expected), compared), above) in places.iter().zip(expected).zip(compared).zip(above) {
            (*expected, *compared, *above) = match place {
                Place::Literal(byte) => (*byte, 0xFF, 0x7F),
                Place::Digit => (b'0', 0xFF, 0x76),
                Place::Any => (0, 0, 0),
            };
        }
        let [expected, compared, above] = bytes.map(u64::from_le_bytes);
        Self { offset, expected, compared, above }
    }
}

/// Microseconds of a fraction's digits; those beyond the sixth are cut.
#[inline]
pub(super) fn micros(digits: &[u8]) -> Option<u32> {
    let kept = digits.get(..6).unwrap_or(digits);
    let value = digits::whole(kept)? * digits::power(6 - kept.len())?;
    u32::try_from(value).ok()
}

#[inline]
fn pair(text: &[u8], at: usize, absent: u32) -> u32 {
    match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some([tens, ones]) => u32::from(tens & 0xF) * 10 + u32::from(ones & 0xF),
        None => absent,
    }
}
