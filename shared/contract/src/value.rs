//! How the text of a value is read: numbers and booleans; [`crate::temporal`] has dates and times.
//! `None` is "not a value of this type". Nothing is trimmed, rounded or guessed, and no exact number passes through a float.

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberFormat {
    /// What stands before the fraction: `.` or `,`.
    pub decimal_separator: u8,
    /// What may stand between groups of three digits.
    pub thousands_separator: Option<u8>,
    /// Whether a whole number may have a fraction of zeros: `17850.0`.
    pub integral_fractions: bool,
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self { decimal_separator: b'.', thousands_separator: None, integral_fractions: false }
    }
}

impl NumberFormat {
    /// Reads a whole number, as [`parse_integer`] does.
    #[inline]
    #[must_use]
    pub fn integer(&self, text: &[u8]) -> Option<i64> {
        parse_integer(text)
    }

    /// Reads an exact number in units of 10^-`scale`, as [`parse_decimal`] does.
    #[inline]
    #[must_use]
    pub fn decimal(&self, text: &[u8], precision: u8, scale: u8) -> Option<i128> {
        parse_decimal(text, precision, scale)
    }

    /// Reads a floating point number, as [`parse_double`] does.
    #[inline]
    #[must_use]
    pub fn double(&self, text: &[u8]) -> Option<f64> {
        parse_double(text)
    }
}

/// Texts that are true, in any case of letters.
pub const TRUE_TEXTS: [&str; 5] = ["true", "t", "yes", "y", "1"];
/// Texts that are false, in any case of letters.
pub const FALSE_TEXTS: [&str; 5] = ["false", "f", "no", "n", "0"];

/// Reads a whole number: an optional sign and decimal digits (leading zeros are fine), within `i64`.
#[inline]
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return None;
    }
    // 18 digits cannot overflow, so that the usual number needs no checks.
    if digits.len() <= 18 {
        let mut value = 0_i64;
        for &byte in digits {
            value = value * 10 + i64::from(digit(byte)?);
        }
        return Some(if negative { -value } else { value });
    }
    let mut value = 0_i64;
    for &byte in digits {
        // Downwards, because i64::MIN has no positive twin.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit(byte)?))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// Reads an exact number in units of 10^-`scale`: an optional sign, digits, and at most one point with digits on at least one side.
/// Digits behind the point beyond `scale` must be zeros; more than `precision` significant digits are refused. No exponents.
///
/// `precision` is at most 38 and `scale` at most `precision` (the limits of Parquet's and Athena's DECIMAL).
#[inline]
#[must_use]
pub fn parse_decimal(text: &[u8], precision: u8, scale: u8) -> Option<i128> {
    let (negative, rest) = split_sign(text);
    // 18 digits and the scale's zeros fit 64 bits when the precision does, and 64-bit arithmetic is several times faster.
    let value = if rest.len() <= 18 && precision <= 18 {
        i128::from(unsigned_decimal_64(rest, precision, scale)?)
    } else {
        unsigned_decimal(rest, precision, scale)?
    };
    Some(if negative { -value } else { value })
}

fn unsigned_decimal_64(text: &[u8], precision: u8, scale: u8) -> Option<i64> {
    let mut value = 0_i64;
    let mut missing = scale;
    let mut behind_point = false;
    let mut digits = 0_usize;
    for &byte in text {
        if byte == b'.' && !behind_point {
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
        missing -= u8::from(behind_point);
        value = value * 10 + i64::from(digit);
    }
    let value = value.checked_mul(10_i64.checked_pow(u32::from(missing))?)?;
    (digits > 0 && value < 10_i64.pow(u32::from(precision))).then_some(value)
}

fn unsigned_decimal(text: &[u8], precision: u8, scale: u8) -> Option<i128> {
    let mut value = 0_i128;
    let mut missing = scale;
    let mut behind_point = false;
    let mut digits = 0_usize;
    for &byte in text {
        if byte == b'.' && !behind_point {
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
        missing -= u8::from(behind_point);
        value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
    }
    let value = value.checked_mul(10_i128.checked_pow(u32::from(missing))?)?;
    (digits > 0 && value < 10_i128.checked_pow(u32::from(precision))?).then_some(value)
}

/// Reads a floating point number in decimal or scientific notation. NaN and infinity are refused, written or by overflow.
#[inline]
#[must_use]
pub fn parse_double(text: &[u8]) -> Option<f64> {
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
mod tests {
    use proptest::prelude::*;

    use super::{parse_boolean, parse_decimal, parse_double, parse_integer};

    #[test]
    fn integers_are_read_whole_or_not_at_all() {
        let good = [("0", 0), ("-0", 0), ("+7", 7), ("007", 7), ("-42", -42), ("9223372036854775807", i64::MAX)];
        for (text, value) in
            good.into_iter().chain([("-9223372036854775808", i64::MIN), ("0000000000000000000012", 12)])
        {
            assert_eq!(parse_integer(text.as_bytes()), Some(value), "{text}");
        }
        for text in [
            "",
            "-",
            "+",
            " 1",
            "1 ",
            "1.0",
            "1e5",
            "1_000",
            "1,000",
            "--1",
            "9223372036854775808",
            "-9223372036854775809",
            "١",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn decimals_are_exact() {
        for (text, value) in [
            ("0.1", 10),
            ("12.34", 1234),
            ("-.5", -50),
            ("5.", 500),
            ("1.2300", 123),
            ("+9999999999.99", 999_999_999_999),
        ] {
            assert_eq!(parse_decimal(text.as_bytes(), 12, 2), Some(value), "{text}");
        }
        for text in ["", ".", "-", "1.234", "1e2", "NaN", "10000000000", "1.2.3", "1,5", " 1"] {
            assert_eq!(parse_decimal(text.as_bytes(), 12, 2), None, "{text}");
        }
        let widest = "9".repeat(38);
        assert_eq!(parse_decimal(widest.as_bytes(), 38, 0), widest.parse().ok());
        assert_eq!(parse_decimal(format!("{widest}9").as_bytes(), 38, 0), None);
        assert_eq!(parse_decimal(b"0.00000000000000000000000000000000000001", 38, 38), Some(1));
        assert_eq!(parse_decimal(b"14850.0", 10, 0), Some(14850));
    }

    #[test]
    fn doubles_are_finite_numbers() {
        for (text, value) in [("1", 1.0), ("-1.5e3", -1500.0), (".5", 0.5), ("5.", 5.0), ("1E-7", 1e-7)] {
            assert_eq!(parse_double(text.as_bytes()), Some(value), "{text}");
        }
        for text in ["", "nan", "NaN", "inf", "-infinity", "1e999", "1,5", "0x10", "1 "] {
            assert_eq!(parse_double(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn booleans_are_the_listed_texts_in_any_case() {
        for text in ["true", "TRUE", "t", "Yes", "y", "1"] {
            assert_eq!(parse_boolean(text.as_bytes()), Some(true), "{text}");
        }
        for text in ["false", "F", "no", "N", "0"] {
            assert_eq!(parse_boolean(text.as_bytes()), Some(false), "{text}");
        }
        for text in ["", "2", "ja", "truee", " true"] {
            assert_eq!(parse_boolean(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_integer_comes_back(value: i64) {
            prop_assert_eq!(parse_integer(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn narrow_and_wide_decimals_agree(text in "[+-]?[0-9]{0,12}(\\.[0-9]{0,6})?", scale in 0_u8..=6) {
            let narrow = parse_decimal(text.as_bytes(), 18, scale);
            let wide = parse_decimal(text.as_bytes(), 19, scale).filter(|value| value.unsigned_abs() < 10_u128.pow(18));
            prop_assert_eq!(narrow, wide);
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes: Vec<u8>, scale in 0_u8..=38) {
            let _ = (parse_integer(&bytes), parse_decimal(&bytes, 38, scale), parse_double(&bytes), parse_boolean(&bytes));
        }
    }
}
