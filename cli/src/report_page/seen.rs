//! The ledger's entries as the page counts them: when, of which dataset, how long it took.
//! Pure: it must not read a clock, nor know how the page looks.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Utc};
use lakegate_lake::failure::by_frequency;
use lakegate_lake::ledger::{Entry, State};
use lakegate_report::Tone;

use crate::local_lake::LOCAL_BUCKET;
use crate::report_page::Gathered;
use crate::text_table::count;

/// The name of files of which no dataset is known.
pub(super) const NO_DATASET: &str = "(none)";
/// Rules that are named where a file as a whole was rejected for too many bad rows.
const RULES_NAMED: usize = 3;

/// An entry, and what is reckoned from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) entry: &'a Entry,
    /// When the ledger wrote it, Unix time.
    pub(super) at: i64,
    /// When S3 says that the file was written, Unix time. A local file's age tells nothing of how long it took.
    pub(super) uploaded: Option<i64>,
    /// A worker has it in hand, says the entry, but that one's time is over.
    pub(super) is_without_worker: bool,
}

/// Rows of judged files: read = accepted + rejected + duplicate + held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) read: u64,
    /// In the table.
    pub(super) accepted: u64,
    /// They break the contract.
    pub(super) rejected: u64,
    /// Exact duplicates that were dropped.
    pub(super) duplicate: u64,
    /// They keep the contract, but stand in a file that was rejected as a whole.
    pub(super) held: u64,
}

impl Rows {
    /// Of all these files.
    pub(super) fn of(seen: &[Seen]) -> Self {
        let mut rows = Self::default();
        for one in seen {
            rows.add(one.rows());
        }
        rows
    }

    pub(super) fn add(&mut self, other: Self) {
        self.read += other.read;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.duplicate += other.duplicate;
        self.held += other.held;
    }
}

/// True where all files lay on this machine: none was uploaded, and nothing was paid for.
pub(super) fn is_of_this_machine(gathered: &Gathered) -> bool {
    !gathered.entries.is_empty() && gathered.entries.iter().all(is_local)
}

fn is_local(entry: &Entry) -> bool {
    entry.source.bucket == LOCAL_BUCKET
}

/// All entries, the newest first; and the keys of those whose time cannot be read.
pub(super) fn all(gathered: &Gathered) -> (Vec<Seen<'_>>, Vec<&str>) {
    let (mut seen, mut timeless) = (Vec::new(), Vec::new());
    for entry in &gathered.entries {
        match Seen::new(entry, gathered.now) {
            Some(one) => seen.push(one),
            None => timeless.push(entry.source.key.as_str()),
        }
    }
    seen.sort_by_key(|one| (std::cmp::Reverse(one.at), &one.entry.source.key, &one.entry.source.bucket));
    (seen, timeless)
}

/// The entries of each dataset, by its name.
pub(super) fn by_dataset<'a>(seen: &[Seen<'a>]) -> BTreeMap<&'a str, Vec<Seen<'a>>> {
    let mut datasets: BTreeMap<&str, Vec<Seen>> = BTreeMap::new();
    for one in seen {
        datasets.entry(one.dataset()).or_default().push(*one);
    }
    datasets
}

impl<'a> Seen<'a> {
    fn new(entry: &'a Entry, now: DateTime<Utc>) -> Option<Self> {
        let parsed = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp());
        let is_in_work = matches!(entry.state, State::Working | State::Publishing);
        Some(Self {
            entry,
            at: parsed(&entry.at)?,
            uploaded: entry.source.last_modified.as_deref().filter(|_| !is_local(entry)).and_then(parsed),
            is_without_worker: is_in_work && !entry.is_leased(now.into()),
        })
    }

    pub(super) fn dataset(&self) -> &'a str {
        self.entry.dataset.as_deref().unwrap_or(NO_DATASET)
    }

    /// From the upload to this state. The clocks of S3 and of the function differ a little.
    pub(super) fn waited_secs(&self) -> Option<u64> {
        self.uploaded.map(|uploaded| u64::try_from(self.at - uploaded).unwrap_or(0))
    }

    /// Its rows, if it was judged; what is being published is not there yet.
    pub(super) fn rows(&self) -> Rows {
        let entry = self.entry;
        let (accepted, held) = match entry.state {
            State::Committed => (entry.rows_accepted, 0),
            State::Rejected => (0, entry.rows_accepted),
            State::Failed | State::Heavy | State::Removed | State::Working | State::Publishing => {
                return Rows::default();
            }
        };
        let (rejected, duplicate) = (entry.rows_rejected, entry.rows_duplicate);
        Rows { read: entry.rows_read, accepted, rejected, duplicate, held }
    }

    /// The state in a word, and how bad it is.
    pub(super) fn state(&self) -> (&'static str, Tone) {
        match self.entry.state {
            State::Committed => ("committed", Tone::Good),
            State::Rejected => ("rejected", Tone::Bad),
            State::Failed => ("failed", Tone::Bad),
            State::Heavy => ("to Glue", Tone::Warn),
            State::Removed => ("removed", Tone::Faint),
            State::Working | State::Publishing if self.is_without_worker => ("no worker", Tone::Warn),
            State::Working => ("working", Tone::Faint),
            State::Publishing => ("publishing", Tone::Faint),
        }
    }

    /// Why the file as a whole came to that state, in a sentence without any value of a cell.
    pub(super) fn why(&self) -> String {
        if self.is_without_worker {
            return "its worker is gone; the queue brings it again, after three hours a sweep does".to_owned();
        }
        if let Some(error) = &self.entry.file_error {
            return format!("{}: {}", error.kind, error.message);
        }
        let mut why = format!("{} of {} rows rejected", count(self.entry.rows_rejected), count(self.entry.rows_read));
        let broken = by_frequency(&self.entry.violations);
        for (index, (column, rule, rows)) in broken.iter().take(RULES_NAMED).enumerate() {
            let before = if index == 0 { ": " } else { ", " };
            let of = if column.is_empty() { String::new() } else { format!(" of {column}") };
            let _ = write!(why, "{before}{rule}{of} ({})", count(*rows));
        }
        if broken.len() > RULES_NAMED {
            why.push_str(", …");
        }
        why
    }
}
