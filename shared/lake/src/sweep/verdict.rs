//! Whether an object of the raw bucket has been dealt with: by the times of the listings, and where they leave doubt by its entry.
//! Pure: it must not list, read or send.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use super::{before, utc};
use crate::ledger::{Entry, State};
use crate::listing::ListedObject;

/// An entry that was written since may be about an older version whose event came late: it is read. The sweep is scheduled far more often.
pub(super) const RECENT: Duration = Duration::from_hours(26);
/// An upload in parts counts from its beginning, and the bucket aborts those that are open for a day (infra/template.yaml, at midnight
/// after that day): it may have appeared, and replaced a version with a younger entry, this long after its time.
const UPLOAD_MAX: Duration = Duration::from_hours(72);
/// A worker that is gone for so long is not followed by another: the queue brings a message again within 20 minutes (`redelivery`, and
/// `VisibilityTimeout` in infra/template.yaml), and whoever takes the object in hand then writes its entry.
const ABANDONED: Duration = Duration::from_hours(3);
/// Of an abandoned object whose work was begun so often, the event was not lost: the queue gave it up, and it is in the dead-letter queue.
/// Half the queue's `maxReceiveCount` (infra/template.yaml), because the message of a killed worker may come moments before its lease
/// ends, find the object in hand and begin no work.
const GIVEN_UP_ATTEMPTS: u32 = 12;

/// What a sweep looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The time before the listings.
    pub now: SystemTime,
    /// Younger objects are left alone: their events may be on the way.
    pub older_than: Duration,
    /// Read every entry, also where the listings leave no doubt: for the first sweep after a time without any. And look for deletions
    /// among all entries without an object, however many there are.
    pub is_deep: bool,
}

/// What the listings say of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance {
    /// Its event may be on the way.
    Young,
    /// A folder marker, which announces nothing.
    NoFile,
    /// Its entry is younger than itself.
    Settled,
    /// Its entry must be read.
    Doubtful,
}

/// What the ledger says of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has been dealt with.
    Settled,
    /// It is being dealt with.
    InWork,
    /// It was worked on in vain until its queue gave it up, which was told: announced again it would only be so once more.
    GivenUp,
    /// Its entry does not parse.
    Unreadable,
    /// Nobody has it in hand, and nobody will.
    Missed(Why),
}

/// What the ledger lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It has no entry.
    NeverSeen,
    /// Its entry is about another version.
    Replaced,
    /// Its entry says that it is in work, and its worker is gone for good.
    Abandoned,
    /// It was deleted, its contract wants its rows removed, and its entry says that they stand.
    Deleted,
    /// What became of its rows was not told yet.
    Unnoticed,
    /// The same, and it does not stand.
    GoneUnnoticed,
}

impl Why {
    /// A few words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Why::NeverSeen => "no ledger entry",
            Why::Replaced => "its ledger entry is about another version",
            Why::Abandoned => "its worker is gone",
            Why::Deleted => "deleted, and its rows stand",
            Why::Unnoticed => "its notice was not sent",
            Why::GoneUnnoticed => "deleted, and its notice was not sent",
        }
    }
}

/// Judges by the listings alone. S3's times are whole seconds of one clock.
#[must_use]
pub fn glance(object: &ListedObject, entry_written: Option<DateTime<Utc>>, scope: &Scope) -> Glance {
    if object.key.ends_with('/') && object.size_bytes == 0 {
        return Glance::NoFile;
    }
    if object.last_modified > before(scope.now, scope.older_than) {
        return Glance::Young;
    }
    let Some(written) = entry_written else {
        return Glance::Doubtful;
    };
    let is_recent = written > before(scope.now, RECENT);
    let is_in_parts = object.etag.as_deref().is_some_and(|etag| etag.contains('-'));
    let may_have_come_late = is_in_parts && object.last_modified > before(scope.now, UPLOAD_MAX);
    if scope.is_deep || written < object.last_modified || is_recent || may_have_come_late {
        return Glance::Doubtful;
    }
    Glance::Settled
}

/// Judges by the object's entry, which was last written at the time that the listing has.
#[must_use]
pub fn judge(
    object: &ListedObject,
    entry: Option<&Entry>,
    entry_written: Option<DateTime<Utc>>,
    now: SystemTime,
) -> Verdict {
    let Some(entry) = entry else {
        return Verdict::Missed(Why::NeverSeen);
    };
    if entry.is_leased(now) {
        return Verdict::InWork;
    }
    if !is_about(entry, object, entry_written) {
        return Verdict::Missed(Why::Replaced);
    }
    if is_given_up(entry, entry_written, now) {
        return Verdict::GivenUp;
    }
    match entry.state {
        State::Committed | State::Rejected | State::Heavy | State::Failed if entry.notice_pending => {
            Verdict::Missed(Why::Unnoticed)
        }
        State::Committed | State::Rejected | State::Heavy | State::Failed => Verdict::Settled,
        // It stands again, because its delete marker was deleted; or it was deleted since the listing, and ingest finds so.
        State::Removed => Verdict::Missed(Why::Replaced),
        // An entry that the listing does not have has been written since.
        State::Working | State::Publishing if is_abandoned(entry, entry_written.unwrap_or_else(|| utc(now)), now) => {
            Verdict::Missed(Why::Abandoned)
        }
        State::Working | State::Publishing => Verdict::InWork,
    }
}

/// Judges the entry of an object that does not stand: it is not in the bucket's listing, which came after one of the ledger that had the
/// entry. Its rows count as missed if its contract wants them removed, which is not looked at here; so does a notice of any.
#[must_use]
pub fn judge_unlisted(entry: &Entry, entry_written: DateTime<Utc>, scope: &Scope) -> Verdict {
    if entry.is_leased(scope.now) {
        return Verdict::InWork;
    }
    if entry.standing_paths().is_empty() && !entry.notice_pending {
        return Verdict::Settled;
    }
    // It was taken in a moment ago: if it is gone already, the event of that may be on the way.
    if entry_written > before(scope.now, scope.older_than) {
        return Verdict::InWork;
    }
    if entry.notice_pending {
        return Verdict::Missed(Why::GoneUnnoticed);
    }
    match entry.state {
        State::Removed => Verdict::Settled,
        State::Working | State::Publishing if !is_abandoned(entry, entry_written, scope.now) => Verdict::InWork,
        State::Working | State::Publishing | State::Committed | State::Rejected | State::Heavy | State::Failed => {
            Verdict::Missed(Why::Deleted)
        }
    }
}

/// True when the entry's worker is gone, and no other will follow.
fn is_abandoned(entry: &Entry, entry_written: DateTime<Utc>, now: SystemTime) -> bool {
    time(entry.lease_until.as_deref()).unwrap_or(entry_written) < before(now, ABANDONED)
}

/// True when work on the object came to no end however often it was begun, and is not begun again.
fn is_given_up(entry: &Entry, entry_written: Option<DateTime<Utc>>, now: SystemTime) -> bool {
    matches!(entry.state, State::Working | State::Publishing)
        && entry.attempts >= GIVEN_UP_ATTEMPTS
        && is_abandoned(entry, entry_written.unwrap_or_else(|| utc(now)), now)
}

/// True when the entry is about this version of the object, or about a later one than the listing knew.
fn is_about(entry: &Entry, object: &ListedObject, entry_written: Option<DateTime<Utc>>) -> bool {
    let is_same_content = match (&entry.source.etag, &object.etag) {
        (Some(known), Some(listed)) => known == listed,
        (None, _) | (_, None) => true,
    };
    // In a bucket without versions, what was uploaded again with the same content is the same version (`ledger::is_same_version`).
    let is_same_version =
        entry.source.version_id.is_none() && entry.source.etag.is_some() && entry.source.etag == object.etag;
    match time(entry.source.last_modified.as_deref()) {
        Some(known) if known.timestamp() == object.last_modified.timestamp() => is_same_content,
        Some(_) if is_same_version => true,
        Some(known) => known > object.last_modified,
        // The same content, uploaded again after the entry was written, is another version; an entry that the listing does not have
        // has been written since.
        None => is_same_content && entry_written.is_none_or(|written| written >= object.last_modified),
    }
}

pub(super) fn time(text: Option<&str>) -> Option<DateTime<Utc>> {
    text.and_then(|text| DateTime::parse_from_rfc3339(text).ok()).map(|time| time.to_utc())
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
