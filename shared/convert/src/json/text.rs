//! A JSON string's text as the value that it stands for.
//! It relies on the scanner: what it is given is well-formed.

use memchr::memchr;

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

#[cfg(test)]
mod tests {
    use super::unescape;

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
}
