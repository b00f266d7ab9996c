//! How far an API was fetched: one document per dataset in the lake bucket, which one run at a time has in hand.
//! It must not know how an API is asked.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use lakegate_contract::{Contract, Incremental};
use lakegate_lake::failure::rfc3339;
use lakegate_lake::objects::{EntityTag, Objects};
use lakegate_lake::{LakeError, layout};
use serde::{Deserialize, Serialize};

use crate::error::FetchError;

/// By so much a lease outlasts its run: requests that were given up may still be carried out, as for leases of the ledger.
const LEASE_MARGIN: Duration = Duration::from_mins(1);
/// The same trouble is told again when it lasts so long: a daily run tells it daily.
const TOLD_FOR: TimeDelta = TimeDelta::hours(20);
/// So often within that time, if good runs lie between: trouble that comes and goes is no mail at each run.
const TELLINGS_MAX: u32 = 2;
/// Different troubles that are told within that time: whoever has so many mails knows that the source is in disorder.
const TROUBLES_MAX: usize = 8;

/// The document, `fetch/<table>.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Version of this shape.
    pub(crate) version: u32,
    /// How far it goes; `None`: nothing new has been asked for yet.
    pub(crate) reached: Option<Reached>,
    /// Who has it in hand.
    pub(crate) lease: Option<Lease>,
    /// The last file that was written.
    pub(crate) written: Option<Written>,
    /// What somebody was told of lately.
    #[serde(default)]
    pub(crate) told: Vec<Told>,
    /// When a run succeeded last, RFC 3339.
    pub(crate) fetched_at: Option<String>,
}

/// A mark that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// Where in a record it stands.
    pub(crate) field: String,
    /// As it stands there.
    pub(crate) mark: String,
    /// When it was reached, RFC 3339.
    pub(crate) at: String,
}

/// A run that has a source in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    /// The run.
    pub(crate) run: String,
    /// Until when, RFC 3339.
    pub(crate) until: String,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// In the raw bucket.
    pub(crate) key: String,
    /// Of its content.
    pub(crate) sha256: String,
}

/// What somebody was told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Which trouble it was: the same word for the same trouble.
    pub(crate) trouble: String,
    /// When it was told last, RFC 3339.
    pub(crate) at: String,
    /// How often it was told, each time before the former telling was forgotten.
    pub(crate) times: u32,
    /// Whether a run has succeeded since.
    pub(crate) is_over: bool,
}

/// A document that this run has in hand, and alone may write.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) progress: Progress,
    key: String,
    etag: EntityTag,
}

impl Progress {
    /// Whether this trouble is news: it was not told lately, or was over since.
    pub(crate) fn is_news(&self, trouble: &str, now: DateTime<Utc>) -> bool {
        let mut lately = self.told.iter().filter(|told| told.is_recent(now));
        match lately.find(|told| told.trouble == trouble) {
            Some(told) => told.is_over && told.times < TELLINGS_MAX,
            None => self.told.iter().filter(|told| told.is_recent(now)).count() < TROUBLES_MAX,
        }
    }

    /// Notes that somebody was told, and forgets what was told long ago.
    pub(crate) fn note_told(&mut self, trouble: String, now: DateTime<Utc>) {
        self.told.retain(|told| told.is_recent(now));
        let before = self.told.iter().find(|told| told.trouble == trouble).map_or(0, |told| told.times);
        self.told.retain(|told| told.trouble != trouble);
        self.told.push(Told { trouble, at: rfc3339(now), times: before + 1, is_over: false });
    }

    /// Notes that a run succeeded.
    pub(crate) fn note_success(&mut self, now: DateTime<Utc>) {
        self.fetched_at = Some(rfc3339(now));
        self.told.retain(|told| told.is_recent(now));
        for told in &mut self.told {
            told.is_over = true;
        }
    }

    /// From which mark on to ask.
    pub(crate) fn since<'p>(&'p self, incremental: &'p Incremental, url: &str) -> Result<Option<&'p str>, FetchError> {
        let Some(reached) = &self.reached else { return Ok(incremental.initial.as_deref()) };
        let field = incremental.field.as_str();
        if reached.field != field {
            let (url, kept, field) = (url.to_owned(), reached.field.clone(), field.to_owned());
            return Err(FetchError::OtherMark { url, kept, field });
        }
        Ok(Some(&reached.mark))
    }

    /// The key of the file that has what is fetched now. A run that is repeated from the same mark on writes the same file.
    pub(crate) fn file(&self, contract: &Contract, prefix: &str, suffix: &str) -> String {
        let since = self.reached.as_ref().filter(|_| has_marks(contract));
        let since = since.map(|reached| (reached.field.as_str(), reached.mark.as_str(), reached.at.as_str()));
        layout::fetched_object(prefix, &contract.table, since, suffix)
    }
}

impl Told {
    fn is_recent(&self, now: DateTime<Utc>) -> bool {
        time(&self.at).is_some_and(|at| now.signed_duration_since(at) < TOLD_FOR)
    }
}

fn has_marks(contract: &Contract) -> bool {
    contract.source.as_ref().is_some_and(|source| source.incremental.is_some())
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

/// Takes a dataset's document in hand; `None` when another run has it.
pub(crate) async fn take(
    objects: &Objects,
    bucket: &str,
    table: &str,
    run: &str,
    now: SystemTime,
    lasts: Duration,
) -> Result<Option<Hold>, LakeError> {
    let key = layout::fetch_object(table);
    let (mut progress, read) = match objects.get_json::<Progress>(bucket, &key).await? {
        Some((progress, etag)) => (progress, Some(etag)),
        None => (Progress { version: 1, ..Progress::default() }, None),
    };
    let held_until = progress.lease.as_ref().and_then(|lease| time(&lease.until));
    if held_until.is_some_and(|until| until > DateTime::<Utc>::from(now)) {
        return Ok(None);
    }
    let until = rfc3339((now + lasts + LEASE_MARGIN).into());
    progress.lease = Some(Lease { run: run.to_owned(), until });
    let etag = objects.replace_json(bucket, &key, &progress, read.as_ref()).await?;
    Ok(etag.map(|etag| Hold { progress, key, etag }))
}

impl Hold {
    /// Writes the document, and gives it out of hand.
    ///
    /// # Errors
    ///
    /// `LeaseLost` when another run has it by now; otherwise what S3 refused.
    pub(crate) async fn give_back(mut self, objects: &Objects, bucket: &str) -> Result<(), LakeError> {
        self.progress.lease = None;
        match objects.replace_json(bucket, &self.key, &self.progress, Some(&self.etag)).await? {
            Some(_) => Ok(()),
            None => Err(LakeError::LeaseLost { url: layout::url(bucket, &self.key) }),
        }
    }
}
