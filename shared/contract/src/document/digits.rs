//! Numbers of a document with all the digits that stand there: its readers make binary floating point of them, which keeps 15.
//! It does not know contracts, beyond the keys under which values of columns stand.

use serde_json::Value;
use serde_saphyr::Spanned;

use super::tree::{self, Tree};

/// Decimal digits that binary64 always keeps.
pub(super) const DOUBLE_DIGITS: usize = 15;
/// From here on fewer than one digit behind the point is kept: 10^15.
const DOUBLE_EXACT_BELOW: f64 = 1e15;
/// Where numbers are values of a column, and read as its cells are: from text as well.
const VALUE_KEYS: [&str; 3] = ["enum", "logicalTypeOptions", "validValues"];
/// Where numbers stand for texts of the file.
const TEXT_KEY: &str = "missingValues";

/// Where values of columns stand, puts the text of numbers that have lost digits, or may have, in their place; where texts of the file
/// stand, that of all numbers, `true` and `false`. `value` is what the document was read as.
pub(super) fn restore(document: &str, value: &mut Value) {
    if !is_wanted(value, Place::Elsewhere) {
        return;
    }
    // What cannot be read so keeps its numbers, of which the longer ones are refused later on.
    if let Some(tree) = tree::read(document) {
        restore_in(value, &tree, document, Place::Elsewhere);
    }
}

/// Whether there may be anything to restore.
fn is_wanted(value: &Value, place: Place) -> bool {
    match value {
        Value::Number(number) => place == Place::Text || place == Place::Value && number.is_f64(),
        Value::Bool(_) => place == Place::Text,
        Value::Array(items) => items.iter().any(|item| is_wanted(item, place)),
        Value::Object(object) => object.iter().any(|(key, value)| is_wanted(value, place.under(key))),
        Value::Null | Value::String(_) => false,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where a number is nothing else.
    Elsewhere,
    Value,
    Text,
}

impl Place {
    fn under(self, key: &str) -> Self {
        match self {
            Self::Elsewhere if VALUE_KEYS.contains(&key) => Self::Value,
            Self::Elsewhere if key == TEXT_KEY => Self::Text,
            Self::Elsewhere | Self::Value | Self::Text => self,
        }
    }
}

fn restore_in(value: &mut Value, tree: &Spanned<Tree>, document: &str, place: Place) {
    match &tree.value {
        Tree::Plain => {
            let text = match place {
                Place::Elsewhere => None,
                Place::Value => number(tree, value, document),
                Place::Text => text(tree, document),
            };
            if let (Some(text), Value::Number(_) | Value::Bool(_)) = (text, &*value) {
                *value = Value::String(text.to_owned());
            }
        }
        Tree::List(trees) => {
            for (value, tree) in value.as_array_mut().into_iter().flatten().zip(trees) {
                restore_in(value, tree, document, place);
            }
        }
        Tree::Object(members) => {
            for (key, tree) in members {
                if let Some(value) = value.get_mut(key) {
                    restore_in(value, tree, document, place.under(key));
                }
            }
        }
        Tree::Other => {}
    }
}

/// The number as it stands in the document, if it has more digits there than were read.
fn number<'d>(tree: &Spanned<Tree>, read: &Value, document: &'d str) -> Option<&'d str> {
    let double = read.as_f64().filter(|_| read.is_f64())?;
    let text = text(tree, document)?;
    // Any other notation (a tag, quotes) is left to the reader.
    let is_decimal = text.parse::<f64>().is_ok_and(|parsed| parsed.total_cmp(&double).is_eq());
    let is_long = may_have_lost_digits(double) || significant_digits(text) > DOUBLE_DIGITS;
    (is_decimal && is_long).then(|| text.trim_start_matches('+'))
}

/// What stands in the document.
fn text<'d>(tree: &Spanned<Tree>, document: &'d str) -> Option<&'d str> {
    let span = tree.defined.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let end = start.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
    document.get(start..end).map(str::trim)
}

/// Whether a number may have had more digits than the binary floating point that it was read as keeps.
pub(super) fn may_have_lost_digits(double: f64) -> bool {
    significant_digits(&format!("{:e}", double.abs())) > DOUBLE_DIGITS || double.abs() >= DOUBLE_EXACT_BELOW
}

/// Digits from the first to the last that is no zero, before the exponent.
fn significant_digits(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let is_digit = |digit: &u8| *digit != b'0';
    let first = digits.iter().position(is_digit);
    let last = digits.iter().rposition(is_digit);
    first.zip(last).map_or(0, |(first, last)| last - first + 1)
}
