//! What other readers make of the same bytes, where they mean the same.

use std::collections::BTreeSet;

use lakegate_contract::{Contract, CsvDialect, Format, JsonFraming, Quoting};
use serde::de::IgnoredAny;

use crate::{Outcome, Rejected};

/// Compares the number of records, and of what was accepted the texts, with what the `csv` crate reads.
///
/// # Panics
/// They are not the same.
pub fn agrees_with_csv_crate(
    contract: &Contract,
    bytes: &[u8],
    outcome: &Outcome,
    rejected: &[Rejected],
    rows: Option<&Vec<Vec<Option<String>>>>,
) {
    let Format::Csv(dialect) = &contract.landing.format else { return };
    if !means_the_same(dialect, bytes) || rejected.iter().any(|row| row.rules.iter().any(|rule| is_of_reading(rule))) {
        return;
    }
    let Some(rows) = rows else { return };
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(dialect.delimiter).quote(dialect.quote);
    let mut records = Vec::new();
    for record in builder.comment(dialect.comment).from_reader(bytes).byte_records() {
        records.push(record.unwrap());
    }
    let header = if dialect.header && !records.is_empty() { Some(records.remove(0)) } else { None };
    assert_eq!(outcome.judgement.counts.read, records.len() as u64);
    let column = header.map_or(Some(0), |header| header.iter().position(|name| name == b"t"));
    let Some(column) = column else { return };
    // The rows of a table with partitions stand in another order, and a duplicate does not say which row it was.
    if !contract.partition_columns.is_empty() || outcome.judgement.counts.duplicate > 0 {
        return;
    }
    let rejected: BTreeSet<usize> = rejected.iter().map(|row| row.row_number).collect();
    let accepted = records.iter().enumerate().filter(|(index, _)| !rejected.contains(&(index + 1)));
    let theirs: Vec<_> = accepted.map(|(_, record)| std::str::from_utf8(&record[column]).unwrap()).collect();
    let ours: Vec<_> = rows.iter().map(|row| row[0].as_deref().unwrap_or_default()).collect();
    assert_eq!(ours, theirs);
}

/// The crate takes every stray quote, ends records at every carriage return, and knows neither limits nor escapes outside quotes.
fn means_the_same(dialect: &CsvDialect, bytes: &[u8]) -> bool {
    let has_lone_return = bytes
        .iter()
        .enumerate()
        .any(|(at, byte)| *byte == b'\r' && (bytes.get(at + 1) != Some(&b'\n') || at > 0 && bytes[at - 1] == b'\r'));
    dialect.quoting == Quoting::Strict
        && dialect.escape.is_none()
        && !dialect.trim
        && dialect.skip_lines == 0
        && bytes.len() <= dialect.max_record_bytes
        && bytes.first() != Some(&0xEF)
        && !has_lone_return
}

fn is_of_reading(rule: &str) -> bool {
    matches!(rule, "quote" | "encoding" | "too_long")
}

/// Compares, line by line, what is a JSON object with what serde_json says.
///
/// # Panics
/// A line is rejected for its `syntax` that serde_json reads as an object, or is not rejected although serde_json does not.
pub fn agrees_with_serde_json(contract: &Contract, bytes: &[u8], outcome: &Outcome, rejected: &[Rejected]) {
    let Format::Json(dialect) = &contract.landing.format else { return };
    let is_alike = dialect.framing == JsonFraming::Lines && bytes.len() <= dialect.max_record_bytes;
    // serde_json has another limit of nesting, and knows no record separators.
    let is_alike = is_alike && !bytes.contains(&0x1E) && bytes.iter().filter(|byte| b"[{".contains(byte)).count() < 60;
    if !is_alike || outcome.judgement.file_error.is_some() {
        return;
    }
    let told = |is_told: fn(&str) -> bool| -> BTreeSet<i64> {
        let with_syntax = rejected.iter().filter(|row| row.rules.iter().any(|rule| rule == "syntax"));
        with_syntax.filter(|row| row.messages.iter().any(|message| is_told(message))).map(|row| row.line).collect()
    };
    let bad = told(|_| true);
    // serde_json does not mind a key that stands twice.
    let twice = told(|message| message.contains("twice"));
    let mut records = 0;
    for (line, text) in bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).split(|byte| *byte == b'\n').enumerate() {
        if text.iter().all(|byte| b" \t\r".contains(byte)) {
            continue;
        }
        records += 1;
        let Ok(text) = std::str::from_utf8(text) else { continue };
        let is_object = text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok();
        let line = i64::try_from(line).unwrap() + 1;
        assert!(twice.contains(&line) || bad.contains(&line) != is_object, "line {line}: {text:?}");
    }
    assert_eq!(outcome.judgement.counts.read, records);
}
