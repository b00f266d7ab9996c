//! The raw bucket against the ledger: objects, and deletions of objects, that nobody dealt with, because no event came for them or their
//! worker died for good.
//! It must not know how an object is dealt with. What is pure is in `verdict`.
//!
//! Two listings at $5 per million requests of 1,000 objects each, and the ledger's a second time where deletions matter, or files of the
//! last day are gone; of the ledger's entries only those are read that the listings leave in doubt. Memory: 24 bytes for each entry of the
//! ledger (48 while the list grows: 48 MB per million), and one page of a bucket.

mod freshness;
mod unlisted;
mod verdict;

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use futures::stream::{StreamExt, TryStreamExt};

use crate::contracts::{Contracts, Deployed};
use crate::ledger;
use crate::listing::{ListedObject, Lister};
use crate::objects::Objects;
use crate::{LakeError, announce, layout};

pub use freshness::Freshness;
use freshness::Watched;
pub use verdict::{Glance, Scope, Verdict, Why, glance, judge, judge_unlisted};

/// Entries that are read at once.
const READS_AT_ONCE: usize = 16;

/// What is compared with what.
#[derive(Debug)]
pub struct Buckets<'a> {
    /// For entries.
    pub objects: &'a Objects,
    /// Lists where files are dropped.
    pub raw: &'a Lister,
    /// Lists the ledger.
    pub lake: &'a Lister,
    /// Where files are dropped.
    pub raw_bucket: &'a str,
    /// Under which prefix; empty: all of it.
    pub raw_prefix: &'a str,
    /// Where the ledger is.
    pub lake_bucket: &'a str,
}

/// An object that is to be announced again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The object; one that was deleted as its ledger entry has it.
    pub object: ListedObject,
    /// What the ledger lacks.
    pub why: Why,
}

impl Missed {
    /// The message that announces it to ingest.
    #[must_use]
    pub fn announcement(&self, region: &str, raw_bucket: &str, at: DateTime<Utc>) -> String {
        let ListedObject { key, size_bytes, .. } = &self.object;
        match self.why {
            Why::NeverSeen | Why::Replaced | Why::Abandoned | Why::Unnoticed => {
                announce::current(region, raw_bucket, key, *size_bytes, at)
            }
            Why::Deleted | Why::GoneUnnoticed => announce::removal(region, raw_bucket, key, at),
        }
    }
}

/// How far a sweep has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries of the ledger.
    pub entries: u64,
    /// Objects of the raw bucket, of the prefix that was asked for.
    pub objects: u64,
    /// Of these: too young to be judged.
    pub young: u64,
    /// Of these: folder markers, and what Lakegate wrote itself.
    pub not_files: u64,
    /// Entries that were read, as the listings left them in doubt.
    pub read: u64,
    /// Of these: a worker, or the queue, has them in hand.
    pub in_work: u64,
    /// Of these: their queue gave them up after many attempts, and they are in the dead-letter queue.
    pub given_up: u64,
    /// Of these: their entries do not parse, which ingest would tell of.
    pub unreadable: u64,
    /// Of these: missed. And deletions that were missed, or whose notices were not sent.
    pub missed: u64,
    /// Objects that were deleted, whose rows stand and should not.
    pub deleted: u64,
    /// Entries without an object that were not read, because there are too many: a later sweep reads them, and a deep one.
    pub unlisted_unread: u64,
}

/// A sweep under way.
#[derive(Debug)]
pub struct Sweep<'a> {
    buckets: Buckets<'a>,
    prefix: String,
    scope: Scope,
    /// By the hash in their names.
    written: Vec<Written>,
    /// Entries without an object are looked at.
    looks_beyond: bool,
    /// The contracts, if any of them wants the rows of deleted objects removed.
    removing: Option<Deployed>,
    /// The datasets whose freshness is looked at.
    watched: Vec<Watched>,
    next: Next,
    counts: Counts,
}

/// An entry of the ledger's listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Written {
    hash: u64,
    /// In seconds since 1970.
    at: i64,
    /// Its object stands.
    is_listed: bool,
}

/// What is to be listed next, and behind which page.
#[derive(Debug)]
enum Next {
    Objects(Option<String>),
    /// The ledger once more, for the entries of these hashes.
    Unlisted(Option<String>, Vec<u64>),
    Nothing,
}

impl<'a> Sweep<'a> {
    /// Lists the ledger, and tells after every page how far it has come. `scope.now` must be the time before this call: an entry that
    /// is written meanwhile is about a younger object, or is read again before its object counts as missed.
    ///
    /// Deletions are looked for if a contract wants rows removed; below a prefix other than that of all files, for which every entry without
    /// an object there would have to be read, by a deep sweep only.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn begin(
        buckets: Buckets<'a>,
        prefix: &str,
        scope: Scope,
        progress: impl Fn(Counts),
    ) -> Result<Self, LakeError> {
        let mut written = Vec::new();
        let mut counts = Counts::default();
        let mut after = None;
        loop {
            let page = buckets.lake.page(layout::LEDGER_PREFIX, after.as_deref()).await?;
            for entry in &page.objects {
                let at = entry.last_modified.timestamp();
                written.extend(hash_of_entry(&entry.key).map(|hash| Written { hash, at, is_listed: false }));
            }
            counts.entries = u64::try_from(written.len()).unwrap_or(u64::MAX);
            progress(counts);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        written.sort_unstable();
        let (mut removing, mut watched) = (None, Vec::new());
        let looks_beyond = prefix == buckets.raw_prefix || scope.is_deep;
        if looks_beyond {
            let contracts = Contracts::new(buckets.lake_bucket.to_owned()).deployed(buckets.objects).await?;
            if prefix == buckets.raw_prefix {
                watched = Watched::of_contracts(&contracts);
            }
            removing = Some(contracts).filter(Deployed::remove_any);
        }
        let (prefix, next) = (prefix.to_owned(), Next::Objects(None));
        Ok(Self { buckets, prefix, scope, written, looks_beyond, removing, watched, next, counts })
    }

    /// The datasets whose contracts promise how often their files come, once all objects were seen; none before.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn freshness(&self) -> Result<Vec<Freshness>, LakeError> {
        if !matches!(self.next, Next::Nothing) {
            return Ok(Vec::new());
        }
        let mut measured = Vec::with_capacity(self.watched.len());
        for watched in &self.watched {
            measured.push(watched.measured(&self.buckets, self.scope.now).await?);
        }
        Ok(measured)
    }

    /// How far it has come.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What was missed among the next 1,000 objects, or entries without an object; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn next(&mut self) -> Result<Option<Vec<Missed>>, LakeError> {
        let missed = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Objects(after) => self.next_objects(after.as_deref()).await?,
            Next::Unlisted(after, chosen) => self.next_unlisted(after.as_deref(), chosen).await?,
            Next::Nothing => return Ok(None),
        };
        self.counts.missed += u64::try_from(missed.len()).unwrap_or_default();
        Ok(Some(missed))
    }

    async fn next_objects(&mut self, after: Option<&str>) -> Result<Vec<Missed>, LakeError> {
        let page = self.buckets.raw.page(&self.prefix, after).await?;
        self.next = page.next.map_or(Next::Nothing, |after| Next::Objects(Some(after)));
        let mut doubtful = Vec::new();
        for object in page.objects {
            self.counts.objects += 1;
            if layout::is_own_object(self.buckets.lake_bucket, self.buckets.raw_bucket, &object.key) {
                self.counts.not_files += 1;
                continue;
            }
            let written = self.list(&object.key);
            if let Some(written) = written {
                let bucket = self.buckets.raw_bucket;
                self.watched.iter_mut().for_each(|watched| watched.see(bucket, &object.key, written));
            }
            match glance(&object, written, &self.scope) {
                Glance::Young => self.counts.young += 1,
                Glance::NoFile => self.counts.not_files += 1,
                Glance::Settled => {}
                Glance::Doubtful => doubtful.push((object, written)),
            }
        }
        self.counts.read += u64::try_from(doubtful.len()).unwrap_or_default();
        let mut missed = Vec::new();
        for (object, verdict) in self.judged(doubtful).await? {
            match verdict {
                Verdict::Settled => {}
                Verdict::InWork => self.counts.in_work += 1,
                Verdict::GivenUp => self.counts.given_up += 1,
                Verdict::Unreadable => self.counts.unreadable += 1,
                Verdict::Missed(why) => missed.push(Missed { object, why }),
            }
        }
        if matches!(self.next, Next::Nothing) {
            self.next = self.first_unlisted();
        }
        Ok(missed)
    }

    /// Notes that an object stands: when its entry was written.
    fn list(&mut self, key: &str) -> Option<DateTime<Utc>> {
        let hash = hash_of_entry(&layout::ledger_object(self.buckets.raw_bucket, key))?;
        let index = self.written.binary_search_by_key(&hash, |entry| entry.hash).ok()?;
        let written = self.written.get_mut(index)?;
        written.is_listed = true;
        DateTime::from_timestamp(written.at, 0)
    }

    /// Reads the entries of objects, some at once, as they are now.
    async fn judged(
        &self,
        doubtful: Vec<(ListedObject, Option<DateTime<Utc>>)>,
    ) -> Result<Vec<(ListedObject, Verdict)>, LakeError> {
        let Buckets { objects, raw_bucket, lake_bucket, .. } = &self.buckets;
        let judge_one = async |(object, written): (ListedObject, Option<DateTime<Utc>>)| {
            let verdict = match ledger::read(objects, lake_bucket, raw_bucket, &object.key).await {
                Ok(entry) => judge(&object, entry.as_ref(), written, self.scope.now),
                // One broken document must not keep all others from being found.
                Err(LakeError::Unreadable { .. }) => Verdict::Unreadable,
                Err(error) => return Err(error),
            };
            Ok((object, verdict))
        };
        futures::stream::iter(doubtful).map(judge_one).buffered(READS_AT_ONCE).try_collect().await
    }
}

/// `ledger/<stem>-<16 hexadecimal digits>.json`; `None` for anything else that lies there.
fn hash_of_entry(key: &str) -> Option<u64> {
    let name = key.strip_suffix(".json")?;
    let (_, digits) = name.rsplit_once('-')?;
    if digits.len() == 16 { u64::from_str_radix(digits, 16).ok() } else { None }
}

/// The time as the listings have it.
pub(crate) fn utc(time: SystemTime) -> DateTime<Utc> {
    DateTime::from(time)
}

/// A time so long before.
pub(crate) fn before(time: SystemTime, span: Duration) -> DateTime<Utc> {
    utc(time.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_known_by_the_hash_in_its_name() {
        let name = layout::ledger_object("raw", "orders/2025-09.csv");
        assert_eq!(name, "ledger/2025-09-d360829ae363c99f.json");
        assert_eq!(hash_of_entry(&name), Some(0xd360_829a_e363_c99f));
        assert_eq!(hash_of_entry("ledger/-84184ae06558a49c.json"), Some(0x8418_4ae0_6558_a49c));
        for other in ["ledger/", "ledger/readme.txt", "ledger/a-1.json", "ledger/a-+4184ae06558a49.json.json"] {
            assert_eq!(hash_of_entry(other), None, "{other}");
        }
    }
}
