//! Tests: every shape of a message, and what is no event.
//! They must not need a queue.

use super::*;

fn notification(records: &[(&str, &str, i64)]) -> String {
    let records: Vec<Value> = records
        .iter()
        .map(|(name, key, size)| {
            json!({
                "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1",
                "eventTime": "2026-01-02T03:04:05.000Z", "eventName": name,
                "userIdentity": {"principalId": "A"}, "requestParameters": {"sourceIPAddress": "127.0.0.1"},
                "responseElements": {}, "unknownField": 1,
                "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "raw", "arn": "arn:aws:s3:::raw"},
                       "object": {"key": key, "size": size, "eTag": "abc", "versionId": "v1", "sequencer": "0A"}},
            })
        })
        .collect();
    json!({ "Records": records }).to_string()
}

fn eventbridge(key: &str) -> String {
    json!({
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3", "account": "1",
        "time": "2026-01-02T03:04:05Z", "region": "eu-central-1", "resources": [],
        "detail": {"version": "0", "bucket": {"name": "raw"}, "reason": "PutObject",
                   "object": {"key": key, "size": 5, "etag": "abc", "version-id": "v1", "sequencer": "0A"}},
    })
    .to_string()
}

fn in_sns(message: &str) -> String {
    json!({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-central-1:1:t", "Message": message})
        .to_string()
}

#[test]
fn every_record_of_a_notification_is_one_object_with_its_own_event() {
    let message = notification(&[("ObjectCreated:Put", "a+b.csv", 3), ("ObjectCreated:Copy", "c%2Bd.csv", 4)]);
    let events = parse(&message).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].key.as_str(), "a b.csv");
    assert_eq!(events[1].key.as_str(), "c+d.csv");
    assert_eq!(events[1].size_bytes, Some(4));
    let again = parse(&events[1].original).unwrap();
    assert_eq!(again, [events[1].clone()]);
    assert!(events[1].original.contains("unknownField"));
}

#[test]
fn an_eventbridge_event_gives_its_key_as_it_stands() {
    let events = parse(&eventbridge("a+b.csv")).unwrap();
    assert_eq!(events[0].key.as_str(), "a+b.csv");
    assert_eq!(events[0].key.decoded_form().unwrap().as_str(), "a b.csv");
    assert_eq!(events[0].version_id.as_deref(), Some("v1"));
    assert_eq!(parse(&events[0].original).unwrap(), events);
}

#[test]
fn a_version_of_a_bucket_that_keeps_none_has_no_id() {
    for message in [notification(&[("ObjectCreated:Put", "a.csv", 3)]), eventbridge("a.csv")] {
        let events = parse(&message.replace("\"v1\"", "\"null\"")).unwrap();
        assert_eq!((events[0].version_id.as_deref(), events[0].etag.as_deref()), (None, Some("abc")));
    }
}

#[test]
fn sns_around_either_is_unwrapped_once() {
    let plain = notification(&[("ObjectCreated:Put", "a.csv", 3)]);
    assert_eq!(parse(&in_sns(&plain)).unwrap(), parse(&plain).unwrap());
    assert_eq!(parse(&in_sns(&eventbridge("a.csv"))).unwrap(), parse(&eventbridge("a.csv")).unwrap());
    assert!(parse(&in_sns(&in_sns(&plain))).is_err());
}

#[test]
fn of_several_records_a_bad_one_costs_only_itself() {
    let mut message: Value = serde_json::from_str(&notification(&[("ObjectCreated:Put", "a.csv", 3); 10])).unwrap();
    message["Records"][4]["s3"]["object"]["key"] = json!("%FF");
    let read = read(&in_sns(&message.to_string())).unwrap();
    let good = read.iter().filter(|announced| matches!(announced, Announced::Created(_))).count();
    assert_eq!((read.len(), good), (10, 9));
    let Announced::Unreadable { error, original } = &read[4] else { panic!("{:?}", read[4]) };
    assert_eq!(error.to_string(), "the key %FF does not decode to UTF-8");
    let original: Value = serde_json::from_str(original).unwrap();
    assert_eq!(original, json!({ "Records": [message["Records"][4]] }));
}

#[test]
fn whatever_deletes_an_object_removes_it() {
    let names = [
        "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated",
        "LifecycleExpiration:Delete",
        "s3:LifecycleExpiration:DeleteMarkerCreated",
    ];
    for name in names {
        let message = notification(&[(name, "a+b.csv", 0)]);
        let [Announced::Removed(event)] = &read(&message).unwrap()[..] else { panic!("{name}") };
        assert_eq!((event.key.as_str(), event.sequencer.as_deref()), ("a b.csv", Some("0A")));
        assert_eq!(event.original, message);
    }
    let message = eventbridge("folder/").replace("Object Created", "Object Deleted");
    assert!(matches!(&read(&message).unwrap()[..], [Announced::Removed(event)] if event.key.as_str() == "folder/"));
}

#[test]
fn the_first_object_of_a_message_is_the_first_that_can_be_made_out() {
    let removed = notification(&[("s3:Other", "other.csv", 0), ("ObjectRemoved:Delete", "a.csv", 0)]);
    assert_eq!(first_object(&removed).unwrap().key.as_str(), "a.csv");
    assert!(parse(&removed).is_err(), "nothing was created");
    assert_eq!(first_object(&eventbridge("b.csv")).unwrap().key.as_str(), "b.csv");
    assert_eq!(first_object("{}"), None);
}

#[test]
fn test_messages_and_folder_markers_announce_nothing() {
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "raw"}).to_string();
    assert_eq!(parse(&test).unwrap(), []);
    assert_eq!(parse(&in_sns(&test)).unwrap(), []);
    assert_eq!(parse(&notification(&[("ObjectCreated:Put", "folder/", 0)])).unwrap(), []);
    assert_eq!(parse(&notification(&[("ObjectCreated:Put", "odd/", 7)])).unwrap().len(), 1);
}

#[test]
fn anything_else_is_named_without_its_values() {
    let error = |message: &str| crate::error::chain(&parse(message).unwrap_err());
    insta::assert_snapshot!(error("no json"), @"the message is not JSON: expected ident at line 1 column 2");
    insta::assert_snapshot!(error(r#"{"secret": 12, "b": []}"#), @"the message is a JSON object with the members b, secret, not an S3 or EventBridge event of an object created or removed, bare or in SNS");
    insta::assert_snapshot!(error("[1, 2]"), @"the message is an array of 2, not an S3 or EventBridge event of an object created or removed, bare or in SNS");
    insta::assert_snapshot!(error(r#"{"detail-type": "Object Tags Added", "source": "aws.s3"}"#), @r#"the message is an EventBridge event "Object Tags Added", not an S3 or EventBridge event of an object created or removed, bare or in SNS"#);
    insta::assert_snapshot!(error(r#"{"detail-type": "Object Deleted", "source": "aws.s3"}"#), @"the EventBridge event does not have the parts it should: missing field `detail`");
    insta::assert_snapshot!(error(&notification(&[("ObjectTagging:Put", "a", 0)])), @"the message is an S3 notification of ObjectTagging:Put, not an S3 or EventBridge event of an object created or removed, bare or in SNS");
    insta::assert_snapshot!(error(&notification(&[("ObjectRemoved:Delete", "a", 0)])), @"the message is an event of an object removed, not an S3 or EventBridge event of an object created or removed, bare or in SNS");
    insta::assert_snapshot!(error(r#"{"Records": [{"eventSource": "aws:sqs", "body": "x"}]}"#), @"the message is a record from aws:sqs, not an S3 or EventBridge event of an object created or removed, bare or in SNS");
    insta::assert_snapshot!(error(r#"{"Records": [{"eventSource": "aws:s3", "s3": {}}]}"#), @"the S3 notification does not have the parts it should: missing field `bucket`");
    insta::assert_snapshot!(error(&notification(&[("ObjectCreated:Put", "a%FF", 1)])), @"the key a%FF does not decode to UTF-8");
}
