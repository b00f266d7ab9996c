//! Messages in, the messages that failed out; one bad message fails alone.
//! It must not know what is done with an object.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use aws_lambda_events::sqs::SqsBatchResponse;
use lakegate_ingest::{Context, Delivery, Report};
use lakegate_lake::LakeError;
use lakegate_lake::claims::Worker;
use lakegate_lake::events::{self, Announced, EventError};
use lakegate_lake::failure::{self, FailureRecord, Stage};
use lakegate_lake::invocation::{self, Invocation, Message};
use lambda_runtime::Error;
use serde::Serialize;
use serde_json::Value;

use crate::visibility;

/// What every invocation uses.
pub(crate) struct Function {
    /// What objects are taken in with.
    pub(crate) context: Context,
    /// Where messages come from.
    pub(crate) queue_url: String,
}

/// What the function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Response {
    /// To the queue: what it should deliver again.
    Batch(SqsBatchResponse),
    /// To whoever invoked the function by hand with one event.
    Direct {
        /// What became of every object of it.
        objects: Vec<Report>,
    },
}

/// Takes a batch of messages, or one bare event. Passing trouble sends a message back to its queue; for a bare event it
/// is the function's own error.
pub(crate) async fn handle(function: &Function, worker: &Worker, payload: &Value) -> Result<Response, Error> {
    let messages = match invocation::parse(payload)? {
        Invocation::Direct(event) => {
            return Ok(Response::Direct {
                objects: take_message(&function.context, worker, &event, None, false).await?,
            });
        }
        Invocation::Batch(messages) => messages,
    };
    let done = AtomicUsize::new(0);
    tokio::select! {
        response = take_batch(function, worker, &messages, &done) => Ok(Response::Batch(response)),
        never = visibility::hold(function, worker, &messages, &done, visibility::HELD_AFTER) => match never {},
    }
}

/// `done` counts the messages that are settled.
async fn take_batch(
    function: &Function,
    worker: &Worker,
    messages: &[Message],
    done: &AtomicUsize,
) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message in messages {
        let replaces = failure::replaced_outcome(&message.attributes);
        let (worker, is_repeated) = (&worker.traced(message.trace.clone()), message.receive_count > 1);
        let body = &message.body;
        let taken = Box::pin(take_message(&function.context, worker, body, replaces.as_deref(), is_repeated)).await;
        done.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = taken {
            visibility::give_back(function, message, &error).await;
            response.add_failure(message.id.clone());
        }
    }
    response
}

/// Takes in every object of a message. An error is passing trouble of at least one of them: the message comes again,
/// and those that were taken in are recognised then.
async fn take_message(
    context: &Context,
    worker: &Worker,
    body: &str,
    replaces: Option<&str>,
    is_repeated: bool,
) -> Result<Vec<Report>, LakeError> {
    let announced = match events::read(body) {
        Ok(announced) => announced,
        Err(error) => {
            tell_unreadable(context, worker, &[(&error, body)], body).await?;
            return Ok(Vec::new());
        }
    };
    let mut reports = Vec::with_capacity(announced.len());
    let (mut passing, mut unreadable) = (None, Vec::new());
    for announced in &announced {
        let started = Instant::now();
        let delivery = |event| Delivery { worker, event, replaces, run_id: None, started, is_repeated };
        let (event, taken) = match announced {
            Announced::Created(event) => (event, lakegate_ingest::take_in(context, delivery(event)).await),
            Announced::Removed(event) => (event, lakegate_ingest::remove(context, delivery(event)).await),
            Announced::Unreadable { error, original } => {
                unreadable.push((error, original.as_str()));
                continue;
            }
        };
        match taken {
            Ok(outcome) => {
                let report = Report::new(event, &outcome, started, worker.trace());
                report.log();
                reports.push(report);
            }
            Err(error) => passing = passing.or(Some(error)),
        }
    }
    if let Some(error) = passing {
        return Err(error);
    }
    // Last, so that nothing is told again because another object of the message met passing trouble.
    tell_unreadable(context, worker, &unreadable, body).await?;
    Ok(reports)
}

async fn tell_unreadable(
    context: &Context,
    worker: &Worker,
    unreadable: &[(&EventError, &str)],
    body: &str,
) -> Result<(), LakeError> {
    let Some((record, original)) = FailureRecord::of_unreadable(Stage::Ingest, unreadable, body) else {
        return Ok(());
    };
    let record = record.traced(worker.trace());
    failure::report(&context.sqs, &context.settings.failures_queue_url, &record, original).await?;
    tracing::info!(kind = %record.kind, summary = record.summary, trace_id = record.trace_id, outcome = "failed", "message");
    Ok(())
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
