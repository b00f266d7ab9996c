//! A JSON string's or number's text as the value that it stands for.
//! It relies on the scanner: what it is given is well-formed.

use memchr::memchr;

/// A larger exponent fits no exact type; as a double the number is read as it stands.
const EXPONENT_MAX: i32 = 400;

/// The value of a string, given without its quotes.
pub(crate) fn unescape(raw: &[u8], value: &mut Vec<u8>) {
    value.clear();
    let mut rest = raw;
    while let Some(found) = memchr(b'\\', rest) {
        let (head, tail) = rest.split_at(found);
        value.extend_from_slice(head);
        let Some((&letter, behind)) = tail.get(1..).and_then(<[u8]>::split_first) else { return };
        rest = behind;
        match letter {
            b'b' => value.push(0x08),
            b'f' => value.push(0x0C),
            b'n' => value.push(b'\n'),
            b'r' => value.push(b'\r'),
            b't' => value.push(b'\t'),
            b'u' => rest = code_point(behind, value),
            other => value.push(other),
        }
    }
    value.extend_from_slice(rest);
}

/// Appends the character whose digits `digits` begins with; what is behind them, or behind the second half of a pair.
fn code_point<'a>(digits: &'a [u8], value: &mut Vec<u8>) -> &'a [u8] {
    let (Some(mut code), mut rest) = (code_unit(digits), digits.get(4..).unwrap_or_default()) else {
        return digits;
    };
    if (0xD800..0xDC00).contains(&code)
        && let Some(low) = rest.strip_prefix(b"\\u").and_then(code_unit).filter(|low| (0xDC00..0xE000).contains(low))
    {
        code = 0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        rest = rest.get(6..).unwrap_or_default();
    }
    // A lone half is a flaw of its record, and is never read.
    if let Some(character) = char::from_u32(code) {
        value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    rest
}

fn code_unit(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits.get(..4)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

/// A number in scientific notation, written out: `1.25e1` as `12.5`. An exact type reads its exact value then.
pub(crate) fn write_out(number: &[u8], value: &mut Vec<u8>) {
    value.clear();
    if written_out(number, value).is_none() {
        value.clear();
        value.extend_from_slice(number);
    }
}

fn written_out(number: &[u8], value: &mut Vec<u8>) -> Option<()> {
    let at = number.iter().position(|byte| matches!(byte, b'e' | b'E'))?;
    let (mantissa, exponent) = (number.get(..at)?, std::str::from_utf8(number.get(at + 1..)?).ok()?);
    let exponent: i32 = exponent.parse().ok().filter(|exponent: &i32| exponent.abs() <= EXPONENT_MAX)?;
    let mantissa = match mantissa.strip_prefix(b"-") {
        Some(rest) => {
            value.push(b'-');
            rest
        }
        None => mantissa,
    };
    let point = memchr(b'.', mantissa).unwrap_or(mantissa.len());
    let digits = || mantissa.iter().copied().filter(|byte| *byte != b'.');
    let count = i32::try_from(digits().count()).ok()?;
    let point = i32::try_from(point).ok()? + exponent;
    let zeros = |count: i32| std::iter::repeat_n(b'0', usize::try_from(count).unwrap_or_default());
    if point <= 0 {
        value.extend_from_slice(b"0.");
        value.extend(zeros(-point));
        value.extend(digits());
        return Some(());
    }
    let whole = usize::try_from(point).ok()?;
    value.extend(digits().take(whole));
    value.extend(zeros(point - count));
    if point < count {
        value.push(b'.');
        value.extend(digits().skip(whole));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{unescape, write_out};

    #[test]
    fn escapes_are_the_characters_that_they_stand_for() {
        let mut value = Vec::new();
        for (raw, text) in [
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"a\u00e9\u20AC\u0000z", "aé€\0z"),
            (r"\ud83d\ude00 x", "😀 x"),
            ("é", "é"),
        ] {
            unescape(raw.as_bytes(), &mut value);
            assert_eq!(std::str::from_utf8(&value), Ok(text));
        }
    }

    #[test]
    fn scientific_notation_is_written_out_exactly() {
        let mut value = Vec::new();
        for (number, text) in [
            ("1e5", "100000"),
            ("-1.25e1", "-12.5"),
            ("1.25E+2", "125"),
            ("1.25e3", "1250"),
            ("12e-1", "1.2"),
            ("5e-3", "0.005"),
            ("12.5e-2", "0.125"),
            ("0e0", "0"),
            ("1e401", "1e401"),
            ("1e99999999999", "1e99999999999"),
        ] {
            write_out(number.as_bytes(), &mut value);
            assert_eq!(std::str::from_utf8(&value), Ok(text), "{number}");
        }
    }
}
