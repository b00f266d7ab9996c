//! The columns of a schema object: names, types, rules, derivations and partitions.
//! It does not know how a value is read or a rule judged.

mod checks;
mod types;

use super::node::{self, Findings, Node};
use super::{is_catalog_name, same_name};
use crate::{Column, ColumnSource, ColumnType, Key, sql};

const PROPERTY_KEYS: [&str; 31] = [
    "authoritativeDefinitions",
    "businessName",
    "classification",
    "criticalDataElement",
    "customProperties",
    "deprecated",
    "description",
    "encryptedName",
    "enum",
    "examples",
    "id",
    "items",
    "logicalType",
    "logicalTypeOptions",
    "name",
    "partitionKeyPosition",
    "partitioned",
    "physicalName",
    "physicalType",
    "primaryKey",
    "primaryKeyPosition",
    "properties",
    "quality",
    "relationships",
    "required",
    "semanticType",
    "synonyms",
    "tags",
    "transformDescription",
    "transformLogic",
    "unique",
];
const SOURCE_OBJECTS: &str = "transformSourceObjects";

/// What a schema object's properties say.
#[derive(Debug, Default)]
pub(super) struct Properties {
    pub(super) columns: Vec<Column>,
    /// Indices of the columns that stand in the path.
    pub(super) partitioned: Vec<usize>,
    pub(super) keys: Vec<Key>,
}

pub(super) fn columns(object: &Node<'_>, findings: &mut Findings) -> Properties {
    let Some(properties) = object.field("properties") else {
        findings.problem(&object.child("properties"), "nothing", "a list of columns");
        return Properties::default();
    };
    let nodes = properties.items("a list of columns", findings).unwrap_or_default();
    if nodes.is_empty() && properties.value.is_array() {
        properties.refuse("at least one column", findings);
    }
    let mut columns: Vec<Column> = Vec::new();
    let mut parsed: Vec<(usize, &Node<'_>)> = Vec::new();
    let mut broken: Vec<&Node<'_>> = Vec::new();
    for node in &nodes {
        let Some(column) = column(node, findings) else {
            broken.push(node);
            continue;
        };
        if let Some(other) = same_name(&columns, &column) {
            findings.problem(
                &node.path,
                "the name of another column",
                format!("a name that differs from {}", other.physical_name),
            );
            continue;
        }
        parsed.push((columns.len(), node));
        columns.push(Column { id: columns.len(), ..column });
    }
    derive(&parsed, &broken, &mut columns, findings);
    if !columns.is_empty() && !columns.iter().any(Column::is_in_file) {
        findings.problem(&properties.path, "derived columns only", "at least one column that stands in the file");
    }
    let partitioned = partition_columns(&parsed, &columns, &properties.path, findings);
    one_key_column(&nodes, &properties.path, findings);
    let is_key = |node: &Node<'_>| {
        ["unique", "primaryKey"]
            .iter()
            .any(|key| node.value.get(key).and_then(serde_json::Value::as_bool) == Some(true))
    };
    let keys = parsed.iter().filter(|(_, node)| is_key(node)).map(|(index, _)| Key { columns: vec![*index] });
    Properties { partitioned, keys: keys.collect(), columns }
}

fn column(node: &Node<'_>, findings: &mut Findings) -> Option<Column> {
    node.object("a column (name, logicalType)", findings)?;
    let mut known = PROPERTY_KEYS.to_vec();
    known.push(SOURCE_OBJECTS);
    node.refuse_unknown_keys("a column", &known, findings);
    note_what_is_not_enforced(node, findings);
    let name = node.required_text("name", "the column's name as the file's header has it", findings);
    let column_type = types::column_type(node, findings);
    let is_key = node.flag("primaryKey", findings);
    let required = node.flag("required", findings) || is_key;
    let description = node.optional_text("description", findings);
    let physical_name = physical_name(node, name.as_deref(), findings);
    let column_type = column_type?;
    let checks = checks::checks(node, &column_type, findings);
    Some(Column {
        id: 0,
        name: name?,
        physical_name: physical_name?,
        description,
        column_type,
        required,
        checks,
        source: ColumnSource::File,
    })
}

fn note_what_is_not_enforced(node: &Node<'_>, findings: &mut Findings) {
    if let Some(quality) = node.field("quality") {
        node::refuse_enforceable_quality(&quality, findings);
    }
    if let Some(relationships) = node.field("relationships") {
        relationships.note("not enforced: references to other tables", findings);
    }
    for property in node.lakegate_properties(findings) {
        findings.problem(
            &property.1.path,
            format!("the unknown property {}", property.0),
            "no property of vendor lakegate on a column",
        );
    }
}

fn physical_name(node: &Node<'_>, name: Option<&str>, findings: &mut Findings) -> Option<String> {
    let (key, physical_name) = match node.optional_text("physicalName", findings) {
        Some(physical_name) => ("physicalName", physical_name),
        None => ("name", name?.to_ascii_lowercase()),
    };
    if is_catalog_name(&physical_name) {
        return Some(physical_name);
    }
    let expected = "lower-case letters, digits and _, beginning with a letter (give physicalName where the header has another name)";
    findings.problem(&node.child(key), format!("{physical_name:?}"), expected);
    None
}

/// Parses `transformLogic`. It may read every column of the file, and derived columns above it.
fn derive(parsed: &[(usize, &Node<'_>)], broken: &[&Node<'_>], columns: &mut [Column], findings: &mut Findings) {
    let names_broken = |text: &str| {
        let names = broken.iter().flat_map(|node| ["name", "physicalName"].map(|key| node.value.get(key)?.as_str()));
        names.flatten().any(|name| text.to_ascii_lowercase().contains(&name.to_ascii_lowercase()))
    };
    let is_derived =
        |index: usize| parsed.iter().any(|(other, node)| *other == index && node.field("transformLogic").is_some());
    for (index, node) in parsed {
        let Some(logic) = node.field("transformLogic") else { continue };
        let Some(text) = logic.text("a SQL expression", findings) else { continue };
        let visible: Vec<_> =
            columns.iter().enumerate().filter(|(other, _)| other < index || !is_derived(*other)).collect();
        let Some(column_type) = columns.get(*index).map(|column| &column.column_type) else { continue };
        match sql::parse(&text, column_type, &visible) {
            Ok(expression) => {
                if let Some(column) = columns.get_mut(*index) {
                    column.source = ColumnSource::Derived(expression);
                }
            }
            // An expression over a column that is itself wrong says nothing new.
            Err(_) if names_broken(&text) => {}
            Err(found) => findings.problem(&logic.path, found, format!("an expression over {}", sql::SUPPORTED)),
        }
    }
}

fn partition_columns(
    parsed: &[(usize, &Node<'_>)],
    columns: &[Column],
    path: &str,
    findings: &mut Findings,
) -> Vec<usize> {
    let mut positions: Vec<(i64, usize)> = Vec::new();
    for (index, node) in parsed {
        if !node.flag("partitioned", findings) {
            if let Some(position) = node.field("partitionKeyPosition").filter(|node| node.value.as_i64() != Some(-1)) {
                position.refuse("partitioned: true beside it, or no position", findings);
            }
            continue;
        }
        let position = match node.field("partitionKeyPosition") {
            None => i64::MAX,
            Some(position) => position.value.as_i64().filter(|position| *position > 0).unwrap_or_else(|| {
                position.refuse("a position from 1", findings);
                i64::MAX
            }),
        };
        if position != i64::MAX && positions.iter().any(|(other, _)| *other == position) {
            findings.problem(
                &node.child("partitionKeyPosition"),
                position.to_string(),
                "a position that no other column has",
            );
        }
        if let Some(column) = columns.get(*index)
            && matches!(column.column_type, ColumnType::Double | ColumnType::Timestamp(_))
        {
            let expected = "a column of text, whole numbers, decimals, booleans or dates: others make a partition of nearly every row";
            findings.problem(&node.child("partitioned"), "a partition column of doubles or timestamps", expected);
        }
        positions.push((position, *index));
    }
    if !columns.is_empty() && positions.len() == columns.len() {
        findings.problem(path, "partition columns only", "at least one column that stands in the Parquet files");
    }
    // Columns without a position follow in the document's order.
    positions.sort_unstable();
    positions.into_iter().map(|(_, index)| index).collect()
}

fn one_key_column(nodes: &[Node<'_>], path: &str, findings: &mut Findings) {
    let keys = nodes
        .iter()
        .filter(|node| node.value.get("primaryKey").and_then(serde_json::Value::as_bool) == Some(true))
        .count();
    if keys > 1 {
        findings.problem(path, format!("{keys} primaryKey columns"), "one: composite keys are not supported yet");
    }
}
