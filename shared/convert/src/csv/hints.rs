//! What would fit a first line that is no header of the contract: another delimiter, another encoding, another format.
//! It must not tell what stands in the line, which may be data.

use std::collections::BTreeSet;

use lakegate_contract::{Contract, Encoding, Format, Rule};

use crate::decode::fits_windows_1252;
use crate::names::{Found, Names};
use crate::{FileError, FileErrorKind};

/// Delimiters that files have.
const USUAL_DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// So many columns are hardly named by chance.
const COLUMNS_MIN: usize = 2;

/// Why a header with this fault, or with bytes that are no text, cannot be read.
pub(super) fn unreadable(contract: &Contract, fault: Option<Rule>, raw: &[u8], line: u64) -> FileError {
    let text = String::from_utf8_lossy(raw);
    let why = match fault {
        Some(Rule::Quote) if is_json(&text) => return json(line),
        Some(Rule::Quote) => {
            let fitting = other_delimiter(contract, &text).map(|(fitting, _)| fitting);
            let fitting = fitting.unwrap_or_else(|| "where spaces stand around quotes, trim: true".to_owned());
            format!("it has a stray quote, or one that is never closed; {fitting} would fit")
        }
        Some(Rule::TooLong) => "it is longer than maxRecordBytes".to_owned(),
        Some(_) | None => {
            let why = "it is not valid in the encoding that the contract gives (UTF-8 if none)";
            let fits = contract.landing.encoding == Encoding::Utf8 && fits_windows_1252(raw);
            format!("{why}{}", if fits { "; encoding: Windows-1252 would fit" } else { "" })
        }
    };
    let message = format!("the header is not readable: {why}");
    FileError { kind: FileErrorKind::HeaderMismatch, message, line: Some(line) }
}

/// What is wrong with a first line of these fields, of which none is a column.
pub(super) fn no_header(contract: &Contract, fields: &[String], line: u64) -> FileError {
    let Format::Csv(dialect) = &contract.landing.format else { return json(line) };
    let text = fields.join(&char::from(dialect.delimiter).to_string());
    if is_json(&text) {
        return json(line);
    }
    let message = match other_delimiter(contract, &text) {
        Some((fitting, columns)) => {
            format!(
                "the first line names no column of the contract; {fitting} would fit: it names {columns} of them then"
            )
        }
        None => "the first line names no column of the contract: is the header missing, or the delimiter another one?"
            .to_owned(),
    };
    FileError { kind: FileErrorKind::HeaderMismatch, message, line: Some(line) }
}

fn json(line: u64) -> FileError {
    let message = "the file is JSON by its first line, and the contract says CSV; format: json would fit".to_owned();
    FileError { kind: FileErrorKind::WrongFormat, message, line: Some(line) }
}

/// An object, or an array of objects, that begins on this line. A header may have names in brackets.
fn is_json(line: &str) -> bool {
    let line = line.trim();
    let object = line.strip_prefix('[').map_or(line, str::trim_start);
    line == "["
        || object
            .strip_prefix('{')
            .is_some_and(|rest| matches!(rest.trim_start().chars().next(), None | Some('"' | '}')))
}

/// The usual delimiter by which a line names most columns, as a contract has it, and how many.
fn other_delimiter(contract: &Contract, line: &str) -> Option<(String, usize)> {
    let Format::Csv(dialect) = &contract.landing.format else { return None };
    let in_file: Vec<&str> =
        contract.columns.iter().filter(|column| column.is_in_file()).map(|column| column.name.as_str()).collect();
    let known = Names::new(in_file.iter().copied());
    let quote = char::from(dialect.quote);
    let mut best: Option<(char, usize)> = None;
    for delimiter in USUAL_DELIMITERS.into_iter().filter(|delimiter| *delimiter != char::from(dialect.delimiter)) {
        let mut named = BTreeSet::new();
        for field in line.split(delimiter) {
            if let Found::Column(column) = known.find(field.trim().trim_matches(quote)) {
                named.insert(column);
            }
        }
        if named.len() >= COLUMNS_MIN.min(in_file.len()) && best.is_none_or(|(_, columns)| named.len() > columns) {
            best = Some((delimiter, named.len()));
        }
    }
    best.map(|(delimiter, columns)| (format!("delimiter: {:?}", delimiter.to_string()), columns))
}
