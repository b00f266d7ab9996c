//! Texts of texts, and tests of texts. A character is a Unicode scalar value.
//! It does not know nulls.

use arrow::array::{Array, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer};
use arrow::error::ArrowError;
use lakegate_contract::{TextFunction, TextTest};
use memchr::memmem::Finder;

use super::cells::{Cells, Numbers};
use super::vector::{Rows, TextBuilder, Texts};

pub(super) fn function(function: TextFunction, texts: &Texts, rows: usize) -> Result<(Texts, Rows), ArrowError> {
    if let (Texts::Each(array), TextFunction::Lower | TextFunction::Upper) = (texts, function)
        && array.value_data().is_ascii()
    {
        return Ok((Texts::Each(change_ascii(function, array)?), None));
    }
    map(texts, rows, |text, built| match function {
        TextFunction::Lower => built.push_text(&text.to_lowercase()),
        TextFunction::Upper => built.push_text(&text.to_uppercase()),
        TextFunction::Trim => built.push_text(text.trim()),
        TextFunction::TrimStart => built.push_text(text.trim_start()),
        TextFunction::TrimEnd => built.push_text(text.trim_end()),
    })
}

/// ASCII letters keep their places.
fn change_ascii(function: TextFunction, array: &StringArray) -> Result<StringArray, ArrowError> {
    let mut bytes = array.value_data().to_vec();
    match function {
        TextFunction::Lower => bytes.make_ascii_lowercase(),
        TextFunction::Upper => bytes.make_ascii_uppercase(),
        TextFunction::Trim | TextFunction::TrimStart | TextFunction::TrimEnd => {}
    }
    StringArray::try_new(array.offsets().clone(), Buffer::from(bytes), None)
}

fn map(texts: &Texts, rows: usize, write: impl Fn(&str, &mut TextBuilder)) -> Result<(Texts, Rows), ArrowError> {
    let mut built = TextBuilder::new(rows);
    for row in 0..rows {
        write(texts.at(row), &mut built);
    }
    built.finish()
}

pub(super) fn length(texts: &Texts) -> Numbers {
    let count = |text: &str| i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    Numbers::Narrow(match texts {
        Texts::Same(text) => Cells::Same(count(text)),
        Texts::Each(texts) => Cells::Each((0..texts.len()).map(|row| count(texts.value(row))).collect()),
    })
}

/// Whether each text passes the test.
pub(super) fn test(test: &TextTest, texts: &Texts, rows: usize) -> BooleanBuffer {
    match test {
        TextTest::Equals(known) => texts.test(rows, |text| text == known),
        TextTest::StartsWith(start) => texts.test(rows, |text| text.starts_with(start.as_str())),
        TextTest::EndsWith(end) => texts.test(rows, |text| text.ends_with(end.as_str())),
        TextTest::Contains(part) => {
            let finder = Finder::new(part);
            texts.test(rows, |text| finder.find(text.as_bytes()).is_some())
        }
        TextTest::Matches(regex) => texts.test(rows, |text| regex.is_match(text)),
    }
}

/// From the character `start` (from 1, or from the end below zero), at most `length` characters. As in Trino, a start of 0 or before the
/// text's beginning gives nothing.
pub(super) fn substring(
    texts: &Texts,
    start: &Numbers,
    length: Option<&Numbers>,
    rows: usize,
) -> Result<(Texts, Rows), ArrowError> {
    let (start, length) = (start.widened(), length.map(Numbers::widened));
    let mut built = TextBuilder::new(rows);
    for row in 0..rows {
        let length = length.as_ref().map_or(i128::MAX, |length| length.at(row));
        built.push_text(part(texts.at(row), start.at(row), length));
    }
    built.finish()
}

fn part(text: &str, start: i128, length: i128) -> &str {
    let skipped = if start > 0 {
        start - 1
    } else {
        let characters = i128::try_from(text.chars().count()).unwrap_or(i128::MAX);
        characters.saturating_add(start)
    };
    if start == 0 || skipped < 0 || length <= 0 {
        return "";
    }
    let place = |text: &str, characters: i128| {
        let characters = usize::try_from(characters).unwrap_or(usize::MAX);
        text.char_indices().nth(characters).map_or(text.len(), |(place, _)| place)
    };
    let rest = text.get(place(text, skipped)..).unwrap_or_default();
    rest.get(..place(rest, length)).unwrap_or_default()
}

/// Each text with `to` wherever it has `from`; an empty `from` stands before every character and at the end.
pub(super) fn replace(texts: &Texts, from: &Texts, to: &Texts, rows: usize) -> Result<(Texts, Rows), ArrowError> {
    let mut built = TextBuilder::new(rows);
    for row in 0..rows {
        let (text, from, to) = (texts.at(row), from.at(row), to.at(row));
        let found = text.matches(from).count();
        let bytes = text.len().saturating_add(found.saturating_mul(to.len()));
        built.push(bytes, |bytes| {
            let mut rest = 0;
            for (place, _) in text.match_indices(from) {
                bytes.extend_from_slice(text.get(rest..place).unwrap_or_default().as_bytes());
                bytes.extend_from_slice(to.as_bytes());
                rest = place + from.len();
            }
            bytes.extend_from_slice(text.get(rest..).unwrap_or_default().as_bytes());
        });
    }
    built.finish()
}

pub(super) fn concat(texts: &[&Texts], rows: usize) -> Result<(Texts, Rows), ArrowError> {
    let mut built = TextBuilder::new(rows);
    for row in 0..rows {
        let bytes = texts.iter().map(|texts| texts.at(row).len()).sum();
        built.push(bytes, |bytes| {
            for texts in texts {
                bytes.extend_from_slice(texts.at(row).as_bytes());
            }
        });
    }
    built.finish()
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn substrings_are_those_of_trino() {
        for (start, length, expected) in [
            (1, 2, "zä"),
            (2, i128::MAX, "ähl€"),
            (5, 9, "€"),
            (6, 1, ""),
            (0, 3, ""),
            (-1, 3, "€"),
            (-5, 1, "z"),
            (-6, 3, ""),
            (3, 0, ""),
            (3, -1, ""),
            (i128::MAX, 1, ""),
            (i128::MIN, 1, ""),
        ] {
            assert_eq!(part("zähl€", start, length), expected, "{start} {length}");
        }
    }
}
