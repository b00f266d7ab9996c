use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use object_store::memory::InMemory;

use super::*;
use crate::failure::{FailureKind, Stage};
use crate::notices::tests::entry;
use crate::objects::BucketStore;

const AT: &str = "2026-01-02T03:04:05.000Z";

fn lineage() -> Lineage {
    let [stack, bucket, catalog, database] =
        ["lakegate", "lake", "arn:aws:glue:eu-central-1:123456789012", "lakegate"].map(str::to_owned);
    Lineage::new(stack, bucket, catalog, database)
}

fn objects() -> Objects {
    let store: Arc<dyn BucketStore> = Arc::new(InMemory::new());
    Objects::of_stores(BTreeMap::from([("lake".to_owned(), store)]))
}

fn table() -> TableDefinition {
    let column = |name: &str, type_name: &str, comment: Option<&str>| CatalogColumn {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        comment: comment.map(str::to_owned),
    };
    TableDefinition {
        name: "orders".to_owned(),
        description: None,
        location: "s3://lake/lake/orders/".to_owned(),
        columns: vec![column("id", "bigint", Some("the order's number")), column("price", "decimal(12,2)", None)],
        partition_keys: vec![column("year", "int", None), column("city", "string", None)],
    }
}

/// The three events of docs/observe.md, which the Python tests hold against the classes of `OpenLineage`'s own client.
#[test]
fn the_sample_events_are_what_is_sent() {
    let (entry, table) = (entry(), table());
    let mut record = FailureRecord::new(Stage::Ingest, FailureKind::ContractViolated, "the file breaks its contract");
    record.at = AT.to_owned();
    let events = [Happened::Start, Happened::Complete, Happened::Fail(&record)]
        .map(|happened| lineage().event(&RunEvent { happened, entry: &entry, table: Some(&table), at: AT }));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/lineage/run-events.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&events).unwrap());
    if std::env::var_os("LAKEGATE_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text, "write it anew with LAKEGATE_BLESS=1");
    assert!(!text.contains("Paulo") && !text.contains("S%C3"), "a value of a partition");
}

#[test]
fn a_run_is_the_same_however_often_it_is_begun_and_another_one_for_another_version() {
    let one = entry();
    let later = Entry { at: "2027".to_owned(), rows_read: 7, attempts: 3, ..one.clone() };
    assert_eq!(run_id(&one), run_id(&later));
    let mut other = one.clone();
    other.source.version_id = Some("v2".to_owned());
    assert_ne!(run_id(&one), run_id(&other));
    let other = Entry { contract_version: Some("2.0.0".to_owned()), ..one.clone() };
    assert_ne!(run_id(&one), run_id(&other));
    let shape: String = run_id(&one).chars().map(|c| if c.is_ascii_hexdigit() { 'x' } else { c }).collect();
    assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    assert!(run_id(&one)[14..].starts_with('8') && run_id(&one)[19..].starts_with('8'), "of version 8");
}

#[tokio::test]
async fn an_event_lies_under_its_day_and_run() {
    let (objects, entry) = (objects(), entry());
    let event = RunEvent { happened: Happened::Complete, entry: &entry, table: None, at: AT };
    assert!(lineage().send(&objects, &event).await.is_empty());
    let [kept] = &objects.list("lake", "lineage/").await.unwrap()[..] else { panic!("one event") };
    assert_eq!(kept.key, format!("lineage/2026-01-02/{}-complete.json", run_id(&entry)));
}

/// A server that answers so, or not at all; how many requests it was sent.
fn server(answer: Option<&'static str>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/v1/lineage", listener.local_addr().unwrap());
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&requests);
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = vec![0; 65_536];
            let count = stream.read(&mut buffer).unwrap_or_default();
            seen.lock().unwrap().push(String::from_utf8_lossy(&buffer[..count]).into_owned());
            match answer {
                Some(status) => {
                    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    stream.write_all(answer.as_bytes()).unwrap();
                }
                None => open.push(stream),
            }
        }
    });
    (url, requests)
}

fn installed() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[tokio::test]
async fn an_endpoint_gets_the_event_with_its_key() {
    installed();
    let (url, requests) = server(Some("201"));
    let lineage = lineage().posted_to(url, Some("secret")).unwrap();
    let entry = entry();
    let event = RunEvent { happened: Happened::Start, entry: &entry, table: None, at: AT };
    assert!(lineage.send(&objects(), &event).await.is_empty());
    let request = requests.lock().unwrap()[0].to_ascii_lowercase();
    assert!(
        request.starts_with("post /api/v1/lineage ") && request.contains("authorization: bearer secret"),
        "{request}"
    );
}

#[tokio::test]
async fn an_endpoint_that_fails_or_hangs_costs_two_seconds_once_a_minute_and_the_event_is_kept() {
    installed();
    for answer in [Some("500"), None] {
        let (url, requests) = server(answer);
        let lineage = lineage().posted_to(url, None).unwrap();
        let (objects, entry) = (objects(), entry());
        let event = RunEvent { happened: Happened::Start, entry: &entry, table: None, at: AT };
        let errors = lineage.send(&objects, &event).await;
        assert_eq!(errors.len(), 1, "{answer:?}: {errors:?}");
        assert_eq!(objects.list("lake", "lineage/").await.unwrap().len(), 1);
        let asked = requests.lock().unwrap().len();
        assert!(lineage.send(&objects, &event).await.is_empty(), "it rests");
        assert_eq!(requests.lock().unwrap().len(), asked);
    }
}

#[tokio::test]
async fn a_bucket_that_refuses_events_is_told_once_a_minute() {
    let entry = entry();
    let event = RunEvent { happened: Happened::Start, entry: &entry, table: None, at: AT };
    let (lineage, nowhere) = (lineage(), Objects::of_stores(BTreeMap::new()));
    assert_eq!(lineage.send(&nowhere, &event).await.len(), 1);
    assert!(lineage.send(&nowhere, &event).await.is_empty());
}
