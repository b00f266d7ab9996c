//! Every object of a message of the heavy queue becomes a run of the Glue job, or a failure record.
//! It must not know what the run does with the object.

use std::time::SystemTime;

use aws_lambda_events::sqs::SqsBatchResponse;
use lakegate_lake::clients::{GlueClient, SqsClient};
use lakegate_lake::events::{self, ObjectEvent};
use lakegate_lake::failure::{self, FailureKind, FailureRecord, Stage};
use lakegate_lake::invocation::{self, Invocation, Message};
use lakegate_lake::{LakeError, chain, jobs, queues, redelivery};
use lambda_runtime::Error;
use serde_json::Value;

use crate::settings::Settings;

/// What every invocation uses.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) glue: GlueClient,
    pub(crate) sqs: SqsClient,
}

/// Answers with the messages that met passing trouble; for a bare event such trouble is the function's own error.
pub(crate) async fn handle(context: &Context, payload: &Value) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    match invocation::parse(payload)? {
        Invocation::Direct(event) => start_runs(context, &event).await?,
        Invocation::Batch(messages) => {
            for message in messages {
                if let Err(error) = start_runs(context, &message.body).await {
                    give_back(context, &message, &error).await;
                    response.add_failure(message.id);
                }
            }
        }
    }
    Ok(response)
}

/// Starts a run for every object of a message. The first passing trouble ends it: the message comes again, and a
/// second run for an object writes the same names again.
async fn start_runs(context: &Context, body: &str) -> Result<(), LakeError> {
    let events = match events::parse(body) {
        Ok(events) => events,
        Err(error) => {
            let record = FailureRecord::new(Stage::StartGlue, FailureKind::UnreadableMessage, chain(&error));
            return report(context, &record, body).await;
        }
    };
    for event in events {
        start_run(context, &event).await?;
    }
    Ok(())
}

async fn start_run(context: &Context, event: &ObjectEvent) -> Result<(), LakeError> {
    let settings = &context.settings;
    let arguments = jobs::arguments(event, &settings.lake_bucket, &settings.glue_database);
    let started = jobs::start_run(&context.glue, &settings.glue_job, arguments).await;
    let (bucket, key, bytes) = (&event.bucket, event.key.as_str(), event.size_bytes);
    match started {
        Ok(run_id) => {
            tracing::info!(bucket, key, bytes, job = settings.glue_job, run_id, outcome = "started", "object");
            Ok(())
        }
        Err(error) if error.is_passing() => Err(error),
        Err(error) => {
            let record = FailureRecord::of_error(Stage::StartGlue, &error, event);
            report(context, &record, &event.original).await?;
            let (kind, summary) = (record.kind.to_string(), &record.summary);
            tracing::info!(bucket, key, bytes, kind, summary, outcome = "failed", "object");
            Ok(())
        }
    }
}

/// Lets a message that met passing trouble come again soon. A visibility that cannot be changed is logged: the message comes when the
/// queue says so.
async fn give_back(context: &Context, message: &Message, error: &LakeError) {
    let delay = redelivery::delay(error, message, SystemTime::now());
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

async fn report(context: &Context, record: &FailureRecord, original: &str) -> Result<(), LakeError> {
    failure::report(&context.sqs, &context.settings.failures_queue_url, record, original).await
}
