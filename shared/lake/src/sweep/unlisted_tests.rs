use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use serde_json::json;

use super::*;
use crate::clients;
use crate::layout;
use crate::listing::Lister;
use crate::objects::BucketStore;
use crate::objects::Objects;
use crate::settings::AwsSettings;
use crate::sweep::{Buckets, Counts, Scope};

/// The keys of the raw bucket and of the lake bucket.
type Keys = Arc<Mutex<BTreeMap<&'static str, Vec<String>>>>;

/// A raw bucket, the lake, and both of their listings over HTTP.
struct World {
    keys: Keys,
    lake: Arc<dyn BucketStore>,
    objects: Objects,
    listers: [Lister; 2],
    now: SystemTime,
}

fn at(time: &str) -> SystemTime {
    time.parse::<DateTime<Utc>>().unwrap().into()
}

impl World {
    fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", server.local_addr().unwrap());
        let keys = Keys::default();
        let known = Arc::clone(&keys);
        std::thread::spawn(move || {
            for stream in server.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 8192];
                let length = stream.read(&mut request).unwrap();
                let answer = listing(&known, &String::from_utf8_lossy(&request[..length]));
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
                stream.write_all((head + &answer).as_bytes()).unwrap();
            }
        });
        let (region, endpoint_url) = ("eu-central-1".to_owned(), Some(endpoint));
        let s3 = clients::s3_builder(&AwsSettings { region, endpoint_url, variables: BTreeMap::new() });
        let s3 = s3.with_access_key_id("a").with_secret_access_key("b");
        let listers = ["raw", "lake"].map(|bucket| Lister::new(&s3, bucket).unwrap());
        let lake: Arc<dyn BucketStore> = Arc::new(InMemory::new());
        let objects = Objects::of_stores(BTreeMap::from([("lake".to_owned(), Arc::clone(&lake))]));
        Self { keys, lake, objects, listers, now: at("2026-01-10T12:00:00Z") }
    }

    fn list(&self, bucket: &'static str, key: &str) {
        let mut keys = self.keys.lock().unwrap();
        let keys = keys.entry(bucket).or_default();
        keys.push(key.to_owned());
        keys.sort();
    }

    async fn deploy(&self, table: &str, policy: &str) {
        let document = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: {table}\nversion: 1.0.0\nstatus: active\n\
             servers:\n  - {{server: landing, type: s3, location: 's3://raw/{table}/**', format: csv}}\n\
             schema:\n  - name: {table}\n    properties:\n      - {{name: a, logicalType: string}}\n    \
             customProperties:\n      - {{property: removedObjects, value: {policy}, vendor: lakegate}}\n"
        );
        lakegate_contract::parse(&document).unwrap();
        self.lake.put(&Path::from(format!("contracts/{table}.odcs.yaml")), document.into()).await.unwrap();
    }

    /// An object that was taken in, of this bucket.
    async fn entry(&self, bucket: &str, key: &str, state: &str, change: serde_json::Value) {
        let mut entry = json!({
            "version": 1, "state": state, "dataset": "orders", "contract_version": "1.0.0", "engine_version": "1",
            "source": {"bucket": bucket, "key": key, "version_id": null, "etag": "a", "sequencer": null,
                       "last_modified": "2025-12-02T00:00:00Z", "size_bytes": 7},
            "rows_read": 0, "rows_accepted": 0, "rows_rejected": 0, "rows_duplicate": 0, "violations": {},
            "file_error": null, "outputs": [{"path": "lake/orders/a.parquet", "partition": "", "rows": 1, "bytes": 1}],
            "rejects_path": null, "at": "2025-12-01T00:00:00.000Z", "elapsed_ms": 1,
        });
        for (name, value) in change.as_object().unwrap() {
            entry[name] = value.clone();
        }
        let path = layout::ledger_object(bucket, key);
        self.lake.put(&Path::from(path.as_str()), entry.to_string().into()).await.unwrap();
        self.list("lake", &path);
    }

    async fn sweep(&self, prefix: &str, is_deep: bool) -> (Vec<String>, Counts) {
        self.sweep_while("", prefix, is_deep, || {}).await
    }

    /// `before_unlisted` happens when the bucket was listed.
    async fn sweep_while(
        &self,
        raw_prefix: &str,
        prefix: &str,
        is_deep: bool,
        before_unlisted: impl Fn(),
    ) -> (Vec<String>, Counts) {
        let (raw, lake) = (&self.listers[0], &self.listers[1]);
        let buckets = Buckets { objects: &self.objects, raw, lake, raw_bucket: "raw", raw_prefix, lake_bucket: "lake" };
        let scope = Scope { now: self.now, older_than: Duration::from_mins(15), is_deep };
        let mut sweep = Sweep::begin(buckets, prefix, scope, |_| {}).await.unwrap();
        let mut found = Vec::new();
        while let Some(missed) = sweep.next().await.unwrap() {
            for missed in missed {
                assert!(matches!(missed.why, Why::Deleted | Why::GoneUnnoticed), "{missed:?}");
                let message = missed.announcement("eu-central-1", "raw", Utc::now());
                let announced = crate::events::read(&message).unwrap();
                let [crate::events::Announced::Removed(event)] = &announced[..] else { panic!("{message}") };
                assert_eq!(event.key.as_str(), missed.object.key);
                found.push(missed.object.key);
            }
            before_unlisted();
        }
        found.sort();
        (found, sweep.counts())
    }
}

/// What S3 answers: one key a page, so that nothing depends on the pages; all were written at one time.
fn listing(keys: &Keys, request: &str) -> String {
    let target = request.split(' ').nth(1).unwrap();
    let (bucket, query) = target[1..].split_once('?').unwrap();
    let asked = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
        percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned()
    };
    let (prefix, after) = (asked("prefix"), asked("continuation-token"));
    let keys = keys.lock().unwrap();
    let mut rest = keys.get(bucket).into_iter().flatten().filter(|key| key.starts_with(&prefix) && **key > after);
    let mut answer = "<ListBucketResult>".to_owned();
    if let Some(key) = rest.next() {
        let _ = write!(
            answer,
            "<Contents><Key>{key}</Key><LastModified>2025-12-02T00:00:00Z</LastModified><ETag>a</ETag><Size>7</Size></Contents>\
             <NextContinuationToken>{key}</NextContinuationToken><IsTruncated>{}</IsTruncated>",
            rest.next().is_some()
        );
    }
    answer + "</ListBucketResult>"
}

fn nothing() -> serde_json::Value {
    json!({})
}

#[tokio::test]
async fn a_file_that_is_gone_and_whose_rows_should_be_is_missed() {
    let world = World::new();
    world.deploy("orders", "remove").await;
    world.deploy("kept", "keep").await;
    for (bucket, key, state, change) in [
        ("raw", "orders/gone.csv", "committed", nothing()),
        ("raw", "orders/a+b Ü.csv", "committed", nothing()),
        (
            "raw",
            "orders/rejected-after-accepted.csv",
            "rejected",
            json!({"outputs": [], "kept_paths": ["lake/orders/a"]}),
        ),
        ("raw", "orders/broke-off.csv", "publishing", nothing()),
        // All of these are as they should be.
        ("raw", "orders/stands.csv", "committed", nothing()),
        ("raw", "orders/removed.csv", "removed", json!({"outputs": []})),
        ("raw", "orders/never-had-rows.csv", "failed", json!({"outputs": []})),
        ("raw", "orders/in-hand.csv", "publishing", json!({"lease_until": "2026-01-10T12:05:00.000Z"})),
        ("raw", "kept/gone.csv", "committed", nothing()),
        ("raw", "nobodys/gone.csv", "committed", nothing()),
        ("other", "orders/gone.csv", "committed", nothing()),
    ] {
        world.entry(bucket, key, state, change).await;
    }
    world.list("raw", "orders/stands.csv");
    let expected =
        ["orders/a+b Ü.csv", "orders/broke-off.csv", "orders/gone.csv", "orders/rejected-after-accepted.csv"];
    for is_deep in [false, true] {
        let (found, counts) = world.sweep("", is_deep).await;
        assert_eq!(found, expected);
        assert_eq!((counts.missed, counts.deleted, counts.in_work, counts.unlisted_unread), (4, 4, 1, 0), "{counts:?}");
    }
}

#[tokio::test]
async fn files_that_another_version_of_the_contract_took_in_are_left_to_a_deep_sweep() {
    let world = World::new();
    world.deploy("orders", "remove").await;
    world.entry("raw", "orders/expired-long-ago.csv", "committed", json!({"contract_version": "0.9.0"})).await;
    assert_eq!(world.sweep("", false).await.0, Vec::<String>::new());
    assert_eq!(world.sweep("", true).await.0, ["orders/expired-long-ago.csv"]);
}

#[tokio::test]
async fn below_a_prefix_only_a_deep_sweep_looks_for_deletions_and_only_there() {
    let world = World::new();
    world.deploy("orders", "remove").await;
    world.entry("raw", "orders/2025/gone.csv", "committed", nothing()).await;
    world.entry("raw", "orders/2026/gone.csv", "committed", nothing()).await;
    assert_eq!(world.sweep("orders/2026/", false).await.0, Vec::<String>::new());
    assert_eq!(world.sweep("orders/2026/", true).await.0, ["orders/2026/gone.csv"]);
}

#[tokio::test]
async fn below_the_prefix_of_all_files_every_sweep_looks_for_deletions() {
    let world = World::new();
    world.deploy("orders", "remove").await;
    world.entry("raw", "orders/gone.csv", "committed", nothing()).await;
    world.entry("raw", "landing/orders/gone.csv", "committed", nothing()).await;
    assert_eq!(world.sweep_while("orders/", "orders/", false, || {}).await.0, ["orders/gone.csv"]);
    assert_eq!(world.sweep_while("orders/", "orders/2026/", false, || {}).await.0, Vec::<String>::new());
}

#[tokio::test]
async fn a_file_that_was_uploaded_again_since_it_was_not_listed_is_not_missed() {
    let world = World::new();
    world.deploy("orders", "remove").await;
    world.entry("raw", "orders/a.csv", "committed", nothing()).await;
    // Its key begins with the other's.
    world.list("raw", "orders/a.csv.bak");
    world.entry("raw", "orders/a.csv.bak", "committed", nothing()).await;
    assert_eq!(world.sweep("", false).await.0, ["orders/a.csv"]);
    let (found, _) = world.sweep_while("", "", false, || world.list("raw", "orders/a.csv")).await;
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test]
async fn where_every_contract_keeps_rows_no_entry_is_read_for_a_file_that_is_gone() {
    let world = World::new();
    world.deploy("orders", "keep").await;
    world.entry("raw", "orders/gone.csv", "committed", nothing()).await;
    let (found, counts) = world.sweep("", true).await;
    assert_eq!((found.len(), counts.read), (0, 0));
}

#[tokio::test]
async fn a_notice_that_was_not_sent_of_a_file_that_is_gone_is_sent_whatever_the_contract_says() {
    let pending = json!({"notice_pending": true, "outputs": []});
    for policy in ["remove", "keep"] {
        for is_deep in [false, true] {
            let mut world = World::new();
            world.now = at("2025-12-02T12:00:00Z");
            world.deploy("orders", policy).await;
            world.entry("raw", "orders/removed.csv", "removed", pending.clone()).await;
            world.entry("raw", "orders/told.csv", "removed", json!({"outputs": []})).await;
            world.entry("raw", "orders/missing.csv", "failed", pending.clone()).await;
            world.entry("raw", "nobodys/a.csv", "committed", json!({"notice_pending": true})).await;
            world.entry("other", "orders/a.csv", "removed", pending.clone()).await;
            let expected = ["nobodys/a.csv", "orders/missing.csv", "orders/removed.csv"];
            let (found, counts) = world.sweep("", is_deep).await;
            assert_eq!(
                (found, counts.missed, counts.deleted),
                (expected.map(str::to_owned).to_vec(), 3, 0),
                "{policy}"
            );
            assert_eq!(world.sweep("orders/2026/", false).await.0, Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn rows_are_not_removed_for_a_notice_that_another_version_of_the_contract_left_pending() {
    let world = World::new();
    world.deploy("orders", "remove").await;
    let pending = json!({"notice_pending": true, "contract_version": "0.9.0"});
    world.entry("raw", "orders/expired.csv", "committed", pending).await;
    assert_eq!(world.sweep("", false).await.0, Vec::<String>::new());
}

#[test]
fn too_many_entries_without_an_object_take_turns_and_none_is_left_out() {
    let hashes: Vec<u64> = (0..25).collect();
    let hour = |hour: u64| SystemTime::UNIX_EPOCH + Duration::from_hours(1_000 + hour);
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..3 {
        let chosen = turn(hashes.clone(), 10, hour(number));
        assert!(chosen.len() <= 10 && chosen.is_sorted(), "{chosen:?}");
        seen.extend(chosen);
    }
    assert_eq!(seen.len(), 25);
    assert_eq!(turn(hashes.clone(), 25, hour(0)), hashes);
    assert_eq!(turn(hashes.clone(), usize::MAX, hour(1)), hashes);
    assert_eq!(turn(Vec::new(), 10, hour(1)), Vec::<u64>::new());
}
