//! One entry per source object: what became of it, and which files stand for it.
//! It must not know how objects are converted.

use std::collections::BTreeSet;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::events::ObjectEvent;
use crate::failure::Violations;
use crate::objects::Objects;
use crate::{LakeError, layout};

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

/// What an event asks for, given the entry of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Convert it.
    Work,
    /// This very version is committed under this very contract: a repeated delivery.
    AlreadyCommitted,
    /// A later version of the object has been dealt with: a late delivery.
    Superseded,
    /// Another worker has the object in hand: to be asked again later.
    Busy,
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

/// Judges an event against the entry of its object.
///
/// A rejected version is always judged again: its entry may have been written and its alert not, and a second alert
/// is better than none. So are one that failed, and one that was handed to Glue, whose failed run may be what is being replayed.
///
/// An object that is being read is taken from its worker by a surely newer version: nothing of the older one is visible yet, and
/// its worker finds the entry changed before it publishes. One that is being published is left to its worker.
#[must_use]
pub fn due(
    entry: Option<&Entry>,
    event: &ObjectEvent,
    contract_version: &str,
    engine_version: &str,
    now: SystemTime,
) -> Due {
    let Some(entry) = entry else {
        return Due::Work;
    };
    let sequencers = entry.source.sequencer.as_deref().zip(event.sequencer.as_deref());
    if sequencers.is_some_and(|(seen, announced)| is_older(announced, seen)) {
        return Due::Superseded;
    }
    let is_newer = sequencers.is_some_and(|(seen, announced)| is_older(seen, announced));
    let same_contract = entry.contract_version.as_deref() == Some(contract_version);
    let same_engine = entry.engine_version == engine_version;
    match entry.state {
        State::Committed if is_same_version(&entry.source, event) && same_contract && same_engine => {
            Due::AlreadyCommitted
        }
        State::Working if is_newer => Due::Work,
        State::Committed | State::Rejected | State::Heavy | State::Failed | State::Working | State::Publishing => {
            if entry.is_leased(now) {
                Due::Busy
            } else {
                Due::Work
            }
        }
    }
}

/// True when the entry is about the version that the event announces.
#[must_use]
pub fn is_same_version(source: &Source, event: &ObjectEvent) -> bool {
    match (&source.version_id, &event.version_id) {
        (Some(known), Some(announced)) => known == announced,
        (None, None) => source.etag.is_some() && source.etag == event.etag,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// True when the first sequencer is surely of an earlier event than the second.
///
/// Sequencers are hexadecimal and may differ in length. AWS says in one place to pad the shorter one with zeros on the left, in
/// another on the right, before they are compared as text. Where the two readings disagree the event is not called older: doing
/// its work again does no harm, as the object is read by its entity tag, and leaving a newer one undone would lose it.
#[must_use]
pub fn is_older(sequencer: &str, than: &str) -> bool {
    let width = sequencer.len().max(than.len());
    let left = |text: &str| format!("{:0>width$}", text.to_ascii_uppercase());
    let right = |text: &str| format!("{:0<width$}", text.to_ascii_uppercase());
    left(sequencer) < left(than) && right(sequencer) < right(than)
}

impl Entry {
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
        outputs.chain(self.rejects_path.clone()).chain(self.kept_paths.iter().cloned()).collect()
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
