//! How a server's files are written in detail: its custom properties of vendor `lakegate`.
//! It does not know where the files arrive.

use super::node::{Findings, Node};
use crate::value::NumberFormat;
use crate::{CsvDialect, Format, Packing, Quoting};

/// Properties of files of either format.
const COMMON: &str = "compression, decimalSeparator, integralFractions, maxRecordBytes or thousandsSeparator";
/// Properties of CSV files only.
const CSV_ONLY: [&str; 9] =
    ["comment", "delimiter", "escape", "header", "nullValues", "quote", "quoting", "skipLines", "trim"];
/// A record is held in memory whole.
const MAX_RECORD_BYTES_LIMIT: usize = 64 * 1024 * 1024;
const SKIP_LINES_LIMIT: u64 = CsvDialect::SKIP_LINES_LIMIT;

/// What a server's custom properties say.
pub(super) struct Dialect {
    pub(super) format: Format,
    pub(super) packing: Packing,
    pub(super) numbers: NumberFormat,
}

/// Reads the custom properties over the defaults of `format`. Without a format, which is a problem of its own, nothing is read:
/// which properties are right hangs on it.
pub(super) fn dialect(server: &Node<'_>, format: Option<Format>, findings: &mut Findings) -> Option<Dialect> {
    let properties = server.lakegate_properties(findings);
    let mut dialect = Dialect { format: format?, packing: Packing::ByContent, numbers: NumberFormat::default() };
    for (name, value) in &properties {
        if !common_property(name, value, &mut dialect, findings) {
            format_property(name, value, &mut dialect.format, findings);
        }
    }
    numbers_are_unambiguous(server, dialect.numbers, findings);
    if let Format::Csv(csv) = &dialect.format {
        bytes_are_distinct(server, csv, findings);
        bytes_leave_numbers_alone(server, csv, dialect.numbers, findings);
    }
    Some(dialect)
}

/// Whether the property is one of both formats; it is read then.
fn common_property(name: &str, value: &Node<'_>, dialect: &mut Dialect, findings: &mut Findings) -> bool {
    let numbers = &mut dialect.numbers;
    match name {
        "compression" => {
            let packings = [
                ("auto", Packing::ByContent),
                ("none", Packing::None),
                ("gzip", Packing::Gzip),
                ("zstd", Packing::Zstd),
            ];
            set(&mut dialect.packing, value.choice(&packings, findings));
        }
        "decimalSeparator" => {
            set(&mut numbers.decimal_separator, value.choice(&[(".", b'.'), (",", b',')], findings));
        }
        "thousandsSeparator" => {
            let separator = value.value.as_str().map(str::as_bytes);
            match separator {
                Some(&[byte @ (b',' | b'.' | b'\'' | b' ' | b'_')]) => numbers.thousands_separator = Some(byte),
                Some(_) | None => value.refuse("one of , . ' _ and a space", findings),
            }
        }
        "integralFractions" => set(&mut numbers.integral_fractions, value.boolean(findings)),
        "maxRecordBytes" => {
            let bytes = value.value.as_u64().and_then(|bytes| usize::try_from(bytes).ok());
            match (bytes.filter(|bytes| (1..=MAX_RECORD_BYTES_LIMIT).contains(bytes)), &mut dialect.format) {
                (Some(bytes), Format::Csv(csv)) => csv.max_record_bytes = bytes,
                (Some(bytes), Format::Json(json)) => json.max_record_bytes = bytes,
                (None, _) => value.refuse(format!("a number of bytes from 1 to {MAX_RECORD_BYTES_LIMIT}"), findings),
            }
        }
        _ => return false,
    }
    true
}

fn format_property(name: &str, value: &Node<'_>, format: &mut Format, findings: &mut Findings) {
    match format {
        Format::Csv(csv) => {
            if csv_property(name, value, csv, findings) {
                return;
            }
            let expected = format!("{}, {COMMON}", CSV_ONLY.join(", "));
            value.refuse_property(name, &expected, findings);
        }
        Format::Json(_) if CSV_ONLY.contains(&name) => {
            findings.problem(&value.path, format!("the property {name}, which is one of CSV files"), COMMON);
        }
        Format::Json(_) => value.refuse_property(name, COMMON, findings),
    }
}

/// Whether the property is one of [`CSV_ONLY`]; it is read then.
fn csv_property(name: &str, value: &Node<'_>, csv: &mut CsvDialect, findings: &mut Findings) -> bool {
    match name {
        "comment" => csv.comment = byte(value, findings),
        "delimiter" => set(&mut csv.delimiter, byte(value, findings)),
        "escape" => csv.escape = byte(value, findings),
        "header" => set(&mut csv.header, value.boolean(findings)),
        "nullValues" => set(&mut csv.null_values, null_values(value, findings)),
        "quote" => set(&mut csv.quote, byte(value, findings)),
        "quoting" => {
            let quotings = [("strict", Quoting::Strict), ("lenient", Quoting::Lenient)];
            set(&mut csv.quoting, value.choice(&quotings, findings));
        }
        "skipLines" => match value.value.as_u64().filter(|lines| *lines <= SKIP_LINES_LIMIT) {
            Some(lines) => csv.skip_lines = lines,
            None => value.refuse(format!("a number of lines from 0 to {SKIP_LINES_LIMIT}"), findings),
        },
        "trim" => set(&mut csv.trim, value.boolean(findings)),
        _ => return false,
    }
    true
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn byte(node: &Node<'_>, findings: &mut Findings) -> Option<u8> {
    match node.value.as_str().map(str::as_bytes) {
        Some(&[byte]) if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'\n' | b'\r' | 0) => {
            Some(byte)
        }
        Some(_) | None => {
            node.refuse("one ASCII character that is no letter, digit or line break", findings);
            None
        }
    }
}

fn null_values(node: &Node<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let items = node.items("a list of texts that mean null", findings)?;
    let expected = "a text that means null; in quotes where YAML reads it as something else (\"null\", \"0\")";
    Some(items.iter().filter_map(|item| item.text(expected, findings)).collect())
}

fn numbers_are_unambiguous(server: &Node<'_>, numbers: NumberFormat, findings: &mut Findings) {
    if numbers.thousands_separator == Some(numbers.decimal_separator) {
        findings.problem(
            &server.child("customProperties"),
            "the same character for decimalSeparator and thousandsSeparator",
            "two different ones",
        );
    }
}

fn bytes_are_distinct(server: &Node<'_>, csv: &CsvDialect, findings: &mut Findings) {
    let used = [
        ("delimiter", Some(csv.delimiter)),
        ("quote", Some(csv.quote)),
        ("escape", csv.escape),
        ("comment", csv.comment),
    ];
    let mut seen: Vec<(&str, u8)> = Vec::new();
    for (name, byte) in used.into_iter().filter_map(|(name, byte)| Some((name, byte?))) {
        if let Some((other, _)) = seen.iter().find(|(_, known)| *known == byte) {
            let expected = match (*other, name) {
                // What others call an escape of `"` is the doubling that RFC 4180 has.
                ("quote", "escape") => "two different ones; leave escape out where quotes are doubled",
                _ => "two different ones",
            };
            let found = format!("the same character for {other} and {name}");
            findings.problem(&server.child("customProperties"), found, expected);
        }
        seen.push((name, byte));
    }
}

/// A quote or an escape out of which numbers are made would change values, a comment of these would lose lines. A delimiter only
/// makes numbers need quotes.
fn bytes_leave_numbers_alone(server: &Node<'_>, csv: &CsvDialect, numbers: NumberFormat, findings: &mut Findings) {
    let is_of_numbers = |byte: u8| {
        matches!(byte, b'+' | b'-' | b'.')
            || byte == numbers.decimal_separator
            || Some(byte) == numbers.thousands_separator
    };
    let used = [("quote", Some(csv.quote)), ("escape", csv.escape), ("comment", csv.comment)];
    for (name, byte) in used {
        if byte.is_some_and(is_of_numbers) {
            let found = format!("a character of numbers for {name}");
            findings.problem(&server.child("customProperties"), found, "another one");
        }
    }
    if csv.delimiter == numbers.decimal_separator {
        let text = "decimalSeparator is the delimiter as well: numbers with a fraction must stand in quotes";
        let server = Node { path: server.child("customProperties"), ..server.clone() };
        server.note(text, findings);
    }
}
