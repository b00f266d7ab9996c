//! One record for every failure, and how it travels through queues.
//! It must not know who writes it or how it is told to people.

mod kind;

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::error::chain;
use crate::events::{EventError, ObjectEvent};
use crate::queues::{self, Outgoing};
use crate::trace::Trace;
use crate::{LakeError, layout};

pub use kind::{FailureKind, Stage};
pub use lakegate_contract::Violations;

/// Attribute of a message that holds the record as JSON.
pub const FAILURE_ATTRIBUTE: &str = "failure";
/// Attribute of a message that holds the kind alone, for filters.
pub const KIND_ATTRIBUTE: &str = "kind";
/// Attribute of a message that holds the dataset alone, for filters; absent when it is unknown.
pub const DATASET_ATTRIBUTE: &str = "dataset";
/// Attribute of a message that asks for an object to be judged again: when the outcome happened that is to be replaced, RFC 3339.
pub const REPLAY_ATTRIBUTE: &str = "replay";

/// Most counts by column and rule that a record carries: with its body it must stay below SQS's message size.
const VIOLATIONS_MAX: usize = 200;

/// Most bytes of the original event that are kept: beside them a record has its room in [`queues::SQS_BATCH_MAX_BYTES`].
const BODY_MAX_BYTES: usize = 128 * 1024;

/// What became impossible, in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// Version of this shape.
    pub version: u32,
    /// When it happened, RFC 3339, UTC.
    pub at: String,
    /// Where on its path the object was.
    pub stage: Stage,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// Whether sending the event again can help without anything else being changed.
    pub retryable: bool,
    /// The object concerned, if it is known.
    pub source: Option<FailedSource>,
    /// The table that the object was meant for.
    pub dataset: Option<String>,
    /// Who answers for the dataset.
    pub owner: Option<String>,
    /// One line, without any cell value.
    pub summary: String,
    /// Rows, when the file was judged.
    pub rows: Option<RowCounts>,
    /// What rows broke, by column and rule; the most frequent ones when there are very many.
    #[serde(default)]
    pub violations: Violations,
    /// Where the rejected rows are, `s3://…`.
    pub rejects: Option<String>,
    /// A page that shows more.
    pub link: Option<String>,
    /// When what failed went well last, RFC 3339, where that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good_at: Option<String>,
    /// The command that sends it again; filled in when it reaches the dead-letter queue.
    pub replay: Option<String>,
    /// The trace that it happened in, as X-Ray names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// The object that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedSource {
    /// The bucket's name.
    pub bucket: String,
    /// The decoded key.
    pub key: String,
    /// The version, if known.
    pub version_id: Option<String>,
    /// The entity tag, if known.
    pub etag: Option<String>,
    /// The size in bytes, if known.
    pub size_bytes: Option<u64>,
}

/// Rows of a judged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Rows in the file.
    pub read: u64,
    /// Rows that keep the contract.
    pub accepted: u64,
    /// Rows that break it.
    pub rejected: u64,
}

impl FailureRecord {
    /// A record of now about nothing yet but what happened; the other parts are filled in by whoever knows them.
    pub fn new(stage: Stage, kind: FailureKind, summary: impl Into<String>) -> Self {
        Self {
            version: 1,
            at: now(),
            stage,
            kind,
            retryable: false,
            source: None,
            dataset: None,
            owner: None,
            summary: summary.into(),
            rows: None,
            violations: Violations::new(),
            rejects: None,
            link: None,
            last_good_at: None,
            replay: None,
            trace_id: None,
        }
    }

    /// The same, of a trace.
    #[must_use]
    pub fn traced(mut self, trace: Option<&Trace>) -> Self {
        self.trace_id = self.trace_id.or_else(|| trace.map(|trace| trace.id().to_owned()));
        self
    }

    /// A record of an error that AWS gave, about an object.
    #[must_use]
    pub fn of_error(stage: Stage, error: &LakeError, event: &ObjectEvent) -> Self {
        let mut record = Self::new(stage, error.kind(), chain(error));
        record.retryable = error.is_passing();
        record.source = Some(FailedSource::from(event));
        record
    }

    /// The one record of all that nobody understands in a message, and what is kept of the message: the part that is not understood, or
    /// of several parts the whole body. One for each of them would be a hundred thousand failures, all anew whenever the message comes
    /// again. `None` where everything is understood.
    #[must_use]
    pub fn of_unreadable<'a>(
        stage: Stage,
        unreadable: &[(&EventError, &'a str)],
        body: &'a str,
    ) -> Option<(Self, &'a str)> {
        let (first, part) = *unreadable.first()?;
        let first = chain(first);
        let (summary, original) = match unreadable.len() {
            1 => (first, part),
            number => (format!("{number} of the message's records cannot be understood, the first one: {first}"), body),
        };
        Some((Self::new(stage, FailureKind::UnreadableMessage, summary), original))
    }

    /// The message that carries this record: the body stays the original event, so that it can be sent back unchanged. Of a message that
    /// has no room for both, which no event of an object is, the beginning is kept.
    ///
    /// # Errors
    ///
    /// Never in practice: a record always has a JSON form.
    pub fn to_message(&self, original: &str) -> Result<Outgoing, serde_json::Error> {
        let mut record = self.clone();
        keep_most_frequent(&mut record.violations, VIOLATIONS_MAX);
        if original.len() > BODY_MAX_BYTES {
            record.summary.push_str("; the message is too long to be kept whole");
        }
        let mut attributes = BTreeMap::from([
            (FAILURE_ATTRIBUTE.to_owned(), serde_json::to_string(&record)?),
            (KIND_ATTRIBUTE.to_owned(), self.kind.to_string()),
        ]);
        if let Some(dataset) = &self.dataset {
            attributes.insert(DATASET_ATTRIBUTE.to_owned(), dataset.clone());
        }
        let end = original.floor_char_boundary(BODY_MAX_BYTES);
        let trace = self.trace_id.as_deref().and_then(Trace::of_id);
        Ok(Outgoing { body: original.get(..end).unwrap_or_default().to_owned(), attributes, trace })
    }
}

impl FailedSource {
    /// `s3://bucket/key`.
    #[must_use]
    pub fn url(&self) -> String {
        layout::url(&self.bucket, &self.key)
    }
}

impl From<&ObjectEvent> for FailedSource {
    fn from(event: &ObjectEvent) -> Self {
        Self {
            bucket: event.bucket.clone(),
            key: event.key.as_str().to_owned(),
            version_id: event.version_id.clone(),
            etag: event.etag.clone(),
            size_bytes: event.size_bytes,
        }
    }
}

/// Sends a record to the queue of failures, with the original event as the body.
///
/// # Errors
///
/// What SQS refused.
pub async fn report(sqs: &Client, queue_url: &str, record: &FailureRecord, original: &str) -> Result<(), LakeError> {
    let message = record.to_message(original).map_err(|error| LakeError::Refused {
        operation: "SendMessage",
        resource: queue_url.to_owned(),
        source: error.into(),
    })?;
    queues::send(sqs, queue_url, &message).await
}

/// When the outcome happened that a message is to replace, RFC 3339: it says so itself ([`REPLAY_ATTRIBUTE`]), or it is a dead letter
/// that was sent back with its record. `None` for a message that is no replay.
#[must_use]
pub fn replaced_outcome(attributes: &BTreeMap<String, String>) -> Option<String> {
    let of_record = |record: &String| serde_json::from_str::<FailureRecord>(record).ok().map(|record| record.at);
    attributes.get(REPLAY_ATTRIBUTE).cloned().or_else(|| attributes.get(FAILURE_ATTRIBUTE).and_then(of_record))
}

/// Now, RFC 3339, UTC, in milliseconds.
#[must_use]
pub fn now() -> String {
    rfc3339(Utc::now())
}

/// A time as records and ledger entries write it: RFC 3339, UTC, in milliseconds.
#[must_use]
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Counts by column and rule, most frequent first.
#[must_use]
pub fn by_frequency(violations: &Violations) -> Vec<(&str, &str, u64)> {
    let mut counts = Vec::new();
    for (column, rules) in violations {
        for (rule, count) in rules {
            counts.push((column.as_str(), rule.as_str(), *count));
        }
    }
    counts.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    counts
}

fn keep_most_frequent(violations: &mut Violations, at_most: usize) {
    if violations.values().map(BTreeMap::len).sum::<usize>() <= at_most {
        return;
    }
    let mut kept = Violations::new();
    for (column, rule, count) in by_frequency(violations).into_iter().take(at_most) {
        kept.entry(column.to_owned()).or_default().insert(rule.to_owned(), count);
    }
    *violations = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_travels_in_attributes_and_the_event_in_the_body() {
        let mut record = FailureRecord::new(Stage::StartGlue, FailureKind::GaveUp, "5 deliveries failed");
        record.at = "2026-01-02T03:04:05.000Z".to_owned();
        record.dataset = Some("orders".to_owned());
        record.violations = BTreeMap::from([("city".to_owned(), BTreeMap::from([("required".to_owned(), 3)]))]);
        let message = record.to_message("{}").unwrap();
        assert_eq!(message.body, "{}");
        assert_eq!(message.attributes["kind"], "GaveUp");
        assert_eq!(message.attributes["dataset"], "orders");
        insta::assert_snapshot!(message.attributes["failure"], @r#"{"version":1,"at":"2026-01-02T03:04:05.000Z","stage":"start-glue","kind":"GaveUp","retryable":false,"source":null,"dataset":"orders","owner":null,"summary":"5 deliveries failed","rows":null,"violations":{"city":{"required":3}},"rejects":null,"link":null,"replay":null}"#);
        assert_eq!(serde_json::from_str::<FailureRecord>(&message.attributes["failure"]).unwrap(), record);
    }

    #[test]
    fn of_a_message_that_is_too_long_the_beginning_is_kept() {
        let record = FailureRecord::new(Stage::Ingest, FailureKind::UnreadableMessage, "the message is not JSON");
        let message = record.to_message(&"é".repeat(500_001)).unwrap();
        assert!(message.size_bytes() < queues::SQS_BATCH_MAX_BYTES && message.body.len() == BODY_MAX_BYTES);
        assert!(
            message.attributes["failure"].contains("the message is not JSON; the message is too long to be kept whole")
        );
    }

    #[test]
    fn a_replay_says_which_outcome_it_is_to_replace() {
        let attributes = |pairs: &[(&str, &str)]| {
            replaced_outcome(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let mut record = FailureRecord::new(Stage::Ingest, FailureKind::GaveUp, "5 deliveries failed");
        record.at = "2026-01-02T03:04:05.000Z".to_owned();
        let record = serde_json::to_string(&record).unwrap();
        assert_eq!(attributes(&[("failure", &record)]).as_deref(), Some("2026-01-02T03:04:05.000Z"));
        assert_eq!(attributes(&[("failure", &record), ("replay", "2027")]).as_deref(), Some("2027"));
        assert_eq!(attributes(&[("failure", "no record"), ("kind", "GaveUp")]), None);
        assert_eq!(attributes(&[]), None);
    }

    #[test]
    fn very_many_counts_are_cut_to_the_most_frequent() {
        let mut violations: Violations = (0..50_u64)
            .map(|n| (format!("c{n}"), BTreeMap::from([("type".to_owned(), n), ("enum".to_owned(), 1)])))
            .collect();
        keep_most_frequent(&mut violations, 2);
        assert_eq!(by_frequency(&violations), [("c49", "type", 49), ("c48", "type", 48)]);
    }
}
