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
mod tests;
