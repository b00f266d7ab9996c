//! Entries of the ledger whose objects are not in the bucket: those that were deleted, and whose rows stand all the same, or of which
//! downstream was not told.
//! It must not know how rows are removed.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use futures::stream::{StreamExt, TryStreamExt};
use lakegate_contract::Contract;

use super::verdict::{RECENT, time};
use super::{Missed, Next, READS_AT_ONCE, Sweep, Verdict, Why, Written, before, hash_of_entry, judge_unlisted};
use crate::LakeError;
use crate::ledger::Entry;
use crate::listing::ListedObject;

/// Most entries without an object that a sweep reads, unless it is a deep one: a minute, and less than a cent. Where files are removed
/// from the bucket and rows are kept there may be millions; then sweeps take turns at them.
const UNLISTED_MAX: usize = 20_000;
/// The time between two turns, which is that between two sweeps unless told otherwise.
const TURN: Duration = Duration::from_hours(1);

impl Sweep<'_> {
    /// What comes after the last object: the entries of those objects that were not listed; where every contract keeps rows, only those
    /// that may have a notice to send.
    pub(super) fn first_unlisted(&mut self) -> Next {
        if !self.looks_beyond {
            return Next::Nothing;
        }
        let recent = before(self.scope.now, RECENT).timestamp();
        let is_wanted = |entry: &&Written| !entry.is_listed && (self.removing.is_some() || entry.at > recent);
        let unlisted: Vec<u64> = self.written.iter().filter(is_wanted).map(|entry| entry.hash).collect();
        let all = unlisted.len();
        let max = if self.scope.is_deep { usize::MAX } else { UNLISTED_MAX };
        let chosen = turn(unlisted, max, self.scope.now);
        self.counts.unlisted_unread = u64::try_from(all - chosen.len()).unwrap_or_default();
        if chosen.is_empty() { Next::Nothing } else { Next::Unlisted(None, chosen) }
    }

    pub(super) async fn next_unlisted(
        &mut self,
        after: Option<&str>,
        chosen: Vec<u64>,
    ) -> Result<Vec<Missed>, LakeError> {
        // Only the listing has the whole names.
        let page = self.buckets.lake.page(crate::layout::LEDGER_PREFIX, after).await?;
        let is_chosen =
            |entry: &ListedObject| hash_of_entry(&entry.key).is_some_and(|hash| chosen.binary_search(&hash).is_ok());
        let entries: Vec<ListedObject> = page.objects.into_iter().filter(is_chosen).collect();
        self.counts.read += u64::try_from(entries.len()).unwrap_or_default();
        let this = &*self;
        let judged: Vec<(Option<ListedObject>, Verdict)> = futures::stream::iter(entries)
            .map(async |entry| this.judged_unlisted(&entry).await)
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        self.next = page.next.map_or(Next::Nothing, |after| Next::Unlisted(Some(after), chosen));
        let mut missed = Vec::new();
        for (object, verdict) in judged {
            match verdict {
                Verdict::Settled => {}
                Verdict::InWork => self.counts.in_work += 1,
                Verdict::GivenUp => self.counts.given_up += 1,
                Verdict::Unreadable => self.counts.unreadable += 1,
                Verdict::Missed(why) => missed.extend(object.map(|object| Missed { object, why })),
            }
        }
        let deleted = missed.iter().filter(|missed| missed.why == Why::Deleted).count();
        self.counts.deleted += u64::try_from(deleted).unwrap_or_default();
        Ok(missed)
    }

    /// Reads an entry as it is now, and then looks once more whether its object stands.
    async fn judged_unlisted(&self, listed: &ListedObject) -> Result<(Option<ListedObject>, Verdict), LakeError> {
        let super::Buckets { objects, raw, raw_bucket, lake_bucket, .. } = &self.buckets;
        let entry = match objects.get_json::<Entry>(lake_bucket, &listed.key).await {
            Ok(Some((entry, _))) => entry,
            Ok(None) => return Ok((None, Verdict::Settled)),
            Err(LakeError::Unreadable { .. }) => return Ok((None, Verdict::Unreadable)),
            Err(error) => return Err(error),
        };
        let source = &entry.source;
        let is_ours = source.bucket == *raw_bucket && source.key.starts_with(&self.prefix);
        let contract = self.removing.as_ref().and_then(|deployed| deployed.removing(&source.bucket, &source.key));
        // Files that expired while their contract kept the rows must not all vanish an hour after it says otherwise.
        let is_meant = |contract: &Contract| {
            self.scope.is_deep || entry.contract_version.as_deref() == Some(contract.version.as_str())
        };
        let is_meant = contract.as_deref().map(is_meant);
        let verdict = judge_unlisted(&entry, listed.last_modified, &self.scope);
        let is_missed = match verdict {
            Verdict::Missed(Why::GoneUnnoticed) => is_meant != Some(false),
            Verdict::Missed(_) | Verdict::InWork => is_meant == Some(true),
            Verdict::Settled | Verdict::GivenUp | Verdict::Unreadable => false,
        };
        if !is_ours || !is_missed {
            return Ok((None, Verdict::Settled));
        }
        if verdict == Verdict::InWork || raw.stands(&source.key).await? {
            return Ok((None, if verdict == Verdict::InWork { verdict } else { Verdict::Settled }));
        }
        let object = ListedObject {
            key: source.key.clone(),
            etag: source.etag.clone(),
            size_bytes: source.size_bytes,
            last_modified: time(source.last_modified.as_deref()).unwrap_or(listed.last_modified),
        };
        Ok((Some(object), verdict))
    }
}

/// So many of them, and others every hour, until all had their turn. What is chosen is in order, if they were.
fn turn(mut hashes: Vec<u64>, max: usize, now: SystemTime) -> Vec<u64> {
    let turns = hashes.len().div_ceil(max.max(1)).max(1);
    let hours = DateTime::<Utc>::from(now).timestamp().unsigned_abs() / TURN.as_secs();
    let first = usize::try_from(hours).unwrap_or_default() % turns * max;
    if turns > 1 {
        hashes.drain(..first);
        hashes.truncate(max);
    }
    hashes
}

#[cfg(test)]
#[path = "unlisted_tests.rs"]
mod tests;
