//! What a function was invoked with: a batch of a queue's messages, or one event by hand.
//! It must not know what the messages mean.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsEvent;
use serde::Deserialize;
use serde_json::Value;

use crate::trace::Trace;

/// What an invocation without a deadline may take: the longest that a Lambda function may run (Lambda quotas).
const TIME_MAX: Duration = Duration::from_mins(15);

/// One message of a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// What `batchItemFailures` names.
    pub id: String,
    /// The body, as sent.
    pub body: String,
    /// Attributes of type String that the sender set.
    pub attributes: BTreeMap<String, String>,
    /// How often the queue has delivered it, this time included.
    pub receive_count: u32,
    /// What changes its visibility, until it is delivered again; empty for one that no queue delivered.
    pub receipt_handle: String,
    /// The trace that it was sent in (`AWSTraceHeader`).
    pub trace: Option<Trace>,
}

/// A function's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// From an event source mapping: to be answered with the messages that failed.
    Batch(Vec<Message>),
    /// One event as it would stand in a message's body, for `cargo lambda invoke` and the console's test button.
    Direct(String),
}

/// Until when an invocation that begins now may work, by the deadline that the runtime told. One that has passed before the work began is
/// none: `cargo lambda watch` tells one of 1970.
#[must_use]
pub fn deadline(told: SystemTime, now: SystemTime) -> SystemTime {
    if told > now { told } else { now + TIME_MAX }
}

/// Tells a batch from a bare event; a malformed batch is an error, so that the queue keeps its messages.
///
/// # Errors
///
/// A payload that says it is a queue's and does not look like one.
pub fn parse(payload: &Value) -> Result<Invocation, serde_json::Error> {
    let first = payload.get("Records").and_then(|records| records.get(0));
    let source = first.and_then(|record| record.get("eventSource")).and_then(Value::as_str);
    if source != Some("aws:sqs") {
        return Ok(Invocation::Direct(payload.to_string()));
    }
    let event = SqsEvent::deserialize(payload)?;
    let mut messages = Vec::with_capacity(event.records.len());
    for record in event.records {
        let attributes = record
            .message_attributes
            .into_iter()
            .filter_map(|(name, attribute)| Some((name, attribute.string_value?)))
            .collect();
        let receive_count = record.attributes.get("ApproximateReceiveCount");
        messages.push(Message {
            id: record.message_id.unwrap_or_default(),
            body: record.body.unwrap_or_default(),
            attributes,
            receive_count: receive_count.and_then(|count| count.parse().ok()).unwrap_or(1),
            receipt_handle: record.receipt_handle.unwrap_or_default(),
            trace: record.attributes.get("AWSTraceHeader").and_then(|header| Trace::parse(header)),
        });
    }
    Ok(Invocation::Batch(messages))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_batch_keeps_bodies_and_string_attributes() {
        let payload = json!({"Records": [{
            "messageId": "m1", "receiptHandle": "r", "body": "{}", "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": "3", "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793"},
            "messageAttributes": {"kind": {"stringValue": "GaveUp", "dataType": "String"}},
        }]});
        let expected = Message {
            id: "m1".to_owned(),
            body: "{}".to_owned(),
            attributes: BTreeMap::from([("kind".to_owned(), "GaveUp".to_owned())]),
            receive_count: 3,
            receipt_handle: "r".to_owned(),
            trace: Trace::of_id("1-5759e988-bd862e3fe1be46a994272793"),
        };
        assert_eq!(parse(&payload).unwrap(), Invocation::Batch(vec![expected]));
    }

    #[test]
    fn a_deadline_that_passed_before_the_work_began_is_none() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let soon = now + Duration::from_secs(1);
        assert_eq!(deadline(soon, now), soon);
        let told_by_cargo_lambda = SystemTime::UNIX_EPOCH + Duration::from_mins(10);
        assert_eq!(deadline(told_by_cargo_lambda, now), now + TIME_MAX);
    }

    #[test]
    fn anything_that_no_queue_sent_is_taken_as_one_event() {
        let payload = json!({"Records": [{"eventSource": "aws:s3", "s3": {}}]});
        assert_eq!(parse(&payload).unwrap(), Invocation::Direct(payload.to_string()));
    }
}
