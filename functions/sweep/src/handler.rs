//! One sweep: what was missed is announced to the ingest queue, and counted in one line of the log.
//! It must not know how an object is found missing (`lake::sweep`), nor what is done with it.

use std::time::{Duration, SystemTime};

use lakegate_lake::clients::SqsClient;
use lakegate_lake::failure::{self, FailureKind, FailureRecord, Stage};
use lakegate_lake::listing::Lister;
use lakegate_lake::metrics::{Dimensions, Metric, Metrics};
use lakegate_lake::objects::Objects;
use lakegate_lake::queues::{self, Outgoing};
use lakegate_lake::sweep::{Buckets, Counts, Freshness, Missed, Scope, Sweep};
use lakegate_lake::{LakeError, chain, stack};
use lambda_runtime::Error;
use serde::Serialize;
use serde_json::{Value, json};

use crate::settings::Settings;

/// Younger objects are left alone, unless the event says otherwise: their events may be on the way.
const OLDER_THAN: Duration = Duration::from_mins(15);
/// Of an event: another age, in seconds, for a sweep by hand.
const OLDER_THAN_MEMBER: &str = "older_than_secs";
/// With more messages than this in the ingest queue, what has no ledger entry yet has most likely not been missed, but waits.
const BACKLOG_MAX: u64 = 1_000;
/// Most objects that one sweep announces; the next one goes on.
const ANNOUNCED_MAX: u64 = 20_000;
/// What is left to tell that the time was too short.
const TIME_RESERVED: Duration = Duration::from_secs(20);

/// What every invocation uses.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) objects: Objects,
    pub(crate) raw: Lister,
    pub(crate) lake: Lister,
    pub(crate) sqs: SqsClient,
    pub(crate) metrics: Metrics,
}

/// What a sweep came to, for the log and for whoever invoked the function by hand.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Report {
    objects: u64,
    ledger_entries: u64,
    entries_read: u64,
    in_work: u64,
    given_up: u64,
    entries_unreadable: u64,
    missed: u64,
    /// Of these: objects that were deleted, and whose rows stand.
    deleted: u64,
    /// Entries without an object that are left to a later sweep.
    unlisted_unread: u64,
    announced: u64,
    /// Datasets that are later than their contracts promise.
    late: u64,
    /// Why it did not come to its end, if it did not.
    stopped: Option<&'static str>,
}

/// Sweeps. Lasting trouble becomes a failure record; passing trouble is the function's own error, and the schedule's next sweep.
pub(crate) async fn handle(context: &Context, event: &Value, deadline: SystemTime) -> Result<Report, Error> {
    let started = SystemTime::now();
    let budget = deadline.duration_since(started).unwrap_or_default().saturating_sub(TIME_RESERVED);
    let older_than = event.get(OLDER_THAN_MEMBER).and_then(Value::as_u64).map_or(OLDER_THAN, Duration::from_secs);
    let report = match tokio::time::timeout(budget, sweep(context, older_than)).await {
        Ok(Ok(report)) => report,
        Ok(Err(error)) if error.is_passing() => return Err(error.into()),
        Ok(Err(error)) => {
            fail(context, error.kind(), chain(&error), event).await?;
            Report { stopped: Some("failed"), ..Report::default() }
        }
        Err(_elapsed) => {
            let secs = budget.as_secs();
            let summary = format!(
                "the bucket and the ledger are too large for a sweep of {secs} s: run `lakegate sweep --send` by hand, or on a schedule of yours"
            );
            fail(context, FailureKind::GaveUp, summary, event).await?;
            Report { stopped: Some("out of time"), ..Report::default() }
        }
    };
    report.log(started);
    Ok(report)
}

impl Report {
    fn log(&self, started: SystemTime) {
        let elapsed_ms = u64::try_from(started.elapsed().unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            objects = self.objects,
            ledger_entries = self.ledger_entries,
            entries_read = self.entries_read,
            in_work = self.in_work,
            given_up = self.given_up,
            entries_unreadable = self.entries_unreadable,
            missed = self.missed,
            deleted = self.deleted,
            unlisted_unread = self.unlisted_unread,
            announced = self.announced,
            late = self.late,
            stopped = self.stopped,
            elapsed_ms,
            "sweep"
        );
    }
}

async fn sweep(context: &Context, older_than: Duration) -> Result<Report, LakeError> {
    let Context { settings, objects, raw, lake, sqs, .. } = context;
    let backlog = stack::depth(sqs, &settings.ingest_queue_url).await?.visible;
    if backlog > BACKLOG_MAX {
        return Ok(Report { stopped: Some("the ingest queue is long"), ..Report::default() });
    }
    let (raw_bucket, lake_bucket) = (settings.raw_bucket.as_str(), settings.lake_bucket.as_str());
    let raw_prefix = settings.raw_prefix.as_str();
    let scope = Scope { now: SystemTime::now(), older_than, is_deep: false };
    let buckets = Buckets { objects, raw, lake, raw_bucket, raw_prefix, lake_bucket };
    let mut sweep = Sweep::begin(buckets, raw_prefix, scope, |_| {}).await?;
    let mut report = Report::default();
    while let Some(missed) = sweep.next().await? {
        report.announced += announce(context, &missed).await?;
        if report.announced >= ANNOUNCED_MAX {
            report.stopped = Some("enough for now");
            break;
        }
    }
    let late = sweep.freshness().await?;
    report.late = tell_late(context, &late).await?;
    let Counts { entries, objects, read, in_work, given_up, unreadable, missed, deleted, unlisted_unread, .. } =
        sweep.counts();
    Ok(Report {
        objects,
        ledger_entries: entries,
        entries_read: read,
        in_work,
        given_up,
        entries_unreadable: unreadable,
        missed,
        deleted,
        unlisted_unread,
        ..report
    })
}

/// How many the queue took. What it refused is missed again by the next sweep.
async fn announce(context: &Context, missed: &[Missed]) -> Result<u64, LakeError> {
    let Settings { aws, raw_bucket, ingest_queue_url, .. } = &context.settings;
    let message = |missed: &Missed| {
        let body = missed.announcement(&aws.region, raw_bucket, SystemTime::now().into());
        Outgoing { body, ..Outgoing::default() }
    };
    let messages: Vec<Outgoing> = missed.iter().map(message).collect();
    let (taken, error) = queues::send_all(&context.sqs, ingest_queue_url, &messages).await;
    let count = taken.iter().filter(|is_taken| **is_taken).count();
    match error {
        Some(error) if count == 0 => Err(error),
        _ => Ok(u64::try_from(count).unwrap_or_default()),
    }
}

/// Counts by how much datasets are late, and tells of each that turned so, once: that it was told is noted afterwards.
async fn tell_late(context: &Context, measured: &[Freshness]) -> Result<u64, LakeError> {
    let Context { settings, objects, .. } = context;
    let mut late = 0;
    for freshness in measured {
        let dimensions = Dimensions::DatasetAndStack(&freshness.dataset);
        let overdue = [(Metric::FreshnessOverdue, freshness.overdue_secs)];
        context.metrics.put(SystemTime::now(), dimensions, &overdue);
        late += u64::from(freshness.overdue_secs > 0);
        if freshness.is_news(objects, &settings.lake_bucket).await? {
            let mut record = FailureRecord::new(Stage::Sweep, FailureKind::DataLate, freshness.summary());
            record.dataset = Some(freshness.dataset.clone());
            record.owner.clone_from(&freshness.owner);
            // It announces no object.
            let body = json!({ "late": freshness.dataset }).to_string();
            failure::report(&context.sqs, &settings.failures_queue_url, &record, &body).await?;
            freshness.note_told(objects, &settings.lake_bucket, record.at).await?;
        }
    }
    Ok(late)
}

/// The record's body is the schedule's event: it announces no object, so that a replay leaves it alone.
async fn fail(context: &Context, kind: FailureKind, summary: String, event: &Value) -> Result<(), LakeError> {
    let record = FailureRecord::new(Stage::Sweep, kind, summary);
    failure::report(&context.sqs, &context.settings.failures_queue_url, &record, &event.to_string()).await
}
