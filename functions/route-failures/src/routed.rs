//! A message of the failures queue, understood: what goes into the dead-letter queue, and what is told about it.
//! It must not send anything.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use lakegate_lake::clients::GlueClient;
use lakegate_lake::events::{self, Announced, ObjectEvent};
use lakegate_lake::failure::{FAILURE_ATTRIBUTE, FailedSource, FailureKind, FailureRecord, Stage};
use lakegate_lake::invocation::Message;
use lakegate_lake::{LakeError, chain, jobs};
use serde::Deserialize;
use tokio::time::Instant;

/// From this receive on a failed run is told without its file if Glue does not say which it was: half an hour after the first one.
const TOLD_WITHOUT_FILE: u32 = 3;

/// One failure: its record, and the event that replays it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Routed {
    /// The same whenever this very failure comes, and of no other one.
    pub(crate) identity: String,
    pub(crate) record: FailureRecord,
    pub(crate) original: String,
}

/// EventBridge's "Glue Job State Change" (Glue Developer Guide, "Automating with CloudWatch Events").
#[derive(Debug, Deserialize)]
struct GlueJobStateChange {
    #[serde(rename = "detail-type")]
    detail_type: String,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    region: String,
    detail: GlueJobState,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GlueJobState {
    job_name: String,
    job_run_id: String,
    state: String,
}

/// Understands a message. Several failures come of a message about several objects that a queue gave up on, and none
/// of a test message. The only error is a Glue API that is not available, or gives no answer until `limit`, on which the message should
/// come again.
pub(crate) async fn of_message(glue: &GlueClient, message: &Message, limit: Instant) -> Result<Vec<Routed>, LakeError> {
    if let Some(record) = message.attributes.get(FAILURE_ATTRIBUTE) {
        let routed = of_record(record, message);
        // A record that says how to replay was told before: its dead letter was replayed with its attributes, and has
        // now been given up. What it says is of the last time.
        if routed.record.replay.is_none() {
            return Ok(vec![routed]);
        }
    }
    if let Some(change) = glue_job_state_change(&message.body) {
        return Ok(vec![of_glue_job(glue, &change, message, limit).await?]);
    }
    let announced = match events::read(&message.body) {
        Ok(announced) => announced,
        Err(error) => vec![Announced::Unreadable { error, original: message.body.clone() }],
    };
    let (mut routed, mut unreadable) = (Vec::with_capacity(announced.len()), Vec::new());
    for (index, announced) in announced.iter().enumerate() {
        match announced {
            Announced::Created(event) | Announced::Removed(event) => {
                routed.push(of_given_up(event, format!("{} {index}", message.id)));
            }
            Announced::Unreadable { error, original } => unreadable.push((error, original.as_str())),
        }
    }
    let unreadable = FailureRecord::of_unreadable(Stage::Queue, &unreadable, &message.body);
    routed.extend(unreadable.map(|(record, original)| Routed {
        identity: message.id.clone(),
        record,
        original: original.to_owned(),
    }));
    Ok(routed)
}

/// A record tells its failure from every other one by its time: a failure that is repeated has another one. Where no object is known,
/// the message itself must do.
fn identity(record: &FailureRecord, original: &str) -> String {
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

fn of_given_up(event: &ObjectEvent, identity: String) -> Routed {
    let summary = "no attempt to take the file in came to an end";
    let mut record = FailureRecord::new(Stage::Queue, FailureKind::GaveUp, summary);
    record.retryable = true;
    record.source = Some(FailedSource::from(event));
    Routed { identity, record, original: event.original.clone() }
}

fn glue_job_state_change(body: &str) -> Option<GlueJobStateChange> {
    let change: GlueJobStateChange = serde_json::from_str(body).ok()?;
    (change.detail_type == "Glue Job State Change").then_some(change)
}

/// The run's own error message is left out on purpose: Spark quotes the values that it stumbles over.
async fn of_glue_job(
    glue: &GlueClient,
    change: &GlueJobStateChange,
    message: &Message,
    limit: Instant,
) -> Result<Routed, LakeError> {
    let body = message.body.as_str();
    let GlueJobState { job_name, job_run_id, state } = &change.detail;
    let (kind, retryable) = match state.as_str() {
        "TIMEOUT" => (FailureKind::GlueJobTimedOut, false),
        "STOPPED" => (FailureKind::GlueJobStopped, true),
        _ => (FailureKind::GlueJobFailed, false),
    };
    let summary = format!("run {job_run_id} of Glue job {job_name} ended {state}");
    let mut record = FailureRecord::new(Stage::Glue, kind, summary);
    record.retryable = retryable;
    if let Some(time) = &change.time {
        record.at.clone_from(time);
    }
    record.link = Some(run_page(&change.region, job_name, job_run_id));
    let arguments = match run_arguments(glue, job_name, job_run_id, limit).await {
        Ok(arguments) => arguments,
        Err(error) if error.is_passing() && message.receive_count < TOLD_WITHOUT_FILE => return Err(error),
        // A run that Glue no longer knows, or that may not be read, or no Glue at all: the alert is worth more than its file.
        Err(error) => {
            record.summary = format!("{}; which file it was is unknown: {}", record.summary, chain(&error));
            return Ok(Routed { identity: identity(&record, body), record, original: body.to_owned() });
        }
    };
    let original = arguments.get(jobs::EVENT_ARGUMENT);
    let event = original.and_then(|original| events::first_object(original));
    record.source = event.as_ref().map(FailedSource::from);
    let original = event.map_or_else(|| body.to_owned(), |event| event.original);
    Ok(Routed { identity: identity(&record, &original), record, original })
}

/// No answer until the limit is passing trouble.
async fn run_arguments(
    glue: &GlueClient,
    job: &str,
    run_id: &str,
    limit: Instant,
) -> Result<BTreeMap<String, String>, LakeError> {
    match tokio::time::timeout_at(limit, jobs::run_arguments(glue, job, run_id)).await {
        Ok(answered) => answered,
        Err(_elapsed) => {
            let source = "no answer within the time that the batch has".into();
            Err(LakeError::Passing { operation: "GetJobRun", resource: format!("{job} {run_id}"), source })
        }
    }
}

fn run_page(region: &str, job_name: &str, run_id: &str) -> String {
    format!("https://{region}.console.aws.amazon.com/gluestudio/home?region={region}#/job/{job_name}/run/{run_id}")
}

#[cfg(test)]
#[path = "routed_tests.rs"]
mod tests;
