//! The values of fields that do not stand in the text as they are: trimmed ones, and quoted or escaped ones.
//! It does not know records.

use lakegate_contract::CsvDialect;
use memchr::{memchr, memchr2};

use super::splitter::is_space;
use crate::records::{Field, Form};

/// What is left to do with fields when their places are known; only dialects that ask for it have it.
#[derive(Debug)]
pub(crate) struct FieldFinish {
    quote: u8,
    escape: Option<u8>,
    trim: bool,
    /// Texts that mean null as they stand, with their escapes: `\N`.
    escaped_nulls: Vec<Vec<u8>>,
}

impl FieldFinish {
    pub(crate) fn new(dialect: &CsvDialect, escape: Option<u8>) -> Option<Self> {
        let has_escape = |text: &&String| escape.is_some_and(|escape| text.as_bytes().contains(&escape));
        let nulls = dialect.null_values.iter().filter(has_escape);
        let escaped_nulls: Vec<Vec<u8>> = nulls.map(|text| text.clone().into_bytes()).collect();
        let is_needed = dialect.trim || !escaped_nulls.is_empty();
        is_needed.then_some(Self { quote: dialect.quote, escape, trim: dialect.trim, escaped_nulls })
    }

    /// Trims fields that stood without quotes, and leaves those their escapes that mean null with them.
    pub(super) fn finish(&self, bytes: &[u8], fields: &mut [Field]) {
        for field in fields {
            *field = self.finished(bytes, *field);
        }
    }

    /// The same of one field.
    #[inline]
    pub(crate) fn finished(&self, bytes: &[u8], field: Field) -> Field {
        let text = bytes.get(field.start()..field.end()).unwrap_or_default();
        let is_quoted = match field.form() {
            Form::Plain => false,
            // A CSV file has no fields of JSON's forms; they would be left as they are.
            Form::Quoted | Form::Null | Form::Bare | Form::Scientific | Form::Nested | Form::Aside => true,
            Form::Escaped => text.first() == Some(&self.quote),
        };
        if is_quoted {
            return field;
        }
        let (start, end) = if self.trim { self.trimmed(text) } else { (0, text.len()) };
        let is_null = self.escaped_nulls.iter().any(|null| text.get(start..end) == Some(null.as_slice()));
        let form = if is_null { Form::Plain } else { field.form() };
        Field::new(field.start() + start, field.start() + end, form)
    }

    /// The places in `text` between the spaces around it. An escaped space is no space.
    fn trimmed(&self, text: &[u8]) -> (usize, usize) {
        let start = text.iter().take_while(|byte| is_space(**byte)).count();
        let rest = text.get(start..).unwrap_or_default();
        let mut end = rest.len() - rest.iter().rev().take_while(|byte| is_space(**byte)).count();
        if let Some(escape) = self.escape {
            let escapes = rest.get(..end).unwrap_or_default().iter().rev().take_while(|byte| **byte == escape).count();
            end += usize::from(escapes % 2 == 1 && end < rest.len());
        }
        (start, start + end)
    }
}

/// The value of a [`Form::Escaped`] field: quotes around it dropped, doubled ones made single, escapes dropped and what is behind
/// them kept, text behind the closing quote kept.
pub(crate) fn unescape(raw: &[u8], quote: u8, escape: Option<u8>, value: &mut Vec<u8>) {
    value.clear();
    let mut in_quotes = raw.first() == Some(&quote);
    let mut rest = raw.get(usize::from(in_quotes)..).unwrap_or_default();
    let find = |text: &[u8]| escape.map_or_else(|| memchr(quote, text), |escape| memchr2(quote, escape, text));
    while let Some(found) = find(rest) {
        let (head, tail) = rest.split_at(found);
        value.extend_from_slice(head);
        rest = match tail {
            [first, next, after @ ..] if Some(*first) == escape || in_quotes && *next == quote => {
                value.push(*next);
                after
            }
            [_, after @ ..] if in_quotes => {
                in_quotes = false;
                after
            }
            // A stray quote, or an escape with nothing behind it.
            [first, after @ ..] => {
                value.push(*first);
                after
            }
            [] => return,
        };
    }
    value.extend_from_slice(rest);
}
