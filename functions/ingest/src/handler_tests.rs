//! Tests: what becomes of whole messages, and when they are to come again.
//! They must not know how an object is taken in.

use std::fmt::Write;
use std::time::Duration;

use lakegate_lake::failure::FailureKind;
use lakegate_lake::layout;
use lakegate_stand_ins::{Aws, CONTRACT, Fault};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::json;

use super::*;
use crate::world::{BROKEN, FIRST, LATER, World, clock, wait};

impl World<'_> {
    async fn upload_as(&self, key: &str) {
        self.raw.put(&Path::parse(key).unwrap(), FIRST.into()).await.unwrap();
    }

    /// The ids of the messages that are to come again.
    async fn handle(&self, messages: &[Message]) -> Vec<String> {
        let worker = Worker::new("r", clock() + Duration::from_mins(5), clock());
        match handle(&self.function(), &worker, &batch(messages)).await.unwrap() {
            Response::Batch(response) => {
                response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
            }
            Response::Direct { .. } => panic!("a batch was given"),
        }
    }

    /// What the ledger says of an object.
    async fn state(&self, key: &str) -> String {
        let found = self.plain().get("lake", &layout::ledger_object("raw", key)).await.unwrap().unwrap();
        let entry: Value = serde_json::from_slice(&found).unwrap();
        entry["state"].as_str().unwrap().to_owned()
    }

    /// By receipt handle, the seconds for which messages were hidden.
    fn hidden_secs(&self) -> Vec<(String, u64)> {
        let request = |body: String| {
            let request: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(request["QueueUrl"], "http://127.0.0.1/ingest");
            (request["ReceiptHandle"].as_str().unwrap().to_owned(), request["VisibilityTimeout"].as_u64().unwrap())
        };
        self.aws.hidden().into_iter().map(request).collect()
    }
}

fn batch(messages: &[Message]) -> Value {
    let record = |message: &Message| {
        json!({
            "messageId": message.id, "receiptHandle": message.receipt_handle, "body": message.body, "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": message.receive_count.to_string()}, "messageAttributes": {},
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}

fn message(id: &str, receive_count: u32, body: &str) -> Message {
    let (body, receipt_handle) = (body.to_owned(), format!("receipt of {id}"));
    Message { id: id.to_owned(), body, receive_count, receipt_handle, ..Message::default() }
}

/// A record of a notification; the key as S3 encodes it.
fn record(event: &str, key: &str, sequencer: &str) -> Value {
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventName": event,
        "eventTime": "2026-01-02T03:04:05.000Z", "userIdentity": {"principalId": "A"}, "responseElements": {},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "raw", "arn": "arn:aws:s3:::raw"},
               "object": {"key": key, "size": 5, "sequencer": sequencer}},
    })
}

fn created(key: &str) -> String {
    json!({ "Records": [record("ObjectCreated:Put", key, "0A")] }).to_string()
}

#[tokio::test]
async fn a_message_that_meets_passing_trouble_comes_again_soon_and_later_every_time() {
    let aws = Aws::start();
    for (receive_count, secs) in [(1, 10..=13), (2, 60..=75), (3, 300..=375), (9, 900..=1125)] {
        let world = World::new(&aws).await;
        world.upload_as("orders/a.csv").await;
        world.faults.arm(0, Fault::FailBefore);
        assert_eq!(world.handle(&[message("m", receive_count, &created("orders/a.csv"))]).await, ["m"]);
        let hidden = world.hidden_secs();
        assert!(
            matches!(&hidden[..], [(receipt, hidden)] if receipt == "receipt of m" && secs.contains(hidden)),
            "{hidden:?}"
        );
        assert_eq!(world.handle(&[message("m", 2, &created("orders/a.csv"))]).await, [""; 0]);
        assert_eq!(world.hidden_secs().len(), 1, "what is done stays as it is");
    }
}

#[tokio::test]
async fn an_object_in_another_hand_is_asked_for_again_when_its_lease_ends_at_the_latest() {
    let (aws, mut busy) = (Aws::start(), 0);
    for call in 0..20 {
        let world = World::new(&aws).await;
        world.upload_as("orders/a.csv").await;
        world.faults.arm(call, Fault::Wait);
        let messages = [message("m", 1, &created("orders/a.csv"))];
        let mut slow = Box::pin(world.handle(&messages));
        tokio::select! {
            _ = &mut slow => continue,
            () = world.faults.standstill() => {}
        }
        if world.handle(&[message("other", 7, &created("orders/a.csv"))]).await == ["other"] {
            let lease_secs = ("receipt of other".to_owned(), 361);
            assert_eq!(world.hidden_secs(), [lease_secs], "five minutes, the margin and a second");
            busy += 1;
        }
        world.faults.go_on();
        slow.await;
        assert_eq!(world.state("orders/a.csv").await, "committed");
    }
    assert!(busy > 3, "{busy}");
}

#[tokio::test]
async fn a_visibility_that_cannot_be_changed_harms_nothing() {
    let aws = Aws::start();
    let world = World::new(&aws).await;
    world.upload_as("orders/a.csv").await;
    world.faults.arm(0, Fault::FailBefore);
    let function = world.function();
    let failed = LakeError::Passing { operation: "GetObject", resource: String::new(), source: "throttled".into() };
    visibility::give_back(&function, &message("m", 1, ""), &failed).await;
    assert!(world.faults.disarm(), "the call went wrong");
}

#[tokio::test]
async fn messages_that_are_worked_on_for_long_stay_hidden_until_their_worker_s_leases_end() {
    let aws = Aws::start();
    let world = World::new(&aws).await;
    let function = world.function();
    let worker = Worker::new("r", clock() + Duration::from_mins(5), clock());
    let messages = [message("done", 1, ""), message("in work", 1, ""), message("waits", 1, "")];
    let done = AtomicUsize::new(0);
    let hold = visibility::hold(&function, &worker, &messages, &done, Duration::from_millis(50));
    tokio::select! {
        never = hold => match never {},
        () = async {
            done.store(1, Ordering::Relaxed);
            assert!(world.hidden_secs().is_empty(), "not at once");
            while world.hidden_secs().len() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        } => {}
    }
    let until_the_end = [("receipt of in work".to_owned(), 360), ("receipt of waits".to_owned(), 360)];
    assert_eq!(world.hidden_secs(), until_the_end);
}

/// A key as S3 writes it in notifications: every byte that is not unreserved, escaped, and a space as a plus.
fn encoded(key: &str) -> String {
    let mut encoded = String::new();
    for byte in key.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-._*/".contains(&byte) => encoded.push(char::from(byte)),
            byte => write!(encoded, "%{byte:02X}").unwrap(),
        }
    }
    encoded
}

/// What messages hold that cannot be understood, and what is said of it.
#[tokio::test]
async fn messages_that_nobody_understands_are_told_and_acknowledged() {
    let half = &created("orders/a.csv")[..100];
    let mut without_a_key = record("ObjectCreated:Put", "", "0A");
    without_a_key["s3"]["object"].as_object_mut().unwrap().remove("key");
    let without_a_key = json!({ "Records": [without_a_key] }).to_string();
    let poison = [
        "",
        "gibberish",
        half,
        "null",
        "[]",
        "{}",
        "12",
        "\"text\"",
        "{\"Records\": 1}",
        "{\"Records\": [null, 7]}",
        &without_a_key,
        "{\"detail-type\": \"Object Created\", \"detail\": {}}",
        "{\"TopicArn\": \"t\", \"Message\": \"gibberish\"}",
        "{\"Event\": \"s3:Other\"}",
        &"[".repeat(100_000),
        &format!("\u{7f}{}", "x".repeat(200_000)),
    ];
    let aws = Aws::start();
    for body in poison {
        let world = World::new(&aws).await;
        assert_eq!(world.handle(&[message("m", 1, body)]).await, [""; 0], "{body:.60}");
        let told = world.told();
        let [record] = &told[..] else { panic!("{body:.60}: {told:?}") };
        assert_eq!(record.kind, FailureKind::UnreadableMessage, "{body:.60}");
        assert!(record.summary.len() < 600 && record.source.is_none(), "{}", record.summary);
    }
}

#[tokio::test]
async fn of_ten_records_a_bad_one_is_told_and_the_others_are_taken_in() {
    let keys: Vec<String> = (0..10).map(|number| format!("orders/{number}.csv")).collect();
    let mut records: Vec<Value> = keys.iter().map(|key| record("ObjectCreated:Put", key, "0A")).collect();
    records[4]["s3"]["object"]["key"] = json!("orders/%FF.csv");
    let body = json!({ "Records": records }).to_string();
    let (aws, mut came_again) = (Aws::start(), 0);
    for call in (0..40).step_by(8) {
        let world = World::new(&aws).await;
        for key in &keys {
            world.upload_as(key).await;
        }
        world.faults.arm(call, Fault::FailBefore);
        let failed = world.handle(&[message("m", 1, &body)]).await;
        assert!(world.faults.disarm());
        if !failed.is_empty() {
            assert_eq!(world.told().len(), 0, "call {call}: a message that comes again is not told of");
            wait(LATER);
            assert_eq!(world.handle(&[message("m", 2, &body)]).await, [""; 0]);
            came_again += 1;
        }
        for key in keys.iter().filter(|key| **key != keys[4]) {
            assert_eq!(world.state(key).await, "committed", "call {call}: {key}");
        }
        let told = world.told();
        let [record] = &told[..] else { panic!("call {call}: {told:?}") };
        insta::allow_duplicates! {
            insta::assert_snapshot!(record.summary, @"the key orders/%FF.csv does not decode to UTF-8");
        }
        let original = aws.messages_to("failures")[0]["MessageBody"].as_str().unwrap().to_owned();
        let original: Value = serde_json::from_str(&original).unwrap();
        assert_eq!(original, json!({ "Records": [records[4]] }), "what is kept is the bad record alone");
    }
    assert!(came_again > 1, "{came_again}");
}

#[tokio::test]
async fn however_many_records_of_a_message_nobody_understands_they_are_one_failure() {
    let aws = Aws::start();
    let world = World::new(&aws).await;
    world.upload_as("orders/a.csv").await;
    let mut records = vec![json!(null); 40_000];
    records[7] = record("ObjectCreated:Put", "orders/%FF.csv", "0A");
    records[20_000] = record("ObjectCreated:Put", "orders/a.csv", "0A");
    let body = json!({ "Records": records }).to_string();
    assert_eq!(world.handle(&[message("m", 1, &body)]).await, [""; 0]);
    assert_eq!(world.state("orders/a.csv").await, "committed");
    let told = world.told();
    let [record] = &told[..] else { panic!("{} failures", told.len()) };
    insta::assert_snapshot!(record.summary, @"39999 of the message's records cannot be understood, the first one: the message is null, not an S3 or EventBridge event of an object created or removed, bare or in SNS; the message is too long to be kept whole");
    let kept = aws.messages_to("failures")[0]["MessageBody"].as_str().unwrap().to_owned();
    assert!(kept.len() > 100_000 && body.starts_with(&kept));
}

#[tokio::test]
async fn a_message_that_fails_takes_no_other_one_with_it() {
    let aws = Aws::start();
    let world = World::new(&aws).await;
    world.upload_as("orders/a.csv").await;
    world.upload_as("orders/b.csv").await;
    let messages = [
        message("bad", 1, "gibberish"),
        message("test", 1, r#"{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "raw"}"#),
        message("a", 1, &created("orders/a.csv")),
        message("missing", 1, &created("orders/missing.csv")),
        message("b", 1, &created("orders/b.csv")),
    ];
    assert_eq!(world.handle(&messages).await, [""; 0]);
    assert_eq!(world.state("orders/a.csv").await, "committed");
    assert_eq!(world.state("orders/b.csv").await, "committed");
    assert_eq!(world.state("orders/missing.csv").await, "failed");
    let kinds: Vec<FailureKind> = world.told().into_iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [FailureKind::UnreadableMessage, FailureKind::SourceMissing]);
}

/// "Object keys", S3 User Guide: any UTF-8, 1,024 bytes at most.
#[tokio::test]
async fn every_key_that_s3_allows_is_taken_in_or_told() {
    let long = format!("orders/{}.csv", "k".repeat(1024 - "orders/.csv".len()));
    let long_parts = format!("orders/{}", "é/".repeat(338) + "x");
    let printable: String = (' '..='~').filter(|c| *c != '/').collect();
    let taken_in = [
        long.as_str(),
        &long_parts,
        &format!("orders/{printable}.csv"),
        "orders/ leading and trailing ",
        "orders/+plus+%2B%20%.csv",
        "orders/Ünï/日本語/🗂.csv",
        "orders/=cmd|' /C calc'!A0.csv",
        "orders/year=2025/__HIVE_DEFAULT_PARTITION__.csv",
        "orders/a\\b:c*d?e\"f<g>h|i.csv",
        "orders/\u{202E}vsc.exe",
        "orders/...csv",
        "orders/~.csv",
        "orders/.hidden",
        "orders/x",
        "orders/\u{FFFE}\u{FFFF}.csv",
        "orders/\u{200B}.csv",
        "orders/e\u{301}.csv",
        "orders/'; DROP TABLE orders; --.csv",
    ];
    assert_eq!(long.len(), 1024);
    let aws = Aws::start();
    for key in taken_in {
        let world = World::new(&aws).await;
        world.upload_as(key).await;
        assert_eq!(world.handle(&[message("m", 1, &created(&encoded(key)))]).await, [""; 0], "{key}");
        assert_eq!(world.state(key).await, "committed", "{key}");
        assert_eq!(world.told().len(), 0, "{key}");
    }
    let told = [
        "orders//a.csv",
        "/orders/a.csv",
        "orders/../a.csv",
        "orders/./a.csv",
        "orders/a\nb.csv",
        "orders/a\u{0}b.csv",
        "orders/\u{1b}[2J.csv",
        "orders/a\u{7f}.csv",
        "orders/x/",
        "//",
        "/",
    ];
    for key in told {
        let world = World::new(&aws).await;
        assert_eq!(world.handle(&[message("m", 1, &created(&encoded(key)))]).await, [""; 0], "{key:?}");
        let failures = world.told();
        let [record] = &failures[..] else { panic!("{key:?}: {failures:?}") };
        assert_eq!(record.kind, FailureKind::UnsupportedKey, "{key:?}");
        assert_eq!(record.source.as_ref().map(|source| source.key.as_str()), Some(key));
    }
}

#[tokio::test]
async fn a_dead_letter_that_is_sent_back_with_its_record_is_a_replay() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    let body = json!({
        "detail-type": "Object Created", "source": "aws.s3", "account": "1", "region": "eu-central-1", "resources": [],
        "time": "2026-01-02T03:04:05Z", "detail": {"bucket": {"name": "raw"}, "object": {"key": "orders/a.csv"}},
    });
    let body = body.to_string();
    let message = |attributes: Value| {
        json!({"Records": [{"messageId": "m1", "body": body, "eventSource": "aws:sqs", "attributes": {},
            "messageAttributes": attributes}]})
    };
    lake.raw.put(&Path::from("orders/a.csv"), BROKEN.into()).await.unwrap();
    let function = lake.function();
    let deliver = async |attributes: Value| {
        wait(LATER);
        let worker = Worker::new("r", clock() + Duration::from_mins(1), clock());
        handle(&function, &worker, &message(attributes)).await.unwrap();
        lake.told().len()
    };
    assert_eq!(deliver(json!({})).await, 1);
    assert_eq!(deliver(json!({})).await, 1, "a repeated delivery");
    let record = serde_json::to_string(&lake.told()[0]).unwrap();
    let dead_letter = json!({"failure": {"dataType": "String", "stringValue": record}});
    assert_eq!(deliver(dead_letter.clone()).await, 2);
    assert_eq!(deliver(dead_letter).await, 2, "a repeated delivery");
    let at = lake.told()[1].at.clone();
    assert_eq!(deliver(json!({"replay": {"dataType": "String", "stringValue": at}})).await, 3);
}

#[tokio::test]
async fn a_message_of_a_deletion_that_comes_again_tells_what_its_worker_did_not() {
    let aws = Aws::start();
    let mut lake = World::new(&aws).await;
    lake.tells = true;
    lake.deploy(format!("{CONTRACT}      - {{property: removedObjects, value: remove, vendor: lakegate}}\n")).await;
    lake.upload_as("orders/a.csv").await;
    assert!(lake.handle(&[message("m", 1, &created("orders/a.csv"))]).await.is_empty());
    lake.raw.delete(&Path::from("orders/a.csv")).await.unwrap();
    let removed = json!({ "Records": [record("ObjectRemoved:Delete", "orders/a.csv", "0B")] }).to_string();
    let types = || aws.events_by_type().into_iter().map(|(detail_type, _)| detail_type).collect::<Vec<_>>();
    for (receive_count, expected) in [(1, 2), (1, 2), (2, 3)] {
        assert!(lake.handle(&[message("n", receive_count, &removed)]).await.is_empty());
        assert_eq!(lake.state("orders/a.csv").await, "removed");
        assert_eq!(types(), ["Object Ingested", "Object Removed", "Object Removed"][..expected]);
    }
    assert!(lake.told().is_empty());
}
