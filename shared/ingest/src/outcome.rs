//! What became of an object, for the log and for whoever asked by hand.
//! It must not hold a cell value.

use std::time::Instant;

use lakegate_lake::LakeError;
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::FailureRecord;
use lakegate_lake::ledger::Entry;
use lakegate_lake::trace::Trace;
use serde::Serialize;

/// What became of an object.
#[derive(Debug)]
pub enum Outcome {
    /// Its accepted rows are published.
    Committed(Box<Entry>),
    /// Rejected as a whole; its owner is alerted.
    Rejected(Box<Entry>, Box<FailureRecord>),
    /// Handed to Glue.
    Heavy(Box<Entry>),
    /// This very version was committed before.
    AlreadyCommitted,
    /// This very version was rejected, failed or handed to Glue before, which was told.
    AlreadyTold,
    /// A later version has arrived, and has an event of its own.
    Superseded,
    /// It was deleted, and its rows with it.
    Removed(Box<Entry>),
    /// It was deleted, or something of it was, and nothing is to be done: its contract keeps rows, or none stand, or it is there.
    NothingToRemove,
    /// Something that Lakegate itself wrote.
    OwnObject,
    /// It never came to a judgement; somebody is alerted.
    Failed(Box<FailureRecord>),
}

/// Why an object does not come to an outcome by itself.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A service's: passing trouble goes back to the queue, lasting trouble becomes a failure record.
    Lake(LakeError),
    /// Lasting, and already described.
    Failure(Box<FailureRecord>),
    /// A failure's record could not be sent, for whatever reason: the event must come again, or nobody is told.
    Untold(LakeError),
}

impl From<LakeError> for Trouble {
    fn from(error: LakeError) -> Self {
        Self::Lake(error)
    }
}

/// An outcome as the log and a caller by hand see it.
#[derive(Debug, Serialize)]
pub struct Report {
    bucket: String,
    key: String,
    outcome: &'static str,
    contract: Option<String>,
    rows: Option<u64>,
    rejects: Option<u64>,
    bytes: Option<u64>,
    elapsed_ms: u64,
    kind: Option<String>,
    summary: Option<String>,
    trace_id: Option<String>,
}

impl Report {
    /// Sums an outcome up.
    #[must_use]
    pub fn new(event: &ObjectEvent, outcome: &Outcome, started: Instant, trace: Option<&Trace>) -> Self {
        let (word, entry, record) = match outcome {
            Outcome::Committed(entry) => ("committed", Some(entry), None),
            Outcome::Rejected(entry, record) => ("rejected", Some(entry), Some(record)),
            Outcome::Heavy(entry) => ("heavy", Some(entry), None),
            Outcome::AlreadyCommitted => ("already-committed", None, None),
            Outcome::AlreadyTold => ("already-told", None, None),
            Outcome::Superseded => ("superseded", None, None),
            Outcome::Removed(entry) => ("removed", Some(entry), None),
            Outcome::NothingToRemove => ("nothing-to-remove", None, None),
            Outcome::OwnObject => ("own-object", None, None),
            Outcome::Failed(record) => ("failed", None, Some(record)),
        };
        let dataset = entry.and_then(|entry| entry.dataset.clone());
        Self {
            bucket: event.bucket.clone(),
            key: event.key.as_str().to_owned(),
            outcome: word,
            contract: dataset.or_else(|| record.and_then(|record| record.dataset.clone())),
            rows: entry.map(|entry| entry.rows_read),
            rejects: entry.map(|entry| entry.rows_rejected),
            bytes: entry.map(|entry| entry.source.size_bytes).or(event.size_bytes),
            elapsed_ms: elapsed_ms(started),
            kind: record.map(|record| record.kind.to_string()),
            summary: record.map(|record| record.summary.clone()),
            trace_id: trace.map(|trace| trace.id().to_owned()),
        }
    }

    /// The one line that the log has for this object.
    pub fn log(&self) {
        tracing::info!(
            bucket = self.bucket,
            key = self.key,
            contract = self.contract,
            rows = self.rows,
            rejects = self.rejects,
            bytes = self.bytes,
            elapsed_ms = self.elapsed_ms,
            kind = self.kind,
            summary = self.summary,
            trace_id = self.trace_id,
            outcome = self.outcome,
            "object"
        );
    }
}

/// Milliseconds since an instant.
pub(crate) fn elapsed_ms(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
