//! Tests: one object through the engine and into a bucket, both in memory.
//! They must not know the engine's rules, only what becomes of its outputs.

use std::collections::BTreeMap;

use lakegate_convert::Verdict;
use lakegate_lake::catalog::TableDefinition;
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::key::ObjectKey;
use lakegate_lake::layout;
use lakegate_lake::objects::{BucketStore, Objects};
use lakegate_stand_ins::CONTRACT;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::*;

struct Bench {
    objects: Objects,
    raw: Arc<dyn BucketStore>,
    contract: Arc<Contract>,
}

impl Bench {
    async fn with(content: &str) -> Self {
        let raw: Arc<dyn BucketStore> = Arc::new(InMemory::new());
        raw.put(&Path::from("orders/a.csv"), content.to_owned().into()).await.unwrap();
        let lake: Arc<dyn BucketStore> = Arc::new(InMemory::new());
        let stores = BTreeMap::from([("raw".to_owned(), Arc::clone(&raw)), ("lake".to_owned(), lake)]);
        let contract = Arc::new(lakegate_contract::parse(CONTRACT).unwrap().contract);
        Self { objects: Objects::of_stores(stores), raw, contract }
    }

    async fn open(&self) -> OpenObject {
        let event = ObjectEvent {
            bucket: "raw".to_owned(),
            key: ObjectKey::as_given("orders/a.csv"),
            version_id: None,
            etag: None,
            size_bytes: None,
            sequencer: None,
            original: String::new(),
        };
        read::open(&self.objects, &event, event.key.as_str()).await.unwrap()
    }

    fn uploads(&self, object: &OpenObject) -> Uploads<'_> {
        Uploads::new(&self.objects, "lake", &self.contract, object, usize::MAX)
    }

    async fn lake_keys(&self) -> Vec<String> {
        self.objects.list("lake", "").await.unwrap().into_iter().map(|object| object.key).collect()
    }
}

fn table_object(region: &str) -> String {
    layout::table_object("orders", &format!("region={region}"), &layout::source_name("raw", "orders/a.csv"), 0)
}

fn rejects_object(object: &OpenObject) -> String {
    let version = format!("{} {}", object.etag.as_deref().unwrap(), "1.0.0");
    layout::rejects_object("orders", &layout::source_name("raw", "orders/a.csv"), Some(&version))
}

#[tokio::test]
async fn outputs_are_complete_and_invisible_until_they_are_published() {
    let bench = Bench::with("id,region\n1,EMEA\n2,APAC\n,EMEA\n").await;
    let object = bench.open().await;
    let mut uploads = bench.uploads(&object);
    let judgement = convert(&object, Arc::clone(&bench.contract), 2, &mut uploads).await.unwrap();
    assert_eq!((judgement.counts.read, judgement.counts.accepted, judgement.counts.rejected), (3, 2, 1));
    let outputs = uploads.into_outputs(&judgement);
    assert_eq!(outputs.table()[1].path, table_object("APAC"));
    assert!(bench.lake_keys().await.is_empty());
    outputs.publish().await.unwrap();
    let expected = [table_object("APAC"), table_object("EMEA"), rejects_object(&object)];
    assert_eq!(bench.lake_keys().await, expected);
}

#[tokio::test]
async fn a_rejected_file_leaves_its_rejects_and_nothing_else() {
    let bench = Bench::with("id,region\n1,EMEA\n,EMEA\n,EMEA\n").await;
    let object = bench.open().await;
    let mut uploads = bench.uploads(&object);
    let judgement = convert(&object, Arc::clone(&bench.contract), 2, &mut uploads).await.unwrap();
    assert_eq!(judgement.verdict, Verdict::Rejected);
    uploads.into_outputs(&judgement).publish_rejects_only().await.unwrap();
    assert_eq!(bench.lake_keys().await, [rejects_object(&object)]);
}

#[tokio::test]
async fn an_object_that_is_replaced_while_it_is_read_comes_to_no_judgement() {
    let bench = Bench::with("id,region\n1,EMEA\n").await;
    let object = bench.open().await;
    bench.raw.put(&Path::from("orders/a.csv"), "id,region\n2,EMEA\n".into()).await.unwrap();
    let mut uploads = bench.uploads(&object);
    let error = convert(&object, Arc::clone(&bench.contract), 2, &mut uploads).await.unwrap_err();
    assert!(matches!(error, ConversionError::Lake(LakeError::SourceChanged { .. })), "{error}");
    uploads.abort().await;
    assert!(bench.lake_keys().await.is_empty());
}

#[tokio::test]
async fn a_file_whose_header_does_not_fit_is_not_read_to_its_end() {
    let bench = Bench::with(&format!("x,y\n{}", "1,EMEA\n".repeat(5_000_000))).await;
    let object = bench.open().await;
    let mut uploads = bench.uploads(&object);
    let judgement = convert(&object, Arc::clone(&bench.contract), 2, &mut uploads).await.unwrap();
    assert_eq!(judgement.verdict, Verdict::Rejected);
    assert!(judgement.bytes_read < 35_000_000);
}

#[test]
fn the_catalog_has_the_rejects_columns_that_are_written() {
    let schema = lakegate_convert::rejects_schema();
    let written: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let table = TableDefinition::of_rejects("lake");
    let catalogued: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(written, catalogued);
}
