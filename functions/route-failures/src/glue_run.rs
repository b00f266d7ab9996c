//! A run of the Glue job that ended: which file it was for, and whether that is dealt with.
//! It must not send anything.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lakegate_lake::clients::GlueClient;
use lakegate_lake::events::{self, ObjectEvent};
use lakegate_lake::failure::{FailedSource, FailureKind, FailureRecord, Stage};
use lakegate_lake::invocation::Message;
use lakegate_lake::jobs::{self, KnownRun, Manifest, TRACE_ARGUMENT, Work};
use lakegate_lake::ledger::{self, Entry, Source, State};
use lakegate_lake::objects::Objects;
use lakegate_lake::{LakeError, announce, chain, layout, one_line};
use serde::Deserialize;
use tokio::time::Instant;

use crate::routed::{self, Routed};

/// From this receive on a failed run is told as far as it is known: half an hour after the first one.
const TOLD_WITHOUT_FILE: u32 = 3;
/// From this receive on, nearly three hours after the first one, a run that says it succeeded is told if nobody says what became of its
/// file.
const TOLD_UNCHECKED: u32 = 12;

/// Where runs, their manifests and the ledger are asked for.
pub(crate) struct Lookups {
    pub(crate) glue: GlueClient,
    pub(crate) objects: Objects,
    pub(crate) lake_bucket: String,
}

/// EventBridge's "Glue Job State Change" (Glue Developer Guide, "Automating with CloudWatch Events").
#[derive(Debug, Deserialize)]
pub(crate) struct StateChange {
    #[serde(rename = "detail-type")]
    detail_type: String,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    region: String,
    detail: RunState,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunState {
    job_name: String,
    job_run_id: String,
    state: String,
    #[serde(default)]
    message: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Succeeded,
    Failed,
    TimedOut,
    Stopped,
}

/// What a run was for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Object(Box<ObjectEvent>),
    /// `s3://bucket/prefix`.
    Prefix(String),
    Unknown,
}

/// A run and what it was for.
#[derive(Debug)]
struct Seen {
    run: KnownRun,
    manifest_key: Option<String>,
    subject: Subject,
}

/// The event in a message's body, if it is one.
pub(crate) fn state_change(body: &str) -> Option<StateChange> {
    let change: StateChange = serde_json::from_str(body).ok()?;
    (change.detail_type == "Glue Job State Change").then_some(change)
}

/// The failure that a run's end is; `None` for one that says it succeeded, and whose object is dealt with. The only error is a service
/// that is not available, or gives no answer until `limit`, on which the message should come again.
pub(crate) async fn of_change(
    lookups: &Lookups,
    change: &StateChange,
    message: &Message,
    limit: Instant,
) -> Result<Option<Routed>, LakeError> {
    let end = end(&change.detail.state);
    let is_last = message.receive_count >= if end == End::Succeeded { TOLD_UNCHECKED } else { TOLD_WITHOUT_FILE };
    let seen = match in_time(limit, change, look(lookups, change, is_last)).await {
        Ok(seen) => seen,
        Err(error) if error.is_passing() && !is_last => return Err(error),
        // A run that Glue no longer knows, or that may not be read, or no Glue at all: the alert is worth more than its file.
        Err(error) => {
            let told = format!("; which file it was is unknown: {}", chain(&error));
            let run = KnownRun { error: change.detail.message.clone(), ..KnownRun::default() };
            let seen = Seen { run, manifest_key: None, subject: Subject::Unknown };
            return Ok(Some(routed(change, end, &seen, &told, message)));
        }
    };
    if end != End::Succeeded {
        return Ok(Some(routed(change, end, &seen, "", message)));
    }
    let Subject::Object(event) = &seen.subject else {
        // Of the files under a prefix each is told by itself.
        return Ok(None);
    };
    let told = match in_time(limit, change, entry(lookups, event)).await {
        Ok(entry) => match unfinished(entry.as_ref(), &seen, event, &change.detail.job_run_id, SystemTime::now()) {
            Some(why) => format!(", and {why}"),
            None => return Ok(None),
        },
        Err(error) if error.is_passing() && !is_last => return Err(error),
        Err(error) => format!("; whether its file is dealt with is unknown: {}", chain(&error)),
    };
    Ok(Some(routed(change, end, &seen, &told, message)))
}

fn end(state: &str) -> End {
    match state {
        "SUCCEEDED" => End::Succeeded,
        "TIMEOUT" => End::TimedOut,
        "STOPPED" => End::Stopped,
        _ => End::Failed,
    }
}

/// No answer until the limit is passing trouble.
async fn in_time<T>(
    limit: Instant,
    change: &StateChange,
    answer: impl Future<Output = Result<T, LakeError>>,
) -> Result<T, LakeError> {
    match tokio::time::timeout_at(limit, answer).await {
        Ok(answered) => answered,
        Err(_elapsed) => {
            let RunState { job_name, job_run_id, .. } = &change.detail;
            let source = "no answer within the time that the batch has".into();
            Err(LakeError::Passing { operation: "GetJobRun", resource: format!("{job_name} {job_run_id}"), source })
        }
    }
}

/// Asks Glue for the run, and the lake for its manifest. Where that is gone, broken or not to be had any longer, the run's own arguments
/// say which object it was.
async fn look(lookups: &Lookups, change: &StateChange, is_last: bool) -> Result<Seen, LakeError> {
    let Lookups { glue, objects, lake_bucket } = lookups;
    let run = jobs::run(glue, &change.detail.job_name, &change.detail.job_run_id).await?;
    let manifest_key = run.arguments.get(jobs::MANIFEST_ARGUMENT).cloned();
    let manifest = match &manifest_key {
        Some(key) => match objects.get_json::<Manifest>(lake_bucket, key).await {
            Ok(found) => found.map(|(manifest, _)| manifest.work),
            Err(error) if error.is_passing() && !is_last => return Err(error),
            Err(_) => None,
        },
        None => None,
    };
    let subject = match manifest {
        Some(Work::Object { event, .. }) => events::first_object(&event),
        Some(Work::Prefix { bucket, prefix, .. }) => {
            return Ok(Seen { run, manifest_key, subject: Subject::Prefix(layout::url(&bucket, &prefix)) });
        }
        None => None,
    };
    let by_arguments = || {
        let source = jobs::source_of(&run.arguments)?;
        events::first_object(&announce::version(&change.region, &source, time(change)))
    };
    let subject = subject.or_else(by_arguments).map_or(Subject::Unknown, |event| Subject::Object(Box::new(event)));
    Ok(Seen { run, manifest_key, subject })
}

async fn entry(lookups: &Lookups, event: &ObjectEvent) -> Result<Option<Entry>, LakeError> {
    ledger::read(&lookups.objects, &lookups.lake_bucket, &event.bucket, event.key.as_str()).await
}

/// Why the object of a run that says it succeeded is not dealt with; `None` when it is, or another version or another run has its place.
fn unfinished(
    entry: Option<&Entry>,
    seen: &Seen,
    event: &ObjectEvent,
    run_id: &str,
    now: SystemTime,
) -> Option<&'static str> {
    let Some(entry) = entry else {
        return Some("its file has no ledger entry");
    };
    match (entry.state, entry.run_id.as_deref()) {
        (State::Heavy, Some(known)) => (known == run_id).then_some("the ledger says that its file is still with Glue"),
        (State::Heavy, None) => {
            let is_for_it = seen.manifest_key.as_ref().is_none_or(|key| *key == jobs::manifest_object(entry));
            is_for_it.then_some("the ledger says that its file is still with Glue")
        }
        (State::Working | State::Publishing, _) => {
            let is_left = !entry.is_leased(now) && ledger::is_same_version(&entry.source, &Source::of_event(event));
            is_left.then_some("the ledger says that its file's publication broke off")
        }
        (State::Committed | State::Rejected | State::Failed | State::Removed, _) => None,
    }
}

/// What is told of a run. Its own error is the script's last line, which quotes no cell value.
fn routed(change: &StateChange, end: End, seen: &Seen, told: &str, message: &Message) -> Routed {
    let RunState { job_name, job_run_id, state, message: said } = &change.detail;
    let (kind, retryable) = match end {
        End::Succeeded => (FailureKind::GlueJobUnfinished, false),
        End::Failed => (FailureKind::GlueJobFailed, false),
        End::TimedOut => (FailureKind::GlueJobTimedOut, false),
        End::Stopped => (FailureKind::GlueJobStopped, true),
    };
    let over = match &seen.subject {
        Subject::Prefix(url) => format!(", over {url},"),
        Subject::Object(_) | Subject::Unknown => String::new(),
    };
    let error =
        seen.run.error.as_ref().or(said.as_ref()).map(|error| one_line(error)).filter(|error| !error.is_empty());
    let error = error.filter(|_| end != End::Succeeded).map(|error| format!(": {error}")).unwrap_or_default();
    let summary = format!("run {job_run_id} of Glue job {job_name}{over} ended {state}{error}{told}");
    let mut record = FailureRecord::new(Stage::Glue, kind, summary);
    record.trace_id = seen.run.arguments.get(TRACE_ARGUMENT).cloned();
    record.retryable = retryable;
    if let Some(time) = &change.time {
        record.at.clone_from(time);
    }
    record.link = Some(run_page(&change.region, job_name, job_run_id));
    let original = match &seen.subject {
        Subject::Object(event) => {
            record.source = Some(FailedSource::from(event.as_ref()));
            event.original.clone()
        }
        // It announces no object, so that a replay leaves it alone.
        Subject::Prefix(_) | Subject::Unknown => message.body.clone(),
    };
    Routed { identity: routed::identity(&record, &original), record, original }
}

fn time(change: &StateChange) -> DateTime<Utc> {
    let time = change.time.as_deref().and_then(|time| DateTime::parse_from_rfc3339(time).ok());
    time.map_or_else(Utc::now, |time| time.to_utc())
}

/// The run's page in Glue Studio, which has its log.
fn run_page(region: &str, job_name: &str, job_run_id: &str) -> String {
    format!("https://{region}.console.aws.amazon.com/gluestudio/home?region={region}#/job/{job_name}/run/{job_run_id}")
}
