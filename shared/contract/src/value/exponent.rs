//! Exact numbers that may have an exponent, as JSON writes them: `1.5e3`.
//! It does not know JSON's grammar, which is the JSON reader's: what is valid there is read right, and more is read here (`+1`, `.5`).

use super::digits::wide_power;
use super::{digit, parse_decimal, parse_integer, split_sign};

/// Reads an exact number in units of 10^-`scale` as [`parse_decimal`] does, with an exponent if there is one: `1.5e3` is 1500,
/// `1E-2` is 0.01. Whatever the exponent, the time taken is that of reading the text.
#[inline]
#[must_use]
pub fn decimal_with_exponent(text: &[u8], precision: u8, scale: u8) -> Option<i128> {
    match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        None => parse_decimal(text, precision, scale),
        Some(place) => with_exponent(text.get(..place)?, text.get(place + 1..)?, precision, scale),
    }
}

/// Reads a whole number within `i64`. With a point or an exponent (`17850.0`, `1e5`) it is one only where `integral_fractions` says
/// so, and only if nothing but zeros is lost.
#[inline]
#[must_use]
pub fn integer_with_exponent(text: &[u8], integral_fractions: bool) -> Option<i64> {
    let value = parse_integer(text);
    if value.is_some() || !integral_fractions {
        return value;
    }
    i64::try_from(decimal_with_exponent(text, 19, 0)?).ok()
}

fn with_exponent(mantissa: &[u8], exponent: &[u8], precision: u8, scale: u8) -> Option<i128> {
    let exponent = read_exponent(exponent)?;
    let (negative, mantissa) = split_sign(mantissa);
    let significant = significant_digits(mantissa)?;
    if significant.value == 0 {
        return Some(0);
    }
    // A last digit that stands below the scale is lost, and one more than 38 places above it is above any limit.
    let power = significant.power.checked_add(exponent)?.checked_add(i64::from(scale))?;
    let factor = wide_power(usize::try_from(power).ok()?)?;
    let magnitude = significant.value.checked_mul(factor)?;
    if magnitude >= wide_power(usize::from(precision))? {
        return None;
    }
    let value = magnitude.cast_signed();
    Some(if negative { -value } else { value })
}

/// An exponent's sign and digits; beyond 18 digits some number that is far out of reach.
fn read_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_i64;
    for &byte in digits {
        value = value.saturating_mul(10).saturating_add(i64::from(digit(byte)?));
    }
    // Texts are far shorter than this, so that a point cannot bring it back.
    let value = value.min(i64::MAX / 4);
    Some(if negative { -value } else { value })
}

/// `value` * 10^`power`, without zeros at its end.
struct Significant {
    value: u128,
    power: i64,
}

fn significant_digits(text: &[u8]) -> Option<Significant> {
    let mut value = 0_u128;
    // Places from the last digit that is not zero to the one reached, and places from the point to the one reached.
    let (mut zeros, mut places_behind, mut is_behind) = (0_usize, 0_i64, false);
    let mut has_digits = false;
    for &byte in text {
        if byte == b'.' && !is_behind {
            is_behind = true;
            continue;
        }
        let digit = digit(byte)?;
        has_digits = true;
        places_behind += i64::from(is_behind);
        if digit == 0 {
            zeros += usize::from(value != 0);
        } else {
            value = value.checked_mul(wide_power(zeros + 1)?)?.checked_add(u128::from(digit))?;
            zeros = 0;
        }
    }
    let power = i64::try_from(zeros).ok()? - places_behind;
    has_digits.then_some(Significant { value, power })
}
