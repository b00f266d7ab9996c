//! What the event of an object whose rows left a table says (docs/events.md).
//! It must not know how it is sent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{naming_what_fits, values};
use crate::ledger::{Entry, Source, State};
use crate::{layout, lineage};

/// One detail for each table that rows of the object left, by their names; none where none left.
pub(super) fn details(entry: &Entry, stack: &str, database: &str, lake_bucket: &str) -> Vec<Value> {
    let mut left: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (table, partition) in entry.removed_paths.iter().filter_map(|path| layout::table_of(path)) {
        left.entry(table).or_default().extend(Some(partition).filter(|partition| !partition.is_empty()));
    }
    let of_table = |(table, partitions): (&str, BTreeSet<&str>)| {
        naming_what_fits(|named| detail_naming(entry, [stack, database, table], &partitions, lake_bucket, named))
    };
    left.into_iter().map(of_table).collect()
}

fn detail_naming(
    entry: &Entry,
    [stack, database, table]: [&str; 3],
    partitions: &BTreeSet<&str>,
    lake_bucket: &str,
    named: usize,
) -> Value {
    let Source { bucket, key, version_id, etag, sequencer, last_modified, size_bytes } = &entry.source;
    let partition = |path: &&str| json!({ "path": path, "values": values(path) });
    json!({
        "version": 1,
        "stack": stack,
        "dataset": table,
        "database": database,
        "table": table,
        "contract_version": entry.contract_version,
        "engine_version": entry.engine_version,
        "reason": reason(entry.state),
        "source": {
            "bucket": bucket, "key": key, "version_id": version_id, "etag": etag, "sequencer": sequencer,
            "last_modified": last_modified, "size_bytes": size_bytes,
        },
        "partitions_total": partitions.len(),
        "partitions": partitions.iter().take(named).map(partition).collect::<Vec<_>>(),
        "ledger": layout::url(lake_bucket, &layout::ledger_object(bucket, key)),
        "at": entry.at,
        "run_id": lineage::run_id(entry),
        "glue_run_id": entry.run_id,
        "trace_id": entry.trace_id,
    })
}

/// Why rows left.
fn reason(state: State) -> &'static str {
    match state {
        State::Removed => "deleted",
        State::Committed => "moved",
        State::Rejected | State::Failed | State::Heavy | State::Working | State::Publishing => "withdrawn",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{entry, is_sample};
    use super::*;

    /// A deletion of the object, or what else became of it.
    fn removed(state: State, paths: &[&str]) -> Entry {
        let taken_in = entry();
        let source = Source { version_id: None, etag: None, last_modified: None, size_bytes: 0, ..taken_in.source };
        let source = Source { sequencer: Some("0B".to_owned()), ..source };
        let mut entry = Entry::new(source, state, "0.1.0", "2026-01-02T04:00:00.000Z".to_owned());
        (entry.dataset, entry.contract_version) = (taken_in.dataset, taken_in.contract_version);
        entry.trace_id = taken_in.trace_id;
        entry.removed_paths = paths.iter().map(|path| format!("lake/{path}")).collect();
        entry
    }

    fn of(entry: &Entry) -> Vec<Value> {
        details(entry, "lakegate", "lakegate", "lake")
    }

    #[test]
    fn the_sample_of_a_removal_is_what_is_sent() {
        let outputs: Vec<String> = entry().outputs.iter().map(|output| output.path.replacen("lake/", "", 1)).collect();
        let paths: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let [detail] = <[Value; 1]>::try_from(of(&removed(State::Removed, &paths))).unwrap();
        is_sample(&detail, "object-removed.json");
    }

    #[test]
    fn each_table_that_rows_left_is_told_of() {
        let entry = removed(State::Rejected, &["b/x-1-0.parquet", "a/y=1/x-1-0.parquet", "a/y=2/x-1-0.parquet"]);
        let told: Vec<_> =
            of(&entry).iter().map(|detail| (detail["table"].clone(), detail["partitions_total"].clone())).collect();
        assert_eq!(told, [(json!("a"), json!(2)), (json!("b"), json!(0))]);
        assert!(of(&removed(State::Removed, &[])).is_empty(), "nothing stood");
    }

    #[test]
    fn the_reason_is_that_of_the_entry() {
        for (state, expected) in [
            (State::Removed, "deleted"),
            (State::Rejected, "withdrawn"),
            (State::Failed, "withdrawn"),
            (State::Committed, "moved"),
        ] {
            assert_eq!(of(&removed(state, &["a/x-1-0.parquet"]))[0]["reason"], expected);
        }
    }

    #[test]
    fn a_removal_from_very_many_partitions_fits_an_event() {
        let paths: Vec<String> =
            (0..500).map(|number| format!("a/year={number}/city={}/x-1-0.parquet", "%C3%A3".repeat(400))).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let detail = &of(&removed(State::Removed, &paths))[0];
        assert_eq!(detail["partitions_total"], 500);
        let named = detail["partitions"].as_array().unwrap().len();
        assert!(named > 10 && named < 100 && detail.to_string().len() <= super::super::DETAIL_MAX_BYTES, "{named}");
    }
}
