//! Which field of a record belongs to which column: by the header's names, or by position.
//! It does not know records beyond the header.

use std::collections::BTreeSet;

use lakegate_contract::{Column, ColumnSource, Contract, UnknownColumns};

use super::hints;
use crate::names::{Found, Names};
use crate::records::FieldMap;
use crate::{FileError, FileErrorKind};

/// How many unknown header names a message lists.
const NAMES_SHOWN: usize = 8;
/// A rescued field's name stands in every row's object: a longer one is no name.
const RESCUED_NAME_BYTES_MAX: usize = 1024;

/// Without a header: the columns that are in the file, in the contract's order. Nothing is rescued: a record with more fields is
/// rejected, because nobody named them.
pub(crate) fn by_position(contract: &Contract) -> FieldMap {
    let mut next = 0;
    let position = |column: &Column| {
        if !column.is_in_file() {
            return None;
        }
        next += 1;
        Some(next - 1)
    };
    let field_of_column = contract.columns.iter().map(position).collect();
    FieldMap { field_of_column, field_count: next, rescued: Vec::new() }
}

/// By the header's names: exactly, else in another case of letters. A missing optional column reads as null.
///
/// # Errors
/// A name twice, a name that two columns have in other cases of letters, a required column missing, or an unknown name where the
/// contract rejects these. The message names header fields only where the line is a header at all: a first line of data must not
/// reach an alert.
pub(crate) fn by_name(contract: &Contract, names: &[String], line: u64) -> Result<FieldMap, FileError> {
    let error = |message: String| FileError { kind: FileErrorKind::HeaderMismatch, message, line: Some(line) };
    let mut field_of_column = vec![None; contract.columns.len()];
    let mut unknown = Vec::new();
    let in_file: Vec<(usize, &str)> = contract
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.is_in_file())
        .map(|(index, column)| (index, column.name.as_str()))
        .collect();
    let known = Names::new(in_file.iter().map(|(_, name)| *name));
    for (field, name) in names.iter().enumerate() {
        let found = match known.find(name) {
            Found::Column(found) => in_file.get(found),
            Found::Ambiguous(one, other) => return Err(error(ambiguous_message(&in_file, one, other))),
            Found::Nothing => None,
        };
        let found = found.and_then(|(column, _)| Some((*column, field_of_column.get_mut(*column)?)));
        let Some((column, place)) = found else {
            unknown.push((field, name.as_str()));
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
    if !is_header {
        return Err(hints::no_header(contract, names, line));
    }
    if !missing.is_empty() {
        return Err(error(missing_message(&missing, &unknown)));
    }
    let rescued = match contract.policy.unknown_columns {
        UnknownColumns::Reject if !unknown.is_empty() => {
            return Err(error(format!("the header has columns that the contract does not know: {}", list(&unknown))));
        }
        UnknownColumns::Reject | UnknownColumns::Ignore => Vec::new(),
        UnknownColumns::Rescue => rescued(contract, &unknown).map_err(error)?,
    };
    Ok(FieldMap { field_of_column, field_count: names.len(), rescued })
}

/// Unknown fields and the names under which they are kept, where the contract has a column for them.
fn rescued(contract: &Contract, unknown: &[(usize, &str)]) -> Result<Vec<(usize, String)>, String> {
    let mut known = BTreeSet::new();
    let mut rescued = Vec::new();
    for (field, name) in unknown {
        // A field without a name is known by its place, from 1.
        let name = if name.is_empty() { format!("column_{}", field + 1) } else { (*name).to_owned() };
        if name.len() > RESCUED_NAME_BYTES_MAX {
            let shown = shorten(&name);
            return Err(format!("the unknown column {shown:?} has a name of more than {RESCUED_NAME_BYTES_MAX} bytes"));
        }
        if !known.insert(name.clone()) {
            return Err(format!("the header names the unknown column {:?} twice", shorten(&name)));
        }
        rescued.push((*field, name));
    }
    let has_place = contract.columns.iter().any(|column| matches!(column.source, ColumnSource::Rescued));
    Ok(if has_place { rescued } else { Vec::new() })
}

fn ambiguous_message(columns: &[(usize, &str)], one: usize, other: usize) -> String {
    let name = |place: usize| columns.get(place).map_or("", |(_, name)| *name);
    let (one, other) = (name(one), name(other));
    format!("the header names a column that may be {one} or {other}, which differ only in case of letters")
}

fn missing_message(missing: &[&str], unknown: &[(usize, &str)]) -> String {
    let missing: Vec<(usize, &str)> = missing.iter().copied().enumerate().collect();
    let missing = format!("the header lacks required columns: {}", list(&missing));
    if unknown.is_empty() { missing } else { format!("{missing}; it has unknown ones: {}", list(unknown)) }
}

/// Names, each with its field's place from 0.
fn list(names: &[(usize, &str)]) -> String {
    let show = |(field, name): &(usize, &str)| match *name {
        "" => format!("field {} without a name", field + 1),
        name => format!("{:?}", shorten(name)),
    };
    let shown = names.iter().take(NAMES_SHOWN).map(show).collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_SHOWN { format!("{shown} and {} more", names.len() - NAMES_SHOWN) } else { shown }
}

/// A file of one endless line must not fill an alert.
fn shorten(name: &str) -> &str {
    name.char_indices().nth(60).and_then(|(end, _)| name.get(..end)).unwrap_or(name)
}
