//! A batch of failures: into the dead-letter queue first, then one digest about those that are in it.
//! It must not know how a digest reads.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use aws_lambda_events::sqs::SqsBatchResponse;
use lakegate_lake::clients::{GlueClient, SnsClient, SqsClient};
use lakegate_lake::failure::FailureRecord;
use lakegate_lake::invocation::{self, Invocation, Message};
use lakegate_lake::{LakeError, alerts, chain, queues};
use lambda_runtime::Error;
use serde_json::Value;

use crate::digest;
use crate::routed::{self, Routed};
use crate::settings::Settings;

/// What every invocation uses.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) glue: GlueClient,
    pub(crate) sns: SnsClient,
    pub(crate) sqs: SqsClient,
    /// Ids of messages that are in the dead-letter queue although their digest could not be sent. They are delivered
    /// again, and need not be kept twice. Another process does not know them and keeps them twice: a replay takes an
    /// object in once all the same.
    pub(crate) unannounced: Mutex<BTreeSet<String>>,
}

/// A message on its way.
struct Passage {
    message_id: String,
    failures: Vec<Routed>,
    is_kept: bool,
}

/// Answers with the messages that are to come again: those that did not reach the dead-letter queue, or all of them
/// when the digest could not be sent.
pub(crate) async fn handle(context: &Context, payload: &Value) -> Result<SqsBatchResponse, Error> {
    let messages = match invocation::parse(payload)? {
        Invocation::Batch(messages) => messages,
        Invocation::Direct(body) => vec![Message { body, ..Message::default() }],
    };
    let mut response = SqsBatchResponse::default();
    let mut passages = Vec::with_capacity(messages.len());
    for message in messages {
        match routed::of_message(&context.glue, &message).await {
            Ok(failures) => {
                let is_kept = unannounced(context).contains(&message.id);
                passages.push(Passage { message_id: message.id, failures: complete(context, failures), is_kept });
            }
            Err(error) => {
                tracing::warn!(message_id = message.id, error = chain(&error), "message goes back to its queue");
                response.add_failure(message.id);
            }
        }
    }
    keep(context, &mut passages).await?;
    let (kept, lost): (Vec<Passage>, Vec<Passage>) = passages.into_iter().partition(|passage| passage.is_kept);
    for passage in lost {
        response.add_failure(passage.message_id);
    }
    if let Err(error) = announce(context, &kept).await {
        tracing::warn!(error = chain(&error), "the digest was not sent, the whole batch goes back to its queue");
        unannounced(context).extend(kept.iter().map(|passage| passage.message_id.clone()));
        for passage in kept {
            response.add_failure(passage.message_id);
        }
        return Ok(response);
    }
    for passage in &kept {
        unannounced(context).remove(&passage.message_id);
    }
    Ok(response)
}

/// Sends every failure that is not yet there to the dead-letter queue, and marks the messages of which all are there.
async fn keep(context: &Context, passages: &mut [Passage]) -> Result<(), Error> {
    let mut outgoing = Vec::new();
    for passage in passages.iter().filter(|passage| !passage.is_kept) {
        for failure in &passage.failures {
            outgoing.push(failure.record.to_message(&failure.original)?);
        }
    }
    let (taken, error) = queues::send_all(&context.sqs, &context.settings.dead_letter_queue_url, &outgoing).await;
    if let Some(error) = error {
        tracing::warn!(error = chain(&error), "messages did not reach the dead-letter queue");
    }
    let mut taken = taken.into_iter();
    for passage in passages.iter_mut().filter(|passage| !passage.is_kept) {
        passage.is_kept = passage.failures.iter().fold(true, |all, _| taken.next().unwrap_or(false) && all);
    }
    Ok(())
}

async fn announce(context: &Context, kept: &[Passage]) -> Result<(), LakeError> {
    let failures = kept.iter().flat_map(|passage| &passage.failures);
    let records: Vec<FailureRecord> = failures.map(|failure| failure.record.clone()).collect();
    if records.is_empty() {
        return Ok(());
    }
    let settings = &context.settings;
    let digest = digest::write(&records, &settings.replay_command());
    alerts::publish(&context.sns, &settings.alerts_topic_arn, &digest.subject, &digest.body).await?;
    for record in &records {
        let source = record.source.as_ref();
        tracing::info!(
            bucket = source.map(|source| source.bucket.as_str()),
            key = source.map(|source| source.key.as_str()),
            dataset = record.dataset,
            kind = %record.kind,
            outcome = "dead-lettered",
            "object"
        );
    }
    Ok(())
}

fn complete(context: &Context, mut failures: Vec<Routed>) -> Vec<Routed> {
    for failure in &mut failures {
        failure.record.replay = Some(context.settings.replay_command());
    }
    failures
}

/// A panic elsewhere cannot leave the set half-written.
fn unannounced(context: &Context) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
    context.unannounced.lock().unwrap_or_else(PoisonError::into_inner)
}
