//! What is told of an object beside its ledger entry and its failure: metrics, lineage, and the notice that its rows came or left.
//! It must not decide anything, nor fail: what is told comes after the commit, and trouble with it is a line in the log.

use std::time::SystemTime;

use chrono::DateTime;
use lakegate_contract::Contract;
use lakegate_lake::catalog::TableDefinition;
use lakegate_lake::claims;
use lakegate_lake::failure::{self, FailureRecord};
use lakegate_lake::ledger::{self, Entry, State};
use lakegate_lake::lineage::{Happened, Lineage, RunEvent};
use lakegate_lake::metrics::{Dimensions, Metric, Metrics, UNKNOWN_DATASET};
use lakegate_lake::notices::Notices;
use lakegate_lake::{LakeError, chain, layout};

use crate::outcome::Outcome;
use crate::sight;
use crate::take_in::{Context, Delivery};

/// Times that an entry is read to note a notice in it.
const NOTE_ATTEMPTS: usize = 5;

/// Whom all is told.
#[derive(Debug)]
pub struct Emission {
    /// `CloudWatch`, by the log.
    pub metrics: Metrics,
    /// `OpenLineage`.
    pub lineage: Option<Lineage>,
    /// The event bus.
    pub notices: Option<Notices>,
}

impl Emission {
    /// Nobody.
    #[must_use]
    pub fn none() -> Self {
        Self { metrics: Metrics::off(), lineage: None, notices: None }
    }

    /// Whether notices are sent, so that the ledger has to say which were not.
    pub(crate) fn has_notices(&self) -> bool {
        self.notices.is_some()
    }
}

/// Tells that an object is about to be read.
pub(crate) async fn started(context: &Context, entry: &Entry, contract: &Contract) {
    if context.emission.lineage.is_some() {
        let table = TableDefinition::of_contract(&context.settings.lake_bucket, contract);
        trace_lineage(context, Happened::Start, entry, Some(&table)).await;
    }
}

/// Tells that work on an object came to nothing, which is noted.
pub(crate) async fn failed(context: &Context, entry: &Entry, record: &FailureRecord) {
    let lineage = async {
        if entry.dataset.is_some() {
            trace_lineage(context, Happened::Fail(record), entry, None).await;
        }
    };
    let ((), ()) = tokio::join!(lineage, notify(context, entry));
}

/// Tells what became of an object.
pub(crate) async fn settled(context: &Context, delivery: Delivery<'_>, outcome: &Outcome) {
    count(context, outcome);
    match outcome {
        Outcome::Committed(entry) => {
            let table = table(context, entry).await;
            let lineage = trace_lineage(context, Happened::Complete, entry, table.as_ref());
            let ((), ()) = tokio::join!(lineage, notify(context, entry));
        }
        Outcome::Rejected(entry, record) => {
            let table = table(context, entry).await;
            let lineage = trace_lineage(context, Happened::Fail(record), entry, table.as_ref());
            let ((), ()) = tokio::join!(lineage, notify(context, entry));
        }
        Outcome::Heavy(entry) | Outcome::Removed(entry) => notify(context, entry).await,
        Outcome::AlreadyCommitted => repeat(context, delivery, |entry| entry.state == State::Committed).await,
        Outcome::AlreadyTold | Outcome::NothingToRemove => {
            repeat(context, delivery, |entry| !entry.removed_paths.is_empty()).await;
        }
        // Where work on it was begun, all was told by whoever noted that (`failed`).
        Outcome::Failed(_) | Outcome::Superseded | Outcome::OwnObject => {}
    }
}

/// What was done now, and nothing of what had been done before.
fn count(context: &Context, outcome: &Outcome) {
    let now = (context.clock)();
    let (entry, values) = match outcome {
        Outcome::Committed(entry) => {
            let mut values = judged(Metric::FilesCommitted, entry, entry.rows_accepted);
            values.extend(age_secs(entry, now).map(|secs| (Metric::Age, secs)));
            (entry, values)
        }
        Outcome::Rejected(entry, _) => (entry, judged(Metric::FilesRejected, entry, 0)),
        Outcome::Heavy(entry) => (entry, vec![(Metric::FilesHeavy, 1)]),
        Outcome::Removed(entry) => (entry, vec![(Metric::FilesRemoved, 1)]),
        // Failures are counted where they are told.
        Outcome::AlreadyCommitted
        | Outcome::AlreadyTold
        | Outcome::Superseded
        | Outcome::NothingToRemove
        | Outcome::OwnObject
        | Outcome::Failed(_) => return,
    };
    let dataset = entry.dataset.as_deref().unwrap_or(UNKNOWN_DATASET);
    context.emission.metrics.put(now, Dimensions::Dataset(dataset), &values);
}

fn judged(file: Metric, entry: &Entry, accepted: u64) -> Vec<(Metric, u64)> {
    vec![
        (file, 1),
        (Metric::RowsRead, entry.rows_read),
        (Metric::RowsAccepted, accepted),
        (Metric::RowsRejected, entry.rows_rejected),
        (Metric::BytesRead, entry.source.size_bytes),
        (Metric::Duration, entry.elapsed_ms),
    ]
}

/// Whole seconds since the upload, of which S3 tells whole seconds, by a clock that may be behind.
fn age_secs(entry: &Entry, now: SystemTime) -> Option<u64> {
    let uploaded = DateTime::parse_from_rfc3339(entry.source.last_modified.as_deref()?).ok()?;
    Some(now.duration_since(SystemTime::from(uploaded)).unwrap_or_default().as_secs())
}

/// The table as its contract has it now, where that is the one that the object was held against.
async fn table(context: &Context, entry: &Entry) -> Option<TableDefinition> {
    context.emission.lineage.as_ref()?;
    let (table, version) = (entry.dataset.as_deref()?, entry.contract_version.as_deref()?);
    let contract = context.contracts.of_table(table, version).await?;
    Some(TableDefinition::of_contract(&context.settings.lake_bucket, &contract))
}

async fn trace_lineage(context: &Context, happened: Happened<'_>, entry: &Entry, table: Option<&TableDefinition>) {
    let Some(lineage) = &context.emission.lineage else { return };
    let at = failure::rfc3339((context.clock)().into());
    for error in lineage.send(&context.objects, &RunEvent { happened, entry, table, at: &at }).await {
        tracing::warn!(error = chain(&error), "a lineage event was not sent");
    }
}

/// Tells what an entry, as it stands, has to tell. If that cannot be told, or was due, the ledger says so.
async fn notify(context: &Context, entry: &Entry) {
    let (Some(notices), Some(told)) = (&context.emission.notices, entry.to_tell()) else { return };
    let sent = notices.send(told).await;
    if let Err(error) = &sent {
        tracing::warn!(error = chain(error), "the notice was not sent, the sweep will have it sent");
        let dataset = Dimensions::DatasetAndStack(told.dataset.as_deref().unwrap_or(UNKNOWN_DATASET));
        context.emission.metrics.put((context.clock)(), dataset, &[(Metric::NoticesUnsent, 1)]);
    }
    if sent.is_err() != entry.notice_pending {
        note(context, entry, sent.is_err()).await;
    }
}

/// Notes whether the notice of an entry is pending, if the entry still stands. What takes its place has what was not told to tell itself.
async fn note(context: &Context, entry: &Entry, is_pending: bool) {
    let noted = async {
        let (bucket, key) = (&entry.source.bucket, &entry.source.key);
        // Whoever starts a run adds that to the entry meanwhile.
        for _ in 0..NOTE_ATTEMPTS {
            let found = claims::find(&context.objects, &context.settings.lake_bucket, bucket, key).await?;
            let Some(stands) = found.entry().filter(|stands| is_of_same_work(stands, entry)).cloned() else {
                return Ok(());
            };
            let untold = stands.untold.clone().filter(|_| is_pending);
            let noted = Entry { notice_pending: is_pending, untold, ..stands };
            if found.amend(&context.objects, noted).await?.is_some() {
                return Ok(());
            }
        }
        Err(LakeError::Raced { url: layout::url(bucket, key) })
    };
    if let Err(error) = noted.await {
        tracing::warn!(error = chain(&error), is_pending, "the ledger does not say whether the notice was sent");
    }
}

/// True of an entry that came of the same work, and is out of hand.
fn is_of_same_work(stands: &Entry, entry: &Entry) -> bool {
    let is_settled = !matches!(stands.state, State::Working | State::Publishing);
    let is_same = stands.worker == entry.worker && stands.attempts == entry.attempts;
    is_settled && is_same && ledger::is_same_version(&stands.source, &entry.source)
}

/// Tells what nobody may have been told of: the notice is pending, or the message comes again because its worker may have died between
/// the entry, if it is such a one, and the notice.
async fn repeat(context: &Context, delivery: Delivery<'_>, is_such: impl Fn(&Entry) -> bool) {
    if !context.emission.has_notices() {
        return;
    }
    match sight::find(context, delivery.event).await {
        Ok(found) => {
            let is_due = |entry: &&Entry| entry.notice_pending || (delivery.is_repeated && is_such(entry));
            if let Some(entry) = found.as_ref().and_then(|(_, found)| found.entry()).filter(is_due) {
                notify(context, entry).await;
            }
        }
        Err(error) => tracing::warn!(error = chain(&error), "it cannot be told whether a notice is pending"),
    }
}
