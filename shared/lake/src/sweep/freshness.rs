//! Datasets whose contracts promise how often their files come: whether they do.
//! It must not know who is told.
//!
//! A sweep has seen every object and when its ledger entry was written: the youngest entries of a dataset are read until one is committed,
//! and none behind it can be younger.
//! Only for a dataset that looks late the table's files are listed as well, as files may be removed once they are taken in.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Buckets, utc};
use crate::contracts::Deployed;
use crate::ledger::{self, State};
use crate::objects::Objects;
use crate::{LakeError, layout};

/// Entries that are read for one dataset: of files that all were rejected, or are in work, no more.
const READ_MAX: usize = 20;

/// A dataset whose contract promises how often its files come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// Its table.
    pub dataset: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Longest time between two files, in seconds.
    pub promised_secs: u64,
    /// When a file of it was taken in last; `None` where there never was one, or none that can be found.
    pub taken_in_at: Option<DateTime<Utc>>,
    /// By how much that is later than promised, in seconds.
    pub overdue_secs: u64,
}

/// What is known of a dataset while the bucket is listed.
#[derive(Debug)]
pub(super) struct Watched {
    dataset: String,
    owner: Option<String>,
    promised_secs: u64,
    location: lakegate_contract::Location,
    /// Keys by when their entries were written, oldest first.
    youngest: Vec<(DateTime<Utc>, String)>,
}

/// Which lateness of a dataset was told: a document under [`layout::FRESHNESS_PREFIX`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    version: u32,
    /// When a file of it had been taken in last.
    taken_in_at: DateTime<Utc>,
    at: String,
}

impl Watched {
    /// All whose contracts promise something.
    pub(super) fn of_contracts(deployed: &Deployed) -> Vec<Self> {
        let contracts = deployed.documents().filter_map(|(_, contract)| contract.ok());
        let watched = contracts.filter_map(|contract| {
            Some(Self {
                dataset: contract.table.clone(),
                owner: contract.owner.clone(),
                promised_secs: contract.freshness_secs?,
                location: contract.landing.location.clone(),
                youngest: Vec::new(),
            })
        });
        watched.collect()
    }

    /// An object stands, and its entry was written then.
    pub(super) fn see(&mut self, bucket: &str, key: &str, written: DateTime<Utc>) {
        let is_young =
            self.youngest.len() < READ_MAX || self.youngest.first().is_some_and(|(oldest, _)| written > *oldest);
        if !is_young || !self.location.matches(bucket, key) {
            return;
        }
        if self.youngest.len() == READ_MAX {
            self.youngest.remove(0);
        }
        let place = self.youngest.partition_point(|(other, _)| *other <= written);
        self.youngest.insert(place, (written, key.to_owned()));
    }

    /// Looks when a file of it was taken in last.
    pub(super) async fn measured(&self, buckets: &Buckets<'_>, now: SystemTime) -> Result<Freshness, LakeError> {
        let mut taken_in_at = self.last_commit(buckets).await?;
        if self.overdue_secs(taken_in_at, now) > 0 || taken_in_at.is_none() {
            taken_in_at = taken_in_at.max(youngest_file(buckets, &self.dataset).await?);
        }
        Ok(Freshness {
            dataset: self.dataset.clone(),
            owner: self.owner.clone(),
            promised_secs: self.promised_secs,
            taken_in_at,
            overdue_secs: self.overdue_secs(taken_in_at, now),
        })
    }

    /// An entry says when its file was taken in; it may have been written again since, but never before.
    async fn last_commit(&self, buckets: &Buckets<'_>) -> Result<Option<DateTime<Utc>>, LakeError> {
        let mut last = None;
        for (written, key) in self.youngest.iter().rev() {
            if last >= Some(*written) {
                break;
            }
            match ledger::read(buckets.objects, buckets.lake_bucket, buckets.raw_bucket, key).await {
                Ok(entry) => last = last.max(entry.and_then(|entry| self.taken_in_at(&entry))),
                Err(LakeError::Unreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(last)
    }

    /// When a file of this dataset was taken in, if the entry is of one.
    fn taken_in_at(&self, entry: &ledger::Entry) -> Option<DateTime<Utc>> {
        let is_ours = entry.state == State::Committed && entry.dataset.as_ref() == Some(&self.dataset);
        DateTime::parse_from_rfc3339(&entry.at).ok().filter(|_| is_ours).map(|at| at.to_utc())
    }

    /// One of which no file ever came is not late: nobody knows since when.
    fn overdue_secs(&self, taken_in_at: Option<DateTime<Utc>>, now: SystemTime) -> u64 {
        let since = taken_in_at.map(|at| (utc(now) - at).num_seconds());
        since.and_then(|secs| u64::try_from(secs).ok()).unwrap_or_default().saturating_sub(self.promised_secs)
    }
}

/// When the youngest file of a table was written.
async fn youngest_file(buckets: &Buckets<'_>, table: &str) -> Result<Option<DateTime<Utc>>, LakeError> {
    let (prefix, mut youngest, mut after) = (layout::table_prefix(table), None, None);
    loop {
        let page = buckets.lake.page(&prefix, after.as_deref()).await?;
        youngest = youngest.max(page.objects.iter().map(|object| object.last_modified).max());
        after = page.next;
        if after.is_none() {
            return Ok(youngest);
        }
    }
}

impl Freshness {
    /// Whether it turned late, and nobody was told of it yet.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn is_news(&self, objects: &Objects, lake_bucket: &str) -> Result<bool, LakeError> {
        let Some(taken_in_at) = self.taken_in_at.filter(|_| self.overdue_secs > 0) else { return Ok(false) };
        let told = objects.get_json::<Told>(lake_bucket, &layout::freshness_object(&self.dataset)).await;
        match told {
            Ok(told) => Ok(told.is_none_or(|(told, _)| told.taken_in_at < taken_in_at)),
            Err(LakeError::Unreadable { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Notes that its lateness was told.
    ///
    /// # Errors
    ///
    /// What S3 refused: then it is told again.
    pub async fn note_told(&self, objects: &Objects, lake_bucket: &str, at: String) -> Result<(), LakeError> {
        let Some(taken_in_at) = self.taken_in_at else { return Ok(()) };
        let told = serde_json::to_vec(&Told { version: 1, taken_in_at, at }).unwrap_or_default();
        objects.put(lake_bucket, &layout::freshness_object(&self.dataset), told.into()).await
    }

    /// What is told.
    #[must_use]
    pub fn summary(&self) -> String {
        let taken_in_at = self.taken_in_at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        let (since, promised) = (taken_in_at.unwrap_or_default(), span(self.promised_secs));
        let overdue = span(self.overdue_secs);
        format!(
            "no file of it was taken in since {since}: its contract promises one within {promised}, it is {overdue} late"
        )
    }
}

fn span(secs: u64) -> String {
    match secs {
        0..=119 => format!("{secs} s"),
        120..=7_199 => format!("{} min", secs / 60),
        7_200..=172_799 => format!("{} h", secs / 3_600),
        _ => format!("{} days", secs / 86_400),
    }
}

#[cfg(test)]
#[path = "freshness_tests.rs"]
mod tests;
