//! A batch of failures: into the dead-letter queue first, then one digest about those that are in it.
//! It must not know how a digest reads.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsBatchResponse;
use futures::stream::{self, StreamExt};
use lakegate_lake::clients::{SnsClient, SqsClient};
use lakegate_lake::failure::{self, FailureKind, FailureRecord};
use lakegate_lake::invocation::{self, Invocation, Message};
use lakegate_lake::metrics::{Dimensions, Metric, Metrics, UNKNOWN_DATASET};
use lakegate_lake::{LakeError, alerts, chain, queues};
use lambda_runtime::Error;
use serde_json::Value;
use tokio::time::Instant;

use crate::digest;
use crate::glue_run::Lookups;
use crate::known::{Known, Progress};
use crate::routed::{self, Routed};
use crate::settings::Settings;

/// How long a batch waits for Glue and the ledger to say which files its runs were for, and what became of them: of the function's two
/// minutes most is for the dead-letter queue and the digest.
pub(crate) const LOOKUPS_MAX: Duration = Duration::from_secs(20);
/// Runs that are looked up at once.
const LOOKUPS_AT_ONCE: usize = 16;

/// What every invocation uses.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) lookups: Lookups,
    pub(crate) sns: SnsClient,
    pub(crate) sqs: SqsClient,
    /// What the last batches have come to: a message may be delivered again though its failure is in the dead-letter queue, or told.
    /// Another process does not know them, and keeps and tells them again: a replay takes an object in once all the same.
    pub(crate) known: Mutex<Known>,
    /// Where failures are counted.
    pub(crate) metrics: Metrics,
    /// [`LOOKUPS_MAX`].
    pub(crate) lookups_max: Duration,
}

/// The failures of a batch by identity, each of them once, and how far each has come.
type Failures = BTreeMap<String, (Routed, Option<Progress>)>;

/// Answers with the messages that are to come again: those with a failure that is not in the dead-letter queue, or of which nobody was
/// told because the digest could not be sent.
pub(crate) async fn handle(context: &Context, payload: &Value) -> Result<SqsBatchResponse, Error> {
    let messages = match invocation::parse(payload)? {
        Invocation::Batch(messages) => messages,
        // By hand it is never a repetition.
        Invocation::Direct(body) => vec![Message { id: failure::now(), body, ..Message::default() }],
    };
    let mut response = SqsBatchResponse::default();
    let mut passages: Vec<(String, Vec<String>)> = Vec::with_capacity(messages.len());
    let mut failures = Failures::new();
    let limit = Instant::now() + context.lookups_max;
    let understand = async |message: Message| {
        let routed = routed::of_message(&context.lookups, &message, limit).await;
        (message, routed)
    };
    let mut understood = stream::iter(messages).map(understand).buffered(LOOKUPS_AT_ONCE);
    while let Some((message, routed)) = understood.next().await {
        match routed {
            Ok(routed) => {
                passages.push((message.id, routed.iter().map(|failure| failure.identity.clone()).collect()));
                collect(context, &mut failures, routed);
            }
            Err(error) => {
                tracing::warn!(message_id = message.id, error = chain(&error), "message goes back to its queue");
                response.add_failure(message.id);
            }
        }
    }
    keep(context, &mut failures).await?;
    if let Err(error) = announce(context, &mut failures).await {
        tracing::warn!(error = chain(&error), "the digest was not sent, its messages go back to their queue");
    }
    let is_told =
        |identity: &String| failures.get(identity).is_some_and(|(_, progress)| *progress == Some(Progress::Told));
    for (message_id, identities) in passages {
        if !identities.iter().all(is_told) {
            response.add_failure(message_id);
        }
    }
    Ok(response)
}

fn collect(context: &Context, failures: &mut Failures, routed: Vec<Routed>) {
    let known = known(context);
    for mut failure in routed {
        let is_kept = !digest::is_of_dataset(&failure.record.kind);
        failure.record.replay = is_kept.then(|| context.settings.commands().replay());
        // What no replay can mend is told at once.
        let progress = known.progress(&failure.identity).or((!is_kept).then_some(Progress::Kept));
        failures.entry(failure.identity.clone()).or_insert((failure, progress));
    }
}

/// Sends every failure that is not yet there to the dead-letter queue.
async fn keep(context: &Context, failures: &mut Failures) -> Result<(), Error> {
    let mut outgoing = Vec::new();
    for (failure, _) in failures.values().filter(|(_, progress)| progress.is_none()) {
        outgoing.push(failure.record.to_message(&failure.original)?);
    }
    let (taken, error) = queues::send_all(&context.sqs, &context.settings.dead_letter_queue_url, &outgoing).await;
    if let Some(error) = error {
        tracing::warn!(error = chain(&error), "messages did not reach the dead-letter queue");
    }
    let mut known = known(context);
    let sent = failures.iter_mut().filter(|(_, (_, progress))| progress.is_none());
    for ((identity, (_, progress)), is_taken) in sent.zip(taken) {
        if is_taken {
            *progress = Some(Progress::Kept);
            known.note(identity, Progress::Kept);
        }
    }
    Ok(())
}

/// Tells of every failure that is in the dead-letter queue and was not told.
async fn announce(context: &Context, failures: &mut Failures) -> Result<(), LakeError> {
    let untold = failures.values().filter(|(_, progress)| *progress == Some(Progress::Kept));
    let records: Vec<FailureRecord> = untold.map(|(failure, _)| failure.record.clone()).collect();
    if records.is_empty() {
        return Ok(());
    }
    let settings = &context.settings;
    let digest = digest::write(&records, &settings.commands());
    alerts::publish(&context.sns, &settings.alerts_topic_arn, &digest.subject, &digest.body).await?;
    let mut known = known(context);
    for (identity, (_, progress)) in failures.iter_mut().filter(|(_, (_, progress))| *progress == Some(Progress::Kept))
    {
        *progress = Some(Progress::Told);
        known.note(identity, Progress::Told);
    }
    drop(known);
    records.iter().for_each(log);
    count(context, &records);
    Ok(())
}

/// One line for all failures of a dataset and kind. A kind of another version is no name for a metric.
fn count(context: &Context, records: &[FailureRecord]) {
    let mut counts: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for record in records {
        let is_known = !matches!(record.kind, FailureKind::Other(_));
        let kind = if is_known { record.kind.to_string() } else { "Other".to_owned() };
        *counts.entry((record.dataset.as_deref().unwrap_or(UNKNOWN_DATASET), kind)).or_default() += 1;
    }
    for ((dataset, kind), count) in counts {
        let dimensions = Dimensions::Kind { dataset, kind: &kind };
        context.metrics.put(SystemTime::now(), dimensions, &[(Metric::Failures, count)]);
    }
}

fn log(record: &FailureRecord) {
    let source = record.source.as_ref();
    tracing::info!(
        bucket = source.map(|source| source.bucket.as_str()),
        key = source.map(|source| source.key.as_str()),
        contract = record.dataset,
        bytes = source.and_then(|source| source.size_bytes),
        kind = %record.kind,
        summary = record.summary,
        trace_id = record.trace_id,
        outcome = if digest::is_of_dataset(&record.kind) { "told" } else { "dead-lettered" },
        "object"
    );
}

/// A panic elsewhere cannot leave it half-written.
fn known(context: &Context) -> std::sync::MutexGuard<'_, Known> {
    context.known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
