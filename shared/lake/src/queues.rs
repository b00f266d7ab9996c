//! Messages into SQS queues.
//! It must not know what the messages mean.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};
use futures::{StreamExt, stream};

use crate::LakeError;
use crate::error::{from_sdk, one_line};
use crate::trace::Trace;

/// Most messages that one `SendMessageBatch` takes (SQS quotas).
pub const SQS_BATCH_MAX: usize = 10;
/// Most bytes that the messages of one batch may have together, bodies and attributes. SQS takes 1 MiB since 2025;
/// queues that were given a smaller `MaximumMessageSize` take 256 KiB.
pub const SQS_BATCH_MAX_BYTES: usize = 262_144;
/// Calls that are on their way at once when there are many messages: ten thousand then take seconds.
pub const CALLS_IN_FLIGHT: usize = 8;

/// A message to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The body.
    pub body: String,
    /// Attributes, all of type String; an empty value is left out, as SQS refuses it.
    pub attributes: BTreeMap<String, String>,
    /// The trace that it belongs to. It does not count in SQS's limits.
    pub trace: Option<Trace>,
}

impl Outgoing {
    /// What the message counts for in SQS's limits.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        const TYPE_BYTES: usize = "String".len();
        let attributes: usize = self.attributes.iter().map(|(name, value)| name.len() + value.len() + TYPE_BYTES).sum();
        self.body.len() + attributes
    }

    fn sdk_attributes(&self) -> Result<BTreeMap<String, MessageAttributeValue>, aws_sdk_sqs::error::BuildError> {
        let mut attributes = BTreeMap::new();
        for (name, value) in self.attributes.iter().filter(|(_, value)| !value.is_empty()) {
            let value = MessageAttributeValue::builder().data_type("String").string_value(permitted(value)).build()?;
            attributes.insert(name.clone(), value);
        }
        Ok(attributes)
    }

    /// As SQS hands it on to functions and to other services (SQS Developer Guide, "Message system attributes").
    fn sdk_trace(&self) -> Result<Option<MessageSystemAttributeValue>, aws_sdk_sqs::error::BuildError> {
        let Some(trace) = &self.trace else { return Ok(None) };
        MessageSystemAttributeValue::builder().data_type("String").string_value(trace.to_string()).build().map(Some)
    }
}

const TRACE: MessageSystemAttributeNameForSends = MessageSystemAttributeNameForSends::AwsTraceHeader;

/// Sends one message.
///
/// # Errors
///
/// What SQS refused.
pub async fn send(sqs: &Client, queue_url: &str, message: &Outgoing) -> Result<(), LakeError> {
    const OPERATION: &str = "SendMessage";
    let attributes = message.sdk_attributes().map_err(|error| unbuildable(OPERATION, queue_url, error))?;
    let mut request = sqs.send_message().queue_url(queue_url).message_body(permitted(&message.body));
    for (name, value) in attributes {
        request = request.message_attributes(name, value);
    }
    if let Some(trace) = message.sdk_trace().map_err(|error| unbuildable(OPERATION, queue_url, error))? {
        request = request.message_system_attributes(TRACE, trace);
    }
    request.send().await.map_err(|error| from_sdk(OPERATION, queue_url, &error))?;
    Ok(())
}

/// Hides a message that was received for that long from now, whatever was left of its visibility timeout. The time is rounded up to
/// whole seconds; SQS takes twelve hours at most.
///
/// # Errors
///
/// What SQS refused: a receipt handle of an earlier delivery, for example.
pub async fn hide(sqs: &Client, queue_url: &str, receipt_handle: &str, time: Duration) -> Result<(), LakeError> {
    let secs = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let request = sqs.change_message_visibility().queue_url(queue_url).receipt_handle(receipt_handle);
    let answer = request.visibility_timeout(i32::try_from(secs).unwrap_or(i32::MAX)).send().await;
    answer.map(|_| ()).map_err(|error| from_sdk("ChangeMessageVisibility", queue_url, &error))
}

/// Sends messages, ten to a call and [`CALLS_IN_FLIGHT`] calls at once; returns for each, in order, whether the queue took it.
///
/// A call that fails as a whole fails its messages only; the error of the last failure is returned. Messages that SQS refuses by themselves
/// are passing trouble, unless it says that the fault is the sender's.
pub async fn send_all(sqs: &Client, queue_url: &str, messages: &[Outgoing]) -> (Vec<bool>, Option<LakeError>) {
    let mut taken = Vec::with_capacity(messages.len());
    let mut last_error = None;
    let calls = stream::iter(batches(messages, Outgoing::size_bytes))
        .map(async |batch| (batch, send_batch(sqs, queue_url, batch).await));
    let mut calls = pin!(calls.buffered(CALLS_IN_FLIGHT));
    while let Some((batch, answer)) = calls.next().await {
        match answer {
            Ok(refused) => {
                taken.extend((0..batch.len()).map(|index| !refused.contains_key(&index)));
                last_error = refused.into_values().last().or(last_error);
            }
            Err(error) => {
                taken.extend(std::iter::repeat_n(false, batch.len()));
                last_error = Some(error);
            }
        }
    }
    (taken, last_error)
}

/// Returns the indices of the messages that were refused, with the reason.
async fn send_batch(
    sqs: &Client,
    queue_url: &str,
    messages: &[Outgoing],
) -> Result<BTreeMap<usize, LakeError>, LakeError> {
    const OPERATION: &str = "SendMessageBatch";
    let mut request = sqs.send_message_batch().queue_url(queue_url);
    for (index, message) in messages.iter().enumerate() {
        let mut entry =
            SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(permitted(&message.body));
        let attributes = message.sdk_attributes().map_err(|error| unbuildable(OPERATION, queue_url, error))?;
        for (name, value) in attributes {
            entry = entry.message_attributes(name, value);
        }
        if let Some(trace) = message.sdk_trace().map_err(|error| unbuildable(OPERATION, queue_url, error))? {
            entry = entry.message_system_attributes(TRACE, trace);
        }
        request = request.entries(entry.build().map_err(|error| unbuildable(OPERATION, queue_url, error))?);
    }
    let answer = request.send().await.map_err(|error| from_sdk(OPERATION, queue_url, &error))?;
    let mut refused = BTreeMap::new();
    for entry in answer.failed() {
        if let Ok(index) = entry.id().parse() {
            let resource = queue_url.to_owned();
            let source = one_line(&format!("{}: {}", entry.code(), entry.message().unwrap_or("no message"))).into();
            let error = if entry.sender_fault() {
                LakeError::Refused { operation: OPERATION, resource, source }
            } else {
                LakeError::Passing { operation: OPERATION, resource, source }
            };
            refused.insert(index, error);
        }
    }
    Ok(refused)
}

/// Keys may hold the non-characters U+FFFE and U+FFFF, which SQS refuses: as JSON writes them they pass, and what is sent is JSON. Control
/// characters, which SQS refuses as well, JSON always writes so.
fn permitted(text: &str) -> String {
    text.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
}

pub(crate) fn unbuildable(
    operation: &'static str,
    queue_url: &str,
    error: aws_sdk_sqs::error::BuildError,
) -> LakeError {
    LakeError::Refused { operation, resource: queue_url.to_owned(), source: error.into() }
}

/// Messages in groups that one call takes.
pub(crate) fn batches<T>(messages: &[T], size_bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let mut rest = messages;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest.iter().take(SQS_BATCH_MAX).take_while(|message| {
            bytes += size_bytes(message);
            bytes <= SQS_BATCH_MAX_BYTES
        });
        // A message that is too big alone is sent alone, for SQS to judge.
        let (batch, others) = rest.split_at(fitting.count().max(1));
        batches.push(batch);
        rest = others;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_size(size_bytes: usize) -> Outgoing {
        Outgoing { body: "x".repeat(size_bytes), ..Outgoing::default() }
    }

    #[test]
    fn what_sqs_refuses_is_sent_as_json_writes_it() {
        let key = "a\u{FFFE}\u{FFFF}\u{1}\u{FFFD}é";
        let sent = permitted(&serde_json::to_string(key).unwrap());
        assert!(sent.chars().all(|c| !c.is_control() && c != '\u{FFFE}' && c != '\u{FFFF}'), "{sent}");
        assert_eq!(serde_json::from_str::<String>(&sent).unwrap(), key);
    }

    #[test]
    fn batches_keep_to_ten_messages_and_the_byte_limit() {
        let lengths = |messages: &[Outgoing]| {
            batches(messages, Outgoing::size_bytes).iter().map(|batch| batch.len()).collect::<Vec<_>>()
        };
        assert_eq!(lengths(&vec![of_size(10); 23]), [10, 10, 3]);
        assert_eq!(lengths(&vec![of_size(100_000); 5]), [2, 2, 1]);
        assert_eq!(lengths(&[of_size(300_000), of_size(1)]), [1, 1]);
        assert!(lengths(&[]).is_empty());
    }
}
