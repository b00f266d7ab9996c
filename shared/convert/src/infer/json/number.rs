//! What the numbers of a JSON value look like: how many digits they are written with, and which type holds all of them.
//! It does not know names, nor values that are no numbers.

use lakegate_contract::value::{parse_double, parse_integer};

use crate::infer::range::{Range, told};
use crate::infer::resolve::{DECIMAL_DIGITS_MAX, EXACT_FRACTION_DIGITS, INTEGER_DIGITS, Kind, POINTED};

/// Numbers of so many digits come back from a double as they were written, or came from one.
const DOUBLE_DIGITS: usize = 17;
/// Whole numbers of so many digits fit 64 bits.
const WHOLE_DIGITS: usize = 18;
/// Digits beyond this number are not counted: no type holds them.
const DIGITS_COUNTED: i64 = 1000;

/// How one number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    /// Digits before the point and behind it, as they would be written without an exponent.
    whole: usize,
    fraction: usize,
    /// Digits from the first to the last that is not 0.
    significant: usize,
    has_exponent: bool,
    has_point: bool,
    is_whole: bool,
}

/// The numbers of a value.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    pub(super) values: u64,
    /// Most digits before the point.
    whole: usize,
    /// Fewest and most digits behind it, of numbers that have a point or need one.
    fraction: Option<(usize, usize)>,
    significant: usize,
    exponents: u64,
    /// How many are no whole numbers, whatever they are written like.
    fractions: u64,
    /// How many have a point.
    points: u64,
    /// Whether a whole number does not fit 64 bits.
    is_wide: bool,
    /// Whether a number is beyond all doubles.
    is_beyond_double: bool,
    range: Range,
}

impl Numbers {
    /// Takes the next number, which is written as JSON says.
    #[inline]
    pub(super) fn observe(&mut self, text: &[u8]) {
        self.values += 1;
        self.range.observe(text);
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        if digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit) {
            self.whole = self.whole.max(digits.len());
            return self.widen_significant(digits.len());
        }
        let shape = shape(digits);
        self.whole = self.whole.max(shape.whole);
        self.widen_significant(shape.significant);
        self.exponents += u64::from(shape.has_exponent);
        self.fractions += u64::from(!shape.is_whole);
        self.points += u64::from(shape.has_point);
        if shape.has_point || shape.has_exponent {
            let (least, most) = self.fraction.unwrap_or((shape.fraction, shape.fraction));
            self.fraction = Some((least.min(shape.fraction), most.max(shape.fraction)));
            self.is_beyond_double |= parse_double(text).is_none();
        } else {
            self.is_wide |= parse_integer(text).is_none();
        }
    }

    fn widen_significant(&mut self, digits: usize) {
        self.significant = self.significant.max(digits);
    }

    /// The type that holds all of them as they are written, and what they are; `None` where no type does.
    /// A draft that is permissive shows no value, and leaves room for fractions.
    pub(super) fn kind(&self, is_permissive: bool) -> (Option<Kind>, String) {
        // Numbers that no double holds are not told apart here.
        let has_range = !is_permissive && !self.is_wide && !self.is_beyond_double;
        let range = if has_range { self.range.ends() } else { None };
        let range = range.map_or_else(String::new, told);
        let Some((least, most)) = self.fraction else { return self.whole_kind(&range) };
        let all_end_in_point_zero = least == 1 && most == 1 && self.points == self.values;
        if all_end_in_point_zero && self.are_whole_with_fractions() && self.whole <= WHOLE_DIGITS && !is_permissive {
            let is_long = self.whole > INTEGER_DIGITS;
            return (Some(Kind::Integer { is_long, is_pointed: true }), format!("{POINTED}{range}"));
        }
        let digits = self.whole + most;
        // Room for larger values at no cost: up to 18 digits take 64 bits.
        let precision = if digits <= 18 { 18 } else { DECIMAL_DIGITS_MAX };
        let decimal = (digits <= DECIMAL_DIGITS_MAX).then_some(Kind::Decimal { precision, scale: most });
        let is_exact = self.exponents == 0 && (most <= EXACT_FRACTION_DIGITS || least == most && self.values > 1);
        // A double has no more digits, and no whole number is read that it cannot hold.
        let double = (!self.is_beyond_double && self.significant <= DOUBLE_DIGITS).then_some(Kind::Double);
        let what = if self.exponents > 0 {
            "numbers, some with an exponent".to_owned()
        } else {
            format!("numbers with up to {most} digit{} behind the point", if most == 1 { "" } else { "s" })
        };
        let kind = if is_exact { decimal.or(double) } else { double.or(decimal) };
        let beyond = if kind.is_none() { ", too long for any type" } else { "" };
        (kind, format!("{what}{range}{beyond}"))
    }

    fn whole_kind(&self, range: &str) -> (Option<Kind>, String) {
        if !self.is_wide {
            let is_long = self.whole > INTEGER_DIGITS;
            (Some(Kind::Integer { is_long, is_pointed: false }), format!("whole numbers{range}"))
        } else if self.whole <= DECIMAL_DIGITS_MAX {
            let kind = Kind::Decimal { precision: DECIMAL_DIGITS_MAX, scale: 0 };
            (Some(kind), "whole numbers, some beyond 64 bits".to_owned())
        } else {
            (None, format!("whole numbers of up to {} digits, too many for any type", self.whole))
        }
    }

    /// Whether they are whole numbers that are not written as such.
    pub(super) const fn are_whole_with_fractions(&self) -> bool {
        self.fraction.is_some() && self.fractions == 0 && self.exponents == 0
    }
}

/// `unsigned` is a number as JSON writes it, without its sign.
fn shape(unsigned: &[u8]) -> Shape {
    let exponent_at = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = unsigned.split_at(exponent_at.unwrap_or(unsigned.len()));
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
    let zeros_before = digits.iter().take_while(|digit| **digit == b'0').count();
    let zeros_behind = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    let significant = digits.len().saturating_sub(zeros_before + zeros_behind);
    let exponent = exponent_of(exponent.get(1..).unwrap_or_default());
    let count = |digits: usize| i64::try_from(digits).unwrap_or(DIGITS_COUNTED);
    // Where the point stands among the digits once there is no exponent: before the first ones, or behind the last.
    let place = count(point.unwrap_or(digits.len())).saturating_add(exponent);
    let is_zero = significant == 0;
    // Zeros that are written behind the point count, as in 2.50; those that an exponent moves there do not.
    let last = if exponent_at.is_some() { digits.len() - zeros_behind.min(digits.len()) } else { digits.len() };
    let within = |digits: i64| usize::try_from(digits.clamp(0, DIGITS_COUNTED)).unwrap_or_default();
    let is_scientific_zero = is_zero && exponent_at.is_some();
    Shape {
        whole: if is_scientific_zero { 1 } else { within(place.saturating_sub(count(zeros_before))).max(1) },
        fraction: if is_scientific_zero { 0 } else { within(count(last).saturating_sub(place)) },
        significant,
        has_exponent: exponent_at.is_some(),
        has_point: point.is_some(),
        is_whole: is_zero || count(digits.len() - zeros_behind) <= place,
    }
}

/// A sign and digits, as far as they matter.
fn exponent_of(text: &[u8]) -> i64 {
    let is_negative = text.first() == Some(&b'-');
    let digits = text.iter().filter(|byte| byte.is_ascii_digit());
    let value = digits.fold(0_i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    let value = value.min(i64::MAX / 4);
    if is_negative { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Numbers};

    fn kind(values: &[&str]) -> Option<Kind> {
        let mut numbers = Numbers::default();
        for value in values {
            numbers.observe(value.as_bytes());
        }
        numbers.kind(false).0
    }

    fn decimal(precision: usize, scale: usize) -> Kind {
        Kind::Decimal { precision, scale }
    }

    #[test]
    fn whole_numbers_have_the_width_that_their_digits_need() {
        assert_eq!(kind(&["1", "-20", "0", "999999999"]), Some(Kind::Integer { is_long: false, is_pointed: false }));
        assert_eq!(kind(&["1", "1000000000"]), Some(Kind::Integer { is_long: true, is_pointed: false }));
        assert_eq!(
            kind(&["9223372036854775807", "-9223372036854775808"]),
            Some(Kind::Integer { is_long: true, is_pointed: false })
        );
        assert_eq!(kind(&["9223372036854775808"]), Some(decimal(38, 0)));
        assert_eq!(kind(&[&"9".repeat(38)]), Some(decimal(38, 0)));
        assert_eq!(kind(&[&"9".repeat(39)]), None);
    }

    #[test]
    fn fractions_are_exact_unless_they_look_like_doubles() {
        assert_eq!(kind(&["1", "2.50"]), Some(decimal(18, 2)));
        assert_eq!(kind(&["15.0"]), Some(Kind::Integer { is_long: false, is_pointed: true }));
        assert_eq!(kind(&["15.0", "1"]), Some(decimal(18, 1)));
        assert_eq!(kind(&["15.00"]), Some(decimal(18, 2)));
        assert_eq!(kind(&["0.1", "0.12345678901"]), Some(Kind::Double));
        assert_eq!(kind(&["9007199254740993", "0.5"]), Some(decimal(18, 1)));
        assert_eq!(kind(&["0.1", "3.14159265358979323846"]), Some(decimal(38, 20)), "a double has not so many digits");
        assert_eq!(kind(&["0.1", &format!("{}.123456789", "9".repeat(38))]), None);
    }

    #[test]
    fn exponents_make_doubles_where_these_hold_what_is_written() {
        assert_eq!(kind(&["1e5", "2.5"]), Some(Kind::Double));
        assert_eq!(kind(&["1E-7"]), Some(Kind::Double));
        assert_eq!(kind(&["1.5e-300", "0e999999999999999999999"]), Some(Kind::Double));
        assert_eq!(kind(&["123456789012345678.5e1"]), Some(decimal(38, 0)));
        assert_eq!(kind(&["123456789012345678.25e1", "-0.0"]), Some(decimal(38, 1)));
        assert_eq!(kind(&["1e999"]), None, "no type holds it");
    }
}
