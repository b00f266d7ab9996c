//! Which columns stand in the path, and which must be unique: `partitioned`, `primaryKey`, `unique` and their positions.
//! It does not know how a key is kept.

use super::super::node::{Findings, Node};
use super::is_nested;
use crate::{Column, ColumnType, Key};

/// A flag of columns and the key of their position among those that have it.
struct Ordered {
    flag: &'static str,
    position: &'static str,
}

const PARTITION: Ordered = Ordered { flag: "partitioned", position: "partitionKeyPosition" };
const PRIMARY_KEY: Ordered = Ordered { flag: "primaryKey", position: "primaryKeyPosition" };

/// Indices of the partition columns, in the order of the path.
pub(super) fn partition_columns(
    nodes: &[Node<'_>],
    columns: &[Column],
    path: &str,
    findings: &mut Findings,
) -> Vec<usize> {
    let partitioned = in_order(&PARTITION, nodes, findings);
    for index in &partitioned {
        let (Some(node), Some(column)) = (nodes.get(*index), columns.get(*index)) else { continue };
        let found = match column.column_type {
            ColumnType::Double | ColumnType::Timestamp(_) => "a partition column of doubles or timestamps",
            ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => "a partition column of nested values",
            ColumnType::String
            | ColumnType::Integer(_)
            | ColumnType::Decimal { .. }
            | ColumnType::Boolean
            | ColumnType::Date(_) => continue,
        };
        let expected =
            "a column of text, whole numbers, decimals, booleans or dates: others make a partition of nearly every row";
        findings.problem(&node.child(PARTITION.flag), found, expected);
    }
    if !columns.is_empty() && partitioned.len() == columns.len() {
        findings.problem(path, "partition columns only", "at least one column that stands in the Parquet files");
    }
    partitioned
}

/// The keys, in the order of their first columns in the document.
pub(super) fn keys(nodes: &[Node<'_>], columns: &[Column], findings: &mut Findings) -> Vec<Key> {
    let primary = in_order(&PRIMARY_KEY, nodes, findings);
    let unique = nodes.iter().enumerate().filter(|(_, node)| node.flag("unique", findings));
    let mut keys: Vec<Key> = unique.map(|(index, _)| Key { columns: vec![index] }).collect();
    let primary = Key { columns: primary };
    if !primary.columns.is_empty() && !keys.contains(&primary) {
        keys.push(primary);
    }
    keys.sort_by_key(|key| key.columns.iter().min().copied());
    for flag in [PRIMARY_KEY.flag, "unique"] {
        for (node, column) in nodes.iter().zip(columns) {
            if is_nested(&column.column_type) && node.value.get(flag).and_then(serde_json::Value::as_bool) == Some(true)
            {
                findings.problem(&node.child(flag), "a key of nested values", "a key of columns that can be compared");
            }
        }
    }
    keys
}

/// Indices of the columns that have the flag, by position; those without a position follow in the document's order.
fn in_order(what: &Ordered, nodes: &[Node<'_>], findings: &mut Findings) -> Vec<usize> {
    let Ordered { flag, position } = what;
    let mut positions: Vec<(i64, usize)> = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        // -1 is the standard's way to say that there is none.
        let given = node.field(position).filter(|position| position.value.as_i64() != Some(-1));
        if !node.flag(flag, findings) {
            if let Some(given) = given {
                given.refuse(format!("{flag}: true beside it, or no position"), findings);
            }
            continue;
        }
        let place = given.map_or(i64::MAX, |given| {
            given.value.as_i64().filter(|position| *position > 0).unwrap_or_else(|| {
                given.refuse("a position from 1", findings);
                i64::MAX
            })
        });
        if place != i64::MAX && positions.iter().any(|(other, _)| *other == place) {
            findings.problem(&node.child(position), place.to_string(), "a position that no other column has");
        }
        positions.push((place, index));
    }
    positions.sort_unstable();
    positions.into_iter().map(|(_, index)| index).collect()
}
