//! What a file has and its contract leaves out, as texts, so that rows which differ there only are not taken for duplicates.
//! It does not know what is done with the texts.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder};
use lakegate_contract::{ColumnSource, ColumnType, Contract, ExactDuplicates, Parts, UnknownColumns};

use crate::parse::Rows;
use crate::records::{Escaping, Form};

/// One array per field that no column has, one text per candidate row; none where exact duplicates are kept. Keys of JSON that are left
/// out are not taken apart: there the one array has the records as they stand.
pub(crate) fn columns(contract: &Contract, rows: &Rows<'_>) -> Vec<ArrayRef> {
    let batch = rows.batch;
    if contract.policy.exact_duplicates != ExactDuplicates::Drop || !leaves_out(contract) {
        return Vec::new();
    }
    if batch.escaping == Escaping::Json || contract.columns.iter().any(|column| has_object(&column.column_type)) {
        return vec![texts(rows, |record, text| text.extend_from_slice(batch.raw(record)))];
    }
    let mut is_left_out = vec![true; batch.map.field_count];
    let rescued = batch.map.rescued.iter().map(|(field, _)| *field);
    for field in batch.map.field_of_column.iter().flatten().copied().chain(rescued) {
        if let Some(is_left_out) = is_left_out.get_mut(field) {
            *is_left_out = false;
        }
    }
    let left_out = is_left_out.iter().enumerate().filter(|(_, is_left_out)| **is_left_out);
    let mut scratch = Vec::new();
    let array = |(field, _)| {
        texts(rows, |record, text| {
            let Some(field) = batch.fields(record).get(field) else { return };
            // No text is the same as a null.
            let value = batch.text(field, &mut scratch);
            if field.form() != Form::Plain || !rows.style.nulls.contains(value) {
                text.push(b'=');
                text.extend_from_slice(value);
            }
        })
    };
    left_out.map(array).collect()
}

/// Whether what the contract does not know is neither kept nor rejected.
fn leaves_out(contract: &Contract) -> bool {
    match contract.policy.unknown_columns {
        UnknownColumns::Reject => false,
        UnknownColumns::Ignore => true,
        UnknownColumns::Rescue => !contract.columns.iter().any(|column| matches!(column.source, ColumnSource::Rescued)),
    }
}

fn has_object(column_type: &ColumnType) -> bool {
    match column_type.parts() {
        Parts::Fields(_) => true,
        Parts::Item(item) => has_object(&item.column_type),
        Parts::None => false,
    }
}

fn texts(rows: &Rows<'_>, mut write: impl FnMut(&crate::records::Record, &mut Vec<u8>)) -> ArrayRef {
    let (mut array, mut text) = (StringBuilder::new(), Vec::new());
    for record in rows.candidates {
        text.clear();
        write(record, &mut text);
        // Candidate rows are valid in their encoding.
        array.append_option(std::str::from_utf8(&text).ok());
    }
    Arc::new(array.finish())
}
