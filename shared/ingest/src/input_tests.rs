//! Tests: keys and values that try to be paths. Whatever they hold, only their own table's files are touched.
//! They must not know how names are made.

use lakegate_lake::events::ObjectEvent;
use lakegate_lake::key::ObjectKey;
use lakegate_lake::layout;

use super::*;
use crate::settings::UnknownDatasets;

const CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
servers:
  - {server: landing, type: s3, location: 's3://*/orders/**', format: csv}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string}
      - {name: region, logicalType: string, partitioned: true, partitionKeyPosition: 1}
    customProperties:
      - {property: maxRejectPercent, value: 100, vendor: lakegate}
";

const VALUES: [&str; 22] = [
    "..",
    ".",
    "../..",
    "../../contracts/evil.odcs.yaml",
    "/",
    "//",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "%2e%2e%2f",
    "%",
    "%00",
    "a=b",
    "region=EMEA",
    "__HIVE_DEFAULT_PARTITION__",
    " ",
    "_hidden",
    ".hidden",
    "\u{1}\u{7f}",
    "\u{202e}cilbup",
    "?versionId=1&delete",
    "#",
];

const KEYS: [&str; 14] = [
    "orders/..%2f..%2fa.csv",
    "orders/%2e%2e/a.csv",
    "orders/a+b c.csv",
    "orders/region=..",
    "orders/__HIVE_DEFAULT_PARTITION__",
    "orders/....csv",
    "orders/\u{202e}vsc.a",
    "orders/a?uploads&x=.csv",
    "orders/a#b.csv",
    "orders/'\"<>&.csv",
    "orders/-",
    "orders/../../ledger/a.csv",
    "orders//a.csv",
    "orders/\u{1}.csv",
];

/// All that was ever written or deleted, each under the prefix that is its own.
fn check_touched(lake: &World<'_>, names: &[String]) {
    for path in lake.lake.touched.lock().unwrap().iter() {
        let parts: Vec<&str> = path.split('/').collect();
        assert!(parts.iter().all(|part| !["", ".", ".."].contains(part)), "{path:?}");
        assert!(!path.contains(|c: char| c.is_control()), "{path:?}");
        let is_ours = |file: &str| names.iter().any(|name| file.starts_with(name.as_str()));
        match parts.as_slice() {
            ["contracts", "orders.odcs.yaml"] => {}
            ["ledger", file] | ["rejects", "dataset=orders", file] => assert!(is_ours(file), "{path:?}"),
            ["lake", "orders", partition, file] => {
                assert!(partition.starts_with("region=") && !partition[7..].contains('='), "{path:?}");
                assert!(is_ours(file) && !partition[7..].is_empty(), "{path:?}");
            }
            _ => panic!("{path:?}"),
        }
    }
}

async fn lake(aws: &Aws) -> World<'_> {
    let mut lake = World::new(aws).await;
    lake.contract = CONTRACT;
    lake.deploy(CONTRACT).await;
    lake
}

#[tokio::test]
async fn whatever_a_partition_value_holds_its_file_is_in_a_folder_of_its_own() {
    let aws = Aws::start();
    let lake = lake(&aws).await;
    let mut content = "id,region\n".to_owned();
    for value in VALUES {
        let _ = writeln!(content, "1,\"{}\"", value.replace('"', "\"\""));
    }
    content += "2,\n";
    let event = lake.upload(&content).await;
    let Outcome::Committed(entry) = lake.settle(&event).await else { panic!("committed") };
    assert_eq!(entry.rows_read, VALUES.len() as u64 + 1);
    assert_eq!(entry.rows_accepted, entry.rows_read);
    let name = layout::source_name("raw", crate::world::KEY);
    check_touched(&lake, &[name]);
    // The null and the word for it are one folder, as Hive has it; every other value has its own.
    let folders = lake.visible().await.len();
    assert!((VALUES.len()..=VALUES.len() + 1).contains(&folders), "{folders}");
    // And a version without them takes all of them away again.
    let event = lake.upload("id,region\n1,EMEA\n").await;
    lake.settle(&event).await;
    assert_eq!(lake.visible().await.len(), 1);
}

#[tokio::test]
async fn a_partition_value_of_500_characters_rejects_the_file_and_touches_nothing_else() {
    let aws = Aws::start();
    for long in ["x".repeat(500), "é/".repeat(250)] {
        let lake = lake(&aws).await;
        let event = lake.upload(&format!("id,region\n1,EMEA\n2,{long}\n")).await;
        let Outcome::Rejected(_, record) = lake.settle(&event).await else { panic!("rejected") };
        assert!(!record.summary.contains(&long[..20]), "{}", record.summary);
        check_touched(&lake, &[layout::source_name("raw", crate::world::KEY)]);
    }
}

#[tokio::test]
async fn whatever_a_key_holds_only_names_made_of_it_are_touched() {
    let aws = Aws::start();
    let lake = lake(&aws).await;
    let long = format!("orders/{}.csv", "ü/".repeat(300));
    let mut names = Vec::new();
    for key in KEYS.into_iter().chain([long.as_str()]) {
        let is_supported = object_store::path::Path::parse(key).is_ok();
        let event = if is_supported {
            lake.upload_under(key, FIRST).await
        } else {
            ObjectEvent { key: ObjectKey::as_given(key), ..lake.upload_under("orders/other.csv", FIRST).await }
        };
        names.push(layout::source_name("raw", key));
        let outcome = lake.settle(&event).await;
        assert_eq!(matches!(outcome, Outcome::Committed(_)), is_supported, "{key:?}: {outcome:?}");
        assert_eq!(lake.entry_of(key).await.unwrap().source.key, key);
        check_touched(&lake, &names);
    }
}

const FOLDERS: [&str; 16] = [
    "..%2f",
    "%2e%2e",
    "rejects",
    "ledger",
    "Rejects",
    "contracts",
    "drafts",
    "_",
    "1",
    "a=b",
    "__HIVE_DEFAULT_PARTITION__",
    "\u{202e}cilbup",
    "{*}",
    "select 1; drop table x --",
    "x\ny: evil",
    " ",
];

#[tokio::test]
async fn whatever_a_folder_is_called_its_draft_and_its_table_have_plain_names_of_their_own() {
    let aws = Aws::start();
    let long = "ü".repeat(500);
    for folder in FOLDERS.into_iter().chain([long.as_str()]) {
        let mut lake = World::new(&aws).await;
        lake.unknown_datasets = UnknownDatasets::Infer;
        let key = format!("{folder}/a.csv");
        let is_supported = object_store::path::Path::parse(&key).is_ok();
        let event = if is_supported {
            lake.upload_under(&key, FIRST).await
        } else {
            ObjectEvent { key: ObjectKey::as_given(&key), ..lake.upload_under("other/a.csv", FIRST).await }
        };
        let outcome = lake.settle(&event).await;
        let tables: Vec<String> = aws.catalog().into_keys().filter(|table| table != "rejects").collect();
        let Outcome::Committed(entry) = outcome else {
            assert_eq!(tables, Vec::<String>::new(), "{key:?}");
            check_drafted(&lake, None, &layout::source_name("raw", &key));
            continue;
        };
        let table = entry.dataset.unwrap();
        assert_ne!(table, "rejects", "{key:?}: the table of rejected rows is ours");
        assert_eq!(tables, [table.as_str()], "{key:?}");
        assert!(table.len() < 256 && table.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{table:?}");
        check_drafted(&lake, Some(&table), &layout::source_name("raw", &key));
    }
}

fn check_drafted(lake: &World<'_>, table: Option<&str>, name: &str) {
    for path in lake.lake.touched.lock().unwrap().iter() {
        match (path.split('/').collect::<Vec<_>>().as_slice(), table) {
            (["contracts", "orders.odcs.yaml"], _) => {}
            (["ledger", file], _) => assert!(file.starts_with(name), "{path:?}"),
            (["lake", folder, file], Some(table)) => assert!(*folder == table && file.starts_with(name), "{path:?}"),
            (["contracts", "drafts", draft], Some(table)) => assert_eq!(*draft, format!("{table}.odcs.yaml")),
            _ => panic!("{path:?}, {table:?}"),
        }
    }
}
