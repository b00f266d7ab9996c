//! Which field of a record belongs to which column: by the header's names, or by position.
//! It does not know records beyond the header.

use lakegate_contract::{Contract, UnknownColumns};

use crate::records::FieldMap;
use crate::{FileError, FileErrorKind};

/// How many unknown header names a message lists.
const NAMES_SHOWN: usize = 8;

/// Without a header: the columns that are not derived, in the contract's order.
pub(crate) fn by_position(contract: &Contract) -> FieldMap {
    let mut next = 0;
    let position = |column: &lakegate_contract::Column| {
        if !column.is_in_file() {
            return None;
        }
        next += 1;
        Some(next - 1)
    };
    let field_of_column = contract.columns.iter().map(position).collect();
    FieldMap { field_of_column, field_count: next }
}

/// By the header's names: exactly, else in another case of letters. A missing optional column reads as null.
///
/// # Errors
/// A name twice, a required column missing, or an unknown name where the contract rejects these. The message names header fields
/// only where the line is a header at all: a first line of data must not reach an alert.
pub(crate) fn by_name(contract: &Contract, names: &[String], line: u64) -> Result<FieldMap, FileError> {
    let error = |message: String| FileError { kind: FileErrorKind::HeaderMismatch, message, line: Some(line) };
    let mut field_of_column = vec![None; contract.columns.len()];
    let mut unknown = Vec::new();
    for (field, name) in names.iter().enumerate() {
        let Some((column, place)) =
            column_named(contract, name).and_then(|column| Some((column, field_of_column.get_mut(column)?)))
        else {
            unknown.push(name.as_str());
            continue;
        };
        if place.replace(field).is_some() {
            let name = contract.columns.get(column).map_or("", |column| column.name.as_str());
            return Err(error(format!("the header names column {name} twice")));
        }
    }
    let is_header = field_of_column.iter().any(Option::is_some);
    let missing = contract.columns.iter().zip(&field_of_column);
    let missing = missing.filter(|(column, field)| field.is_none() && column.required && column.is_in_file());
    let missing: Vec<&str> = missing.map(|(column, _)| column.name.as_str()).collect();
    if !missing.is_empty() || !is_header {
        return Err(error(missing_message(&missing, &unknown, is_header)));
    }
    if !unknown.is_empty() && contract.policy.unknown_columns == UnknownColumns::Reject {
        return Err(error(format!("the header has columns that the contract does not know: {}", list(&unknown))));
    }
    Ok(FieldMap { field_of_column, field_count: names.len() })
}

fn column_named(contract: &Contract, name: &str) -> Option<usize> {
    let in_file = || contract.columns.iter().enumerate().filter(|(_, column)| column.is_in_file());
    let exact = in_file().find(|(_, column)| column.name == name);
    let alike = || in_file().find(|(_, column)| column.name.eq_ignore_ascii_case(name));
    exact.or_else(alike).map(|(index, _)| index)
}

fn missing_message(missing: &[&str], unknown: &[&str], is_header: bool) -> String {
    if !is_header {
        return "the first line names no column of the contract: is the header missing, or the delimiter another one?"
            .to_owned();
    }
    let missing = format!("the header lacks required columns: {}", list(missing));
    if unknown.is_empty() { missing } else { format!("{missing}; it has unknown ones: {}", list(unknown)) }
}

fn list(names: &[&str]) -> String {
    let shown = names.iter().take(NAMES_SHOWN).map(|name| format!("{:?}", shorten(name)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_SHOWN { format!("{shown} and {} more", names.len() - NAMES_SHOWN) } else { shown }
}

/// A file of one endless line must not fill an alert.
fn shorten(name: &str) -> &str {
    name.char_indices().nth(60).and_then(|(end, _)| name.get(..end)).unwrap_or(name)
}
