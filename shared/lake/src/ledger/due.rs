//! What an event asks for, given the ledger entry of its object.
//! It must not know where entries are kept, and sees no clock.

use std::time::SystemTime;

use chrono::DateTime;
use lakegate_contract::Contract;

use super::{Entry, Source, State};

/// What an event asks for, given the entry of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Work on it.
    Work,
    /// This very version is committed under this very contract: a repeated delivery.
    AlreadyCommitted,
    /// This very version was rejected, failed or handed to Glue under this very contract, which was told: a repeated delivery.
    AlreadyTold,
    /// A later version of the object has been dealt with: a late delivery.
    Superseded,
    /// Another worker has the object in hand: to be asked again later.
    Busy,
}

/// The work that an event would have done.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The entry that the version would have: its object, contract and engine. Without a contract version nothing would be judged.
    pub entry: &'a Entry,
    /// That version stood under its key after the entry of the ledger was read: no other version can be newer.
    pub is_current: bool,
    /// What was handed to Glue is this worker's to do.
    pub takes_heavy: bool,
    /// Which outcome the event is to replace, by its time, RFC 3339; `None` for an event that S3 or a sweep announced.
    pub replaces: Option<&'a str>,
}

/// Judges an event against the entry of its object.
///
/// A version is newer or older by its sequencer. Where a side has none, what stands under the key is newer than what the ledger knew
/// before it was looked at. `LastModified` is no such order: of an upload in parts it is the time when that began (S3 API).
///
/// A version that was rejected, failed or handed to Glue is judged again when its contract or the engine changed, or when somebody
/// asks for it: by an event that replaces that outcome, and not one before it. Who asks for an earlier outcome to be replaced, with a
/// dead letter that was left over, comes too late whatever has changed since: it would put a table's file on trial that nobody doubts.
///
/// An object that is being read is taken from its worker by a surely newer version: nothing of the older one is visible yet, and
/// its worker finds the entry changed before it publishes. One that is being published is left to its worker, and so is one of which
/// a publication broke off, which that worker is to make good.
#[must_use]
pub fn due(entry: Option<&Entry>, wanted: &Wanted<'_>, now: SystemTime) -> Due {
    let Some(entry) = entry else {
        return Due::Work;
    };
    let announced = &wanted.entry.source;
    let sequencers = entry.source.sequencer.as_deref().zip(announced.sequencer.as_deref());
    if sequencers.is_some_and(|(seen, announced)| is_older(announced, seen)) {
        return Due::Superseded;
    }
    let is_same = is_same_version(&entry.source, announced);
    let is_newer = sequencers.is_some_and(|(seen, announced)| is_older(seen, announced));
    // A late delivery from before the deletion, as far as can be told.
    if entry.state == State::Removed && !wanted.is_current && !is_newer {
        return Due::Superseded;
    }
    if entry.is_leased(now) {
        let is_free = entry.state == State::Working && entry.unfinished.is_none();
        return if is_free && (is_newer || (wanted.is_current && !is_same)) { Due::Work } else { Due::Busy };
    }
    let is_dealt_with = is_judged_alike(entry, wanted.entry) || is_outdated(wanted, entry);
    if !is_same || !is_dealt_with {
        return Due::Work;
    }
    match entry.state {
        State::Committed => Due::AlreadyCommitted,
        State::Heavy if wanted.takes_heavy => Due::Work,
        State::Rejected | State::Failed | State::Heavy if replaces(wanted, entry) => Due::Work,
        State::Rejected | State::Failed | State::Heavy => Due::AlreadyTold,
        State::Working | State::Publishing | State::Removed => Due::Work,
    }
}

/// True when nothing is to be done with an object of this entity tag, as far as a listing tells: what became of it under this contract,
/// or under none, and by this engine, was committed or told, or Glue has a run for it.
#[must_use]
pub fn is_settled(entry: &Entry, etag: Option<&str>, contract: Option<&Contract>, engine_version: &str) -> bool {
    let is_same = etag.is_some() && entry.source.etag.as_deref() == etag;
    let under = contract.map(|contract| (contract.table.as_str(), contract.version.as_str()));
    let is_judged_alike = entry.engine_version == engine_version
        && under.is_none_or(|under| entry.dataset.as_deref().zip(entry.contract_version.as_deref()) == Some(under));
    match entry.state {
        State::Committed | State::Rejected | State::Failed => is_same && is_judged_alike,
        State::Heavy => is_same,
        State::Working | State::Publishing | State::Removed => false,
    }
}

/// True when the wanted entry would be held against the same contract, or against none, by the same engine.
pub(crate) fn is_judged_alike(entry: &Entry, wanted: &Entry) -> bool {
    let same_contract = wanted.contract_version.is_none()
        || (entry.contract_version == wanted.contract_version && entry.dataset == wanted.dataset);
    same_contract && entry.engine_version == wanted.engine_version
}

/// True when the event is to replace the entry's outcome. One that was to replace an earlier outcome has done so. Times that cannot be
/// read must not keep a replay from its work.
fn replaces(wanted: &Wanted<'_>, entry: &Entry) -> bool {
    wanted.replaces.is_some() && !is_outdated(wanted, entry)
}

/// True when the event is to replace an earlier outcome than the entry's.
fn is_outdated(wanted: &Wanted<'_>, entry: &Entry) -> bool {
    let replaced = wanted.replaces.and_then(|replaced| DateTime::parse_from_rfc3339(replaced).ok());
    replaced.zip(DateTime::parse_from_rfc3339(&entry.at).ok()).is_some_and(|(replaced, at)| replaced < at)
}

/// True when both are the same version of an object. Where nobody knows a version or an entity tag, both are of the same event.
#[must_use]
pub fn is_same_version(one: &Source, other: &Source) -> bool {
    match (&one.version_id, &other.version_id) {
        (Some(one), Some(other)) => one == other,
        (None, None) if one.etag.is_none() && other.etag.is_none() => one.sequencer == other.sequencer,
        (None, None) => one.etag == other.etag,
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
