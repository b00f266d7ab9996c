//! Tests: every sample event in `events/` is read as what its README says it is.
//! They must not need anything but those files.

use crate::events::{self, Announced};
use crate::failure::{FAILURE_ATTRIBUTE, FailureRecord};
use crate::invocation::{self, Invocation, Message};
use crate::ledger::is_older;

fn invocation(path: &str) -> Invocation {
    let path = format!("{}/../../events/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    invocation::parse(&serde_json::from_str(&text).unwrap()).unwrap()
}

fn messages(path: &str) -> Vec<Message> {
    match invocation(path) {
        Invocation::Batch(messages) => messages,
        Invocation::Direct(event) => vec![Message { body: event, ..Message::default() }],
    }
}

/// One line per object: the key, its size and its version.
fn objects(path: &str) -> String {
    let mut lines = Vec::new();
    for message in messages(path) {
        for event in events::parse(&message.body).unwrap() {
            let version = event.version_id.as_deref().unwrap_or("no version");
            lines.push(format!("{} | {} bytes | {version}", event.key, event.size_bytes.unwrap_or(0)));
        }
    }
    lines.join("\n")
}

#[test]
fn one_object_is_the_same_however_it_is_announced() {
    let bare = objects("ingest/s3-notification.json");
    insta::assert_snapshot!(bare, @"orders/2025-09.csv | 48213 bytes | FIATkwJHYtet7Jv4.O8JUrJfRaM5YHZH");
    assert_eq!(objects("ingest/sqs-s3-notification.json"), bare);
    assert_eq!(objects("ingest/sqs-eventbridge.json"), bare);
    assert_eq!(objects("ingest/sqs-sns.json"), bare);
    assert!(matches!(invocation("ingest/s3-notification.json"), Invocation::Direct(_)));
}

#[test]
fn every_record_of_every_message_is_an_object() {
    insta::assert_snapshot!(objects("ingest/sqs-several-records.json"), @r#"
orders/2025-09.csv | 48213 bytes | FIATkwJHYtet7Jv4.O8JUrJfRaM5YHZH
customers/2025-09.csv | 9120 bytes | 97WO14cvvyLlIQ8f.w1YsHhL9dMmEiJ2
orders/2025-10.csv | 51877 bytes | bcvNDQYnLZ2RmNwi.nGlJHTmjAToyPbG
"#);
}

#[test]
fn awkward_keys_are_decoded() {
    insta::assert_snapshot!(objects("ingest/sqs-awkward-keys.json"), @r#"
orders/new orders.csv | 1200 bytes | f6YC6Qj58sjihKkF.O1ACEla8tpyM475
orders/north+south.csv | 1201 bytes | H7DahjPccjRCPQrJ.Iel8JFdwPTMjwC7
orders/Été 2025 (définitif).csv | 1202 bytes | iFZTg0d4eAVLidFl.7dnIUp1dz1MkVK8
orders/100%.csv | 1203 bytes | c7K1m8ywFtb0UGLe.Y093h9UNgwoXVkh
"#);
}

#[test]
fn a_test_event_announces_nothing() {
    assert_eq!(objects("ingest/sqs-test-event.json"), "");
}

#[test]
fn a_deleted_object_is_the_same_however_it_is_announced() {
    for path in ["ingest/sqs-removed.json", "ingest/sqs-eventbridge-removed.json"] {
        let [message] = &messages(path)[..] else { panic!("{path} is one message") };
        let [Announced::Removed(event)] = &events::read(&message.body).unwrap()[..] else { panic!("{path}") };
        assert_eq!(
            (event.key.as_str(), event.sequencer.as_deref()),
            ("orders/2025-09.csv", Some("0068E62A8F30C2A417"))
        );
        let created = events::parse(&messages("ingest/sqs-s3-notification.json")[0].body).unwrap();
        assert!(is_older(created[0].sequencer.as_deref().unwrap(), event.sequencer.as_deref().unwrap()));
    }
}

#[test]
fn a_heavy_object_is_read_as_the_ingest_queue_reads_it() {
    insta::assert_snapshot!(objects("start-glue/sqs-heavy-object.json"), @"orders/2024.csv | 4831838208 bytes | 3Wsm36TSQfV7zDCf.wbsQk7yZygKytUs");
}

#[test]
fn failure_records_parse_whole() {
    let mut count = 0;
    for path in ["route-failures/sqs-failure-record.json", "route-failures/sqs-burst.json"] {
        for message in messages(path) {
            let Some(text) = message.attributes.get(FAILURE_ATTRIBUTE) else {
                continue;
            };
            count += 1;
            let record: FailureRecord = serde_json::from_str(text).unwrap();
            let given: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_value(&record).unwrap(), given);
            assert!(!events::parse(&message.body).unwrap().is_empty());
        }
    }
    assert_eq!(count, 2);
}
