//! Who has an object in hand: claims on its ledger entry, all of them by conditional writes.
//! It must not know what is done with the object, and sees no clock: the time is an argument.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use lakegate_contract::Contract;

use crate::ledger::{self, Due, Entry, Source, State, Wanted};
use crate::objects::{EntityTag, Objects};
use crate::trace::Trace;
use crate::{LakeError, invocation, layout};

/// How long a lease outlasts its worker: requests that a killed worker had sent may still be carried out. The client gives a request
/// up after 40 s; that S3 carries none out long after that is an assumption.
pub const LEASE_MARGIN: Duration = Duration::from_mins(1);

/// One invocation of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Shared with no other invocation, whatever its request is called.
    id: String,
    /// When it is killed.
    deadline: SystemTime,
    /// The trace that its work belongs to.
    trace: Option<Trace>,
}

/// The ledger entry of an object as it was read, over which a claim is made and no other.
#[derive(Debug)]
pub struct Found {
    lake_bucket: String,
    path: String,
    read: Option<(Entry, EntityTag)>,
}

/// An object that a worker has in hand. Dropping it leaves the lease to its end.
#[derive(Debug)]
pub struct Claim {
    lake_bucket: String,
    /// The entry as this worker wrote it last.
    entry: Entry,
    etag: EntityTag,
    deadline: SystemTime,
    /// What `unfinished` of the entry was before this version was about to be published.
    unfinished_before: Option<Source>,
    /// The rejected rows of a version that was refused as a whole.
    refused: Vec<String>,
    is_withdrawn: bool,
}

/// What came of a worker's wish to have an object in hand.
#[derive(Debug)]
pub enum Claimed {
    /// It has.
    InHand(Box<Claim>),
    /// This very version is committed under this very contract: a repeated delivery.
    AlreadyCommitted,
    /// This very version was rejected, failed or handed to Glue under this very contract, which was told: a repeated delivery.
    AlreadyTold,
    /// A later version of the object has been dealt with: a late delivery.
    Superseded,
    /// Another worker was faster: the entry is to be read again, and then the object looked at again.
    Raced,
}

impl Worker {
    /// The worker of a request, which is killed at the deadline. A deadline that has passed is none.
    #[must_use]
    pub fn new(request: &str, deadline: SystemTime, now: SystemTime) -> Self {
        // The keys of every RandomState differ, and the first ones come from the operating system.
        let random = RandomState::new().hash_one(now);
        let deadline = invocation::deadline(deadline, now);
        Self { id: format!("{request}.{random:016x}"), deadline, trace: None }
    }

    /// The same worker, at work on what belongs to this trace; where there is none, to that of before.
    #[must_use]
    pub fn traced(&self, trace: Option<Trace>) -> Self {
        Self { trace: trace.or_else(|| self.trace.clone()), ..self.clone() }
    }

    /// The trace that its work belongs to.
    #[must_use]
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// Shared with no other invocation.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Until when the leases that it takes last, RFC 3339.
    #[must_use]
    pub fn lease_until(&self) -> String {
        rfc3339(self.deadline + LEASE_MARGIN)
    }

    /// How long from now the leases that it takes last.
    #[must_use]
    pub fn lease_left(&self, now: SystemTime) -> Duration {
        (self.deadline + LEASE_MARGIN).duration_since(now).unwrap_or_default()
    }
}

/// Reads the ledger entry of an object. Whoever looks at the object after that sees no older version than the entry knows.
///
/// # Errors
///
/// What S3 refused, or an entry that does not parse or is another object's.
pub async fn find(objects: &Objects, lake_bucket: &str, bucket: &str, key: &str) -> Result<Found, LakeError> {
    let path = layout::ledger_object(bucket, key);
    let read = objects.get_json::<Entry>(lake_bucket, &path).await?;
    if let Some((Entry { source, .. }, _)) = &read
        && (source.bucket != bucket || source.key != key)
    {
        let other = layout::url(&source.bucket, &source.key);
        let source = serde::de::Error::custom(format!("it is the entry of {other}, whose name has the same hash"));
        return Err(LakeError::Unreadable { url: layout::url(lake_bucket, &path), source });
    }
    Ok(Found { lake_bucket: lake_bucket.to_owned(), path, read })
}

/// Claims an object for a worker, if its entry says that there is work to do.
///
/// `wanted` has the entry of the version to be worked on, under the contract and by the engine that it names; its state, lease and
/// attempts are filled in, and so is what stands of former versions.
///
/// # Errors
///
/// [`LakeError::Busy`] when another worker has the object in hand, and what S3 refused.
pub async fn claim(
    objects: &Objects,
    worker: &Worker,
    found: &Found,
    wanted: &Wanted<'_>,
    now: SystemTime,
) -> Result<Claimed, LakeError> {
    match ledger::due(found.entry(), wanted, now) {
        Due::Work => Ok(take(objects, worker, found, wanted.entry, now).await?.map_or(Claimed::Raced, Claimed::InHand)),
        Due::AlreadyCommitted => Ok(Claimed::AlreadyCommitted),
        Due::AlreadyTold => Ok(Claimed::AlreadyTold),
        Due::Superseded => Ok(Claimed::Superseded),
        Due::Busy => Err(found.busy()),
    }
}

/// Takes an object in hand for a version, whatever its entry says: `None` when another worker was faster. For whoever knows that
/// nobody else is at work on it.
///
/// # Errors
///
/// What S3 refused.
pub async fn take(
    objects: &Objects,
    worker: &Worker,
    found: &Found,
    wanted: &Entry,
    now: SystemTime,
) -> Result<Option<Box<Claim>>, LakeError> {
    let former = found.entry();
    let same = former.filter(|former| ledger::is_same_version(&former.source, &wanted.source));
    let mut entry = wanted.clone();
    entry.state = State::Working;
    entry.worker = Some(worker.id.clone());
    entry.lease_until = Some(worker.lease_until());
    entry.attempts = same.map_or(0, |former| former.attempts) + 1;
    entry.kept_paths = former.map(Entry::standing_paths).into_iter().flatten().collect();
    entry.unfinished = former.and_then(|former| former.unfinished.clone());
    entry.untold = former.and_then(|former| former.untold_by_now(now));
    entry.telling =
        same.filter(|former| ledger::is_judged_alike(former, wanted)).and_then(|former| former.telling.clone());
    let read = found.read.as_ref().map(|(_, etag)| etag);
    let Some(etag) = write(objects, &found.lake_bucket, &entry, read).await? else {
        return Ok(None);
    };
    let (lake_bucket, deadline) = (found.lake_bucket.clone(), worker.deadline);
    let unfinished_before = entry.unfinished.clone();
    let refused = former.filter(|former| former.state == State::Rejected);
    let refused = refused.map(|former| former.rejects().cloned().collect()).unwrap_or_default();
    Ok(Some(Box::new(Claim { lake_bucket, entry, etag, deadline, unfinished_before, refused, is_withdrawn: false })))
}

impl Found {
    /// The entry, if the object has one.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        self.read.as_ref().map(|(entry, _)| entry)
    }

    /// Writes an entry over the one that was found, without taking the object in hand: for whoever adds to what an entry says of an object
    /// that nobody has in hand. `None` when another one stands there by now.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn amend(&self, objects: &Objects, entry: Entry) -> Result<Option<Self>, LakeError> {
        let read = self.read.as_ref().map(|(_, etag)| etag);
        let etag = write(objects, &self.lake_bucket, &entry, read).await?;
        let (lake_bucket, path) = (self.lake_bucket.clone(), self.path.clone());
        Ok(etag.map(|etag| Self { lake_bucket, path, read: Some((entry, etag)) }))
    }

    /// The error of an event whose object another worker has in hand.
    #[must_use]
    pub fn busy(&self) -> LakeError {
        let until = self.entry().and_then(|entry| entry.lease_until.clone()).unwrap_or_default();
        LakeError::Busy { url: layout::url(&self.lake_bucket, &self.path), until }
    }

    /// The error of a worker that was slower than others time and again.
    #[must_use]
    pub fn raced(&self) -> LakeError {
        LakeError::Raced { url: layout::url(&self.lake_bucket, &self.path) }
    }
}

impl Claim {
    /// The entry as it stands.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// An entry of the outcome of this work, with nothing told of it yet: this version under the same contract.
    #[must_use]
    pub fn outcome(&self, state: State, at: String) -> Entry {
        let mut entry = Entry::new(self.entry.source.clone(), state, &self.entry.engine_version, at);
        entry.dataset.clone_from(&self.entry.dataset);
        entry.contract_version.clone_from(&self.entry.contract_version);
        entry.run_id.clone_from(&self.entry.run_id);
        entry.trace_id.clone_from(&self.entry.trace_id);
        entry
    }

    /// Holds the object against a contract that was not known when it was claimed.
    pub fn hold_against(&mut self, contract: &Contract) {
        self.entry = self.entry.clone().under(contract);
    }

    /// When a failure happened that is to be told now, RFC 3339: now, unless an attempt that broke off may have told it.
    #[must_use]
    pub fn failed_at(&self, now: SystemTime) -> String {
        self.entry.telling.clone().unwrap_or_else(|| rfc3339(now))
    }

    /// Gives the claim up for another one, of the same worker, over the entry as it stands.
    #[must_use]
    pub fn into_found(self) -> Found {
        let path = ledger_object(&self.entry);
        Found { lake_bucket: self.lake_bucket, path, read: Some((self.entry, self.etag)) }
    }

    /// How long the worker may go on making things visible: to its own deadline, [`LEASE_MARGIN`] before anybody else may begin.
    #[must_use]
    pub fn time_left(&self, now: SystemTime) -> Duration {
        self.deadline.duration_since(now).unwrap_or_default()
    }

    /// Notes what is about to happen, before anything of it does: `entry` with its outputs and its rejects, or with the failure that is
    /// about to be told. From now on a later version knows what may stand, however far this one comes; what stood before is kept in
    /// mind beside it.
    ///
    /// # Errors
    ///
    /// [`LakeError::LeaseLost`] when the deadline has passed or another worker has the object: then nothing may be made visible.
    /// Otherwise what S3 refused.
    pub async fn intend(&mut self, objects: &Objects, entry: &Entry, now: SystemTime) -> Result<(), LakeError> {
        if self.time_left(now).is_zero() {
            return Err(self.lost());
        }
        let mut entry = entry.clone();
        match entry.state {
            State::Committed | State::Removed => entry.unfinished = Some(entry.source.clone()),
            State::Rejected | State::Failed => {
                entry.unfinished.clone_from(&self.entry.unfinished);
                entry.telling = Some(entry.at.clone());
            }
            State::Heavy | State::Working | State::Publishing => {
                entry.unfinished.clone_from(&self.entry.unfinished);
            }
        }
        entry.state = State::Publishing;
        entry.untold.clone_from(&self.entry.untold);
        entry.kept_paths = self.entry.standing_paths().into_iter().collect();
        entry.lease_until.clone_from(&self.entry.lease_until);
        self.replace(objects, entry).await
    }

    /// After an intent: says that nothing of it was carried out, as all of it was refused. What stands is what stood before.
    pub fn has_published_nothing(&mut self) {
        self.entry.unfinished.clone_from(&self.unfinished_before);
    }

    /// Removes what stands of the object and is not of this version, because a publication broke off in the middle: readers see none of
    /// it rather than a mix. To be called when that is noted ([`Claim::intend`]), and within the time that is left.
    ///
    /// # Errors
    ///
    /// What S3 refused; whoever takes the object over goes on.
    pub async fn withdraw(&mut self, objects: &Objects) -> Result<(), LakeError> {
        let own: BTreeSet<&String> = self.entry.rejects().collect();
        let former: Vec<String> = self.entry.kept_paths.iter().filter(|path| !own.contains(path)).cloned().collect();
        objects.delete_all(&self.lake_bucket, &former).await?;
        self.is_withdrawn = true;
        Ok(())
    }

    /// Removes the rejected rows of the version before, if that was refused as a whole, because this one is as well: else they would pile
    /// up. To be called as [`Claim::withdraw`].
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn forget_refused(&mut self, objects: &Objects) -> Result<(), LakeError> {
        let own: BTreeSet<&String> = self.entry.rejects().collect();
        let refused: BTreeSet<String> =
            mem::take(&mut self.refused).into_iter().filter(|path| !own.contains(path)).collect();
        objects.delete_all(&self.lake_bucket, &Vec::from_iter(refused.clone())).await?;
        self.entry.kept_paths.retain(|kept| !refused.contains(kept));
        Ok(())
    }

    /// Writes what became of the object, and gives it out of hand. What stands of former versions stays noted beside a version that is
    /// not published, and so does a broken-off publication, unless all of it was withdrawn. With notices, what there is to tell is noted.
    ///
    /// # Errors
    ///
    /// [`LakeError::LeaseLost`] when another worker has the object. Otherwise what S3 refused.
    pub async fn commit(&mut self, objects: &Objects, entry: &Entry, has_notices: bool) -> Result<(), LakeError> {
        let mut entry = entry.clone();
        entry.lease_until = None;
        let leaves_former = match entry.state {
            State::Committed | State::Removed => false,
            State::Rejected | State::Failed | State::Heavy | State::Working | State::Publishing => !self.is_withdrawn,
        };
        if leaves_former {
            entry.kept_paths = ledger::stale_paths(Some(&self.entry), &entry);
            entry.unfinished.clone_from(&self.entry.unfinished);
        }
        if has_notices {
            entry.note_untold(&self.entry, leaves_former);
        }
        self.replace(objects, entry).await
    }

    /// Gives the object out of hand with its work undone, so that the next delivery need not wait for the lease's end. When outputs
    /// may have become visible it waits [`LEASE_MARGIN`]: requests that were given up may still be carried out.
    ///
    /// # Errors
    ///
    /// [`LakeError::LeaseLost`] when another worker has the object, and what S3 refused: then the lease ends by itself.
    pub async fn release(&mut self, objects: &Objects, now: SystemTime) -> Result<(), LakeError> {
        let mut entry = self.entry.clone();
        entry.lease_until = match entry.state {
            State::Publishing => Some(rfc3339((now + LEASE_MARGIN).min(self.deadline + LEASE_MARGIN))),
            State::Working | State::Committed | State::Rejected | State::Heavy | State::Failed | State::Removed => None,
        };
        self.replace(objects, entry).await
    }

    async fn replace(&mut self, objects: &Objects, mut entry: Entry) -> Result<(), LakeError> {
        entry.worker.clone_from(&self.entry.worker);
        entry.attempts = self.entry.attempts;
        let Some(etag) = write(objects, &self.lake_bucket, &entry, Some(&self.etag)).await? else {
            return Err(self.lost());
        };
        (self.entry, self.etag) = (entry, etag);
        Ok(())
    }

    /// The error of a worker that has the object no more.
    #[must_use]
    pub fn lost(&self) -> LakeError {
        LakeError::LeaseLost { url: layout::url(&self.lake_bucket, &ledger_object(&self.entry)) }
    }
}

/// Writes an entry over the one that was read; `None` when another one stands there by now. No two workers write the same entry.
async fn write(
    objects: &Objects,
    lake_bucket: &str,
    entry: &Entry,
    read: Option<&EntityTag>,
) -> Result<Option<EntityTag>, LakeError> {
    objects.replace_json(lake_bucket, &ledger_object(entry), entry, read).await
}

fn ledger_object(entry: &Entry) -> String {
    layout::ledger_object(&entry.source.bucket, &entry.source.key)
}

fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests;
