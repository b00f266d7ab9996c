//! Glue's catalog: tables and partitions are remembered.
//! It must not know what the tables are of.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Value, json};

use crate::http::Answer;
use crate::services::refused;

/// What the catalog knows: each table's definition, and its partitions' by their values.
pub type CatalogContent = BTreeMap<String, (Value, BTreeMap<String, Value>)>;

pub(crate) fn carry_out(tables: &mut CatalogContent, operation: &str, body: &Value) -> Answer {
    match operation {
        "GetTable" => match tables.get(&text(&body["Name"])) {
            Some((table, _)) => Answer::new(200, json!({ "Table": table }).to_string()),
            None => refused("EntityNotFoundException"),
        },
        "GetTables" => {
            let list: Vec<&Value> = tables.values().map(|(table, _)| table).collect();
            Answer::new(200, json!({ "TableList": list }).to_string())
        }
        "CreateTable" => create_table(tables, body),
        "UpdateTable" => update_table(tables, body),
        operation => partitions(tables, operation, body),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A table as it is asked for, with the number of its writing.
fn definition(body: &Value, version: u64) -> Value {
    let mut table = body["TableInput"].clone();
    table["VersionId"] = version.to_string().into();
    table
}

fn create_table(tables: &mut CatalogContent, body: &Value) -> Answer {
    let name = text(&body["TableInput"]["Name"]);
    if tables.contains_key(&name) {
        return refused("AlreadyExistsException");
    }
    tables.insert(name, (definition(body, 1), BTreeMap::new()));
    Answer::new(200, "{}")
}

fn update_table(tables: &mut CatalogContent, body: &Value) -> Answer {
    let (table, _) = tables.get_mut(&text(&body["TableInput"]["Name"])).unwrap();
    if table["VersionId"] != body["VersionId"] {
        return refused("ConcurrentModificationException");
    }
    let version: u64 = text(&table["VersionId"]).parse().unwrap();
    *table = definition(body, version + 1);
    Answer::new(200, "{}")
}

fn partitions(tables: &mut CatalogContent, operation: &str, body: &Value) -> Answer {
    let Some((_, partitions)) = tables.get_mut(&text(&body["TableName"])) else {
        return refused("EntityNotFoundException");
    };
    let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
    let mut errors = Vec::new();
    let mut found = Vec::new();
    match operation {
        "GetPartitions" => found.extend(partitions.values().cloned()),
        "BatchGetPartition" => {
            for wanted in list("PartitionsToGet") {
                found.extend(partitions.get(&wanted["Values"].to_string()).cloned());
            }
        }
        "BatchCreatePartition" => {
            for partition in list("PartitionInputList") {
                let values = partition["Values"].clone();
                match partitions.entry(values.to_string()) {
                    Entry::Vacant(place) => {
                        place.insert(partition);
                    }
                    Entry::Occupied(_) => {
                        let detail = json!({ "ErrorCode": "AlreadyExistsException" });
                        errors.push(json!({ "PartitionValues": values, "ErrorDetail": detail }));
                    }
                }
            }
        }
        "BatchUpdatePartition" => {
            for entry in list("Entries") {
                partitions.insert(entry["PartitionValueList"].to_string(), entry["PartitionInput"].clone());
            }
        }
        other => panic!("{other}"),
    }
    Answer::new(200, json!({ "Partitions": found, "Errors": errors }).to_string())
}
