//! The dashboard's queries over a local lake: a view for each table, made of its Parquet files as the catalog would have them.
//! It must not know what the queries ask, nor what runs them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::Utc;
use lakegate_dashboard::{Answer, Outcome, Outcomes, QUERIES, Query, TABLES, Table};
use lakegate_lake::layout;
use serde_json::{Value, json};

use super::Asked;
use super::engine::Engine;
use crate::local_lake;

/// Asks one query after another: each takes the whole machine.
///
/// # Errors
///
/// It is no local lake, there is no DuckDB, or its answer cannot be read. A query that fails is a section of the page.
pub(crate) fn ask(lake: &Path) -> Result<Asked> {
    local_lake::folder_in(lake, layout::LAKE_PREFIX)?;
    let at = Utc::now();
    let views: Vec<_> = TABLES.iter().map(|table| (table.name, view(lake, table))).collect();
    let engine = Engine::find()?;
    let mut outcomes = Outcomes::new();
    for query in &QUERIES {
        outcomes.insert(query.name, outcome(&engine, lake, &views, query)?);
    }
    let path = lake.display().to_string();
    Ok(Asked::new(format!("local lake {path}"), json!({ "lake": path }), at, outcomes))
}

/// With the views of its own tables only: a file that cannot be read, of another table, costs it nothing.
fn outcome(engine: &Engine, lake: &Path, views: &[(&str, Result<Option<String>>)], query: &Query) -> Result<Outcome> {
    let is_there = |table: &str| !views.iter().any(|(name, view)| *name == table && matches!(view, Ok(None)));
    if let Some(outcome) = Outcome::without_table(query, is_there) {
        return Ok(outcome);
    }
    let mut own = String::new();
    for (_, view) in views.iter().filter(|(name, _)| query.tables.contains(name)) {
        match view {
            Ok(view) => own.extend(view.as_deref()),
            Err(error) => return Ok(Outcome::Failed(format!("{error:#}"))),
        }
    }
    run(engine, lake, &own, query)
}

fn run(engine: &Engine, lake: &Path, views: &str, query: &Query) -> Result<Outcome> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let answer = folder.path().join("answer.json");
    let path = answer.to_str().with_context(|| format!("{} is no text", answer.display()))?;
    let sql = format!(
        "{views}COPY (SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (\n{}\n) AS answer) TO {} (FORMAT json, ARRAY true);\n",
        query.sql,
        quoted(path, '\'')
    );
    if let Err(reason) = engine.run(lake, &sql)? {
        return Ok(Outcome::failed(query, &reason));
    }
    let bytes = fs::read(&answer).with_context(|| format!("{} wrote no answer", engine.name()))?;
    let rows: Vec<Value> =
        serde_json::from_slice(&bytes).with_context(|| format!("{} answered with no JSON", engine.name()))?;
    Ok(Outcome::Answered(answered(&rows)))
}

/// The rows' values by the first row's names; every row has the same.
fn answered(rows: &[Value]) -> Answer {
    let names = rows.first().and_then(Value::as_object).into_iter().flat_map(|row| row.keys());
    let columns: Vec<String> = names.cloned().collect();
    let value = |row: &Value, name: &String| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let row = |row: &Value| columns.iter().map(|name| value(row, name)).collect();
    Answer { rows: rows.iter().map(row).collect(), columns }
}

/// A view of a table's files; `None` where it has none. Paths are relative to the lake: a name in what is above it may hold what DuckDB
/// takes for a pattern.
fn view(lake: &Path, table: &Table) -> Result<Option<String>> {
    let folder = layout::table_prefix(table.name);
    let mut keys = Vec::new();
    if !look(&lake.join(&folder), &mut keys)? {
        return Ok(None);
    }
    let kind = |key: &String| table.partitions.iter().find(|(name, _)| name == key).map_or("VARCHAR", |(_, kind)| kind);
    let kinds: Vec<String> = keys.iter().map(|key| format!("{}: {}", quoted(key, '\''), kind(key))).collect();
    let options = if kinds.is_empty() {
        "hive_partitioning = false".to_owned()
    } else {
        format!("hive_partitioning = true, hive_types_autocast = false, hive_types = {{{}}}", kinds.join(", "))
    };
    Ok(Some(format!(
        "CREATE VIEW {} AS SELECT * FROM read_parquet({}, union_by_name = true, {options});\n",
        quoted(table.name, '"'),
        quoted(&format!("{folder}**/*.parquet"), '\'')
    )))
}

/// Notes the partition columns that the folders are named by, as far as the first file; true if there is one.
fn look(folder: &Path, keys: &mut Vec<String>) -> Result<bool> {
    if !folder.is_dir() {
        return Ok(false);
    }
    let failed = || format!("cannot read {}", folder.display());
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.is_dir() {
            folders.push(path);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            return Ok(true);
        }
    }
    folders.sort();
    for path in folders {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let depth = keys.len();
        keys.extend(name.split_once('=').map(|(key, _)| key.to_owned()));
        if look(&path, keys)? {
            return Ok(true);
        }
        keys.truncate(depth);
    }
    Ok(false)
}

/// A text or a name as SQL takes it, whatever it holds.
fn quoted(text: &str, quote: char) -> String {
    let doubled = text.replace(quote, &String::from_iter([quote, quote]));
    format!("{quote}{doubled}{quote}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lake(files: &[&str]) -> tempfile::TempDir {
        let lake = tempfile::tempdir().unwrap();
        for file in files {
            let path = lake.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        lake
    }

    #[test]
    fn partitions_have_the_types_that_the_contract_gives_them() {
        let lake = lake(&["lake/orders/year=2024/it's=1/a.parquet", "lake/customers/a.parquet"]);
        let views: Vec<String> = TABLES.iter().map(|table| view(lake.path(), table).unwrap().unwrap()).collect();
        insta::assert_snapshot!(views.concat(), @r#"
        CREATE VIEW "orders" AS SELECT * FROM read_parquet('lake/orders/**/*.parquet', union_by_name = true, hive_partitioning = true, hive_types_autocast = false, hive_types = {'year': INTEGER, 'it''s': VARCHAR});
        CREATE VIEW "customers" AS SELECT * FROM read_parquet('lake/customers/**/*.parquet', union_by_name = true, hive_partitioning = false);
        "#);
    }

    #[test]
    fn a_table_without_files_is_none() {
        let lake = lake(&["lake/orders/year=2024/note.txt"]);
        assert!(TABLES.iter().all(|table| view(lake.path(), table).unwrap().is_none()));
    }
}
