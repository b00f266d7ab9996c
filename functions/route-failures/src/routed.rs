//! A message of the failures queue, understood: what goes into the dead-letter queue, and what is told about it.
//! It must not send anything.

use std::hash::{DefaultHasher, Hash, Hasher};

use lakegate_lake::LakeError;
use lakegate_lake::events::{self, Announced, ObjectEvent};
use lakegate_lake::failure::{FAILURE_ATTRIBUTE, FailedSource, FailureKind, FailureRecord, Stage};
use lakegate_lake::invocation::Message;
use tokio::time::Instant;

use crate::glue_run::{self, Lookups};

/// One failure: its record, and the event that replays it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Routed {
    /// The same whenever this very failure comes, and of no other one.
    pub(crate) identity: String,
    pub(crate) record: FailureRecord,
    pub(crate) original: String,
}

/// Understands a message. Several failures come of a message about several objects that a queue gave up on, and none
/// of a test message or of a Glue run that did what it should. The only error is a service that is not available, or gives no answer until
/// `limit`, on which the message should come again.
pub(crate) async fn of_message(lookups: &Lookups, message: &Message, limit: Instant) -> Result<Vec<Routed>, LakeError> {
    if let Some(record) = message.attributes.get(FAILURE_ATTRIBUTE) {
        let routed = of_record(record, message);
        // A record that says how to replay was told before: its dead letter was replayed with its attributes, and has
        // now been given up. What it says is of the last time.
        if routed.record.replay.is_none() {
            return Ok(vec![routed]);
        }
    }
    if let Some(change) = glue_run::state_change(&message.body) {
        return Ok(glue_run::of_change(lookups, &change, message, limit).await?.into_iter().collect());
    }
    let announced = match events::read(&message.body) {
        Ok(announced) => announced,
        Err(error) => vec![Announced::Unreadable { error, original: message.body.clone() }],
    };
    let (mut routed, mut unreadable) = (Vec::with_capacity(announced.len()), Vec::new());
    for (index, announced) in announced.iter().enumerate() {
        match announced {
            Announced::Created(event) | Announced::Removed(event) => {
                routed.push(of_given_up(event, message, index));
            }
            Announced::Unreadable { error, original } => unreadable.push((error, original.as_str())),
        }
    }
    let unreadable = FailureRecord::of_unreadable(Stage::Queue, &unreadable, &message.body);
    routed.extend(unreadable.map(|(record, original)| Routed {
        identity: message.id.clone(),
        record: record.traced(message.trace.as_ref()),
        original: original.to_owned(),
    }));
    Ok(routed)
}

/// A record tells its failure from every other one by its time: a failure that is repeated has another one. Where no object is known,
/// the message itself must do.
pub(crate) fn identity(record: &FailureRecord, original: &str) -> String {
    let FailureRecord { kind, at, .. } = record;
    let Some(source) = &record.source else {
        let mut hasher = DefaultHasher::new();
        original.hash(&mut hasher);
        return format!("{kind} {at} {:016x}", hasher.finish());
    };
    let (version_id, etag) = (source.version_id.as_deref(), source.etag.as_deref());
    format!("{kind} {at} {} {} {}", version_id.unwrap_or_default(), etag.unwrap_or_default(), source.url())
}

fn of_record(record: &str, message: &Message) -> Routed {
    let original = message.body.clone();
    let error = match serde_json::from_str::<FailureRecord>(record) {
        Ok(record) => return Routed { identity: identity(&record, &original), record, original },
        Err(error) => error,
    };
    let summary = format!("the failure record does not parse: {error}");
    let mut record = FailureRecord::new(Stage::Queue, FailureKind::UnreadableMessage, summary);
    let event = events::first_object(&message.body);
    record.source = event.as_ref().map(FailedSource::from);
    Routed { identity: message.id.clone(), record, original }
}

fn of_given_up(event: &ObjectEvent, message: &Message, index: usize) -> Routed {
    let summary = "no attempt to take the file in came to an end";
    let record = FailureRecord::new(Stage::Queue, FailureKind::GaveUp, summary);
    let mut record = record.traced(message.trace.as_ref());
    record.retryable = true;
    record.source = Some(FailedSource::from(event));
    Routed { identity: format!("{} {index}", message.id), record, original: event.original.clone() }
}

#[cfg(test)]
#[path = "routed_tests.rs"]
mod tests;
