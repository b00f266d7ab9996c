//! The beginning of a pattern in which every piece has its fixed place: checked eight bytes at a time, then read at those places.
//! It must read what [`super::read`] reads of the same pieces, and nothing else.

use super::fields::{Fields, Numbers, Place, Seen};
use super::read::{fraction, offset};
use super::{Field, Piece};

const CHUNK_BYTES: usize = 8;
/// The longest layout, with a place to spare for [`NOWHERE`].
const PLACES_MAX: usize = 31;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
/// A place where every text has zeros.
const NOWHERE: usize = PLACES_MAX;

/// Eight to [`PLACES_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) len: usize,
    /// Each begins at the last byte of the one before, or earlier.
    chunks: Vec<Chunk>,
    /// Where `T`, `t` or a space stands.
    separator: Option<usize>,
    /// What is added to the year that is written.
    base_year: u32,
    century: usize,
    year: usize,
    month: usize,
    day: usize,
    hour: usize,
    minute: usize,
    second: usize,
    /// Of the pairs of a fraction's digits.
    fraction: [usize; 3],
    seen: Seen,
}

/// What may stand behind a layout, at the end of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The fewest and the most digits.
    fraction: Option<(usize, usize)>,
    has_offset: bool,
}

impl End {
    pub(super) fn of(pieces: &[Piece]) -> Option<Self> {
        match pieces {
            [Piece::Offset] => Some(Self { fraction: None, has_offset: true }),
            [Piece::Fraction { min, max }] => Some(Self { fraction: Some((*min, *max)), has_offset: false }),
            [Piece::Fraction { min, max }, Piece::Offset] => {
                Some(Self { fraction: Some((*min, *max)), has_offset: true })
            }
            _ => None,
        }
    }
}

/// Whether there is a `Z`, or a sign where `+hh`, `+hhmm` or `+hh:mm` has it.
fn may_have_offset(text: &[u8]) -> bool {
    let has_sign = |place: usize| {
        let sign = text.len().checked_sub(place).and_then(|index| text.get(index));
        matches!(sign, Some(b'+' | b'-'))
    };
    matches!(text, [.., b'Z' | b'z']) || has_sign(3) || has_sign(5) || has_sign(6)
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
enum Byte {
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
            separator: None,
            base_year: 0,
            century: NOWHERE,
            year: NOWHERE,
            month: NOWHERE,
            day: NOWHERE,
            hour: NOWHERE,
            minute: NOWHERE,
            second: NOWHERE,
            fraction: [NOWHERE; 3],
            seen: Seen::NOTHING,
        };
        let mut places = Vec::new();
        let mut covered = 0;
        for piece in pieces {
            let is_before_digit =
                matches!(pieces.get(covered + 1), Some(Piece::Number { .. } | Piece::Fraction { .. }));
            if layout.add(piece, is_before_digit, &mut places).is_none() {
                break;
            }
            covered += 1;
        }
        layout.len = places.len();
        // What optional parts leave out has values that are not 0.
        if !(layout.seen.has(Seen::field(Field::Month)) && layout.seen.has(Seen::field(Field::Day))) {
            return None;
        }
        let last = places.len().checked_sub(CHUNK_BYTES)?;
        let offsets = (0..places.len() - 1).step_by(CHUNK_BYTES - 1).map(|offset| offset.min(last));
        layout.chunks = offsets.map(|offset| Chunk::new(offset, places.get(offset..).unwrap_or_default())).collect();
        Some((layout, covered))
    }

    /// `None`, and nothing added, for a piece that has no fixed place, or whose field has one already.
    fn add(&mut self, piece: &Piece, is_before_digit: bool, places: &mut Vec<Byte>) -> Option<()> {
        let at = places.len();
        if at + piece.lengths().1.min(PLACES_MAX) > PLACES_MAX {
            return None;
        }
        match piece {
            Piece::Literal(byte) => places.push(Byte::Literal(*byte)),
            Piece::DateTimeSeparator if self.separator.is_none() => {
                self.separator = Some(at);
                places.push(Byte::Any);
            }
            Piece::Number { field, min, max } if min == max && !self.seen.has(Seen::field(*field)) => {
                self.place(*field, at);
                self.seen = self.seen.with(Seen::field(*field));
                places.extend(std::iter::repeat_n(Byte::Digit, *max));
            }
            // A single last digit makes a pair with what stands behind it, which is 0 unless it is a digit.
            Piece::Fraction { min, max } if min == max && !self.seen.has(Seen::FRACTION) && !is_before_digit => {
                for (pair, place) in self.fraction.iter_mut().zip((at..at + max).step_by(2)) {
                    *pair = place;
                }
                self.seen = self.seen.with(Seen::FRACTION);
                places.extend(std::iter::repeat_n(Byte::Digit, *max));
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
            Field::YearOfCentury => (self.base_year, self.year) = (2000, at),
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

    /// How it is read to the end of a text by these pieces behind it, if it is plain and they are few.
    pub(super) fn end(&self, pieces: &[Piece]) -> Option<End> {
        let end = End::of(pieces)?;
        let has_two_fractions = end.fraction.is_some() && self.seen.has(Seen::FRACTION);
        (self.is_plain() && !has_two_fractions).then_some(end)
    }

    /// Says what it says, and gives the text behind.
    pub(super) fn read<'t>(&self, text: &'t [u8], fields: &mut Fields) -> Option<&'t [u8]> {
        fields.numbers = self.numbers(text)?;
        fields.seen = self.seen;
        text.get(self.len..)
    }

    /// What it says, and what stands behind, of a text that ends there.
    pub(super) fn numbers_and_end(&self, end: End, text: &[u8]) -> Option<(Numbers, Place)> {
        // Most often, texts with and without an offset have the same lengths.
        if end.has_offset && !may_have_offset(text) {
            return None;
        }
        let mut numbers = self.numbers(text)?;
        let mut rest = text.get(self.len..)?;
        if let Some((min, max)) = end.fraction {
            (numbers.micros, rest) = fraction(rest, min, max)?;
        }
        let mut place = Place::Unsaid;
        if end.has_offset {
            let (seconds, behind) = offset(rest)?;
            (place, rest) = (Place::Offset(seconds), behind);
        }
        rest.is_empty().then_some((numbers, place))
    }

    /// What it says of a text that may go on behind it.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a quarter of the time is in the call")]
    pub(super) fn numbers(&self, text: &[u8]) -> Option<Numbers> {
        let mut wrong = 0;
        // At each place the number that the digits there and behind make.
        let mut pairs = [0; PLACES_MAX + 1];
        for chunk in &self.chunks {
            let bytes = u64::from_le_bytes(*text.get(chunk.offset..)?.first_chunk()?);
            // Digits leave their value and literals nothing; whatever is more than that reaches a high bit.
            let left = (bytes ^ chunk.expected) & chunk.compared;
            wrong |= left | left.wrapping_add(chunk.above);
            // The last byte knows nothing behind it, and is written again with the next chunk.
            let pair = left.wrapping_mul(10).wrapping_add(left >> 8);
            *pairs.get_mut(chunk.offset..)?.first_chunk_mut()? = pair.to_le_bytes();
        }
        if wrong & HIGH_BITS != 0 {
            return None;
        }
        if let Some(separator) = self.separator
            && !matches!(text.get(separator), Some(b'T' | b't' | b' '))
        {
            return None;
        }
        let pair = |place: usize| u32::from(pairs.get(place % pairs.len()).copied().unwrap_or(0));
        let [first, second, third] = self.fraction;
        Some(Numbers {
            year: self.base_year + pair(self.century) * 100 + pair(self.year),
            month: pair(self.month),
            day: pair(self.day),
            hour: pair(self.hour),
            minute: pair(self.minute),
            second: pair(self.second),
            micros: pair(first) * 10_000 + pair(second) * 100 + pair(third),
        })
    }
}

impl Chunk {
    fn new(offset: usize, places: &[Byte]) -> Self {
        let mut bytes = [[0; CHUNK_BYTES]; 3];
        let [expected, compared, above] = &mut bytes;
        for (((place, expected), compared), above) in places.iter().zip(expected).zip(compared).zip(above) {
            (*expected, *compared, *above) = match place {
                Byte::Literal(byte) => (*byte, 0xFF, 0x7F),
                Byte::Digit => (b'0', 0xFF, 0x76),
                Byte::Any => (0, 0, 0),
            };
        }
        let [expected, compared, above] = bytes.map(u64::from_le_bytes);
        Self { offset, expected, compared, above }
    }
}
