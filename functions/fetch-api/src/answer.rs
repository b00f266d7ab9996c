//! An answer's text to records as they stand in it, and to what it says of the next page. Pure.
//! It must not make a value of anything: numbers keep their digits, and nothing of an answer reaches an error.

use std::collections::BTreeMap;

use lakegate_contract::JsonPointer;
use serde_json::value::RawValue;

/// The text of an answer that is JSON.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    whole: &'a RawValue,
}

/// What stands where something else should: its kind, nothing more.
pub(crate) type Found = &'static str;

/// What the end of a list of pages looks like, or the next one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing, null, false or an empty text.
    End,
    /// A text, or a number's digits.
    Of(String),
}

impl<'a> Answer<'a> {
    /// Reads an answer; the error says where it is none.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|error| format!("byte {} is no UTF-8", error.valid_up_to()))?;
        // Some servers begin with a byte order mark (RFC 8259, section 8.1: it may be ignored).
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match serde_json::from_str::<&RawValue>(text) {
            Ok(whole) => Ok(Self { whole }),
            // The reader's own words may quote what stands there.
            Err(error) => Err(format!("it breaks at line {}, column {}", error.line(), error.column())),
        }
    }

    /// The records of a list, each as it stands there.
    pub(crate) fn records(&self, place: &JsonPointer) -> Result<Vec<&'a RawValue>, Found> {
        let list = at(self.whole, place).ok_or("nothing")?;
        match kind(list) {
            "a list" => serde_json::from_str(list.get()).map_err(|_error| "a list that cannot be read"),
            other => Err(other),
        }
    }

    /// What asks for the next page. What it stands in must be there, so that a changed answer is not taken for the last page.
    pub(crate) fn next(&self, place: &JsonPointer) -> Result<Next, Found> {
        let Some(value) = at(self.whole, place) else {
            let (last, outer) = place.tokens().split_last().ok_or("nothing")?;
            let outer = outer.iter().try_fold(self.whole, |value, token| step(value, token)).ok_or("nothing")?;
            return if kind(outer) == "an object" || last.is_empty() { Ok(Next::End) } else { Err(kind(outer)) };
        };
        match kind(value) {
            "null" => Ok(Next::End),
            "true or false" if value.get() == "false" => Ok(Next::End),
            "a number" | "a text" => match text(value) {
                Some(text) if !text.is_empty() => Ok(Next::Of(text)),
                Some(_) | None => Ok(Next::End),
            },
            other => Err(other),
        }
    }
}

/// What stands at a place; `None` where there is no such place.
pub(crate) fn at<'a>(value: &'a RawValue, place: &JsonPointer) -> Option<&'a RawValue> {
    place.tokens().iter().try_fold(value, |value, token| step(value, token))
}

fn step<'a>(value: &'a RawValue, token: &str) -> Option<&'a RawValue> {
    match kind(value) {
        // Of equal keys the last one holds, as in the engine's reader.
        "an object" => serde_json::from_str::<BTreeMap<String, &RawValue>>(value.get()).ok()?.remove(token),
        "a list" => {
            serde_json::from_str::<Vec<&RawValue>>(value.get()).ok()?.get(token.parse::<usize>().ok()?).copied()
        }
        _ => None,
    }
}

/// A text's characters, or a number's digits.
pub(crate) fn text(value: &RawValue) -> Option<String> {
    match kind(value) {
        "a text" => serde_json::from_str(value.get()).ok(),
        "a number" => Some(value.get().to_owned()),
        _ => None,
    }
}

fn kind(value: &RawValue) -> Found {
    match value.get().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b'n') => "null",
        Some(b't' | b'f') => "true or false",
        Some(_) => "a number",
        None => "nothing",
    }
}

/// Adds a record as one line. In JSON line breaks stand between values only, where a space says the same.
pub(crate) fn add_line(lines: &mut Vec<u8>, record: &RawValue) {
    let text = record.get().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte });
    lines.extend(text);
    lines.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(text: &str) -> JsonPointer {
        JsonPointer::parse(text).unwrap()
    }

    fn lines(body: &str, place: &str) -> Result<String, Found> {
        let mut lines = Vec::new();
        for record in Answer::parse(body.as_bytes()).unwrap().records(&pointer(place))? {
            add_line(&mut lines, record);
        }
        Ok(String::from_utf8(lines).unwrap())
    }

    #[test]
    fn records_are_written_as_they_came() {
        let body = "\u{feff}{\"data\": {\"a/b\": [\n {\"n\": 1.10, \"big\": 12345678901234567890123,\r\n \"t\": \"\\u00e9\\n\", \"n\": 2e400},\n 7 ]}}";
        let expected = "{\"n\": 1.10, \"big\": 12345678901234567890123,   \"t\": \"\\u00e9\\n\", \"n\": 2e400}\n7\n";
        assert_eq!(lines(body, "/data/a~1b").unwrap(), expected);
        assert_eq!(lines("[[{}], []]", "/0").unwrap(), "{}\n");
        assert_eq!(lines("[]", "").unwrap(), "");
    }

    #[test]
    fn a_missing_or_other_place_is_told_by_its_kind_alone() {
        for (body, place, found) in [
            ("{\"error\": \"s3cret\"}", "/data", "nothing"),
            ("{\"data\": null}", "/data", "null"),
            ("{\"data\": {\"items\": []}}", "/data", "an object"),
            ("{\"data\": \"s3cret\"}", "/data", "a text"),
            ("\"s3cret\"", "", "a text"),
            ("[1]", "/1", "nothing"),
            ("[1]", "/x", "nothing"),
            ("true", "", "true or false"),
        ] {
            assert_eq!(lines(body, place), Err(found), "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_by_its_place_alone() {
        let said = |body: &[u8]| Answer::parse(body).unwrap_err();
        assert_eq!(said(b"<html>s3cret</html>"), "it breaks at line 1, column 1");
        assert_eq!(said(b"{\"a\": [1, 2"), "it breaks at line 1, column 11");
        assert_eq!(said(b"[] s3cret"), "it breaks at line 1, column 4");
        assert_eq!(said(b""), "it breaks at line 1, column 0");
        assert_eq!(said(b"\"\xff\""), "byte 1 is no UTF-8");
    }

    #[test]
    fn the_next_page_is_a_text_or_a_number_and_its_absence_the_end() {
        let next = |body: &str, place: &str| Answer::parse(body.as_bytes()).unwrap().next(&pointer(place));
        assert_eq!(next("{\"next\": \"a\\u0062\"}", "/next"), Ok(Next::Of("ab".to_owned())));
        assert_eq!(next("{\"meta\": {\"next\": 42}}", "/meta/next"), Ok(Next::Of("42".to_owned())));
        for end in ["{}", "{\"next\": null}", "{\"next\": \"\"}", "{\"next\": false}"] {
            assert_eq!(next(end, "/next"), Ok(Next::End), "{end}");
        }
        assert_eq!(next("{\"data\": []}", "/meta/next"), Err("nothing"), "the answer has changed");
        assert_eq!(next("[]", "/next"), Err("a list"));
        assert_eq!(next("{\"next\": {}}", "/next"), Err("an object"));
        assert_eq!(next("{\"next\": true}", "/next"), Err("true or false"));
    }

    #[test]
    fn deep_nesting_is_no_overflow() {
        let deep = format!("[{}{}]", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(lines(&deep, "").unwrap().len(), 400_001);
    }
}
