//! Runs of the Glue job that converts what one Lambda cannot: how they are started and what they were started with.
//! It must not know what a run does.

use std::collections::BTreeMap;

use aws_sdk_glue::Client;
use aws_sdk_glue::operation::start_job_run::StartJobRunError;

use crate::LakeError;
use crate::error::from_sdk;
use crate::events::ObjectEvent;

/// The argument that holds the original event of the object.
pub const EVENT_ARGUMENT: &str = "--event";
/// What S3 itself calls the version of an object in a bucket without versions.
const NO_VERSION: &str = "null";

/// The arguments of a run for one object. All are always there, because Glue's `getResolvedOptions` insists.
#[must_use]
pub fn arguments(event: &ObjectEvent, lake_bucket: &str, database: &str) -> BTreeMap<String, String> {
    let version = event.version_id.as_deref().unwrap_or(NO_VERSION);
    let pairs = [
        ("--source_bucket", event.bucket.clone()),
        ("--source_key", event.key.as_str().to_owned()),
        ("--source_version", version.to_owned()),
        ("--source_size", event.size_bytes.unwrap_or(0).to_string()),
        ("--lake_bucket", lake_bucket.to_owned()),
        ("--database", database.to_owned()),
        (EVENT_ARGUMENT, event.original.clone()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Starts a run and returns its id. Too many runs at once, or too much capacity in use, is passing trouble.
///
/// # Errors
///
/// What Glue refused.
pub async fn start_run(glue: &Client, job: &str, arguments: BTreeMap<String, String>) -> Result<String, LakeError> {
    const OPERATION: &str = "StartJobRun";
    let arguments = arguments.into_iter().collect();
    match glue.start_job_run().job_name(job).set_arguments(Some(arguments)).send().await {
        Ok(answer) => Ok(answer.job_run_id.unwrap_or_default()),
        Err(error) => {
            let no_room = error.as_service_error().is_some_and(|error| {
                StartJobRunError::is_concurrent_runs_exceeded_exception(error)
                    || StartJobRunError::is_resource_number_limit_exceeded_exception(error)
            });
            if no_room {
                let (resource, source) = (job.to_owned(), "no room for another run".into());
                return Err(LakeError::Passing { operation: OPERATION, resource, source });
            }
            Err(from_sdk(OPERATION, job, &error))
        }
    }
}

/// The arguments that a run was started with.
///
/// # Errors
///
/// What Glue refused, a run that it does not know included.
pub async fn run_arguments(glue: &Client, job: &str, run_id: &str) -> Result<BTreeMap<String, String>, LakeError> {
    let answer = glue.get_job_run().job_name(job).run_id(run_id).send().await;
    let answer = answer.map_err(|error| from_sdk("GetJobRun", format!("{job} {run_id}"), &error))?;
    let arguments = answer.job_run.and_then(|run| run.arguments).unwrap_or_default();
    Ok(arguments.into_iter().collect())
}
