//! What a file has and its contract does not know, as one JSON object per row.
//! It does not know where unknown names come from.

use std::fmt::Write;

use arrow::array::{StringArray, StringBuilder};

use crate::parse::Rows;
use crate::records::Form;

/// Builds the column of JSON objects of unknown names and texts. Texts that mean null are left out; a row that has nothing else is
/// null.
pub(crate) fn column(rows: &Rows<'_>) -> StringArray {
    let batch = rows.batch;
    let names: Vec<(usize, String)> =
        batch.map.rescued.iter().map(|(field, name)| (*field, json_string(name))).collect();
    let (mut column, mut object, mut scratch) = (StringBuilder::new(), String::new(), Vec::new());
    for record in rows.candidates {
        object.clear();
        let fields = batch.fields(record);
        for (place, name) in &names {
            let Some(field) = fields.get(*place) else { continue };
            // Candidate rows are valid in their encoding.
            let Ok(text) = std::str::from_utf8(batch.text(field, &mut scratch)) else { continue };
            if field.form() == Form::Plain && rows.style.nulls.contains(text.as_bytes()) {
                continue;
            }
            object.push(if object.is_empty() { '{' } else { ',' });
            object.push_str(name);
            object.push(':');
            push_json_string(text, &mut object);
        }
        if object.is_empty() {
            column.append_null();
        } else {
            object.push('}');
            column.append_value(&object);
        }
    }
    column.finish()
}

fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    push_json_string(text, &mut json);
    json
}

/// Appends the text as a JSON string (RFC 8259): quotes, backslashes and control characters escaped, all else as it stands.
fn push_json_string(text: &str, json: &mut String) {
    json.push('"');
    let mut rest = text;
    while let Some(place) = rest.find(|char: char| char < ' ' || char == '"' || char == '\\') {
        let (head, tail) = rest.split_at(place);
        json.push_str(head);
        let mut chars = tail.chars();
        match chars.next() {
            Some(char @ ('"' | '\\')) => json.extend(['\\', char]),
            Some('\n') => json.push_str("\\n"),
            Some('\r') => json.push_str("\\r"),
            Some('\t') => json.push_str("\\t"),
            // Writing to a String cannot fail.
            Some(char) => _ = write!(json, "\\u{:04x}", u32::from(char)),
            None => {}
        }
        rest = chars.as_str();
    }
    json.push_str(rest);
    json.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::json_string;
    use crate::records::{BATCH_RECORDS, FieldMap};

    #[test]
    fn batches_whose_rows_repeat_long_names_have_fewer_rows() {
        let map = |name_bytes: usize, names: usize| FieldMap {
            rescued: (0..names).map(|field| (field, "x".repeat(name_bytes))).collect(),
            ..FieldMap::default()
        };
        assert_eq!(map(0, 0).batch_records(), BATCH_RECORDS);
        assert_eq!(map(1024, 2).batch_records(), BATCH_RECORDS);
        assert_eq!(map(1024, 64).batch_records(), 256);
    }

    proptest! {
        #[test]
        fn every_text_is_the_json_string_that_it_should_be(text in "(.|[\"\\\\\n\r\t\0\u{7f}])*") {
            prop_assert_eq!(serde_json::from_str::<String>(&json_string(&text)).unwrap(), text);
        }
    }
}
