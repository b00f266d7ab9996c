//! Ledger entries added up: by state and dataset, with rates and times.
//! Pure: it must not read the ledger, nor a clock.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lakegate_lake::ledger::{Entry, State};
use serde::Serialize;

use crate::operate::shown;

/// What became of a number of files.
#[derive(Debug, Serialize)]
pub(crate) struct Tally {
    /// Of all datasets.
    pub(crate) total: Sums,
    /// Files of no dataset have an empty name.
    pub(crate) datasets: BTreeMap<String, Sums>,
    /// The newest first, as many as are asked for.
    pub(crate) files: Vec<File>,
    /// The file that has been in work the longest.
    pub(crate) oldest_in_work: Option<File>,
}

/// How many files came to what, and how fast.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Sums {
    pub(crate) files: u64,
    pub(crate) committed: u64,
    pub(crate) rejected: u64,
    pub(crate) failed: u64,
    /// Handed to the Glue job.
    pub(crate) heavy: u64,
    /// Deleted from their bucket, and from the table.
    pub(crate) removed: u64,
    /// A worker has it in hand, or the queue will bring it again.
    pub(crate) in_work: u64,
    /// Of these: the lease ended, and nobody came.
    pub(crate) without_worker: u64,
    pub(crate) rows_read: u64,
    pub(crate) rows_accepted: u64,
    pub(crate) rows_rejected: u64,
    pub(crate) bytes: u64,
    pub(crate) files_per_hour: f64,
    pub(crate) rows_per_hour: f64,
    pub(crate) bytes_per_hour: f64,
    /// From upload to outcome, of committed files; absent where no upload's time is known.
    pub(crate) median_secs: Option<u64>,
    pub(crate) slowest_secs: Option<u64>,
    #[serde(skip)]
    secs: Vec<u64>,
}

/// One file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct File {
    pub(crate) at: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
    pub(crate) dataset: Option<String>,
    pub(crate) state: State,
    pub(crate) is_without_worker: bool,
    pub(crate) size_bytes: u64,
    pub(crate) rows_read: u64,
    pub(crate) rows_accepted: u64,
    pub(crate) rows_rejected: u64,
    pub(crate) attempts: u32,
    pub(crate) uploaded_at: Option<String>,
    /// From the upload to this state.
    pub(crate) secs_since_upload: Option<u64>,
    /// From opening the file to this state.
    pub(crate) elapsed_ms: u64,
    pub(crate) error: Option<String>,
    /// Why the file as a whole was rejected or failed.
    pub(crate) message: Option<String>,
}

impl Tally {
    /// Adds up entries of that span, the newest first.
    pub(crate) fn of(entries: &[Entry], span: Duration, limit: usize, now: DateTime<Utc>) -> Self {
        let mut tally = Self {
            total: Sums::default(),
            datasets: BTreeMap::new(),
            files: entries.iter().take(limit).map(|entry| File::new(entry, now)).collect(),
            oldest_in_work: None,
        };
        for entry in entries {
            let file = File::new(entry, now);
            tally.total.add(&file);
            tally.datasets.entry(entry.dataset.clone().unwrap_or_default()).or_default().add(&file);
            let is_in_work = matches!(file.state, State::Working | State::Publishing | State::Heavy);
            if is_in_work && tally.oldest_in_work.as_ref().is_none_or(|oldest| file.at < oldest.at) {
                tally.oldest_in_work = Some(file);
            }
        }
        tally.total.finish(span);
        for sums in tally.datasets.values_mut() {
            sums.finish(span);
        }
        tally
    }
}

impl Sums {
    fn add(&mut self, file: &File) {
        self.files += 1;
        self.bytes += file.size_bytes;
        self.rows_read += file.rows_read;
        self.rows_accepted += file.rows_accepted;
        self.rows_rejected += file.rows_rejected;
        self.without_worker += u64::from(file.is_without_worker);
        match file.state {
            State::Committed => {
                self.committed += 1;
                self.secs.extend(file.secs_since_upload);
            }
            State::Rejected => self.rejected += 1,
            State::Failed => self.failed += 1,
            State::Heavy => self.heavy += 1,
            State::Removed => self.removed += 1,
            State::Working | State::Publishing => self.in_work += 1,
        }
    }

    fn finish(&mut self, span: Duration) {
        let hours = (span.as_secs_f64() / 3_600.0).max(f64::MIN_POSITIVE);
        #[allow(clippy::cast_precision_loss, reason = "a rate is read, not reckoned with")]
        let per_hour = |number: u64| number as f64 / hours;
        self.files_per_hour = per_hour(self.files);
        self.rows_per_hour = per_hour(self.rows_read);
        self.bytes_per_hour = per_hour(self.bytes);
        self.secs.sort_unstable();
        self.median_secs = self.secs.get(self.secs.len() / 2).copied();
        self.slowest_secs = self.secs.last().copied();
    }
}

impl File {
    fn new(entry: &Entry, now: DateTime<Utc>) -> Self {
        let parsed = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
        let uploaded = entry.source.last_modified.as_deref().and_then(parsed);
        let waited = uploaded.zip(parsed(&entry.at)).map(|(uploaded, at)| (at - uploaded).num_seconds());
        let is_in_work = matches!(entry.state, State::Working | State::Publishing);
        Self {
            at: entry.at.clone(),
            bucket: entry.source.bucket.clone(),
            key: entry.source.key.clone(),
            version_id: entry.source.version_id.clone(),
            dataset: entry.dataset.clone(),
            state: entry.state,
            is_without_worker: is_in_work && !entry.is_leased(now.into()),
            size_bytes: entry.source.size_bytes,
            rows_read: entry.rows_read,
            rows_accepted: entry.rows_accepted,
            rows_rejected: entry.rows_rejected,
            attempts: entry.attempts,
            uploaded_at: uploaded.map(shown::rfc3339),
            // The clocks of S3 and of the function differ a little.
            secs_since_upload: waited.map(|secs| u64::try_from(secs).unwrap_or(0)),
            elapsed_ms: entry.elapsed_ms,
            error: entry.file_error.as_ref().map(|error| error.kind.clone()),
            message: entry.file_error.as_ref().map(|error| error.message.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> DateTime<Utc> {
        "2026-01-10T12:00:00Z".parse().unwrap()
    }

    fn entry(key: &str, state: &str, at: &str, uploaded: Option<&str>, lease_until: Option<&str>) -> Entry {
        let mut document = json!({
            "version": 1, "state": state, "dataset": "orders", "contract_version": "1", "engine_version": "1",
            "source": {"bucket": "raw", "key": key, "version_id": "v1", "etag": "a", "sequencer": null, "size_bytes": 1_000},
            "rows_read": 10, "rows_accepted": 8, "rows_rejected": 2, "rows_duplicate": 0, "violations": {}, "file_error": null,
            "outputs": [], "rejects_path": null, "lease_until": lease_until, "at": at, "elapsed_ms": 1, "attempts": 1,
        });
        if let Some(uploaded) = uploaded {
            document["source"]["last_modified"] = uploaded.into();
        }
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn files_are_added_up_by_state_and_dataset() {
        let of_none = |mut entry: Entry| {
            entry.dataset = None;
            entry
        };
        let entries = [
            entry("a", "committed", "2026-01-10T11:59:00Z", Some("2026-01-10T11:58:50Z"), None),
            entry("b", "committed", "2026-01-10T11:58:00Z", Some("2026-01-10T11:58:03Z"), None),
            entry("c", "committed", "2026-01-10T11:57:00Z", Some("2026-01-10T11:50:00Z"), None),
            entry("d", "rejected", "2026-01-10T11:56:00Z", None, None),
            entry("e", "working", "2026-01-10T11:55:00Z", None, Some("2026-01-10T12:01:00Z")),
            entry("f", "publishing", "2026-01-10T11:00:00Z", None, Some("2026-01-10T11:59:59Z")),
            entry("g", "heavy", "2026-01-10T11:30:00Z", None, None),
            of_none(entry("h", "failed", "2026-01-10T11:29:00Z", None, None)),
            entry("i", "removed", "2026-01-10T11:28:00Z", None, None),
        ];
        let tally = Tally::of(&entries, Duration::from_hours(2), 3, now());
        let total = &tally.total;
        assert_eq!([total.files, total.committed, total.rejected, total.failed, total.heavy], [9, 3, 1, 1, 1]);
        assert_eq!([total.removed, total.in_work, total.without_worker], [1, 2, 1]);
        assert_eq!([total.rows_read, total.rows_rejected], [90, 18]);
        assert!((total.files_per_hour - 4.5).abs() < 1e-9 && (total.bytes_per_hour - 4_500.0).abs() < 1e-9);
        assert_eq!(
            (total.median_secs, total.slowest_secs),
            (Some(10), Some(420)),
            "a clock that is behind waits for 0 s"
        );
        assert_eq!(tally.datasets.keys().collect::<Vec<_>>(), ["", "orders"]);
        assert_eq!((tally.datasets["orders"].files, tally.datasets[""].failed), (8, 1));
        assert_eq!(tally.files.iter().map(|file| file.key.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(tally.oldest_in_work.map(|file| file.key).as_deref(), Some("f"));
    }

    #[test]
    fn no_file_is_no_rate() {
        let tally = Tally::of(&[], Duration::ZERO, 3, now());
        assert_eq!((tally.total.files, tally.total.median_secs), (0, None));
        assert!(tally.total.files_per_hour.abs() < 1e-9);
    }
}
