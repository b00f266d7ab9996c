//! Messages out of a queue, and back: what a person looks at, moves on or leaves.
//! It must not know what the messages mean.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
    MessageSystemAttributeName, SendMessageBatchRequestEntry, SendMessageBatchResultEntry,
};
use chrono::{DateTime, Utc};

use crate::LakeError;
use crate::error::from_sdk;
use crate::queues::{SQS_BATCH_MAX, batches, unbuildable};

/// How long SQS is given to look on all of its servers: shorter, and it may answer "none" though there are some (SQS Developer
/// Guide, "Short and long polling").
const WAIT_SECS: i32 = 2;

/// What a received message is deleted or shown again by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(String);

/// A message that was received, and is hidden from everybody else for a while.
#[derive(Debug, Clone)]
pub struct Received {
    /// Stays the same however often it is received.
    pub id: String,
    /// Of this time that it was received.
    pub receipt: Receipt,
    /// The body.
    pub body: String,
    /// All attributes, of whatever type.
    attributes: HashMap<String, MessageAttributeValue>,
    /// When it was sent to the queue, if SQS says so.
    pub sent_at: Option<DateTime<Utc>>,
}

impl Received {
    /// An attribute's text.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(MessageAttributeValue::string_value)
    }

    /// What the message counts for in SQS's limits.
    fn size_bytes(&self) -> usize {
        let size = |(name, value): (&String, &MessageAttributeValue)| {
            let text = value.string_value().map_or(0, str::len);
            let binary = value.binary_value().map_or(0, |binary| binary.as_ref().len());
            name.len() + value.data_type().len() + text + binary
        };
        self.body.len() + self.attributes.iter().map(size).sum::<usize>()
    }
}

/// Receives up to ten messages and hides them for that time; none when the queue is empty.
///
/// # Errors
///
/// What SQS refused.
pub async fn receive(sqs: &Client, queue_url: &str, hidden_secs: i32) -> Result<Vec<Received>, LakeError> {
    let request = sqs
        .receive_message()
        .queue_url(queue_url)
        .max_number_of_messages(10)
        .wait_time_seconds(WAIT_SECS)
        .visibility_timeout(hidden_secs)
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
    let answer = request.send().await.map_err(|error| from_sdk("ReceiveMessage", queue_url, &error))?;
    let received = answer.messages.unwrap_or_default().into_iter().filter_map(|message| {
        let sent = message.attributes.as_ref().and_then(|found| found.get(&MessageSystemAttributeName::SentTimestamp));
        let sent_at = sent.and_then(|millis| DateTime::from_timestamp_millis(millis.parse().ok()?));
        Some(Received {
            id: message.message_id?,
            receipt: Receipt(message.receipt_handle?),
            body: message.body.unwrap_or_default(),
            attributes: message.message_attributes.unwrap_or_default(),
            sent_at,
        })
    });
    Ok(received.collect())
}

/// Moves messages to another queue, body and attributes unchanged: each is deleted from its queue once the other one has taken it, so that
/// whoever is killed in between leaves it in both. Returns for each, in order, whether it was moved.
///
/// # Errors
///
/// What SQS refused of a call as a whole.
pub async fn move_all(
    sqs: &Client,
    from_url: &str,
    to_url: &str,
    messages: &[Received],
) -> Result<Vec<bool>, LakeError> {
    let mut moved = Vec::with_capacity(messages.len());
    for batch in batches(messages, Received::size_bytes) {
        moved.extend(move_batch(sqs, from_url, to_url, batch).await?);
    }
    Ok(moved)
}

async fn move_batch(sqs: &Client, from_url: &str, to_url: &str, batch: &[Received]) -> Result<Vec<bool>, LakeError> {
    let mut request = sqs.send_message_batch().queue_url(to_url);
    for (index, message) in batch.iter().enumerate() {
        let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(&message.body);
        let entry = entry.set_message_attributes(Some(message.attributes.clone()).filter(|all| !all.is_empty()));
        request = request.entries(entry.build().map_err(|error| unbuildable("SendMessageBatch", to_url, error))?);
    }
    let answer = request.send().await.map_err(|error| from_sdk("SendMessageBatch", to_url, &error))?;
    let sent: BTreeSet<&str> = answer.successful().iter().map(SendMessageBatchResultEntry::id).collect();
    let is_sent = |index: usize| sent.contains(index.to_string().as_str());
    let taken: Vec<&Receipt> =
        batch.iter().enumerate().filter(|(index, _)| is_sent(*index)).map(|(_, message)| &message.receipt).collect();
    delete(sqs, from_url, &taken).await?;
    Ok((0..batch.len()).map(is_sent).collect())
}

/// Deletes messages that were received.
///
/// # Errors
///
/// What SQS refused; those that stay behind show themselves when their time ends.
pub async fn delete_all(sqs: &Client, queue_url: &str, messages: &[Received]) -> Result<(), LakeError> {
    for batch in messages.chunks(SQS_BATCH_MAX) {
        delete(sqs, queue_url, &batch.iter().map(|message| &message.receipt).collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// Deletes up to ten messages. One that stays behind is in both queues: sent once more, it is recognised.
async fn delete(sqs: &Client, queue_url: &str, receipts: &[&Receipt]) -> Result<(), LakeError> {
    const OPERATION: &str = "DeleteMessageBatch";
    if receipts.is_empty() {
        return Ok(());
    }
    let mut request = sqs.delete_message_batch().queue_url(queue_url);
    for (index, receipt) in receipts.iter().enumerate() {
        let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(&receipt.0);
        request = request.entries(entry.build().map_err(|error| unbuildable(OPERATION, queue_url, error))?);
    }
    request.send().await.map_err(|error| from_sdk(OPERATION, queue_url, &error))?;
    Ok(())
}

/// Shows hidden messages again, at once.
///
/// # Errors
///
/// What SQS refused; they show themselves when their time ends.
pub async fn show(sqs: &Client, queue_url: &str, receipts: &[Receipt]) -> Result<(), LakeError> {
    const OPERATION: &str = "ChangeMessageVisibilityBatch";
    for batch in receipts.chunks(SQS_BATCH_MAX) {
        let mut request = sqs.change_message_visibility_batch().queue_url(queue_url);
        for (index, Receipt(receipt)) in batch.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
            let entry = entry.receipt_handle(receipt).visibility_timeout(0).build();
            request = request.entries(entry.map_err(|error| unbuildable(OPERATION, queue_url, error))?);
        }
        request.send().await.map_err(|error| from_sdk(OPERATION, queue_url, &error))?;
    }
    Ok(())
}
