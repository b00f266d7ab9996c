//! The statements of a load, one transaction each. What they are built of is names and numbers of ours, never a value of a cell but for those
//! that stand in partitions' paths.
//! Pure; it must not know how statements reach the warehouse, nor why a load is due.

use std::collections::BTreeSet;

use lakegate_lake::layout::HIVE_NULL;
use percent_encoding::percent_decode_str;

use crate::load::Wanted;
use crate::shape::{Column, SOURCE_COLUMN, Shape, Type};

/// The external schema: the lake's tables as they stand.
pub(crate) const LAKE_SCHEMA: &str = "lakegate_lake";
/// The schema of the loaded tables.
pub(crate) const SCHEMA: &str = "lakegate";
/// The schema of the tables, one for each loaded one, that say which version of a file is loaded, and at which loads take turns.
pub(crate) const LOADS_SCHEMA: &str = "lakegate_loads";
/// Most partitions that a statement names one by one, and most bytes that they take.
const PARTITIONS_MAX: usize = 100;
const CONDITION_MAX_BYTES: usize = 16 * 1024;
/// Which file a row of an external table is of: the name of its Parquet file up to its number. No pattern has a backslash, which Redshift
/// and `PostgreSQL` read differently.
const SOURCE_OF_PATH: &str = r#"REGEXP_SUBSTR(REGEXP_SUBSTR("$path", '[^/]*$'), '^.*-[0-9a-f]{16}')"#;
const STAGING: &str = r#""lakegate_staging""#;
const WANTED: &str = r#""lakegate_wanted""#;
const IS_WANTED: &str = r#"IN (SELECT "source" FROM "lakegate_wanted")"#;

/// A name, quoted so that it cannot be anything else.
fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn table(schema: &str, table: &str) -> String {
    format!("{}.{}", name(schema), name(table))
}

/// A text, quoted; `None` for one that Redshift and `PostgreSQL` might read differently.
fn literal(text: &str) -> Option<String> {
    let is_plain = !text.chars().any(|c| c == '\\' || c.is_control());
    is_plain.then(|| format!("'{}'", text.replace('\'', "''")))
}

/// Names of columns, those of the load last.
fn column_list(shape: &Shape) -> String {
    let ours = [name(SOURCE_COLUMN)];
    shape.columns.iter().map(|column| name(&column.name)).chain(ours).collect::<Vec<_>>().join(", ")
}

/// Makes the table, and the one at which its loads take turns.
pub(crate) fn create(shape: &Shape) -> Vec<String> {
    let columns: Vec<String> =
        shape.columns.iter().map(|column| format!("    {} {},\n", name(&column.name), column.column_type)).collect();
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\n    \"source\" VARCHAR(64) NOT NULL,\n    \"at\" TIMESTAMPTZ NOT NULL\n)",
            table(LOADS_SCHEMA, &shape.table)
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\n{}    {} VARCHAR(64) NOT NULL\n)",
            table(SCHEMA, &shape.table),
            columns.concat(),
            name(SOURCE_COLUMN)
        ),
    ]
}

/// Gives the table columns that it lacks.
pub(crate) fn add_columns(shape: &Shape, columns: &[Column]) -> Vec<String> {
    let add = |column: &Column| {
        format!("ALTER TABLE {} ADD COLUMN {} {}", table(SCHEMA, &shape.table), name(&column.name), column.column_type)
    };
    [take_turn(shape)].into_iter().chain(columns.iter().map(add)).collect()
}

/// First of all, so that what the transaction sees is what the load before it left: Redshift takes its picture of the tables at the first
/// statement that reads or writes one. Readers of the loaded table do not wait.
fn take_turn(shape: &Shape) -> String {
    format!("LOCK TABLE {}", table(LOADS_SCHEMA, &shape.table))
}

fn stage(shape: &Shape, which: &str) -> [String; 2] {
    let (columns, lake) = (column_list(shape), table(LAKE_SCHEMA, &shape.table));
    let selected: Vec<String> = shape.columns.iter().map(|column| name(&column.name)).collect();
    let selected = [selected, vec![SOURCE_OF_PATH.to_owned()]].concat().join(", ");
    [
        format!("CREATE TEMP TABLE {STAGING} (LIKE {})", table(SCHEMA, &shape.table)),
        format!("INSERT INTO {STAGING} ({columns})\nSELECT {selected}\nFROM {lake}{which}"),
    ]
}

/// Makes of some files what stands in the lake: their rows are read, those of any former version deleted, and the new ones inserted. A file
/// of which a later version was loaded already is left alone, so that what is loaded may be told late, twice and in any order.
pub(crate) fn load(shape: &Shape, wanted: &[Wanted]) -> Vec<String> {
    let (target, columns, source) = (table(SCHEMA, &shape.table), column_list(shape), name(SOURCE_COLUMN));
    let paths: Vec<String> = wanted
        .iter()
        .filter_map(|file| literal(&format!("%/{}-%.parquet", file.source)))
        .map(|path| format!("\"$path\" LIKE {path}"))
        .collect();
    let mut which = format!("\nWHERE ({})", paths.join("\n    OR "));
    if let Some(partitions) = partitions(shape, wanted) {
        which = format!("{which}\nAND ({partitions})");
    }
    let rows = [
        format!("DELETE FROM {target} WHERE {source} {IS_WANTED}"),
        format!("INSERT INTO {target} ({columns})\nSELECT {columns} FROM {STAGING} WHERE {source} {IS_WANTED}"),
    ];
    let begins = [vec![take_turn(shape)], want(shape, wanted), stage(shape, &which).to_vec()];
    [begins.concat(), rows.to_vec(), note(shape), vec![format!("DROP TABLE {STAGING}")]].concat()
}

/// Makes the whole table what stands in the lake, whatever was told of it or was lost. `wanted`: files that were told of.
pub(crate) fn load_all(shape: &Shape, wanted: &[Wanted]) -> Vec<String> {
    let (target, loads, columns) = (table(SCHEMA, &shape.table), table(LOADS_SCHEMA, &shape.table), column_list(shape));
    let rows = [
        format!("DELETE FROM {target}"),
        format!("INSERT INTO {target} ({columns})\nSELECT {columns} FROM {STAGING}"),
        format!("DELETE FROM {loads} WHERE \"source\" NOT IN (SELECT {} FROM {STAGING})", name(SOURCE_COLUMN)),
    ];
    let begins = [vec![take_turn(shape)], stage(shape, "").to_vec(), rows.to_vec()].concat();
    let noted = if wanted.is_empty() { vec![] } else { [want(shape, wanted), note(shape)].concat() };
    [begins, noted, vec![format!("DROP TABLE {STAGING}")]].concat()
}

/// Notes which files are wanted, and forgets those of which a later version is loaded.
fn want(shape: &Shape, wanted: &[Wanted]) -> Vec<String> {
    let loads = table(LOADS_SCHEMA, &shape.table);
    let values: Vec<String> = wanted
        .iter()
        .filter_map(|file| Some(format!("    ({}, {})", literal(&file.source)?, literal(&file.at)?)))
        .collect();
    vec![
        format!("CREATE TEMP TABLE {WANTED} (\"source\" VARCHAR(64) NOT NULL, \"at\" TIMESTAMPTZ NOT NULL)"),
        format!("INSERT INTO {WANTED} (\"source\", \"at\") VALUES\n{}", values.join(",\n")),
        format!(
            "DELETE FROM {WANTED} USING {loads}\nWHERE {WANTED}.\"source\" = {loads}.\"source\" AND {WANTED}.\"at\" < {loads}.\"at\""
        ),
    ]
}

/// Notes which versions are loaded.
fn note(shape: &Shape) -> Vec<String> {
    let loads = table(LOADS_SCHEMA, &shape.table);
    vec![
        format!("DELETE FROM {loads} WHERE \"source\" {IS_WANTED}"),
        format!("INSERT INTO {loads} (\"source\", \"at\") SELECT \"source\", \"at\" FROM {WANTED}"),
        format!("DROP TABLE {WANTED}"),
    ]
}

/// A condition that holds for every partition that has rows of the files, and for few others: the path decides about a row, this only saves
/// reading. `None` where nothing is known, or there are too many.
fn partitions(shape: &Shape, wanted: &[Wanted]) -> Option<String> {
    let mut known = BTreeSet::new();
    for file in wanted {
        known.extend(file.partitions.as_ref()?.iter().map(String::as_str));
    }
    let one_by_one: BTreeSet<String> = known.iter().map(|path| condition(shape, path)).collect::<Option<_>>()?;
    if one_by_one.is_empty() || one_by_one.len() > PARTITIONS_MAX {
        return None;
    }
    // The Data API takes 100 KB of statements in all.
    Some(one_by_one.into_iter().collect::<Vec<_>>().join("\n    OR ")).filter(|text| text.len() <= CONDITION_MAX_BYTES)
}

/// `year=2025/city=S%C3%A3o` as a condition; `None` where none of its columns can be named surely.
fn condition(shape: &Shape, path: &str) -> Option<String> {
    let parts = path.split('/').filter_map(|part| part.split_once('='));
    let terms: Vec<String> = parts.filter_map(|(column, value)| term(shape, column, value)).collect();
    (!terms.is_empty()).then(|| format!("({})", terms.join(" AND ")))
}

/// `None` for a null, for types whose spelling in a path is not surely that of a literal, and for texts that are not literals everywhere.
fn term(shape: &Shape, column: &str, value: &str) -> Option<String> {
    let key = shape.partition_keys.iter().find(|key| key.name == column)?;
    if value == HIVE_NULL {
        return None;
    }
    let value = percent_decode_str(value).decode_utf8().ok()?;
    match key.column_type {
        Type::SmallInt | Type::Integer | Type::BigInt => {
            let number: i64 = value.parse().ok()?;
            Some(format!("{} = {number}", name(column)))
        }
        // Without white space, at whose end the engines differ.
        Type::Text | Type::Date if !value.contains(char::is_whitespace) => {
            Some(format!("{} = {}", name(column), literal(&value)?))
        }
        Type::Text
        | Type::Date
        | Type::Boolean
        | Type::Real
        | Type::Double
        | Type::Decimal { .. }
        | Type::Timestamp => None,
    }
}

#[cfg(test)]
#[path = "sql_tests.rs"]
mod tests;
