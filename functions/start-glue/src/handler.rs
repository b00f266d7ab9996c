//! Messages of the heavy queue in, the messages that failed out: every object of them becomes a run of the Glue job, or a failure record.
//! It must not know how a run is started.

use std::time::Instant;

use aws_lambda_events::sqs::SqsBatchResponse;
use lakegate_lake::claims::Worker;
use lakegate_lake::events::{self, ObjectEvent};
use lakegate_lake::failure::{self, FailureKind, FailureRecord, Stage};
use lakegate_lake::invocation::{self, Invocation, Message};
use lakegate_lake::trace::Trace;
use lakegate_lake::{LakeError, chain, queues, redelivery};
use lambda_runtime::Error;
use serde_json::Value;

pub(crate) use crate::start::Context;
use crate::start::{self, Delivery, Outcome};

/// Answers with the messages that met passing trouble; for a bare event such trouble is the function's own error.
pub(crate) async fn handle(context: &Context, worker: &Worker, payload: &Value) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    match invocation::parse(payload)? {
        Invocation::Direct(event) => start_runs(context, worker, &event, None).await?,
        Invocation::Batch(messages) => {
            for message in messages {
                let replaces = failure::replaced_outcome(&message.attributes);
                let worker = &worker.traced(message.trace.clone());
                if let Err(error) = start_runs(context, worker, &message.body, replaces.as_deref()).await {
                    give_back(context, &message, &error).await;
                    response.add_failure(message.id);
                }
            }
        }
    }
    Ok(response)
}

/// Starts a run for every object of a message. The first passing trouble ends it: the message comes again, and what has a run by then is
/// recognised.
async fn start_runs(context: &Context, worker: &Worker, body: &str, replaces: Option<&str>) -> Result<(), LakeError> {
    let events = match events::parse(body) {
        Ok(events) => events,
        Err(error) => {
            let record = FailureRecord::new(Stage::StartGlue, FailureKind::UnreadableMessage, chain(&error));
            let record = record.traced(worker.trace());
            return failure::report(&context.sqs, &context.settings.failures_queue_url, &record, body).await;
        }
    };
    for event in events {
        let started = Instant::now();
        // Boxed, because all that is done with an object makes a future of many kilobytes.
        let outcome = Box::pin(start::start(context, Delivery { worker, event: &event, replaces })).await?;
        log(context, worker, &event, &outcome, started);
    }
    Ok(())
}

/// The one line that the log has for this object, with the names that it has in every function's log.
fn log(context: &Context, worker: &Worker, event: &ObjectEvent, outcome: &Outcome, started: Instant) {
    let (word, run_id, record) = match outcome {
        Outcome::Started(run_id) => ("started", Some(run_id), None),
        Outcome::AlreadyStarted(run_id) => ("already-started", Some(run_id), None),
        Outcome::Settled => ("already-settled", None, None),
        Outcome::Superseded => ("superseded", None, None),
        Outcome::Failed(record) => ("failed", None, Some(record)),
    };
    tracing::info!(
        bucket = event.bucket,
        key = event.key.as_str(),
        contract = record.and_then(|record| record.dataset.as_deref()),
        bytes = event.size_bytes,
        elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        job = context.settings.glue_job,
        run_id,
        kind = record.map(|record| record.kind.to_string()),
        summary = record.map(|record| record.summary.as_str()),
        trace_id = worker.trace().map(Trace::id),
        outcome = word,
        "object"
    );
}

/// Lets a message that met passing trouble come again soon. A visibility that cannot be changed is logged: the message comes when the
/// queue says so.
async fn give_back(context: &Context, message: &Message, error: &LakeError) {
    let delay = redelivery::delay(error, message, (context.clock)());
    tracing::warn!(
        message_id = message.id,
        receive_count = message.receive_count,
        delay_secs = delay.as_secs(),
        error = chain(error),
        "message goes back to its queue"
    );
    let queue_url = &context.settings.heavy_queue_url;
    if let Err(error) = queues::hide(&context.sqs, queue_url, &message.receipt_handle, delay).await {
        tracing::warn!(message_id = message.id, error = chain(&error), "the message's visibility stays as it is");
    }
}
