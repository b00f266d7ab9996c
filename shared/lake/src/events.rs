//! Messages that announce objects, whatever their wrapping, as one list of objects.
//! It must not know queues, or what becomes of an object.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::s3::S3EventRecord;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::key::{KeyNotUtf8, ObjectKey};
use crate::read::NULL_VERSION;

/// One object that a message announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// The bucket's name.
    pub bucket: String,
    /// The decoded key.
    pub key: ObjectKey,
    /// The version, when the bucket has versions.
    pub version_id: Option<String>,
    /// The entity tag, without quotes.
    pub etag: Option<String>,
    /// The size, in bytes, when the message states it.
    pub size_bytes: Option<u64>,
    /// S3's order of the events of one key: compare with [`crate::ledger::is_older`].
    pub sequencer: Option<String>,
    /// The event as JSON, unwrapped and reduced to this object: a message that the ingest queue takes.
    pub original: String,
}

/// One thing that a message announced.
#[derive(Debug)]
pub enum Announced {
    /// There is a new object, or a new version of one.
    Created(ObjectEvent),
    /// An object, a version of one or a delete marker was deleted. The version is the one that was deleted, or the delete marker.
    Removed(ObjectEvent),
    /// A record that cannot be understood; the others of its message can.
    Unreadable {
        /// Why.
        error: EventError,
        /// The record as JSON, in a message of its own.
        original: String,
    },
}

/// A message that announces no object, and is no test message either.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The message is not JSON.
    #[error("the message is not JSON")]
    NotJson {
        /// Where it breaks.
        #[source]
        source: serde_json::Error,
    },
    /// JSON of another shape.
    #[error("the message is {found}, not an S3 or EventBridge event of an object created or removed, bare or in SNS")]
    UnknownShape {
        /// What the message looks like, without its values.
        found: String,
    },
    /// The right shape with a part missing or of the wrong type.
    #[error("the {shape} does not have the parts it should")]
    Malformed {
        /// Which shape it is.
        shape: &'static str,
        /// Which part.
        #[source]
        source: serde_json::Error,
    },
    /// A part that every event must have.
    #[error("the {shape} has no {part}")]
    PartMissing {
        /// Which shape it is.
        shape: &'static str,
        /// Which part.
        part: &'static str,
    },
    /// The key does not decode.
    #[error(transparent)]
    Key(#[from] KeyNotUtf8),
}

/// What S3 puts into `detail` of its EventBridge events (S3 User Guide, "EventBridge event message structure").
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ObjectDetail {
    bucket: DetailBucket,
    object: DetailObject,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct DetailBucket {
    name: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct DetailObject {
    key: String,
    size: Option<u64>,
    etag: Option<String>,
    version_id: Option<String>,
    sequencer: Option<String>,
}

const NOTIFICATION: &str = "S3 notification";
const EVENTBRIDGE: &str = "EventBridge event";

/// What an event says of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happened {
    Created,
    Removed,
}

/// Reads an S3 notification, an EventBridge "Object Created" or "Object Deleted" event, or an SNS envelope around either. A record of
/// a notification that cannot be understood is one of the things announced, beside the others.
///
/// `s3:TestEvent` and folder markers (a key that ends with `/`, without content) announce nothing.
///
/// # Errors
///
/// A message that is none of these, or an EventBridge event with a part missing.
pub fn read(message: &str) -> Result<Vec<Announced>, EventError> {
    let value = serde_json::from_str(message).map_err(|source| EventError::NotJson { source })?;
    let mut announced = read_value(&value, true)?;
    announced.retain(|announced| match announced {
        Announced::Created(event) => !is_folder_marker(event),
        Announced::Removed(_) | Announced::Unreadable { .. } => true,
    });
    Ok(announced)
}

/// The objects whose creation a message announces, for queues and records that hold nothing else: see [`read`].
///
/// # Errors
///
/// A message that announces anything else, or of which a part cannot be understood.
pub fn parse(message: &str) -> Result<Vec<ObjectEvent>, EventError> {
    let mut events = Vec::new();
    for announced in read(message)? {
        match announced {
            Announced::Created(event) => events.push(event),
            Announced::Removed(_) => {
                return Err(EventError::UnknownShape { found: "an event of an object removed".to_owned() });
            }
            Announced::Unreadable { error, .. } => return Err(error),
        }
    }
    Ok(events)
}

/// The first object that a message is about, whatever became of it; `None` where no object can be made out.
#[must_use]
pub fn first_object(message: &str) -> Option<ObjectEvent> {
    read(message).ok()?.into_iter().find_map(|announced| match announced {
        Announced::Created(event) | Announced::Removed(event) => Some(event),
        Announced::Unreadable { .. } => None,
    })
}

fn is_folder_marker(event: &ObjectEvent) -> bool {
    event.key.as_str().ends_with('/') && event.size_bytes.unwrap_or(0) == 0
}

fn read_value(value: &Value, may_be_wrapped: bool) -> Result<Vec<Announced>, EventError> {
    if let Some(records) = value.get("Records").and_then(Value::as_array) {
        return Ok(records.iter().map(of_record).collect());
    }
    if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    match value.get("detail-type").and_then(Value::as_str) {
        Some("Object Created") => return Ok(vec![Announced::Created(from_eventbridge(value)?)]),
        Some("Object Deleted") => return Ok(vec![Announced::Removed(from_eventbridge(value)?)]),
        Some(_) | None => {}
    }
    let inner = value.get("Message").and_then(Value::as_str);
    if let (Some(inner), true) = (inner, may_be_wrapped && value.get("TopicArn").is_some()) {
        let inner = serde_json::from_str(inner).map_err(|source| EventError::NotJson { source })?;
        return read_value(&inner, false);
    }
    Err(EventError::UnknownShape { found: describe(value) })
}

fn of_record(value: &Value) -> Announced {
    let original = || json!({ "Records": [value] }).to_string();
    match from_notification(value, original()) {
        Ok((Happened::Created, event)) => Announced::Created(event),
        Ok((Happened::Removed, event)) => Announced::Removed(event),
        Err(error) => Announced::Unreadable { error, original: original() },
    }
}

fn from_notification(value: &Value, original: String) -> Result<(Happened, ObjectEvent), EventError> {
    let source = value.get("eventSource").and_then(Value::as_str);
    if value.get("s3").is_none() {
        let found = source.map_or_else(|| describe(value), |source| format!("a record from {source}"));
        return Err(EventError::UnknownShape { found });
    }
    let record =
        S3EventRecord::deserialize(value).map_err(|source| EventError::Malformed { shape: NOTIFICATION, source })?;
    let happened = happened(&record.event_name.unwrap_or_default())?;
    let object = record.s3.object;
    let missing = |part| EventError::PartMissing { shape: NOTIFICATION, part };
    let encoded = object.key.ok_or_else(|| missing("s3.object.key"))?;
    let event = ObjectEvent {
        bucket: record.s3.bucket.name.ok_or_else(|| missing("s3.bucket.name"))?,
        key: ObjectKey::from_notification(&encoded)?,
        version_id: named_version(object.version_id),
        etag: object.e_tag.map(|etag| unquoted(&etag)).filter(|etag| !etag.is_empty()),
        size_bytes: object.size.and_then(|size| u64::try_from(size).ok()),
        sequencer: object.sequencer,
        original,
    };
    Ok((happened, event))
}

/// By the event's name, with or without its `s3:`; one without a name is of an object created.
fn happened(name: &str) -> Result<Happened, EventError> {
    match name.trim_start_matches("s3:").split(':').next().unwrap_or_default() {
        "ObjectCreated" | "" => Ok(Happened::Created),
        "ObjectRemoved" | "LifecycleExpiration" => Ok(Happened::Removed),
        _ => Err(EventError::UnknownShape { found: format!("an S3 notification of {name}") }),
    }
}

fn from_eventbridge(value: &Value) -> Result<ObjectEvent, EventError> {
    let event = EventBridgeEvent::<ObjectDetail>::deserialize(value)
        .map_err(|source| EventError::Malformed { shape: EVENTBRIDGE, source })?;
    let object = event.detail.object;
    Ok(ObjectEvent {
        bucket: event.detail.bucket.name,
        key: ObjectKey::as_given(&object.key),
        version_id: named_version(object.version_id),
        etag: object.etag.map(|etag| unquoted(&etag)).filter(|etag| !etag.is_empty()),
        size_bytes: object.size,
        sequencer: object.sequencer,
        original: value.to_string(),
    })
}

fn named_version(version_id: Option<String>) -> Option<String> {
    version_id.filter(|version_id| !version_id.is_empty() && version_id != NULL_VERSION)
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

/// Says what a value looks like by its own names only: its content may be anything, also data.
fn describe(value: &Value) -> String {
    const NAMES_SHOWN: usize = 8;
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(members) => {
            if let Some(detail_type) = value.get("detail-type").and_then(Value::as_str) {
                return format!("an EventBridge event {detail_type:?}");
            }
            let names: Vec<&str> = members.keys().take(NAMES_SHOWN).map(String::as_str).collect();
            format!(
                "a JSON object {}",
                if names.is_empty() {
                    "without members".to_owned()
                } else {
                    format!("with the members {}", names.join(", "))
                }
            )
        }
    }
}

#[cfg(test)]
mod tests {
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
}
