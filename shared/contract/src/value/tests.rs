use proptest::prelude::*;

use super::{
    NumberFormat, decimal_with_exponent, integer_with_exponent, parse_boolean, parse_decimal, parse_double,
    parse_integer,
};

#[test]
fn integers_are_read_whole_or_not_at_all() {
    let good = [("0", 0), ("-0", 0), ("+7", 7), ("007", 7), ("-42", -42), ("9223372036854775807", i64::MAX)];
    for (text, value) in good.into_iter().chain([("-9223372036854775808", i64::MIN), ("0000000000000000000012", 12)]) {
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
    for (text, value) in
        [("0.1", 10), ("12.34", 1234), ("-.5", -50), ("5.", 500), ("1.2300", 123), ("+9999999999.99", 999_999_999_999)]
    {
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

const GERMAN: NumberFormat =
    NumberFormat { decimal_separator: b',', thousands_separator: Some(b'.'), integral_fractions: false };
const ENGLISH: NumberFormat =
    NumberFormat { decimal_separator: b'.', thousands_separator: Some(b','), integral_fractions: true };
const COMMA: NumberFormat =
    NumberFormat { decimal_separator: b',', thousands_separator: None, integral_fractions: true };

#[test]
fn whole_numbers_have_groups_of_three_or_none() {
    for (format, text, value) in [
        (GERMAN, "1.234.567", 1_234_567),
        (GERMAN, "-1.234", -1234),
        (GERMAN, "1234567", 1_234_567),
        (ENGLISH, "+12,345", 12345),
        (ENGLISH, "123,456.000", 123_456),
        (ENGLISH, "17850.0", 17850),
        (ENGLISH, "17850.", 17850),
        (ENGLISH, "-9,223,372,036,854,775,808.0", i64::MIN),
        (COMMA, "17850,00", 17850),
    ] {
        assert_eq!(format.integer(text.as_bytes()), Some(value), "{text}");
    }
    for (format, text) in [
        (GERMAN, "1.23.456"),
        (GERMAN, "1234.567"),
        (GERMAN, "1.2345"),
        (GERMAN, ".123"),
        (GERMAN, "123."),
        (GERMAN, "1..234"),
        (GERMAN, "1.234,0"),
        (GERMAN, "1,0"),
        (ENGLISH, "1.000,000"),
        (ENGLISH, "1,234.5"),
        (ENGLISH, "9,223,372,036,854,775,808"),
        (ENGLISH, "1,234.0.0"),
        (ENGLISH, "1,+23"),
        (ENGLISH, "."),
        (ENGLISH, "1\u{a0}234"),
        (COMMA, "1.234"),
        (COMMA, "17850.0"),
        (COMMA, "17850,5"),
        (NumberFormat::default(), "17850.0"),
        (NumberFormat::default(), "1,234"),
    ] {
        assert_eq!(format.integer(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn exact_and_floating_numbers_follow_the_separators() {
    let spaces = NumberFormat { thousands_separator: Some(b' '), ..COMMA };
    for (format, text, value) in [
        (GERMAN, "1.234,56", 123_456),
        (GERMAN, "1234,5", 123_450),
        (GERMAN, "1.234", 123_400),
        (GERMAN, "-,5", -50),
        (ENGLISH, "1,234.5600", 123_456),
        (COMMA, "56,60", 5660),
        (spaces, "1 234 567,8", 123_456_780),
    ] {
        assert_eq!(format.decimal(text.as_bytes(), 12, 2), Some(i128::from(value)), "{text}");
        assert_eq!(format.double(text.as_bytes()), Some(f64::from(value) / 100.0), "{text}");
    }
    for (format, text) in [
        (GERMAN, "1.23"),
        (GERMAN, "1,2.3"),
        (GERMAN, "1,234.567"),
        (GERMAN, "1,2,3"),
        (ENGLISH, "1,23,456"),
        (ENGLISH, "1.5,000"),
        (COMMA, "1.5"),
        (COMMA, "1,5.0"),
        (COMMA, "1,5,0"),
        (spaces, "1\u{202f}234"),
        (spaces, " 234"),
        (spaces, "234 "),
    ] {
        assert_eq!(format.decimal(text.as_bytes(), 12, 4), None, "{text}");
        assert_eq!(format.double(text.as_bytes()), None, "{text}");
    }
    let long = format!("0{},5", " 000".repeat(99));
    assert_eq!(spaces.decimal(long.as_bytes(), 12, 2), Some(50));
    assert_eq!(GERMAN.double(b"-1.234,5e-3"), Some(-1.2345));
    assert_eq!(COMMA.double(b"1,5E3"), Some(1500.0));
    assert_eq!(GERMAN.double(b"1e1.000"), None);
    assert_eq!(COMMA.double(b"inf"), None);
}

#[test]
fn exponents_are_exact_and_never_loop() {
    for (text, value) in [
        ("1.5e3", 150_000),
        ("1E-2", 1),
        ("-12.5e+1", -12_500),
        ("1200e-4", 12),
        ("0e999999999999999999999999", 0),
        ("-0.000e-999999999999999999999999", 0),
        ("0.00000000000000000000000000000000000000000000000000005e52", 50),
        ("5000000000000000000000000000000000000000000000000000e-51", 500),
        ("7", 700),
    ] {
        assert_eq!(decimal_with_exponent(text.as_bytes(), 12, 2), Some(value), "{text}");
    }
    for text in [
        "1e-3",
        "1e10",
        "1e999999999999999999999999",
        "1e-999999999999999999999999",
        "1e9223372036854775807",
        "1e-9223372036854775808",
        "1e",
        "1e+",
        "e5",
        ".e5",
        "1e5.0",
        "1e5e5",
        "1.2.3e5",
        "1 e5",
        "10000000000000000000000000000000000000001e-2",
    ] {
        assert_eq!(decimal_with_exponent(text.as_bytes(), 12, 2), None, "{text}");
    }
    assert_eq!(decimal_with_exponent(b"1e37", 38, 0), Some(10_i128.pow(37)));
    assert_eq!(decimal_with_exponent(b"1e38", 38, 0), None);
    for (text, strict, loose) in [
        ("17850", Some(17850), Some(17850)),
        ("17850.0", None, Some(17850)),
        ("1e5", None, Some(100_000)),
        ("1.5e1", None, Some(15)),
        ("1.5", None, None),
        ("-9223372036854775808", Some(i64::MIN), Some(i64::MIN)),
        ("9223372036854775808", None, None),
        ("9223372036854775808e0", None, None),
    ] {
        assert_eq!(integer_with_exponent(text.as_bytes(), false), strict, "{text}");
        assert_eq!(integer_with_exponent(text.as_bytes(), true), loose, "{text}");
    }
}

/// The plainest reading there is, to compare with.
fn digit_by_digit(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, behind) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let (kept, lost) = behind.split_at(behind.len().min(scale.into()));
    let digits = format!("{whole}{kept}{}", "0".repeat(usize::from(scale) - kept.len()));
    let is_number =
        !(whole.is_empty() && behind.is_empty()) && (digits.clone() + lost).bytes().all(|b| b.is_ascii_digit());
    let significant = digits.trim_start_matches('0');
    if !is_number || lost.bytes().any(|b| b != b'0') || significant.len() > precision.into() {
        return None;
    }
    let value = significant.parse().unwrap_or(0_i128);
    Some(if text.starts_with('-') { -value } else { value })
}

fn grouped(digits: &str, separator: char) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

proptest! {
    #[test]
    fn every_integer_comes_back(value: i64) {
        prop_assert_eq!(parse_integer(value.to_string().as_bytes()), Some(value));
    }

    #[test]
    fn decimals_are_those_read_digit_by_digit(
        text in "[+-]?0{0,9}[0-9]{0,21}(\\.[0-9]{0,9}0{0,30})?|[0-9.x/:+-]{0,12}",
        precision in 1_u8..=38,
        scale in 0_u8..=38,
    ) {
        let scale = scale.min(precision);
        prop_assert_eq!(parse_decimal(text.as_bytes(), precision, scale), digit_by_digit(&text, precision, scale));
    }

    #[test]
    fn integers_are_those_of_the_standard_library(text in "[+-]?0{0,9}[0-9]{0,20}|[0-9x/:+-]{0,19}") {
        prop_assert_eq!(parse_integer(text.as_bytes()), text.parse().ok());
    }

    #[test]
    fn doubles_are_those_of_the_standard_library(
        text in "[+-]?[0-9]{0,18}(\\.[0-9]{0,18})?(0{0,9})?([eE][+-]?[0-9]{1,3})?",
    ) {
        let bits = text.parse::<f64>().ok().filter(|value| value.is_finite()).map(f64::to_bits);
        prop_assert_eq!(parse_double(text.as_bytes()).map(f64::to_bits), bits);
    }

    #[test]
    fn every_double_comes_back(value: f64) {
        prop_assume!(value.is_finite());
        for text in [value.to_string(), format!("{value:e}")] {
            prop_assert_eq!(parse_double(text.as_bytes()).map(f64::to_bits), Some(value.to_bits()));
        }
    }

    #[test]
    fn groups_do_not_change_a_number(value: i64, behind in "[0-9]{0,3}") {
        let digits = value.unsigned_abs().to_string();
        let sign = if value < 0 { "-" } else { "" };
        prop_assert_eq!(GERMAN.integer(format!("{sign}{}", grouped(&digits, '.')).as_bytes()), Some(value));
        let plain = format!("{sign}{digits}.{behind}");
        let german = format!("{sign}{},{behind}", grouped(&digits, '.'));
        prop_assert_eq!(GERMAN.decimal(german.as_bytes(), 38, 3), parse_decimal(plain.as_bytes(), 38, 3));
        prop_assert_eq!(GERMAN.double(german.as_bytes()), parse_double(plain.as_bytes()));
    }

    #[test]
    fn an_exponent_moves_the_point(value in 0_u64..1_000_000, zeros in 0_usize..=9, power in -18_i32..=18) {
        let text = format!("{value}{}e{power}", "0".repeat(zeros));
        let written = i128::from(value) * 10_i128.pow(zeros.try_into().unwrap());
        let shifted = power + 10;
        let expected = if shifted >= 0 {
            written.checked_mul(10_i128.pow(shifted.try_into().unwrap()))
        } else {
            let divisor = 10_i128.pow((-shifted).try_into().unwrap());
            (written % divisor == 0).then_some(written / divisor)
        };
        let expected = expected.filter(|value| *value < 10_i128.pow(38));
        prop_assert_eq!(decimal_with_exponent(text.as_bytes(), 38, 10), expected);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes: Vec<u8>, text in "[-+0-9.,eE ]{0,80}", scale in 0_u8..=38) {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            let _ = (parse_integer(bytes), parse_decimal(bytes, 38, scale), parse_double(bytes), parse_boolean(bytes));
            let _ = (decimal_with_exponent(bytes, 38, scale), integer_with_exponent(bytes, true));
            for format in [GERMAN, ENGLISH, COMMA] {
                let _ = (format.integer(bytes), format.decimal(bytes, 38, scale), format.double(bytes));
            }
        }
    }
}
