//! What the numbers of a column look like, under every notation that a file may use.
//! It does not know which notation the file turns out to use.

use lakegate_contract::value::{NumberFormat, parse_double, parse_integer};

use super::range::Range;

/// The notations that are told apart. The first is the default; of the others those without thousands come before those with.
pub(super) const NOTATIONS: [NumberFormat; 6] = [
    notation(b'.', None),
    notation(b',', None),
    notation(b'.', Some(b',')),
    notation(b',', Some(b'.')),
    notation(b'.', Some(b'\'')),
    notation(b',', Some(b' ')),
];
const ALL: u8 = 0b11_1111;
/// Those with a point before the fraction.
const POINTS: u8 = 0b01_0101;
/// A `+` before so many digits is that of a telephone number.
const PHONE_DIGITS: usize = 7;

const fn notation(decimal_separator: u8, thousands_separator: Option<u8>) -> NumberFormat {
    NumberFormat { decimal_separator, thousands_separator, integral_fractions: false }
}

/// How the numbers seen are written, in one notation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shapes {
    pub(super) values: u64,
    /// Most digits before the separator.
    pub(super) whole_digits: usize,
    /// Fewest and most digits behind it, of numbers that have a separator.
    pub(super) fraction_digits: Option<(usize, usize)>,
    /// How many have digits other than 0 behind it.
    pub(super) fractions: u64,
    pub(super) exponents: u64,
    /// How many have a separator before their fraction.
    pub(super) separated: u64,
    /// Whether a whole number does not fit 64 bits.
    pub(super) is_wide: bool,
}

impl Shapes {
    fn add(&mut self, other: &Self) {
        self.values += other.values;
        self.whole_digits = self.whole_digits.max(other.whole_digits);
        self.fraction_digits = match (self.fraction_digits, other.fraction_digits) {
            (Some((least, most)), Some((less, more))) => Some((least.min(less), most.max(more))),
            (one, two) => one.or(two),
        };
        self.fractions += other.fractions;
        self.exponents += other.exponents;
        self.separated += other.separated;
        self.is_wide |= other.is_wide;
    }
}

/// What a value is among the numbers of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Observed {
    Number,
    /// Digits behind a zero, which a number would lose.
    LeadingZero,
    Other,
}

/// The numbers of a column.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    /// Bits of [`NOTATIONS`] in which every number so far is one.
    alive: u8,
    /// Whether there was a value that is none in any of these. It is not in the counts.
    is_mixed: bool,
    /// Digits only: the same in every notation.
    plain: Shapes,
    plain_range: Range,
    others: [Shapes; NOTATIONS.len()],
    /// Of the others, with a point or a comma before the fraction. What several notations of a kind read as a number is the same one.
    point_range: Range,
    comma_range: Range,
}

impl Numbers {
    pub(super) fn new() -> Self {
        Self {
            alive: ALL,
            is_mixed: false,
            plain: Shapes::default(),
            plain_range: Range::default(),
            others: [Shapes::default(); NOTATIONS.len()],
            point_range: Range::default(),
            comma_range: Range::default(),
        }
    }

    /// Takes the next value. One that is no number in any notation that is left changes none of the counts.
    #[inline]
    pub(super) fn observe(&mut self, text: &[u8]) -> Observed {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
            if has_leading_zero(digits) {
                self.is_mixed = true;
                return Observed::LeadingZero;
            }
            self.plain_range.observe(text);
            self.plain.values += 1;
            self.plain.whole_digits = self.plain.whole_digits.max(digits.len());
            self.plain.is_wide |= digits.len() > 18 && parse_integer(text).is_none();
            return Observed::Number;
        }
        let mut alive = 0;
        for (index, (notation, shapes)) in NOTATIONS.iter().zip(&mut self.others).enumerate() {
            if self.alive & (1 << index) == 0 {
                continue;
            }
            if let Some(shape) = shape(text, *notation) {
                shapes.add(&shape);
                alive |= 1 << index;
            }
        }
        if alive == 0 {
            self.is_mixed = true;
            return Observed::Other;
        }
        self.alive = alive;
        if alive & POINTS != 0 {
            self.point_range.observe(text);
        }
        if alive & !POINTS != 0 {
            self.comma_range.observe_with_comma(text);
        }
        Observed::Number
    }

    /// Whether every value is a number in some notation.
    pub(super) fn are_all(&self) -> bool {
        !self.is_mixed
    }

    /// Whether those that are numbers are written with digits alone.
    pub(super) fn are_plain(&self) -> bool {
        self.others.iter().all(|shapes| shapes.values == 0)
    }

    /// The least and the greatest number under `NOTATIONS[notation]`, as they are written.
    pub(super) fn ends(&self, notation: usize) -> Option<(&[u8], &[u8])> {
        let others = if POINTS & (1 << notation) == 0 { &self.comma_range } else { &self.point_range };
        self.plain_range.ends_with(others)
    }

    /// What is known under `NOTATIONS[notation]`; `None` unless every value is a number in it.
    pub(super) fn under(&self, notation: usize) -> Option<Shapes> {
        if self.is_mixed || self.alive & (1 << notation) == 0 {
            return None;
        }
        let mut shapes = self.plain;
        shapes.add(self.others.get(notation)?);
        Some(shapes)
    }
}

fn has_leading_zero(digits: &[u8]) -> bool {
    matches!(digits, [b'0', _, ..])
}

/// How one number is written; `None` where it is none, or where reading it as one would lose what it says (`007`, `+49301234567`).
fn shape(text: &[u8], notation: NumberFormat) -> Option<Shapes> {
    let is_plus = text.first() == Some(&b'+');
    let unsigned = if let [b'+' | b'-', rest @ ..] = text { rest } else { text };
    if let Some(place) = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        let (mantissa, _) = unsigned.split_at(place);
        let is_plain = notation.decimal_separator == b'.' && notation.thousands_separator.is_none();
        let is_number = is_plain && !has_leading_zero(mantissa) && parse_double(text).is_some();
        return is_number.then_some(Shapes { values: 1, exponents: 1, ..Shapes::default() });
    }
    let separator = unsigned.iter().position(|byte| *byte == notation.decimal_separator);
    let (whole, fraction) = match separator {
        Some(place) => (unsigned.get(..place)?, Some(unsigned.get(place + 1..)?)),
        None => (unsigned, None),
    };
    let whole_digits = whole_digits(whole, notation.thousands_separator)?;
    let fraction_len = fraction.map_or(0, <[u8]>::len);
    let is_phone = is_plus && fraction.is_none() && whole_digits >= PHONE_DIGITS;
    if has_leading_zero(whole) || whole_digits + fraction_len == 0 || is_phone {
        return None;
    }
    if !fraction.unwrap_or_default().iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(Shapes {
        values: 1,
        whole_digits,
        fraction_digits: fraction.map(|_| (fraction_len, fraction_len)),
        fractions: u64::from(fraction.unwrap_or_default().iter().any(|byte| *byte != b'0')),
        exponents: 0,
        separated: u64::from(fraction.is_some()),
        is_wide: whole_digits > 18,
    })
}

/// How many digits there are, in groups of three where there are groups.
fn whole_digits(whole: &[u8], thousands: Option<u8>) -> Option<usize> {
    let Some(thousands) = thousands.filter(|separator| whole.contains(separator)) else {
        return whole.iter().all(u8::is_ascii_digit).then_some(whole.len());
    };
    let mut digits = 0;
    for (index, group) in whole.split(|byte| *byte == thousands).enumerate() {
        let fits = if index == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 };
        if !fits || !group.iter().all(u8::is_ascii_digit) {
            return None;
        }
        digits += group.len();
    }
    Some(digits)
}

#[cfg(test)]
mod tests {
    use super::{NOTATIONS, Numbers};

    fn notations(values: &[&str]) -> Vec<usize> {
        let mut numbers = Numbers::new();
        for value in values {
            numbers.observe(value.as_bytes());
        }
        (0..NOTATIONS.len()).filter(|index| numbers.under(*index).is_some()).collect()
    }

    #[test]
    fn a_notation_is_left_over_only_if_it_reads_every_value() {
        assert_eq!(notations(&["1", "-20", "0"]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(notations(&["1", "2.50"]), [0, 2, 4]);
        assert_eq!(notations(&["1,5"]), [1, 3, 5]);
        assert_eq!(notations(&["1,234"]), [1, 2, 3, 5]);
        assert_eq!(notations(&["1,234,567"]), [2]);
        assert_eq!(notations(&["1,234.5"]), [2]);
        assert_eq!(notations(&["1.234,5"]), [3]);
        assert_eq!(notations(&["1'234.50"]), [4]);
        assert_eq!(notations(&["1 234,50"]), [5]);
        assert_eq!(notations(&["1e5"]), [0]);
    }

    #[test]
    fn what_would_lose_something_as_a_number_is_none() {
        for text in
            ["007", "-01", "00.5", "+49301234567", "", "-", ".", "1,23,4", "0x10", "1 2", "12a", "1e999", "NaN", "inf"]
        {
            assert_eq!(notations(&[text]), [0; 0], "{text}");
        }
    }
}
