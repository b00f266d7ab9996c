//! The draft document of a JSON file: YAML, with a comment on everything that was seen and every doubt.
//! It does not look at data itself.

use lakegate_contract::CsvDialect;

use super::node::COLUMNS_MAX;
use super::resolve::{Property, Settings, Shape, properties};
use super::{JsonTrack, RECORD_BYTES_MAX};
use crate::infer::document::{File, INTEGRAL_FRACTIONS, head, rescue, server, table};
use crate::infer::draft::types;
use crate::infer::encoding::Encoding;
use crate::infer::resolve::{Kind, counted, grouped};
use crate::infer::times::Candidate;
use crate::infer::yaml::{Lines, quoted, scalar};
use crate::infer::{Draft, InferError, Naming};

/// What is said of the list that a file may consist of.
const WRAPPED: &str = "the file is one object: if its rows are the items of this list, write the list alone, or its items one after another";

/// Writes the draft.
pub(in crate::infer) fn draft(
    track: &JsonTrack,
    candidates: &[Candidate],
    file: &File,
    naming: &Naming,
) -> Result<Draft, InferError> {
    let tally = track.tally;
    if tally.records == 0 {
        return Err(InferError::Empty);
    }
    if track.root.closed.is_some() {
        return Err(InferError::TooManyKeys { max: COLUMNS_MAX });
    }
    let encoding = encoding(track, file);
    let settings = Settings { candidates, encoding, is_permissive: naming.is_permissive };
    let mut columns = properties(&track.root, 0, settings);
    if columns.is_empty() && track.first_fault.as_ref().is_some_and(|fault| fault.is_too_long) {
        return Err(InferError::TooLong { max_mib: RECORD_BYTES_MAX / (1024 * 1024) });
    }
    if columns.is_empty() {
        return Err(InferError::NoObjects);
    }
    // A row that has all rows in it is what an owner may want, but no table that somebody finds by chance.
    let list = if track.is_one_object() { track.root.list_of_objects() } else { None };
    if list.is_some() && columns.len() == 1 && naming.is_permissive {
        return Err(InferError::Wrapped);
    }
    if let Some(column) = list.and_then(|list| columns.get_mut(list)) {
        column.comments.push(WRAPPED.to_owned());
    }
    let broken = match encoding {
        Encoding::Utf8 | Encoding::Utf16 => tally.not_utf8,
        Encoding::Windows1252 | Encoding::Iso8859 => 0,
    };
    let mut lines = head(naming, tally.records, file);
    server(&mut lines, naming, "json", encoding, tally);
    let longest_record = track.longest_record.max(encoding.longest_record(tally));
    let has_integral_fractions = columns.iter().any(|column| column.shape.has_integral_fractions());
    dialect(&mut lines, track, longest_record, naming.is_permissive, has_integral_fractions);
    table(&mut lines, naming);
    for column in &columns {
        property(&mut lines, 6, column, naming.is_permissive);
    }
    if naming.is_permissive {
        rescue(&mut lines, columns.iter().map(|column| column.name.as_str()), "keys");
    }
    let unreadable_rows = tally.faulty + broken;
    Ok(Draft { yaml: lines.into_text(), rows: tally.records, unreadable_rows, columns: columns.len() })
}

fn encoding(track: &JsonTrack, file: &File) -> Encoding {
    let encoding = Encoding::of(track.tally, file);
    match encoding {
        // Keys were compared as bytes: an escaped letter is not known to be one that another encoding writes as it is.
        Encoding::Windows1252 | Encoding::Iso8859 if track.totals.has_escaped_keys => Encoding::Utf8,
        Encoding::Utf8 | Encoding::Utf16 | Encoding::Windows1252 | Encoding::Iso8859 => encoding,
    }
}

/// What stands around the objects, and what is wrong with some of them.
fn dialect(
    lines: &mut Lines,
    track: &JsonTrack,
    longest_record: usize,
    is_permissive: bool,
    has_integral_fractions: bool,
) {
    if is_permissive {
        lines.comment(4, "an array of objects, or objects one after another: by content");
    } else if track.is_array {
        lines.comment(4, "the objects are the values of one array");
        lines.line(4, "delimiter: array");
    } else if track.are_lines && track.tally.records > 1 {
        lines.comment(4, "every object stands on a line of its own");
        lines.line(4, "delimiter: new_line");
    } else if track.tally.records == 1 {
        lines.comment(4, "one object");
    } else {
        lines.comment(4, "objects one after another, whatever stands between them");
    }
    if let Some(fault) = &track.first_fault {
        let why = fault.note.as_deref().map_or_else(String::new, |note| format!(": {note}"));
        let (records, faulty) = (counted(track.tally.records, "record"), grouped(track.tally.faulty));
        let first = grouped(fault.line);
        lines.comment(
            4,
            &format!("of {records}, {faulty} cannot be read and will be rejected, the first on line {first}{why}"),
        );
    }
    let mut properties = Lines::default();
    if has_integral_fractions {
        properties.comment(6, INTEGRAL_FRACTIONS);
        properties.property("integralFractions", "true");
    }
    if let Some(why) = why_longer_records(track, longest_record) {
        properties.comment(6, &why);
        properties.property("maxRecordBytes", &RECORD_BYTES_MAX.to_string());
    }
    if !properties.is_empty() {
        lines.line(4, "customProperties:");
        lines.append(&properties);
    }
}

fn why_longer_records(track: &JsonTrack, longest_record: usize) -> Option<String> {
    let is_long = |bytes: u64| bytes > CsvDialect::MAX_RECORD_BYTES as u64;
    if is_long(longest_record as u64) {
        Some(format!("the longest record has {}", counted(longest_record as u64, "byte")))
    } else if track.first_fault.is_some() && is_long(track.bytes) {
        Some("the ends of records that cannot be read were looked for as far".to_owned())
    } else {
        None
    }
}

/// A column or a nested one, and what stands in it.
fn property(lines: &mut Lines, indent: usize, property: &Property, is_permissive: bool) {
    for comment in &property.comments {
        lines.comment(indent, comment);
    }
    lines.line(indent, &format!("- name: {}", scalar(&property.name)));
    if property.name.to_ascii_lowercase() != property.physical_name {
        lines.line(indent + 2, &format!("physicalName: {}", scalar(&property.physical_name)));
    }
    shape(lines, indent + 2, property, is_permissive);
}

fn shape(lines: &mut Lines, indent: usize, property: &Property, is_permissive: bool) {
    let (logical, physical) = match &property.shape {
        Shape::Scalar(kind) => types(kind, is_permissive),
        Shape::Object(_) => ("object", None),
        Shape::List(_) => ("array", None),
        Shape::Json { is_list } => (if *is_list { "array" } else { "object" }, Some("JSON".to_owned())),
    };
    lines.line(indent, &format!("logicalType: {logical}"));
    if let Some(physical) = physical {
        lines.line(indent, &format!("physicalType: {physical}"));
    }
    if let Shape::Scalar(Kind::Date(Some(format)) | Kind::Timestamp(Some(format))) = &property.shape {
        lines.line(indent, &format!("logicalTypeOptions: {{format: {}}}", quoted(format)));
    }
    if property.is_required {
        lines.line(indent, "required: true");
    }
    match &property.shape {
        Shape::Object(properties) => {
            lines.line(indent, "properties:");
            for nested in properties {
                self::property(lines, indent + 2, nested, is_permissive);
            }
        }
        Shape::List(item) => {
            lines.line(indent, "items:");
            for comment in &item.comments {
                lines.comment(indent + 2, comment);
            }
            shape(lines, indent + 2, item, is_permissive);
        }
        Shape::Scalar(_) | Shape::Json { .. } => {}
    }
}
