//! Who has an object in hand: claims on its ledger entry, all of them by conditional writes.
//! It must not know what is done with the object, and sees no clock: the time is an argument.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::events::ObjectEvent;
use crate::ledger::{self, Due, Entry, State};
use crate::objects::{EntityTag, Objects};
use crate::{LakeError, layout};

/// How long a lease outlasts its worker: requests that a killed worker had sent may still be carried out. The client gives a request
/// up after 40 s.
pub const LEASE_MARGIN: Duration = Duration::from_mins(1);
/// The longest that a Lambda function may run (Lambda quotas): the deadline of a worker that was told none.
const WORK_MAX: Duration = Duration::from_mins(15);
/// Times that an entry is read, judged and claimed before lost races count as trouble.
const CLAIM_ATTEMPTS: usize = 5;

/// One invocation of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Shared with no other invocation, whatever its request is called.
    id: String,
    /// When it is killed.
    deadline: SystemTime,
}

/// An object that a worker has in hand. Dropping it leaves the lease to its end.
#[derive(Debug)]
pub struct Claim {
    lake_bucket: String,
    /// The entry as this worker wrote it last.
    entry: Entry,
    etag: EntityTag,
    deadline: SystemTime,
}

/// What came of a worker's wish to have an object in hand.
#[derive(Debug)]
pub enum Claimed {
    /// It has.
    InHand(Box<Claim>),
    /// This very version is committed under this very contract: a repeated delivery.
    AlreadyCommitted,
    /// A later version of the object has been dealt with: a late delivery.
    Superseded,
}

impl Worker {
    /// The worker of a request, which is killed at the deadline. A deadline that has passed is none.
    #[must_use]
    pub fn new(request: &str, deadline: SystemTime, now: SystemTime) -> Self {
        // The keys of every RandomState differ, and the first ones come from the operating system.
        let random = RandomState::new().hash_one(now);
        let deadline = if deadline > now { deadline } else { now + WORK_MAX };
        Self { id: format!("{request}.{random:016x}"), deadline }
    }

    /// How long from now the leases that it takes last.
    #[must_use]
    pub fn lease_left(&self, now: SystemTime) -> Duration {
        (self.deadline + LEASE_MARGIN).duration_since(now).unwrap_or_default()
    }
}

/// Claims an object for a worker, if its entry says that there is work to do.
///
/// `wanted` is the entry of the version to be worked on, under the contract and by the engine that it names; its state, lease and
/// attempts are filled in, and so is what stands of former versions.
///
/// # Errors
///
/// [`LakeError::Busy`] when another worker has the object in hand, [`LakeError::Raced`] when every attempt was lost to others, and what
/// S3 refused.
pub async fn claim(
    objects: &Objects,
    lake_bucket: &str,
    worker: &Worker,
    event: &ObjectEvent,
    wanted: &Entry,
    now: SystemTime,
) -> Result<Claimed, LakeError> {
    let path = ledger_object(wanted);
    let contract_version = wanted.contract_version.as_deref().unwrap_or_default();
    for _ in 0..CLAIM_ATTEMPTS {
        let found: Option<(Entry, EntityTag)> = objects.get_json(lake_bucket, &path).await?;
        let (former, read) = found.unzip();
        match ledger::due(former.as_ref(), event, contract_version, &wanted.engine_version, now) {
            Due::Work => {}
            Due::AlreadyCommitted => return Ok(Claimed::AlreadyCommitted),
            Due::Superseded => return Ok(Claimed::Superseded),
            Due::Busy => return Err(busy(lake_bucket, former.as_ref().unwrap_or(wanted))),
        }
        let mut entry = wanted.clone();
        entry.state = State::Working;
        entry.worker = Some(worker.id.clone());
        entry.lease_until = Some(rfc3339(worker.deadline + LEASE_MARGIN));
        let attempts = former.as_ref().filter(|former| ledger::is_same_version(&former.source, event));
        entry.attempts = attempts.map_or(0, |former| former.attempts) + 1;
        entry.kept_paths = former.map(|former| former.standing_paths()).into_iter().flatten().collect();
        if let Some(etag) = write(objects, lake_bucket, &entry, read.as_ref()).await? {
            let lake_bucket = lake_bucket.to_owned();
            return Ok(Claimed::InHand(Box::new(Claim { lake_bucket, entry, etag, deadline: worker.deadline })));
        }
    }
    Err(LakeError::Raced { url: layout::url(lake_bucket, &path) })
}

/// The error of an event whose object another worker has in hand, by the entry that says so.
#[must_use]
pub fn busy(lake_bucket: &str, found: &Entry) -> LakeError {
    let until = found.lease_until.clone().unwrap_or_default();
    LakeError::Busy { url: layout::url(lake_bucket, &ledger_object(found)), until }
}

impl Claim {
    /// The entry as it stands.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// How long the worker may go on making things visible: to its own deadline, [`LEASE_MARGIN`] before anybody else may begin.
    #[must_use]
    pub fn time_left(&self, now: SystemTime) -> Duration {
        self.deadline.duration_since(now).unwrap_or_default()
    }

    /// Notes what is about to become visible, before anything does: `entry` with its outputs and its rejects. From now on a later
    /// version knows what may stand, however far this one comes; what stood before is kept in mind beside it.
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
        entry.state = State::Publishing;
        entry.kept_paths = self.entry.standing_paths().into_iter().collect();
        entry.lease_until.clone_from(&self.entry.lease_until);
        self.replace(objects, entry).await
    }

    /// Writes what became of the object, and gives it out of hand.
    ///
    /// # Errors
    ///
    /// [`LakeError::LeaseLost`] when another worker has the object. Otherwise what S3 refused.
    pub async fn commit(&mut self, objects: &Objects, entry: &Entry) -> Result<(), LakeError> {
        let mut entry = entry.clone();
        entry.lease_until = None;
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
            State::Working | State::Committed | State::Rejected | State::Heavy | State::Failed => None,
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

/// Writes an entry over the one that was read; `None` when another one stands there by now.
///
/// A write whose answer was lost may have been carried out, and the client's own second attempt then loses to its first: what stands
/// says so, as no two workers write the same entry.
async fn write(
    objects: &Objects,
    lake_bucket: &str,
    entry: &Entry,
    read: Option<&EntityTag>,
) -> Result<Option<EntityTag>, LakeError> {
    let path = ledger_object(entry);
    let trouble = match objects.put_json_if(lake_bucket, &path, entry, read).await {
        Ok(etag) => return Ok(Some(etag)),
        Err(error) if error.is_passing() => error,
        Err(error) => return Err(error),
    };
    let is_lost = matches!(trouble, LakeError::Raced { .. });
    match objects.get_json::<Entry>(lake_bucket, &path).await {
        Ok(Some((stands, etag))) if stands == *entry => Ok(Some(etag)),
        Ok(_) if is_lost => Ok(None),
        Ok(_) | Err(_) => Err(trouble),
    }
}

fn ledger_object(entry: &Entry) -> String {
    layout::ledger_object(&entry.source.bucket, &entry.source.key)
}

fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests;
