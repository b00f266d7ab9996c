//! One entry per source object: what became of it, and which files stand for it.
//! It must not know how objects are converted.

use std::collections::BTreeSet;

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
    /// Files of an earlier version that still stand, because this one was rejected or is still in work: the next
    /// version that is published removes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_paths: Vec<String>,
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
    /// The size, in bytes.
    pub size_bytes: u64,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its accepted rows are in the table, its rejected rows in the rejects table.
    Committed,
    /// Rejected as a whole.
    Rejected,
    /// Handed to Glue.
    Heavy,
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
}

/// Reads the entry of an object, if it has one.
///
/// # Errors
///
/// What S3 refused, or an entry that does not parse.
pub async fn read(objects: &Objects, lake_bucket: &str, bucket: &str, key: &str) -> Result<Option<Entry>, LakeError> {
    objects.get_json(lake_bucket, &layout::ledger_object(bucket, key)).await
}

/// Writes the entry of its object.
///
/// # Errors
///
/// What S3 refused.
pub async fn write(objects: &Objects, lake_bucket: &str, entry: &Entry) -> Result<(), LakeError> {
    let path = layout::ledger_object(&entry.source.bucket, &entry.source.key);
    objects.put_json(lake_bucket, &path, entry).await
}

/// Judges an event against the entry of its object.
///
/// A rejected version is always judged again: its entry may have been written and its alert not, and a second alert
/// is better than none. So is one that was handed to Glue, whose failed run may be what is being replayed.
#[must_use]
pub fn due(entry: Option<&Entry>, event: &ObjectEvent, contract_version: &str, engine_version: &str) -> Due {
    let Some(entry) = entry else {
        return Due::Work;
    };
    if let (Some(seen), Some(announced)) = (&entry.source.sequencer, &event.sequencer)
        && is_older(announced, seen)
    {
        return Due::Superseded;
    }
    let same_contract = entry.contract_version.as_deref() == Some(contract_version);
    let same_engine = entry.engine_version == engine_version;
    match entry.state {
        State::Committed if is_same_version(&entry.source, event) && same_contract && same_engine => {
            Due::AlreadyCommitted
        }
        State::Committed | State::Rejected | State::Heavy => Due::Work,
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
    /// Every object in the lake bucket that stands for this source: what a later version must replace or remove.
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
mod tests {
    use super::*;
    use crate::key::ObjectKey;

    fn entry(state: State) -> Entry {
        Entry {
            version: 1,
            source: Source {
                bucket: "raw".to_owned(),
                key: "a.csv".to_owned(),
                version_id: Some("v2".to_owned()),
                etag: Some("e2".to_owned()),
                sequencer: Some("0B".to_owned()),
                size_bytes: 3,
            },
            state,
            dataset: Some("orders".to_owned()),
            contract_version: Some("1.0.0".to_owned()),
            engine_version: "0.1.0".to_owned(),
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
            at: String::new(),
            elapsed_ms: 0,
        }
    }

    fn event(version_id: Option<&str>, sequencer: Option<&str>) -> ObjectEvent {
        ObjectEvent {
            bucket: "raw".to_owned(),
            key: ObjectKey::as_given("a.csv"),
            version_id: version_id.map(str::to_owned),
            etag: Some("e2".to_owned()),
            size_bytes: Some(3),
            sequencer: sequencer.map(str::to_owned),
            original: String::new(),
        }
    }

    fn output(path: &str) -> Output {
        Output { path: path.to_owned(), partition: String::new(), rows: 1, bytes: 1 }
    }

    #[test]
    fn a_sequencer_is_older_where_padding_on_either_side_says_so() {
        assert!(is_older("0055AED6DCD90281E5", "0055AED6DCD90281E6"));
        assert!(is_older("0055AED6DC", "0055AED6DC01"));
        assert!(!is_older("0055AED6DD", "0055AED6DC01"));
        assert!(!is_older("0A", "0a00"));
        // Padded on the left the first is less, padded on the right the second: nobody can tell.
        assert!(!is_older("FF", "0FFF") && !is_older("0FFF", "FF"));
        assert!(!is_older("55AED6DD", "0055AED6DC01") && !is_older("0055AED6DC01", "55AED6DD"));
    }

    #[test]
    fn a_repeated_delivery_of_a_committed_version_is_nothing_to_do() {
        let committed = entry(State::Committed);
        let repeated = event(Some("v2"), Some("0B"));
        assert_eq!(due(Some(&committed), &repeated, "1.0.0", "0.1.0"), Due::AlreadyCommitted);
        assert_eq!(due(Some(&committed), &repeated, "1.1.0", "0.1.0"), Due::Work);
        assert_eq!(due(Some(&committed), &repeated, "1.0.0", "0.2.0"), Due::Work);
        assert_eq!(due(Some(&entry(State::Rejected)), &repeated, "1.0.0", "0.1.0"), Due::Work);
        assert_eq!(due(Some(&entry(State::Heavy)), &repeated, "1.0.0", "0.1.0"), Due::Work);
        assert_eq!(due(None, &repeated, "1.0.0", "0.1.0"), Due::Work);
    }

    #[test]
    fn an_older_event_than_the_ledger_knows_is_left_alone_whatever_became_of_the_later_one() {
        for state in [State::Committed, State::Rejected, State::Heavy] {
            let late = event(Some("v1"), Some("0A"));
            assert_eq!(due(Some(&entry(state)), &late, "1.0.0", "0.1.0"), Due::Superseded);
        }
        let later = event(Some("v3"), Some("0C"));
        assert_eq!(due(Some(&entry(State::Committed)), &later, "1.0.0", "0.1.0"), Due::Work);
        assert_eq!(due(Some(&entry(State::Committed)), &event(Some("v1"), None), "1.0.0", "0.1.0"), Due::Work);
    }

    #[test]
    fn what_an_earlier_version_left_and_the_new_one_does_not_write_is_stale() {
        let mut former = entry(State::Rejected);
        former.kept_paths =
            vec!["lake/orders/month=1/a-0.parquet".to_owned(), "lake/orders/month=2/a-1.parquet".to_owned()];
        former.rejects_path = Some("rejects/dataset=orders/a.parquet".to_owned());
        let mut new = entry(State::Committed);
        new.outputs = vec![output("lake/orders/month=1/a-0.parquet")];
        let stale = ["lake/orders/month=2/a-1.parquet", "rejects/dataset=orders/a.parquet"];
        assert_eq!(stale_paths(Some(&former), &new), stale);
        assert!(stale_paths(None, &new).is_empty());
    }
}
