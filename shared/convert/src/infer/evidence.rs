//! What is worth a word about a column's values beside their type.
//! It does not know formats.

use std::collections::BTreeSet;

use super::column::{Column, NULL_TEXTS, Unique};
use super::encoding::{Encoding, text};
use super::resolve::{counted, grouped};
use super::yaml::quoted;

/// From so many rows on, few different values are worth a word.
pub(super) const ENUM_ROWS_MIN: u64 = 100;
/// From so many rows on, values that all differ are worth a word.
const UNIQUE_ROWS_MIN: u64 = 10;

/// Whether values come twice; `values` of `rows` are there.
pub(super) fn uniqueness(unique: &Unique, values: u64, is_complete: bool) -> String {
    match unique {
        Unique::SoFar(_) if values >= UNIQUE_ROWS_MIN && is_complete => "; no value comes twice".to_owned(),
        Unique::Among(count) => format!("; no value comes twice among the first {}", grouped(*count as u64)),
        Unique::SoFar(_) | Unique::No => String::new(),
    }
}

/// `at most 12 characters`, counted as `maxLength` counts them.
pub(super) fn length(column: &Column, encoding: Encoding) -> String {
    let chars = match encoding {
        Encoding::Utf8 | Encoding::Utf16 => column.longest_chars,
        Encoding::Windows1252 | Encoding::Iso8859 => column.longest,
    };
    format!("at most {}", counted(chars as u64, "character"))
}

/// The few different values of a text column. `null_texts` are those of [`NULL_TEXTS`] that mean null without quotes.
pub(super) fn enumeration(column: &Column, null_texts: &BTreeSet<usize>, encoding: Encoding) -> Option<String> {
    let values = column.distinct.values()?;
    let texts = NULL_TEXTS.iter().zip(&column.null_texts).zip(&column.quoted_null_texts).enumerate();
    let texts = texts.map(|(index, ((text, plain), in_quotes))| {
        (text.as_bytes(), in_quotes + if null_texts.contains(&index) { 0 } else { *plain })
    });
    let empty: (&[u8], u64) = (&[], column.quoted_empty);
    let all = values.into_iter().chain(texts).chain([empty]).filter(|(_, rows)| *rows > 0);
    let all: Vec<(String, u64)> = all.map(|(value, rows)| (quoted(&text(value, encoding)), rows)).collect();
    if let [(always, _)] = all.as_slice() {
        return Some(format!("always {always}"));
    }
    let shown: Vec<String> = all.into_iter().map(|(value, rows)| format!("{value} ({})", grouped(rows))).collect();
    Some(format!("{}, an enum? {}", counted(shown.len() as u64, "different value"), shown.join(", ")))
}
