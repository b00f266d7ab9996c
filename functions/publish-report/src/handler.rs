//! One invocation: the queries are run, the page is published, and somebody is told if anything is wrong with it.
//! It must not know what is on the page.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lakegate_dashboard::About;
use lakegate_lake::LakeError;
use lakegate_lake::athena::{Athena, Place};
use lakegate_lake::clients::SqsClient;
use lakegate_lake::failure::{self, FailureKind, FailureRecord, Stage};
use lakegate_lake::objects::Objects;
use lambda_runtime::Error;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::asked::{self, Asked};
use crate::publish::{self, Published, Said};
use crate::settings::Settings;

/// What is left of the function's time to write the page and to tell of failures.
const TIME_RESERVED: Duration = Duration::from_secs(45);
/// What an alert calls the dashboard, where it names the dataset of other failures.
const DATASET: &str = "dashboard";

/// What every invocation uses.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) athena: Athena,
    pub(crate) objects: Objects,
    pub(crate) sqs: SqsClient,
    pub(crate) clock: fn() -> SystemTime,
}

/// Asks and publishes. Passing trouble that leaves nothing to show is the function's own error, so that Lambda repeats it; lasting trouble is a
/// failure record.
pub(crate) async fn handle(context: &Context, run: &str, deadline: SystemTime) -> Result<Value, Error> {
    let started = Instant::now();
    let now = (context.clock)();
    let left = deadline.duration_since(now).unwrap_or_default().saturating_sub(TIME_RESERVED);
    let now = DateTime::<Utc>::from(now);
    let Settings { lake_bucket, database, work_group, stack_name, .. } = &context.settings;
    let place = Place { database: database.clone(), work_group: Some(work_group.clone()), bucket: lake_bucket.clone() };
    // A run that Lambda repeats has the same name, and is to ask anew.
    let mut asked = asked::ask(&context.athena, &place, &format!("{run} {now:?}"), started + left).await;
    if asked.is_in_vain()
        && let Some(error) = asked.passing.take()
    {
        return Err(error.into());
    }
    let about = About { place: format!("database {database} of stack {stack_name}"), at_secs: now.timestamp() };
    let page = lakegate_dashboard::page(&about, &asked.outcomes);
    let said = Said {
        html: if asked.is_in_vain() { None } else { Some(page.to_html()?) },
        figures: lakegate_dashboard::figures(&about, &asked.outcomes)?,
        failed: asked.failures.iter().map(|(query, _)| *query).collect(),
        now,
    };
    let telling = async || tell(context, summary(&asked)).await;
    let published = publish::publish(&context.objects, lake_bucket, &said, telling).await;
    let published = match published {
        Ok(published) => Some(published),
        Err(error) if error.is_passing() || matches!(error, LakeError::Raced { .. }) => return Err(error.into()),
        Err(error) => {
            tell(context, lakegate_lake::chain(&error)).await?;
            None
        }
    };
    Ok(log(&asked, &said, published, started.elapsed()))
}

/// What is wrong, in one line.
fn summary(asked: &Asked) -> String {
    let failures: Vec<String> = asked.failures.iter().map(|(query, why)| format!("{query}: {why}")).collect();
    let (failed, all) = (failures.len(), asked.outcomes.len());
    format!("{failed} of the dashboard's {all} queries failed: {}", failures.join("; "))
}

/// The record's body announces no object, so that a replay leaves it alone.
async fn tell(context: &Context, summary: String) -> Result<(), LakeError> {
    let mut record = FailureRecord::new(Stage::PublishReport, FailureKind::DashboardFailed, summary);
    record.dataset = Some(DATASET.to_owned());
    failure::report(&context.sqs, &context.settings.failures_queue_url, &record, "{}").await
}

/// The one line that the log has for this run, and what the caller is told.
fn log(asked: &Asked, said: &Said, published: Option<Published>, elapsed: Duration) -> Value {
    let outcome = match published {
        Some(Published::Written) => "written",
        Some(Published::Kept) => "kept",
        Some(Published::Newer) => "newer-stands",
        None => "failed",
    };
    tracing::info!(
        queries = asked.outcomes.len(),
        failed = said.failed.join(" "),
        bytes = said.html.as_ref().map_or(0, String::len),
        elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        outcome,
        "dashboard"
    );
    json!({ "outcome": outcome, "failed": said.failed })
}
