//! One entry per source object: what became of it, and which files stand for it.
//! It must not know how objects are converted.

mod due;
mod untold;

use std::collections::BTreeSet;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lakegate_contract::Contract;
use serde::{Deserialize, Serialize};

use crate::events::ObjectEvent;
use crate::failure::Violations;
use crate::objects::Objects;
use crate::{LakeError, layout};

pub(crate) use due::is_judged_alike;
pub use due::{Due, Wanted, due, is_older, is_same_version, is_settled};

/// What became of one version of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of this shape.
    pub version: u32,
    /// The object.
    pub source: Source,
    /// What became of it.
    pub state: State,
    /// Its table; unknown for an object that was handed on before its contract was looked up.
    pub dataset: Option<String>,
    /// The contract's version.
    pub contract_version: Option<String>,
    /// Lakegate's version.
    pub engine_version: String,
    /// Rows in the file: accepted + rejected + duplicate.
    pub rows_read: u64,
    /// Rows in the table.
    pub rows_accepted: u64,
    /// Rows in the rejects table.
    pub rows_rejected: u64,
    /// Exact duplicates that were dropped.
    pub rows_duplicate: u64,
    /// What rows broke.
    pub violations: Violations,
    /// What rows, and the file as a whole, broke of rules that only warn.
    #[serde(default, skip_serializing_if = "Violations::is_empty")]
    pub warnings: Violations,
    /// Why the file as a whole was rejected, if one place in it was the reason.
    pub file_error: Option<FileError>,
    /// The table's files with this version's rows.
    pub outputs: Vec<Output>,
    /// The object with this version's rejected rows.
    pub rejects_path: Option<String>,
    /// Files that an earlier version, or an attempt that broke off, may have left, because this one was rejected, failed or is still
    /// in work: the next version that is published removes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_paths: Vec<String>,
    /// The version whose publication began and is not known to have ended: what stands may be a mix of it and of an earlier one, until a
    /// version is published to its end, or all that stands is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Source>,
    /// When the failure happened that is being told, RFC 3339, UTC: who tells it again, because nobody knows whether it was told, tells
    /// the same failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telling: Option<String>,
    /// How often work on this version was begun.
    #[serde(default)]
    pub attempts: u32,
    /// Who wrote this, as long as it had the object in hand or to the end: a function's request, and a random number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Until when that worker has the object in hand, RFC 3339, UTC; nobody has, where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<String>,
    /// When, RFC 3339, UTC.
    pub at: String,
    /// From the object's opening to this entry.
    pub elapsed_ms: u64,
    /// The Glue run that this version was handed to, once one was started, and that wrote this, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The objects with this version's rejected rows, where there are several: then `rejects_path` is absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejects_paths: Vec<String>,
    /// The trace of the event that it came of, as X-Ray names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// What there is to tell downstream of this entry ([`Entry::to_tell`]) was not told yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub notice_pending: bool,
    /// The files of tables that stood for the object and were deleted, with nothing of this version in their table: that rows left is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed_paths: Vec<String>,
    /// The entry before this one, or one before that, whose rows (or none) the tables still show, and of which downstream may not have been
    /// told: this one has it to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<Box<Entry>>,
}

/// The object of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The bucket's name.
    pub bucket: String,
    /// The decoded key.
    pub key: String,
    /// The version, if the bucket has versions.
    pub version_id: Option<String>,
    /// The entity tag, without quotes.
    pub etag: Option<String>,
    /// S3's order of the events of one key.
    pub sequencer: Option<String>,
    /// When S3 says that it was written, RFC 3339, UTC, in seconds; of an upload in parts when that began. Absent where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// The size, in bytes.
    pub size_bytes: u64,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A worker has claimed it and reads it; nothing of this version is visible.
    Working,
    /// Judged, and on its way: any of its outputs may be visible, and any of `kept_paths` may be gone.
    Publishing,
    /// Its accepted rows are in the table, its rejected rows in the rejects table.
    Committed,
    /// Rejected as a whole.
    Rejected,
    /// Handed to Glue.
    Heavy,
    /// Never judged to the end, for a reason that lasts; somebody was alerted.
    Failed,
    /// The object was deleted, and its rows with it, as its contract wants: the entry's sequencer is that of the deletion.
    Removed,
}

/// Why a file as a whole was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileError {
    /// A stable word.
    pub kind: String,
    /// One line, without any cell value.
    pub message: String,
    /// The physical line, from 1, if one is to blame.
    pub line: Option<u64>,
}

/// One file of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The key in the lake bucket.
    pub path: String,
    /// `year=2025/month=09`, or empty.
    pub partition: String,
    /// Rows in the file.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
}

/// Reads the entry of an object, if it has one.
///
/// # Errors
///
/// What S3 refused, or an entry that does not parse.
pub async fn read(objects: &Objects, lake_bucket: &str, bucket: &str, key: &str) -> Result<Option<Entry>, LakeError> {
    let found = objects.get_json(lake_bucket, &layout::ledger_object(bucket, key)).await?;
    Ok(found.map(|(entry, _)| entry))
}

impl Source {
    /// The object that an event announces, as far as the event knows it.
    #[must_use]
    pub fn of_event(event: &ObjectEvent) -> Self {
        Self {
            bucket: event.bucket.clone(),
            key: event.key.as_str().to_owned(),
            version_id: event.version_id.clone(),
            etag: event.etag.clone(),
            sequencer: event.sequencer.clone(),
            last_modified: None,
            size_bytes: event.size_bytes.unwrap_or_default(),
        }
    }
}

impl Entry {
    /// An entry about an object of which nothing is known yet: no contract, no rows, no files. `at` is RFC 3339, UTC.
    #[must_use]
    pub fn new(source: Source, state: State, engine_version: &str, at: String) -> Self {
        Self {
            version: 1,
            source,
            state,
            dataset: None,
            contract_version: None,
            engine_version: engine_version.to_owned(),
            rows_read: 0,
            rows_accepted: 0,
            rows_rejected: 0,
            rows_duplicate: 0,
            violations: Violations::new(),
            warnings: Violations::new(),
            file_error: None,
            outputs: Vec::new(),
            rejects_path: None,
            kept_paths: Vec::new(),
            unfinished: None,
            telling: None,
            attempts: 0,
            worker: None,
            lease_until: None,
            at,
            elapsed_ms: 0,
            run_id: None,
            rejects_paths: Vec::new(),
            trace_id: None,
            notice_pending: false,
            removed_paths: Vec::new(),
            untold: None,
        }
    }

    /// The same entry, held against a contract.
    #[must_use]
    pub fn under(mut self, contract: &Contract) -> Self {
        self.dataset = Some(contract.table.clone());
        self.contract_version = Some(contract.version.clone());
        self
    }

    /// True while its worker may be at work. A lease that cannot be read must not keep the object for ever, and counts as ended.
    #[must_use]
    pub fn is_leased(&self, now: SystemTime) -> bool {
        let until = self.lease_until.as_deref().and_then(|until| DateTime::parse_from_rfc3339(until).ok());
        until.is_some_and(|until| until > DateTime::<Utc>::from(now))
    }

    /// Every object in the lake bucket that stands, or may stand, for this source: what a later version must replace or remove.
    #[must_use]
    pub fn standing_paths(&self) -> BTreeSet<String> {
        let outputs = self.outputs.iter().map(|output| output.path.clone());
        outputs.chain(self.rejects().cloned()).chain(self.kept_paths.iter().cloned()).collect()
    }

    /// The objects with this version's rejected rows.
    pub fn rejects(&self) -> impl Iterator<Item = &String> {
        self.rejects_path.iter().chain(&self.rejects_paths)
    }

    /// Notes the objects with this version's rejected rows.
    pub fn set_rejects(&mut self, mut paths: Vec<String>) {
        self.rejects_path = if paths.len() == 1 { paths.pop() } else { None };
        self.rejects_paths = paths;
    }
}

/// What stands for a source that the new entry does not write itself: to be deleted once it is published.
#[must_use]
pub fn stale_paths(former: Option<&Entry>, new: &Entry) -> Vec<String> {
    let Some(former) = former else {
        return Vec::new();
    };
    let written = new.standing_paths();
    former.standing_paths().into_iter().filter(|path| !written.contains(path)).collect()
}

#[cfg(test)]
mod tests;
