//! Notifications of objects that S3 announced long ago, or never: made by us, and read by ingest like those of S3.
//! It must not know why an object is announced again.

use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::ledger::Source;

/// How the object came is not known any more; `Put` stands for all.
const CREATED: &str = "ObjectCreated:Put";
/// As of `CREATED`: who deleted it is not known.
const REMOVED: &str = "ObjectRemoved:Delete";
/// Notifications escape a key like a form does; a space may also be `%20`, and `/` stays.
const KEY_KEEPS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// The event of whatever object stands under that key now.
///
/// It names no version and has no sequencer: ingest looks the object up and takes both, and its place in time, from S3. Nor does it
/// name an entity tag, with which an object that was replaced in the meantime would be left to an event of its own.
#[must_use]
pub fn current(region: &str, bucket: &str, key: &str, size_bytes: u64, at: DateTime<Utc>) -> String {
    let object = json!({ "key": encoded(key), "size": size_bytes });
    notification(CREATED, region, bucket, &object, at)
}

/// The event of the deletion of whatever stood under that key.
///
/// It has no sequencer: ingest looks whether anything stands there, and what is announced as uploaded before is not taken in when it is
/// gone.
#[must_use]
pub fn removal(region: &str, bucket: &str, key: &str, at: DateTime<Utc>) -> String {
    notification(REMOVED, region, bucket, &json!({ "key": encoded(key) }), at)
}

/// The event of the version that a ledger entry is about.
#[must_use]
pub fn version(region: &str, source: &Source, at: DateTime<Utc>) -> String {
    let object = json!({
        "key": encoded(&source.key),
        "size": source.size_bytes,
        "eTag": source.etag,
        "versionId": source.version_id,
        "sequencer": source.sequencer,
    });
    notification(CREATED, region, &source.bucket, &object, at)
}

/// The members that every S3 notification has (S3 User Guide, "Event message structure").
fn notification(name: &str, region: &str, bucket: &str, object: &serde_json::Value, at: DateTime<Utc>) -> String {
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "eventName": name,
        "userIdentity": { "principalId": "lakegate" },
        "requestParameters": { "sourceIPAddress": "" },
        "responseElements": {},
        "s3": { "s3SchemaVersion": "1.0", "bucket": { "name": bucket }, "object": object },
    }] })
    .to_string()
}

fn encoded(key: &str) -> String {
    utf8_percent_encode(key, KEY_KEEPS).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events;

    const AWKWARD: &str = "orders/São Paulo + 100%/a&b=c;#?\"\u{1}.csv";

    fn at() -> DateTime<Utc> {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    #[test]
    fn an_announced_object_is_read_as_it_was_written_whatever_its_key() {
        let [event] =
            <[_; 1]>::try_from(events::parse(&current("eu-central-1", "raw", AWKWARD, 7, at())).unwrap()).unwrap();
        assert_eq!((event.bucket.as_str(), event.key.as_str(), event.size_bytes), ("raw", AWKWARD, Some(7)));
        assert_eq!((event.version_id, event.etag, event.sequencer), (None, None, None), "S3 says which one it is");
    }

    #[test]
    fn an_announced_deletion_is_read_as_one_whatever_its_key() {
        let message = removal("eu-central-1", "raw", AWKWARD, at());
        let [events::Announced::Removed(event)] = &events::read(&message).unwrap()[..] else { panic!("{message}") };
        assert_eq!((event.bucket.as_str(), event.key.as_str()), ("raw", AWKWARD));
        assert_eq!((&event.version_id, &event.etag, &event.sequencer, event.size_bytes), (&None, &None, &None, None));
    }

    #[test]
    fn an_announced_version_is_the_one_of_the_entry() {
        let source: Source = serde_json::from_value(json!({
            "bucket": "raw", "key": AWKWARD, "version_id": "v1", "etag": "abc", "sequencer": "0A", "size_bytes": 7,
        }))
        .unwrap();
        let [event] = <[_; 1]>::try_from(events::parse(&version("eu-central-1", &source, at())).unwrap()).unwrap();
        assert_eq!(event.key.as_str(), AWKWARD);
        assert_eq!(event.version_id.as_deref(), Some("v1"));
        assert_eq!((event.etag.as_deref(), event.sequencer.as_deref()), (Some("abc"), Some("0A")));
    }

    #[test]
    fn an_entry_without_versions_announces_none() {
        let source: Source = serde_json::from_value(json!({
            "bucket": "raw", "key": "a.csv", "version_id": null, "etag": null, "sequencer": null, "size_bytes": 7,
        }))
        .unwrap();
        let event = events::parse(&version("eu-central-1", &source, at())).unwrap().remove(0);
        assert_eq!((event.version_id, event.etag, event.sequencer), (None, None, None));
    }
}
