//! What differs between two contracts of a dataset, and what that does to the table, its older files and the next ones.
//! It does not know the catalog: the table may have columns of contracts before both.

mod columns;
mod landing;
mod rules;
mod source;
mod values;

use std::fmt;

use crate::{Compression, Contract, ExactDuplicates, Policy, RemovedObjects, UnknownColumns};
use values::{option, plain};

/// What a change does, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Queries or older files fail or show other values, files are refused, or rows that were accepted mean something else now.
    Breaking,
    /// Rows or files that were accepted may be rejected now. What is published stays as it is.
    Stricter,
    /// Rows or files that were rejected may be accepted now; queries may meet values that they did not meet before.
    Looser,
    /// What was published and accepted stays as it was, and so do the rules.
    Neutral,
}

impl Class {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Breaking, Self::Stricter, Self::Looser, Self::Neutral];

    /// The class in one word, for reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Stricter => "stricter",
            Self::Looser => "looser",
            Self::Neutral => "neutral",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One difference between two contracts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where in the document; below the schema object, from there: `properties[address].properties[zip].required`.
    pub path: String,
    /// What stood there, or held there by default; `None`: nothing.
    pub old: Option<String>,
    /// What stands there now.
    pub new: Option<String>,
    /// What it does, in one word.
    pub class: Class,
    /// What it does to the table, its partitions, older files and new ones.
    pub effect: &'static str,
}

/// Everything that differs between two contracts, the worst first, else in the document's order. Nothing for a contract and itself.
///
/// What cannot be decided counts as the worse: another pattern as a stricter one, another way of writing dates as a breaking one.
/// Expressions and queries are compared as they are written, whatever spaces they have.
#[must_use]
pub fn diff(old: &Contract, new: &Contract) -> Vec<Change> {
    let mut changes = Changes::default();
    names(old, new, &mut changes);
    landing::landing(&old.landing, &new.landing, &mut changes);
    source::source(old.source.as_ref(), new.source.as_ref(), &mut changes);
    columns::table(old, new, &mut changes);
    rules::keys(old, new, &mut changes);
    rules::row_rules(old, new, &mut changes);
    rules::file_rules(old, new, &mut changes);
    policy(&old.policy, &new.policy, &mut changes);
    version(old, new, &mut changes);
    changes.list.sort_by_key(|change| change.class);
    changes.list
}

/// What was found so far.
#[derive(Debug, Default)]
struct Changes {
    list: Vec<Change>,
}

impl Changes {
    fn add(
        &mut self,
        class: Class,
        path: impl Into<String>,
        values: (Option<String>, Option<String>),
        effect: &'static str,
    ) {
        let (old, new) = values;
        self.list.push(Change { path: path.into(), old, new, class, effect });
    }
}

const TABLE_RENAMED: &str = "another table begins: the former one keeps its files and partitions and gets no new rows, and its queries see none; \
     a file that comes again leaves the former table for the new one";
const OWNER_CHANGED: &str = "alerts name the new owner";
const NOT_READ: &str = "for people and other tools: nothing else changes";
const VERSION_CHANGED: &str =
    "a file that is announced again is judged anew by this contract; files that are not stay as they were judged";
const VERSION_KEPT: &str = "the contract changes and its version does not: a file that was taken in under the former one counts as done and is not judged \
     anew when it is announced or replayed. Give the contract a new version";

fn names(old: &Contract, new: &Contract, changes: &mut Changes) {
    if old.table != new.table {
        changes.add(Class::Breaking, "physicalName", plain(&old.table, &new.table), TABLE_RENAMED);
    }
    if old.id != new.id {
        changes.add(Class::Neutral, "id", plain(&old.id, &new.id), NOT_READ);
    }
    let texts = [
        ("name", &old.name, &new.name, NOT_READ),
        (
            "description",
            &old.description,
            &new.description,
            "the catalog's description of the table changes with the next file",
        ),
        ("team", &old.owner, &new.owner, OWNER_CHANGED),
    ];
    for (path, old, new, effect) in texts {
        if old != new {
            changes.add(Class::Neutral, path, (old.clone(), new.clone()), effect);
        }
    }
}

/// A file is done when it was taken in under a contract of this version, whatever stood in that.
fn version(old: &Contract, new: &Contract, changes: &mut Changes) {
    let versions = plain(&old.version, &new.version);
    if old.version != new.version {
        changes.add(Class::Neutral, "version", versions, VERSION_CHANGED);
    } else if changes.list.iter().any(|change| change.class < Class::Neutral) {
        changes.add(Class::Neutral, "version", versions, VERSION_KEPT);
    }
}

const FEWER_REJECTS: &str = "files that were published without their bad rows may be rejected whole";
const MORE_REJECTS: &str = "files that were rejected whole may be published without their bad rows";
const KEYS_REJECTED: &str = "files, and in JSON rows, that have more than the contract knows are rejected";
const KEYS_IGNORED: &str =
    "what files have beyond the contract is left out; rows and files that were rejected for it are accepted";
const KEYS_RESCUED: &str = "what files have beyond the contract is kept in _rescued; what was rejected for it is accepted, but for unknown members of objects";
const KEYS_NO_LONGER_RESCUED: &str =
    "what files have beyond the contract is left out instead of kept: _rescued is null in new files";
const MEMBERS_REJECTED: &str = "what files have beyond the contract is kept in _rescued; rows with unknown members of objects, which were accepted without them, are rejected";
const DUPLICATES_DROPPED: &str = "rows that equal a row above them are left out of new files; older files keep theirs";
const DUPLICATES_KEPT: &str = "rows that equal a row above them are published like any other; older files lack theirs";
const REMOVED_FROM_NOW: &str =
    "the rows of files that are deleted from now on leave the table; those of files that were deleted before stay";
const KEPT_FROM_NOW: &str = "the rows of files that are deleted from now on stay in the table";
const CODEC_CHANGED: &str = "new files have another codec; older ones keep theirs, and every reader takes both";

fn policy(old: &Policy, new: &Policy, changes: &mut Changes) {
    let path = |name: &str| format!("customProperties[{name}]");
    let by = |is_less: bool| if is_less { (Class::Stricter, FEWER_REJECTS) } else { (Class::Looser, MORE_REJECTS) };
    if old.max_reject_percent.total_cmp(&new.max_reject_percent).is_ne() {
        let (class, effect) = by(new.max_reject_percent < old.max_reject_percent);
        changes.add(class, path("maxRejectPercent"), plain(old.max_reject_percent, new.max_reject_percent), effect);
    }
    if old.max_reject_rows != new.max_reject_rows {
        let rows = |rows: Option<u64>| rows.unwrap_or(u64::MAX);
        let (class, effect) = by(rows(new.max_reject_rows) < rows(old.max_reject_rows));
        changes.add(class, path("maxRejectRows"), option(old.max_reject_rows, new.max_reject_rows), effect);
    }
    if let Some((class, effect)) = unknown_columns(old.unknown_columns, new.unknown_columns) {
        let name = |unknown| match unknown {
            UnknownColumns::Reject => "reject",
            UnknownColumns::Ignore => "ignore",
            UnknownColumns::Rescue => "rescue",
        };
        let values = plain(name(old.unknown_columns), name(new.unknown_columns));
        changes.add(class, path("unknownColumns"), values, effect);
    }
    let duplicates = match (old.exact_duplicates, new.exact_duplicates) {
        (ExactDuplicates::Keep, ExactDuplicates::Drop) => {
            Some((Class::Stricter, plain("keep", "drop"), DUPLICATES_DROPPED))
        }
        (ExactDuplicates::Drop, ExactDuplicates::Keep) => Some((Class::Looser, plain("drop", "keep"), DUPLICATES_KEPT)),
        (ExactDuplicates::Keep, ExactDuplicates::Keep) | (ExactDuplicates::Drop, ExactDuplicates::Drop) => None,
    };
    if let Some((class, values, effect)) = duplicates {
        changes.add(class, path("exactDuplicates"), values, effect);
    }
    let removed = match (old.removed_objects, new.removed_objects) {
        (RemovedObjects::Keep, RemovedObjects::Remove) => Some((plain("keep", "remove"), REMOVED_FROM_NOW)),
        (RemovedObjects::Remove, RemovedObjects::Keep) => Some((plain("remove", "keep"), KEPT_FROM_NOW)),
        (RemovedObjects::Keep, RemovedObjects::Keep) | (RemovedObjects::Remove, RemovedObjects::Remove) => None,
    };
    if let Some((values, effect)) = removed {
        changes.add(Class::Neutral, path("removedObjects"), values, effect);
    }
    if old.compression != new.compression {
        let name = |codec| match codec {
            Compression::Zstd => "zstd",
            Compression::Snappy => "snappy",
        };
        let values = plain(name(old.compression), name(new.compression));
        changes.add(Class::Neutral, path("compression"), values, CODEC_CHANGED);
    }
}

const fn unknown_columns(old: UnknownColumns, new: UnknownColumns) -> Option<(Class, &'static str)> {
    Some(match (old, new) {
        (UnknownColumns::Ignore | UnknownColumns::Rescue, UnknownColumns::Reject) => (Class::Stricter, KEYS_REJECTED),
        (UnknownColumns::Reject, UnknownColumns::Ignore) => (Class::Looser, KEYS_IGNORED),
        (UnknownColumns::Reject, UnknownColumns::Rescue) => (Class::Looser, KEYS_RESCUED),
        (UnknownColumns::Rescue, UnknownColumns::Ignore) => (Class::Looser, KEYS_NO_LONGER_RESCUED),
        (UnknownColumns::Ignore, UnknownColumns::Rescue) => (Class::Stricter, MEMBERS_REJECTED),
        (UnknownColumns::Reject, UnknownColumns::Reject)
        | (UnknownColumns::Ignore, UnknownColumns::Ignore)
        | (UnknownColumns::Rescue, UnknownColumns::Rescue) => return None,
    })
}
