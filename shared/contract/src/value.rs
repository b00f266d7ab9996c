//! How the text of a value is read: numbers and booleans; [`crate::temporal`] has dates and times.
//! `None` is "not a value of this type". Nothing is trimmed, rounded or guessed, and no exact number passes through a float.

pub(crate) mod digits;
mod exponent;
mod format;

pub use exponent::{decimal_with_exponent, integer_with_exponent};
pub use format::NumberFormat;

use digits::{power, wide_power};

/// Texts that are true, in any case of letters.
pub const TRUE_TEXTS: [&str; 5] = ["true", "t", "yes", "y", "1"];
/// Texts that are false, in any case of letters.
pub const FALSE_TEXTS: [&str; 5] = ["false", "f", "no", "n", "0"];

/// Whole numbers up to this one are exact in an `f64`.
const EXACT_IN_F64: u64 = 1 << 53;
/// Powers of ten that are exact in an `f64`.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Reads a whole number: an optional sign and decimal digits (leading zeros are fine), within `i64`.
#[inline]
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    let value = digits::whole(digits)?;
    // i64::MIN has no positive twin.
    if negative { 0_i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// Reads an exact number in units of 10^-`scale`: an optional sign, digits, and at most one point with digits on at least one side.
/// Digits behind the point beyond `scale` must be zeros; more than `precision` significant digits are refused. No exponents.
///
/// `precision` is at most 38 and `scale` at most `precision` (the limits of Parquet's and Athena's DECIMAL).
#[inline]
#[must_use]
pub fn parse_decimal(text: &[u8], precision: u8, scale: u8) -> Option<i128> {
    decimal_with_point(text, b'.', precision, scale)
}

#[inline]
fn decimal_with_point(text: &[u8], point: u8, precision: u8, scale: u8) -> Option<i128> {
    let (negative, rest) = split_sign(text);
    // Nearly all values go this way, in 64 bits and few branches, so that it is worth a copy in every loop over a column.
    if rest.len() <= digits::SHORT_MAX
        && let Some(digits) = digits::short_with_point(rest, point)
        && let Some(zeros) = usize::from(scale).checked_sub(digits.behind_point)
        && let Some(factor) = digits::short_power(zeros)
    {
        let magnitude = digits.value * factor;
        let value = magnitude.cast_signed();
        let is_within = magnitude < power(usize::from(precision)).unwrap_or(u64::MAX);
        return is_within.then_some(i128::from(if negative { -value } else { value }));
    }
    any_decimal(rest, negative, point, precision, scale)
}

#[inline(never)]
fn any_decimal(unsigned: &[u8], negative: bool, point: u8, precision: u8, scale: u8) -> Option<i128> {
    let (scale, limit) = (usize::from(scale), wide_power(usize::from(precision))?);
    let magnitude = match digits::with_point(unsigned, point) {
        Some(digits) if digits.behind_point <= scale => match power(scale - digits.behind_point) {
            Some(factor) => u128::from(digits.value) * u128::from(factor),
            None => u128::from(digits.value).checked_mul(wide_power(scale - digits.behind_point)?)?,
        },
        Some(digits) => {
            let surplus = power(digits.behind_point - scale)?;
            if digits.value % surplus != 0 {
                return None;
            }
            u128::from(digits.value / surplus)
        }
        None => wide_magnitude(unsigned, point, scale)?,
    };
    if magnitude >= limit {
        return None;
    }
    let value = magnitude.cast_signed();
    Some(if negative { -value } else { value })
}

/// The same, digit by digit, for what 64 bits do not hold. Below 2^127.
#[cold]
fn wide_magnitude(text: &[u8], point: u8, scale: usize) -> Option<u128> {
    let mut value = 0_i128;
    let mut missing = scale;
    let mut behind_point = false;
    let mut digits = 0_usize;
    for &byte in text {
        if byte == point && !behind_point {
            behind_point = true;
            continue;
        }
        let digit = digit(byte)?;
        digits += 1;
        if behind_point && missing == 0 {
            if digit != 0 {
                return None;
            }
            continue;
        }
        missing -= usize::from(behind_point);
        value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
    }
    let value = value.checked_mul(wide_power(missing)?.cast_signed())?;
    (digits > 0).then_some(value.cast_unsigned())
}

/// Reads a floating point number in decimal or scientific notation, rounded to the nearest (half to even). NaN and infinity are
/// refused, written or by overflow.
#[inline]
#[must_use]
pub fn parse_double(text: &[u8]) -> Option<f64> {
    short_double(text, b'.').or_else(|| any_double(text))
}

/// Numbers whose digits and power of ten are exact in an `f64`, so that one division rounds once, as it must (Clinger 1990).
#[inline]
#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn short_double(text: &[u8], point: u8) -> Option<f64> {
    let (negative, rest) = split_sign(text);
    let digits = digits::with_point(rest, point)?;
    if digits.value > EXACT_IN_F64 {
        return None;
    }
    let value = digits.value as f64 / EXACT_POWERS.get(digits.behind_point)?;
    Some(if negative { -value } else { value })
}

fn any_double(text: &[u8]) -> Option<f64> {
    // The standard library also takes "inf", "nan" and "infinity"; a number ends in a digit or a point.
    if !text.last().is_some_and(|&byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// Reads one of [`TRUE_TEXTS`] and [`FALSE_TEXTS`].
#[inline]
#[must_use]
pub fn parse_boolean(text: &[u8]) -> Option<bool> {
    let is_in = |texts: &[&str]| texts.iter().any(|known| text.eq_ignore_ascii_case(known.as_bytes()));
    if is_in(&TRUE_TEXTS) {
        Some(true)
    } else if is_in(&FALSE_TEXTS) {
        Some(false)
    } else {
        None
    }
}

#[inline]
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

#[inline]
fn digit(byte: u8) -> Option<u8> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(digit)
}

#[cfg(test)]
mod tests;
