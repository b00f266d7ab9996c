//! Names in the lake bucket: what lies where, and how an output is named after its source.
//! Pure; it must not know how objects are read or written.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Accepted rows, one folder per table.
pub const LAKE_PREFIX: &str = "lake/";
/// Rejected rows, one Hive partition per dataset.
pub const REJECTS_PREFIX: &str = "rejects/";
/// One entry per source object.
pub const LEDGER_PREFIX: &str = "ledger/";
/// One manifest per run of the Glue job.
pub const RUNS_PREFIX: &str = "runs/";
/// `OpenLineage` events, one object each.
pub const LINEAGE_PREFIX: &str = "lineage/";
/// Which lateness of a dataset was told, one object each.
pub const FRESHNESS_PREFIX: &str = "freshness/";
/// How far each API was fetched, one object per dataset.
pub const FETCH_PREFIX: &str = "fetch/";
/// What is to be loaded into the warehouse, and what became of it, one object per load.
pub const LOADS_PREFIX: &str = "loads/";
/// What Athena answered, one object per query and one about it.
pub const ATHENA_PREFIX: &str = "athena/";
/// Pages for people, and their figures for programs.
pub const REPORTS_PREFIX: &str = "reports/";
/// The business dashboard.
pub const SALES_PAGE: &str = "reports/sales.html";
/// Its figures.
pub const SALES_FIGURES: &str = "reports/sales.json";
/// The deployed contracts.
pub const CONTRACTS_PREFIX: &str = "contracts/";
/// Contracts drafted from objects of unknown datasets. They are no deployed contracts, though they lie below those.
pub const DRAFTS_PREFIX: &str = "contracts/drafts/";
/// The catalog's name for the table of rejected rows.
pub const REJECTS_TABLE: &str = "rejects";
/// What stands for a null in a partition's path (Hive).
pub const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";
/// The partition column of the table of rejected rows.
pub const REJECTS_PARTITION_COLUMN: &str = "dataset";

const OWN_PREFIXES: [&str; 11] = [
    LOADS_PREFIX,
    LAKE_PREFIX,
    REJECTS_PREFIX,
    LEDGER_PREFIX,
    RUNS_PREFIX,
    CONTRACTS_PREFIX,
    LINEAGE_PREFIX,
    FRESHNESS_PREFIX,
    FETCH_PREFIX,
    ATHENA_PREFIX,
    REPORTS_PREFIX,
];
const STEM_MAX_CHARS: usize = 40;
const HASH_HEX_DIGITS: usize = 16;
const VERSION_HEX_DIGITS: usize = 8;

/// `<stem>-<hash>`: the same object always gets the same name, two objects never share one.
///
/// The stem is the key's file name up to its first dot, with anything outside `[A-Za-z0-9-]` replaced by `-`, at
/// most 40 characters; the hash is the first 16 hex digits of SHA-256 of `bucket/key`.
#[must_use]
pub fn source_name(bucket: &str, key: &str) -> String {
    let file_name = key.rsplit('/').next().unwrap_or(key);
    let stem = file_name.split('.').next().unwrap_or_default();
    let stem: String =
        stem.chars().take(STEM_MAX_CHARS).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{stem}-{}", hex(&format!("{bucket}/{key}"), HASH_HEX_DIGITS))
}

/// The first digits of the text's SHA-256.
pub(crate) fn hex(text: &str, digits: usize) -> String {
    let mut hex = String::with_capacity(digits);
    for byte in Sha256::digest(text).iter().take(digits / 2) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// `lake/<table>/`: where a table's files lie.
#[must_use]
pub fn table_prefix(table: &str) -> String {
    format!("{LAKE_PREFIX}{table}/")
}

/// `lake/<table>/<k=v>/…/<stem>-<hash>-<n>.parquet`; `partition` is empty for a table without partitions, and `number`
/// counts the files of one source in one partition, from 0.
#[must_use]
pub fn table_object(table: &str, partition: &str, source_name: &str, number: usize) -> String {
    let folder = if partition.is_empty() { String::new() } else { format!("{partition}/") };
    format!("{}{folder}{source_name}-{number}.parquet", table_prefix(table))
}

/// The table that a file is of, and its partition, which is empty for a table without partitions; `None` for anything but a table's file.
#[must_use]
pub fn table_of(path: &str) -> Option<(&str, &str)> {
    let (table, rest) = path.strip_prefix(LAKE_PREFIX)?.split_once('/')?;
    Some((table, rest.rsplit_once('/').map_or("", |(partition, _)| partition)))
}

/// `rejects/dataset=<table>/<stem>-<hash>[-<8 digits of the version's hash>].parquet`.
///
/// With the version, of the object and of its contract, in its name, a judgement that rejects the whole file leaves the rejects of the rows
/// that still stand.
#[must_use]
pub fn rejects_object(table: &str, source_name: &str, version: Option<&str>) -> String {
    let version = version.map(|version| format!("-{}", hex(version, VERSION_HEX_DIGITS))).unwrap_or_default();
    format!("{}{source_name}{version}.parquet", rejects_partition_prefix(table))
}

/// `rejects/dataset=<table>/`.
#[must_use]
pub fn rejects_partition_prefix(table: &str) -> String {
    format!("{REJECTS_PREFIX}{REJECTS_PARTITION_COLUMN}={table}/")
}

/// `ledger/<stem>-<hash>.json`.
#[must_use]
pub fn ledger_object(bucket: &str, key: &str) -> String {
    format!("{LEDGER_PREFIX}{}.json", source_name(bucket, key))
}

/// `runs/<stem>-<hash>-<16 digits of the handing-over's hash>.json`.
#[must_use]
pub fn run_object(source_name: &str, handed_over: &str) -> String {
    format!("{RUNS_PREFIX}{source_name}-{}.json", hex(handed_over, HASH_HEX_DIGITS))
}

/// `freshness/<table>.json`.
#[must_use]
pub fn freshness_object(table: &str) -> String {
    format!("{FRESHNESS_PREFIX}{table}.json")
}

/// `lineage/<date>/<run>-<start|complete|fail>.json`: a run's event of a day is written over its repetition.
#[must_use]
pub fn lineage_object(date: &str, run_id: &str, event: &str) -> String {
    format!("{LINEAGE_PREFIX}{date}/{run_id}-{event}.json")
}

/// `fetch/<table>.json`.
#[must_use]
pub fn fetch_object(table: &str) -> String {
    format!("{FETCH_PREFIX}{table}.json")
}

/// `loads/<id>.json`.
#[must_use]
pub fn load_object(id: &str) -> String {
    format!("{LOADS_PREFIX}{id}.json")
}

/// The id of a load: the first 16 hex digits of the hash of its table and of what asked for it, so that the same messages, when they come
/// again, ask for the same load.
#[must_use]
pub fn load_id(table: &str, asked_by: &[&str]) -> String {
    hex(&format!("{table}\n{}", asked_by.join("\n")), HASH_HEX_DIGITS)
}

/// `<prefix><table>[-<time>]-<16 digits of the table's, the field's and the mark's hash><suffix>`: what is fetched from a mark on has one
/// name in the raw bucket, however often it is fetched. `since` is the field, the mark and when the mark was reached; a mark is a value
/// of a cell, so the name does not show it.
#[must_use]
pub fn fetched_object(prefix: &str, table: &str, since: Option<(&str, &str, &str)>, suffix: &str) -> String {
    let (field, mark, time) = since.unwrap_or_default();
    let time: String = time.chars().filter(char::is_ascii_alphanumeric).collect();
    let time = if time.is_empty() { time } else { format!("-{time}") };
    let hash = hex(&format!("{table}\n{field}\n{mark}"), HASH_HEX_DIGITS);
    format!("{prefix}{table}{time}-{hash}{suffix}")
}

/// True for a key that [`fetched_object`] gives to a file of this table. Somebody else's file may have such a name by chance.
#[must_use]
pub fn is_fetched_object(key: &str, table: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    let Some(rest) = name.strip_prefix(table).and_then(|rest| rest.strip_prefix('-')) else { return false };
    let Some((stem, "json" | "ndjson" | "jsonl")) = rest.split_once('.') else { return false };
    let (time, hash) = stem.rsplit_once('-').map_or((None, stem), |(time, hash)| (Some(time), hash));
    let is_hash =
        hash.len() == HASH_HEX_DIGITS && hash.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    // 20260102T030405678Z
    let is_time = time.is_none_or(|time| {
        time.len() == 19 && time.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z'))
    });
    is_hash && is_time
}

/// `contracts/drafts/<table>.odcs.yaml`.
#[must_use]
pub fn draft_object(table: &str) -> String {
    format!("{DRAFTS_PREFIX}{table}.odcs.yaml")
}

/// `s3://bucket/key`, for catalogs, messages and errors.
#[must_use]
pub fn url(bucket: &str, key: &str) -> String {
    format!("s3://{bucket}/{key}")
}

/// The URL of an output for errors, which reach logs and mails: partition values are cells, and are left out.
#[must_use]
pub fn url_without_values(bucket: &str, key: &str) -> String {
    let segment = |segment: &str| match segment.split_once('=') {
        Some((column, _)) if key.starts_with(LAKE_PREFIX) => format!("{column}=…"),
        Some(_) | None => segment.to_owned(),
    };
    url(bucket, &key.split('/').map(segment).collect::<Vec<_>>().join("/"))
}

/// True for the URL of an output of a table, whose partition values are no error's to tell.
#[must_use]
pub fn is_url_of_output(url: &str) -> bool {
    url.trim_start_matches("s3://").split_once('/').is_some_and(|(_, key)| key.starts_with(LAKE_PREFIX))
}

/// True for an object of the lake bucket that Lakegate itself writes or reads: never a source, or a gate that
/// watches its own lake bucket would feed on its own output.
#[must_use]
pub fn is_own_object(lake_bucket: &str, bucket: &str, key: &str) -> bool {
    bucket == lake_bucket && OWN_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_stem_and_hash_of_bucket_and_key() {
        insta::assert_snapshot!(source_name("raw", "orders/2025-09.csv"), @"2025-09-d360829ae363c99f");
        insta::assert_snapshot!(source_name("raw", "a b/São Paulo+1.tar.gz"), @"S-o-Paulo-1-87b2bcbec66fca8d");
        insta::assert_snapshot!(source_name("raw", ".hidden"), @"-84184ae06558a49c");
        assert_ne!(source_name("raw", "a/x.csv"), source_name("raw", "b/x.csv"));
    }

    #[test]
    fn a_long_stem_is_cut_by_characters() {
        let name = source_name("raw", &format!("{}.csv", "é".repeat(100)));
        assert_eq!(name.len(), STEM_MAX_CHARS + 1 + HASH_HEX_DIGITS);
    }

    #[test]
    fn objects_lie_under_their_prefixes() {
        assert_eq!(
            table_object("orders", "year=2025/month=09", "a-1", 0),
            "lake/orders/year=2025/month=09/a-1-0.parquet"
        );
        assert_eq!(table_object("orders", "", "a-1", 2), "lake/orders/a-1-2.parquet");
        assert_eq!(table_of("lake/orders/year=2025/month=09/a-1-0.parquet"), Some(("orders", "year=2025/month=09")));
        assert_eq!(table_of("lake/orders/a-1-2.parquet"), Some(("orders", "")));
        assert_eq!(table_of("rejects/dataset=orders/a-1.parquet"), None);
        assert_eq!(rejects_object("orders", "a-1", None), "rejects/dataset=orders/a-1.parquet");
        let of_version = rejects_object("orders", "a-1", Some("v1"));
        assert!(of_version.starts_with("rejects/dataset=orders/a-1-") && of_version.len() == 43, "{of_version}");
        insta::assert_snapshot!(ledger_object("raw", "orders/2025-09.csv"), @"ledger/2025-09-d360829ae363c99f.json");
    }

    #[test]
    fn what_is_fetched_from_a_mark_on_has_one_name_which_does_not_show_the_mark() {
        insta::assert_snapshot!(fetched_object("orders/api/", "orders", None, ".json"), @"orders/api/orders-6250c7c967b89b6d.json");
        let since = |mark| Some(("/updated_at", mark, "2026-01-02T03:04:05.678Z"));
        let name = fetched_object("orders/api/", "orders", since("2025-12-31"), ".ndjson");
        insta::assert_snapshot!(name, @"orders/api/orders-20260102T030405678Z-43002a56eaa7652d.ndjson");
        assert_eq!(name, fetched_object("orders/api/", "orders", since("2025-12-31"), ".ndjson"));
        assert_ne!(name, fetched_object("orders/api/", "orders", since("2025-12-30"), ".ndjson"));
    }

    #[test]
    fn a_fetched_file_is_known_by_its_name() {
        for since in [None, Some(("/updated_at", "2025-12-31", "2026-01-02T03:04:05.678Z"))] {
            for suffix in [".json", ".ndjson", ".jsonl"] {
                let key = fetched_object("orders/api/", "orders", since, suffix);
                assert!(is_fetched_object(&key, "orders"), "{key}");
                assert!(!is_fetched_object(&key, "order") && !is_fetched_object(&key, "orders2"), "{key}");
                assert!(!is_fetched_object(&format!("{key}.gz"), "orders") && !is_fetched_object("", "orders"));
            }
        }
        for key in [
            "orders/2025-09.csv",
            "orders/orders-2025.json",
            "orders/orders-0123456789ABCDEF.json",
            "orders/x-0123456789abcdef.json",
        ] {
            assert!(!is_fetched_object(key, "orders"), "{key}");
        }
    }

    #[test]
    fn errors_about_outputs_name_no_partition_value() {
        insta::assert_snapshot!(url_without_values("lake", "lake/orders/customer=Jane/a-1-0.parquet"), @"s3://lake/lake/orders/customer=…/a-1-0.parquet");
        insta::assert_snapshot!(url_without_values("lake", "rejects/dataset=orders/a-1.parquet"), @"s3://lake/rejects/dataset=orders/a-1.parquet");
    }

    #[test]
    fn only_what_lakegate_writes_in_the_lake_bucket_is_its_own() {
        assert!(is_own_object("lake", "lake", "lake/orders/a.parquet"));
        assert!(is_own_object("lake", "lake", "contracts/orders.odcs.yaml"));
        assert!(is_own_object("lake", "lake", "reports/sales.html") && is_own_object("lake", "lake", "athena/a.csv"));
        assert!(!is_own_object("lake", "raw", "lake/orders/a.parquet"));
        assert!(!is_own_object("lake", "lake", "incoming/a.csv"));
    }
}
