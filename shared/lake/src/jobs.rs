//! Runs of the Glue job that converts what one Lambda cannot: what they are told, how they are started, and what Glue knows of them.
//! It must not know what a run does.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_glue::Client;
use aws_sdk_glue::config::{Config, retry::RetryConfig};
use aws_sdk_glue::operation::start_job_run::StartJobRunError;
use aws_sdk_glue::types::JobRun;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::from_sdk;
use crate::ledger::{Entry, Source};
use crate::trace::Trace;
use crate::{LakeError, layout};

/// The argument that names a run's manifest, by its key in the lake bucket.
pub const MANIFEST_ARGUMENT: &str = "--manifest_key";
/// The object's bucket, key, version and size, for whoever reads the run's page.
const SOURCE_ARGUMENTS: [&str; 4] = ["--source_bucket", "--source_key", "--source_version", "--source_size"];
/// The trace's id, for whoever reads it.
pub const TRACE_ARGUMENT: &str = "--trace_id";
/// What S3 itself calls the version of an object in a bucket without versions.
const NO_VERSION: &str = "null";
/// Most runs that one answer of Glue lists (Glue API, `GetJobRuns`).
const LIST_MAX: i32 = 200;
/// Glue's clock and that of a function may differ so much.
const CLOCKS_DIFFER: Duration = Duration::from_mins(10);

/// What a run is to do: a document under [`layout::RUNS_PREFIX`] in the lake bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this shape.
    pub version: u32,
    /// What is to be converted.
    #[serde(flatten)]
    pub work: Work,
    /// Who is about to start the run, or was when it died. No concern of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting: Option<Starting>,
    /// The trace of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
}

/// What a run is to convert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Work {
    /// One version of one object.
    Object {
        /// A message that the ingest queue takes.
        event: String,
        /// When the outcome happened that is to be replaced, RFC 3339, if it is a replay.
        replaces: Option<String>,
    },
    /// The objects under a prefix.
    Prefix {
        /// The bucket's name.
        bucket: String,
        /// What their keys begin with.
        prefix: String,
        /// The only contract whose objects are meant, by its id.
        contract: Option<String>,
    },
}

/// A worker that is about to start a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starting {
    /// Shared with no other worker.
    pub worker: String,
    /// When the last request that it may have made has been answered for sure, RFC 3339, UTC.
    pub until: String,
}

/// Why no run was started, as far as is known.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct NotStarted {
    /// What Glue said, or the way to it.
    pub error: LakeError,
    /// Glue has judged the request. Otherwise a run may have been started all the same.
    pub is_certain: bool,
}

/// What Glue knows of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownRun {
    /// What it was started with.
    pub arguments: BTreeMap<String, String>,
    /// Why it failed, in Glue's or its script's words.
    pub error: Option<String>,
}

impl Manifest {
    /// Of work that nobody is about to start.
    #[must_use]
    pub fn new(work: Work) -> Self {
        Self { version: 1, work, starting: None, trace: None }
    }
}

/// The key of the manifest of an object's run. Each time that an object is handed to Glue has one of its own.
#[must_use]
pub fn manifest_object(handed_over: &Entry) -> String {
    let Entry { source: Source { bucket, key, version_id, etag, sequencer, .. }, at, .. } = handed_over;
    let version = [version_id, etag, sequencer].map(|part| part.as_deref().unwrap_or_default()).join("/");
    layout::run_object(&layout::source_name(bucket, key), &format!("{version}/{at}"))
}

/// The arguments of a run for one object.
#[must_use]
pub fn arguments(manifest_key: &str, source: &Source, trace: Option<&Trace>) -> BTreeMap<String, String> {
    let version = source.version_id.as_deref().unwrap_or(NO_VERSION).to_owned();
    let values = [source.bucket.clone(), source.key.clone(), version, source.size_bytes.to_string()];
    let mut arguments: BTreeMap<String, String> = SOURCE_ARGUMENTS.into_iter().map(str::to_owned).zip(values).collect();
    arguments.insert(MANIFEST_ARGUMENT.to_owned(), manifest_key.to_owned());
    arguments.extend(trace.map(|trace| (TRACE_ARGUMENT.to_owned(), trace.id().to_owned())));
    arguments
}

/// The object that a run was started for, as far as its arguments tell.
#[must_use]
pub fn source_of(arguments: &BTreeMap<String, String>) -> Option<Source> {
    let [bucket, key, version, size] = SOURCE_ARGUMENTS.map(|name| arguments.get(name));
    Some(Source {
        bucket: bucket?.clone(),
        key: key?.clone(),
        version_id: version.filter(|version| !version.is_empty() && *version != NO_VERSION).cloned(),
        etag: None,
        sequencer: None,
        last_modified: None,
        size_bytes: size.and_then(|size| size.parse().ok()).unwrap_or_default(),
    })
}

/// Starts a run and returns its id. Glue takes no token by which it would know a repeated request, so the request is made once: what
/// became of one that was not answered [`find_run`] tells.
///
/// # Errors
///
/// What Glue refused. Too many runs at once, or too much capacity in use, is passing trouble.
pub async fn start_run(glue: &Client, job: &str, arguments: BTreeMap<String, String>) -> Result<String, NotStarted> {
    const OPERATION: &str = "StartJobRun";
    let request = glue.start_job_run().job_name(job).set_arguments(Some(arguments.into_iter().collect()));
    let once = Config::builder().retry_config(RetryConfig::disabled());
    let error = match request.customize().config_override(once).send().await {
        Ok(answer) => return Ok(answer.job_run_id.unwrap_or_default()),
        Err(error) => error,
    };
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    let is_certain = error.as_service_error().is_some() && status.is_some_and(|status| (400..500).contains(&status));
    let has_no_room = error.as_service_error().is_some_and(|error| {
        StartJobRunError::is_concurrent_runs_exceeded_exception(error)
            || StartJobRunError::is_resource_number_limit_exceeded_exception(error)
    });
    let error = if has_no_room {
        LakeError::Passing { operation: OPERATION, resource: job.to_owned(), source: "no room for another run".into() }
    } else {
        from_sdk(OPERATION, job, &error)
    };
    Err(NotStarted { error, is_certain })
}

/// The id of the run that was started with a manifest, at that time or later.
///
/// # Errors
///
/// What Glue refused.
pub async fn find_run(
    glue: &Client,
    job: &str,
    manifest_key: &str,
    not_before: SystemTime,
) -> Result<Option<String>, LakeError> {
    let not_before = DateTime::<Utc>::from(not_before.checked_sub(CLOCKS_DIFFER).unwrap_or(SystemTime::UNIX_EPOCH));
    let is_of_manifest = |run: &&JobRun| {
        run.arguments
            .as_ref()
            .and_then(|arguments| arguments.get(MANIFEST_ARGUMENT))
            .is_some_and(|key| key == manifest_key)
    };
    let is_too_old = |run: &JobRun| run.started_on.is_some_and(|at| at.secs() < not_before.timestamp());
    let mut next_token = None;
    loop {
        let request = glue.get_job_runs().job_name(job).max_results(LIST_MAX).set_next_token(next_token.take());
        let answer = request.send().await.map_err(|error| from_sdk("GetJobRuns", job, &error))?;
        let runs = answer.job_runs.unwrap_or_default();
        if let Some(run) = runs.iter().find(is_of_manifest) {
            return Ok(run.id.clone());
        }
        // The newest come first.
        next_token = answer.next_token.filter(|_| !runs.iter().all(is_too_old));
        if next_token.is_none() {
            return Ok(None);
        }
    }
}

/// What Glue knows of a run.
///
/// # Errors
///
/// What Glue refused, a run that it does not know included.
pub async fn run(glue: &Client, job: &str, run_id: &str) -> Result<KnownRun, LakeError> {
    let answer = glue.get_job_run().job_name(job).run_id(run_id).send().await;
    let answer = answer.map_err(|error| from_sdk("GetJobRun", format!("{job} {run_id}"), &error))?;
    let run = answer.job_run;
    let (arguments, error) = run.map(|run| (run.arguments, run.error_message)).unwrap_or_default();
    let error = error.filter(|error| !error.is_empty());
    Ok(KnownRun { arguments: arguments.unwrap_or_default().into_iter().collect(), error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::State;
    use serde_json::json;

    fn handed_over(at: &str) -> Entry {
        let source = json!({
            "bucket": "raw", "key": "orders/a b.csv", "version_id": "v1", "etag": "e", "sequencer": null, "size_bytes": 7,
        });
        Entry::new(serde_json::from_value(source).unwrap(), State::Heavy, "0.1.0", at.to_owned())
    }

    #[test]
    fn each_handing_over_has_a_manifest_of_its_own() {
        let (first, again) = (handed_over("2026-01-02T03:04:05.000Z"), handed_over("2026-01-02T09:04:05.000Z"));
        insta::assert_snapshot!(manifest_object(&first), @"runs/a-b-1d72b03ee5b7cfb4-9df90a5dfd2749b8.json");
        assert_ne!(manifest_object(&first), manifest_object(&again));
        let noted = Entry { run_id: Some("jr_1".to_owned()), ..first.clone() };
        assert_eq!(manifest_object(&first), manifest_object(&noted));
    }

    #[test]
    fn a_run_s_arguments_name_its_manifest_and_its_object() {
        let Entry { source, .. } = handed_over("");
        let arguments = arguments("runs/a.json", &source, None);
        assert_eq!(arguments.len(), 5);
        assert_eq!(arguments[MANIFEST_ARGUMENT], "runs/a.json");
        assert_eq!(source_of(&arguments), Some(Source { etag: None, ..source }));
        assert_eq!(source_of(&BTreeMap::from([(MANIFEST_ARGUMENT.to_owned(), "runs/b.json".to_owned())])), None);
    }

    #[test]
    fn a_manifest_is_read_as_it_is_written() {
        let work = Work::Object { event: "{}".to_owned(), replaces: None };
        let starting = Some(Starting { worker: "w".to_owned(), until: "2026-01-02T03:04:05.000Z".to_owned() });
        for manifest in [
            Manifest::new(work.clone()),
            Manifest { starting, ..Manifest::new(work) },
            Manifest::new(Work::Prefix { bucket: "raw".to_owned(), prefix: "orders/".to_owned(), contract: None }),
        ] {
            let text = serde_json::to_string(&manifest).unwrap();
            assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest, "{text}");
        }
        let text = r#"{"version": 1, "kind": "prefix", "bucket": "raw", "prefix": "", "contract": null, "more": 1}"#;
        assert!(serde_json::from_str::<Manifest>(text).is_ok());
    }
}
