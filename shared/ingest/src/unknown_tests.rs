//! Tests: objects of unknown datasets and their drafts, in buckets in memory.
//! They must not know how a draft is inferred, only that it is kept and used.

use std::collections::BTreeMap;

use lakegate_contract::{ColumnType, Format};
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::key::ObjectKey;
use lakegate_lake::objects::BucketStore;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::*;

const DRAFT_KEY: &str = "contracts/drafts/sensor_data.odcs.yaml";

struct Bench {
    objects: Objects,
    contracts: Contracts,
    raw: Arc<dyn BucketStore>,
    lake: Arc<dyn BucketStore>,
}

impl Bench {
    fn new() -> Self {
        let raw: Arc<dyn BucketStore> = Arc::new(InMemory::new());
        let lake: Arc<dyn BucketStore> = Arc::new(InMemory::new());
        let stores = BTreeMap::from([("raw".to_owned(), Arc::clone(&raw)), ("lake".to_owned(), Arc::clone(&lake))]);
        Self { objects: Objects::of_stores(stores), contracts: Contracts::new("lake".to_owned()), raw, lake }
    }

    async fn contract_of(&self, key: &str, content: &str) -> Result<Arc<Contract>, UnknownError> {
        self.raw.put(&Path::parse(key).unwrap(), content.to_owned().into()).await.unwrap();
        let event = ObjectEvent {
            bucket: "raw".to_owned(),
            key: ObjectKey::as_given(key),
            version_id: None,
            etag: None,
            size_bytes: None,
            sequencer: None,
            original: String::new(),
        };
        let object = read::open(&self.objects, &event, key).await?;
        // As `take_in` does before it calls for a draft: the deployed contracts are known.
        self.contracts.find(&self.objects, "raw", key).await?;
        match drafted(&self.objects, &self.contracts, "lake", &object, 1000).await? {
            Some(contract) => Ok(contract),
            None => draft(&self.objects, "lake", &object).await,
        }
    }

    async fn draft(&self) -> Option<String> {
        let bytes = self.objects.get("lake", DRAFT_KEY).await.unwrap()?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn the_first_object_drafts_the_contract_of_its_folder() {
    let bench = Bench::new();
    let contract = bench.contract_of("Sensor Data/2025/a.csv", "id,value\n1,2.5\n2,\n").await.unwrap();
    assert_eq!(contract.table, "sensor_data");
    assert_eq!(contract.landing.location.as_str(), "s3://*/Sensor Data/**");
    assert!(matches!(contract.columns[1].column_type, ColumnType::Decimal { .. }));
    assert!(contract.columns.iter().all(|column| !column.required), "nobody has promised anything");
    let draft = bench.draft().await.unwrap();
    assert!(draft.starts_with("# Drafted from a.csv: 2 rows"), "{draft}");
}

#[tokio::test]
async fn a_json_object_drafts_a_contract_that_takes_what_later_ones_add() {
    let bench = Bench::new();
    let contract =
        bench.contract_of("Sensor Data/2025/a.json", "{\"id\":1,\"at\":{\"x\":2.5}}\n{\"id\":2}\n").await.unwrap();
    assert_eq!(contract.landing.location.as_str(), "s3://*/Sensor Data/**/*.json");
    assert!(matches!(contract.landing.format, Format::Json(_)));
    let types: Vec<_> = contract.columns.iter().map(|column| (column.name.as_str(), &column.column_type)).collect();
    assert!(
        matches!(
            types.as_slice(),
            [("id", ColumnType::Integer(_)), ("at", ColumnType::Json), ("_rescued", ColumnType::Json)]
        ),
        "{types:?}"
    );
    assert!(contract.columns.iter().all(|column| !column.required), "nobody has promised anything");
    let again = bench.contract_of("Sensor Data/2025/b.json", "[{\"other\":1}]").await.unwrap();
    assert_eq!(again.columns.len(), 3);
    let draft = bench.draft().await.unwrap();
    assert!(draft.starts_with("# Drafted from a.json: 2 rows"), "{draft}");
}

#[tokio::test]
async fn later_objects_are_held_against_the_draft_as_it_stands() {
    let bench = Bench::new();
    bench.contract_of("Sensor Data/a.csv", "id,value\n1,2.5\n").await.unwrap();
    let draft = bench.draft().await.unwrap();
    let contract = bench.contract_of("Sensor Data/b.csv", "other\nx\n").await.unwrap();
    let names: Vec<_> = contract.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "value", "_rescued"], "what later files add has a place");
    assert_eq!(bench.draft().await.unwrap(), draft);
    bench.lake.put(&Path::from(DRAFT_KEY), "mine".into()).await.unwrap();
    let error = bench.contract_of("Sensor Data/c.csv", "id,value\n1,2.5\n").await.unwrap_err();
    assert!(error.to_string().starts_with("the draft contracts/drafts/sensor_data.odcs.yaml is no valid contract: "));
}

#[tokio::test]
async fn an_object_whose_name_says_another_format_than_the_draft_is_refused_by_that_draft() {
    let csv = ("Sensor Data/a.csv", "id,value\n1,2.5\n");
    let json = ("Sensor Data/deep/a.NDJSON.gz", "{\"id\":1}\n");
    let mut told = Vec::new();
    for (first, second) in [(csv, json), (json, csv), (json, ("Sensor Data/b.tsv.zst", ""))] {
        let bench = Bench::new();
        bench.contract_of(first.0, first.1).await.unwrap();
        let draft = bench.draft().await.unwrap();
        let error = bench.contract_of(second.0, second.1).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::UnknownDataset);
        told.push(error.to_string());
        assert_eq!(bench.draft().await.unwrap(), draft);
        // Others go on, and so do names that say nothing.
        for name in [first.0, "Sensor Data/b", "Sensor Data/b.gz", "Sensor Data/b.txt"] {
            bench.contract_of(name, first.1).await.unwrap();
        }
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    the draft contracts/drafts/sensor_data.odcs.yaml reads CSV files, and the object's name says JSON: put these files into a folder of their own, or give them a contract with another table
    the draft contracts/drafts/sensor_data.odcs.yaml reads JSON files, and the object's name says CSV: put these files into a folder of their own, or give them a contract with another table
    the draft contracts/drafts/sensor_data.odcs.yaml reads JSON files, and the object's name says CSV: put these files into a folder of their own, or give them a contract with another table
    ");
}

#[tokio::test]
async fn files_that_are_misnamed_alike_have_one_draft() {
    for (name, content) in [("csv", "{\"id\":1}"), ("json", "id,value\n1,2.5\n")] {
        let bench = Bench::new();
        for file in ["a", "a", "b"] {
            bench.contract_of(&format!("Sensor Data/{file}.{name}"), content).await.unwrap();
        }
    }
}

#[tokio::test]
async fn of_two_formats_that_come_first_at_the_same_time_one_is_refused() {
    let bench = Bench::new();
    let (one, other) = tokio::join!(
        bench.contract_of("Sensor Data/a.csv", "id,value\n1,2.5\n"),
        bench.contract_of("Sensor Data/b.json", "{\"id\":1}"),
    );
    let refused = [one, other].into_iter().filter_map(Result::err);
    assert_eq!(refused.map(|error| error.kind()).collect::<Vec<_>>(), [FailureKind::UnknownDataset]);
}

#[tokio::test]
async fn a_draft_is_no_deployed_contract() {
    let bench = Bench::new();
    bench.contract_of("Sensor Data/a.csv", "id,value\n1,2.5\n").await.unwrap();
    let contracts = Contracts::new("lake".to_owned());
    let lookup = contracts.find(&bench.objects, "raw", "Sensor Data/b.csv").await.unwrap();
    assert!(matches!(lookup, lakegate_lake::contracts::Lookup::Unknown(_)), "{lookup:?}");
}

#[tokio::test]
async fn a_table_that_a_contract_has_is_left_alone() {
    let bench = Bench::new();
    let deployed = "
apiVersion: v3.2.0
kind: DataContract
id: sensors
version: 1.0.0
servers: [{server: landing, type: s3, location: 's3://*/sensors/*.csv', format: csv}]
schema: [{name: sensor_data, properties: [{name: id, logicalType: string}]}]
";
    bench.lake.put(&Path::from("contracts/sensors.odcs.yaml"), deployed.into()).await.unwrap();
    let error = bench.contract_of("Sensor Data/a.csv", "id\n1\n").await.unwrap_err();
    insta::assert_snapshot!(error, @"its table would be sensor_data, which is that of contracts/sensors.odcs.yaml");
    assert_eq!(bench.draft().await, None);
}

#[tokio::test]
async fn what_shows_no_table_is_refused_and_leaves_no_draft() {
    let bench = Bench::new();
    let mut told = Vec::new();
    let wrapped = "{\"data\": [{\"id\": 1}]}";
    for content in ["", "id,value\n", "[1, 2]", "[{\"id\": 1},", wrapped, "PAR1 and more", &"x,y\n".repeat(400)] {
        let error = bench.contract_of("Sensor Data/a.csv", content).await.unwrap_err();
        told.push(error.to_string());
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    no contract can be drafted from it: the file has no records
    no contract can be drafted from it: it has no rows
    no contract can be drafted from it: the file is JSON without a single object that has keys
    no contract can be drafted from it: the file ends inside its array: it was cut off
    no contract can be drafted from it: the file is one JSON object with one key and a list under it: if these are its rows, write the list alone, or its items one after another (jq '.[]' makes the list)
    no contract can be drafted from it: the file is Parquet, and CSV and JSON are read
    with 1600 bytes it is too big for a contract to be drafted from it
    ");
    assert_eq!(bench.draft().await, None);
}

#[tokio::test]
async fn a_draft_that_was_written_meanwhile_is_used() {
    let bench = Bench::new();
    let (one, other) = tokio::join!(
        bench.contract_of("Sensor Data/a.csv", "id,value\n1,2.5\n"),
        bench.contract_of("Sensor Data/b.csv", "id,value\n1,text\n"),
    );
    let types = [one.unwrap(), other.unwrap()].map(|contract| format!("{:?}", contract.columns[1].column_type));
    assert_eq!(types[0], types[1]);
}

#[test]
fn a_dataset_is_the_first_folder() {
    for (key, table, location) in [
        ("orders/2025/a.csv", "orders", "s3://*/orders/**"),
        ("2025 [old]/a.csv", "c_2025_old", "s3://*/2025 ?old?/**"),
        ("orders/2025/a.json", "orders", "s3://*/orders/**/*.json"),
        ("orders/a.b.NDJSON.gz", "orders", "s3://*/orders/**/*.NDJSON.gz"),
        ("orders/json", "orders", "s3://*/orders/**"),
        ("orders/json.gz", "orders", "s3://*/orders/**"),
        ("orders.json", "orders", "s3://*/orders.json"),
        ("a b.csv", "a_b", "s3://*/a b.csv"),
        ("ledger/a.csv", "ledger_data", "s3://*/ledger/**"),
        ("中国/a.csv", "data", "s3://*/中国/**"),
    ] {
        let naming = naming(key);
        assert_eq!((naming.table.as_str(), naming.location.as_str()), (table, location), "{key}");
    }
}
