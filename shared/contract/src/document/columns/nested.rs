//! Objects and arrays: nested columns, or JSON kept as text.
//! It does not know what may be asked of a column of the table only.

use super::super::node::{Findings, Node};
use super::types::{expect, refuse_physical};
use super::{Place, column, refuse_same_name, same_name};
use crate::{Column, ColumnType};

/// How many objects and arrays a column stands in.
pub(super) type Depth = usize;

/// Deeper objects are kept as JSON. Reading and writing nested columns is recursive, and so are their readers.
const MAX_DEPTH: Depth = 16;
/// Physical types of JSON kept as text.
pub(crate) const TEXT_TYPES: [&str; 4] = ["JSON", "STRING", "TEXT", "VARCHAR"];
pub(crate) const STRUCTS: [&str; 2] = ["STRUCT", "OBJECT"];
pub(crate) const ARRAYS: [&str; 2] = ["ARRAY", "LIST"];
/// What asks something of the table that a nested value cannot keep.
const TABLE_ONLY: [(&str, &str); 7] = [
    ("transformLogic", "a derived column of the table"),
    ("partitioned", "a partition column of the table"),
    ("partitionKeyPosition", "a partition column of the table"),
    ("primaryKey", "a key column of the table"),
    ("primaryKeyPosition", "a key column of the table"),
    ("unique", "a key column of the table"),
    ("transformSourceObjects", "a derived column of the table"),
];

/// What stands in an object or an array must ask nothing that only the table's columns can keep.
pub(super) fn refuse_table_only_keys(node: &Node<'_>, findings: &mut Findings) {
    for (key, what) in TABLE_ONLY {
        let Some(value) = node.field(key) else { continue };
        let is_default = value.value.as_bool() == Some(false) || value.value.as_i64() == Some(-1);
        if !is_default {
            let expected = format!("no {key}: a value in an object or an array cannot be {what}");
            value.refuse(expected, findings);
        }
    }
}

/// `properties` and `items` of a column that has no such parts would be passed over.
pub(super) fn refuse_parts_of_other_types(node: &Node<'_>, logical_type: &str, findings: &mut Findings) {
    for (key, owner) in [("properties", "object"), ("items", "array"), ("map", "map")] {
        if logical_type != owner && node.field(key).is_some() {
            let article = if owner == "map" { "a" } else { "an" };
            findings.problem(
                &node.child(key),
                format!("the {key} of a column of logicalType: {logical_type}"),
                format!("them on {article} {owner} only"),
            );
        }
    }
}

pub(super) fn object(
    node: &Node<'_>,
    physical: Option<&str>,
    depth: Depth,
    findings: &mut Findings,
) -> Option<ColumnType> {
    let properties = node.field("properties");
    if is_text(physical) {
        return Some(kept_as_text(properties.as_ref(), findings));
    }
    if !expect(node, physical, &[&STRUCTS[..], &["JSON"]].concat(), findings) {
        return None;
    }
    let Some(properties) = properties else {
        if let Some(physical) = physical {
            return refuse_physical(node, physical, "properties beside it, or JSON", findings);
        }
        return Some(kept_as_text(None, findings));
    };
    let fields = fields(&properties, deeper(node, depth, findings)?, findings)?;
    Some(ColumnType::Struct(fields))
}

pub(super) fn array(
    node: &Node<'_>,
    physical: Option<&str>,
    depth: Depth,
    findings: &mut Findings,
) -> Option<ColumnType> {
    let items = node.field("items");
    if is_text(physical) {
        return Some(kept_as_text(items.as_ref(), findings));
    }
    if !expect(node, physical, &[&ARRAYS[..], &["JSON"]].concat(), findings) {
        return None;
    }
    let Some(items) = items else {
        if let Some(physical) = physical {
            return refuse_physical(node, physical, "items beside it, or JSON", findings);
        }
        return Some(kept_as_text(None, findings));
    };
    let item = column(&items, Place::Item(deeper(node, depth, findings)?), findings)?;
    Some(ColumnType::List(Box::new(item)))
}

fn is_text(physical: Option<&str>) -> bool {
    physical.is_some_and(|physical| TEXT_TYPES.contains(&physical))
}

/// What a document says of the parts of a value that is kept as text holds for its readers.
fn kept_as_text(parts: Option<&Node<'_>>, findings: &mut Findings) -> ColumnType {
    if let Some(parts) = parts {
        parts.note("not enforced: physicalType keeps the value as JSON text", findings);
    }
    ColumnType::Json
}

fn deeper(node: &Node<'_>, depth: Depth, findings: &mut Findings) -> Option<Depth> {
    if depth < MAX_DEPTH {
        return Some(depth + 1);
    }
    findings.problem(
        &node.path,
        format!("more than {MAX_DEPTH} levels of nesting"),
        "physicalType: JSON at this level or above, which keeps the text",
    );
    None
}

fn fields(properties: &Node<'_>, depth: Depth, findings: &mut Findings) -> Option<Vec<Column>> {
    let nodes = properties.items("a list of the object's properties", findings)?;
    if nodes.is_empty() {
        properties.refuse("at least one property, or none and physicalType: JSON", findings);
        return None;
    }
    let mut fields: Vec<Column> = Vec::new();
    let mut all_good = true;
    for (index, node) in nodes.iter().enumerate() {
        let Some(field) = column(node, Place::Field(depth), findings) else {
            all_good = false;
            continue;
        };
        if let Some(other) = same_name(&fields, &field) {
            refuse_same_name(node, index, &field, other, findings);
        }
        fields.push(field);
    }
    all_good.then_some(fields)
}

/// Gives every column its number and nested ones the numbers behind, depth first. Returns their names by number.
pub(super) fn number(columns: &mut [Column]) -> Vec<String> {
    let mut paths: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    for (id, column) in columns.iter_mut().enumerate() {
        column.id = id;
        let path = column.name.clone();
        number_parts(&mut column.column_type, &path, &mut paths);
    }
    paths
}

fn number_parts(column_type: &mut ColumnType, path: &str, paths: &mut Vec<String>) {
    let part = |column: &mut Column, path: String, paths: &mut Vec<String>| {
        column.id = paths.len();
        paths.push(path.clone());
        number_parts(&mut column.column_type, &path, paths);
    };
    match column_type {
        ColumnType::Struct(fields) => {
            for field in fields {
                let path = format!("{path}.{}", field.name);
                part(field, path, paths);
            }
        }
        ColumnType::List(item) => part(item, format!("{path}[]"), paths),
        ColumnType::String
        | ColumnType::Integer(_)
        | ColumnType::Double
        | ColumnType::Decimal { .. }
        | ColumnType::Boolean
        | ColumnType::Date(_)
        | ColumnType::Timestamp(_)
        | ColumnType::Json => {}
    }
}
