//! What must stand after a run, and whether it does: the lake shows of a key the rows of the latest version that was accepted, whole.
//! It must not know how anything came to stand.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use lakegate_local::json::{list, number, text};
use serde_json::Value;

use super::service::Tally;
use super::standing::Standing;
use super::uploads::{Fate, File, Version};

/// Problems that are shown; the others are counted.
const SHOWN: usize = 25;
/// States in which an object is dealt with.
const SETTLED: [&str; 4] = ["committed", "rejected", "failed", "removed"];

/// What was uploaded, when all of it is.
#[derive(Debug)]
pub struct Uploaded {
    /// The files.
    pub files: Vec<File>,
    /// By file, the version that S3 made of each version.
    pub versions: Vec<Vec<String>>,
    /// Files that were deleted in the end.
    pub deleted: BTreeSet<usize>,
    /// Whether the contract says that the rows of deleted files leave the table, and deletions are announced.
    pub is_removing: bool,
}

/// What the oracle found, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Files.
    pub files: usize,
    /// Versions of all of them.
    pub versions: usize,
    /// Rows in the table.
    pub rows: usize,
    /// Dead letters.
    pub letters: usize,
    /// Dead letters beyond the first of a version: told again, because who told it was killed before it was noted.
    pub repeated: usize,
    /// Digests.
    pub digests: usize,
    /// Multipart uploads that killed processes left to the bucket's lifecycle rule.
    pub unfinished: usize,
}

struct Check<'a> {
    uploaded: &'a Uploaded,
    standing: &'a Standing,
    /// Bodies of messages whose process was killed when it may have told a failure.
    may_repeat: Vec<&'a str>,
    is_anybody_killed: bool,
    rows: BTreeMap<(usize, usize), Vec<&'a str>>,
    problems: Vec<String>,
    found: Found,
}

/// Compares what stands with what must, and says everything that differs.
///
/// # Errors
/// Something differs; the message lists what.
pub fn check(uploaded: &Uploaded, standing: &Standing, tallies: &[Tally]) -> Result<Found> {
    let mut check = Check {
        uploaded,
        standing,
        may_repeat: tallies.iter().flat_map(|tally| &tally.may_repeat).map(String::as_str).collect(),
        is_anybody_killed: tallies.iter().any(|tally| tally.killed() > 0),
        rows: BTreeMap::new(),
        problems: Vec::new(),
        found: Found { letters: standing.letters.len(), digests: standing.alerts.len(), ..Found::default() },
    };
    check.group_rows();
    for index in 0..uploaded.files.len() {
        check.file(index);
    }
    check.named_outputs();
    check.catalog();
    check.alerts();
    check.unfinished();
    for error in tallies.iter().flat_map(|tally| &tally.errors) {
        check.problems.push(format!("a function failed: {error}"));
    }
    if check.problems.is_empty() {
        return Ok(check.found);
    }
    let shown = check.problems.len().min(SHOWN);
    let first = check.problems.get(..shown).unwrap_or_default().join("\n  ");
    bail!("{} things do not stand as they must:\n  {first}", check.problems.len())
}

impl Check<'_> {
    /// A row's `id` begins with its file and version: `00012.1.7` is row 7 of version 1 of file 12.
    fn group_rows(&mut self) {
        for row in &self.standing.rows {
            let mut parts = row.split('.').map(str::parse);
            if let (Some(Ok(file)), Some(Ok(version))) = (parts.next(), parts.next()) {
                self.rows.entry((file, version)).or_default().push(row);
            } else {
                self.problems.push("a row in the table is nobody's".to_owned());
            }
        }
        self.found.rows = self.standing.rows.len();
        let expected = [self.found.rows.to_string(), self.found.rows.to_string()];
        let counted: Vec<&str> = self.standing.athena.iter().take(2).flatten().map(String::as_str).collect();
        if self.found.rows > 0 && counted != expected {
            self.problems.push(format!("the table has {} rows; Athena counts {counted:?}", self.found.rows));
        }
    }

    fn file(&mut self, index: usize) {
        let (Some(file), Some(versions)) = (self.uploaded.files.get(index), self.uploaded.versions.get(index)) else {
            return;
        };
        if versions.is_empty() {
            return;
        }
        self.found.files += 1;
        self.found.versions += versions.len();
        let is_deleted = self.uploaded.deleted.contains(&index);
        let Some(entry) = self.standing.ledger.get(&file.key) else {
            self.problems.push(format!("{}: no ledger entry", file.key));
            return;
        };
        let state = text(entry, "/state");
        if !SETTLED.contains(&state) || entry.get("lease_until").is_some() {
            self.problems.push(format!("{}: its ledger entry is still {state}", file.key));
        }
        // What no contract covers has nothing that could be removed.
        let is_covered = !file.versions.iter().any(Version::is_uncovered);
        let is_removed = is_deleted && is_covered && self.uploaded.is_removing;
        if is_removed != (state == "removed") || is_removed && !list(entry, "/outputs").is_empty() {
            self.problems.push(format!("{}: deleted: {is_deleted}, and its ledger entry says {entry}", file.key));
        }
        let stands = if is_removed { None } else { self.version_that_stands(file, versions, is_deleted) };
        self.rows_of(index, file, stands);
        self.entry_of(file, versions, entry, is_deleted);
        self.letters_of(file, versions, is_deleted);
        self.rejects_of(file, versions, stands, is_deleted, is_removed);
    }

    /// The latest version that was accepted: the last one, unless it is broken; then the latest that was ever committed. Versions that
    /// were replaced before they were looked at are nobody's.
    fn version_that_stands(&self, file: &File, versions: &[String], is_deleted: bool) -> Option<usize> {
        let last = versions.len().checked_sub(1)?;
        if !is_deleted && file.versions.get(last)?.is_accepted() {
            return Some(last);
        }
        let was_committed = |version: &String| self.standing.committed.contains(&(file.key.clone(), version.clone()));
        versions.iter().rposition(was_committed)
    }

    fn rows_of(&mut self, index: usize, file: &File, stands: Option<usize>) {
        for (version, uploaded) in file.versions.iter().enumerate() {
            let mut rows = self.rows.get(&(index, version)).cloned().unwrap_or_default();
            rows.sort_unstable();
            let expected: &[String] = match &uploaded.fate {
                Fate::Accepted { rows, .. } if stands == Some(version) => rows,
                Fate::Accepted { .. } | Fate::Refused { .. } => &[],
            };
            if rows != expected {
                let (has, must) = (rows.len(), expected.len());
                self.problems.push(format!(
                    "{}: version {version} has {has} rows in the table, must have {must}; {stands:?} should stand",
                    file.key
                ));
            }
        }
    }

    fn entry_of(&mut self, file: &File, versions: &[String], entry: &Value, is_deleted: bool) {
        if is_deleted {
            return;
        }
        let (Some(last), Some(version)) = (file.versions.last(), versions.last()) else {
            return;
        };
        let mut must = |what: &str, is: bool| {
            if !is {
                self.problems.push(format!("{}: its ledger entry has the wrong {what}: {entry}", file.key));
            }
        };
        must("version", text(entry, "/source/version_id") == version);
        let (accepted, rejected) = (number(entry, "/rows_accepted"), number(entry, "/rows_rejected"));
        match &last.fate {
            Fate::Accepted { rows, rejected: bad } => {
                must("state", text(entry, "/state") == "committed");
                must("count", accepted == rows.len() as u64 && rejected == *bad as u64);
                must("count", number(entry, "/rows_read") == accepted + rejected);
            }
            Fate::Refused { rejected: bad, .. } => {
                must("state", text(entry, "/state") != "committed");
                must("count", rejected == *bad as u64);
                must("outputs", list(entry, "/outputs").is_empty());
            }
        }
    }

    /// A version that lasts and is refused is told once; one that was replaced may never have been looked at. Who is killed between telling
    /// and noting it tells again.
    fn letters_of(&mut self, file: &File, versions: &[String], is_deleted: bool) {
        for (index, (version, uploaded)) in versions.iter().zip(&file.versions).enumerate() {
            let is_last = index + 1 == versions.len() && !is_deleted;
            let is_about = |record: &Value| {
                text(record, "/source/key") == file.key && text(record, "/source/version_id") == version
            };
            let kinds: Vec<&str> = self
                .standing
                .letters
                .iter()
                .filter(|(_, record)| is_about(record))
                .map(|(_, record)| text(record, "/kind"))
                .collect();
            let repeats = self.may_repeat.iter().filter(|body| body.contains(version)).count();
            let (least, most) = match uploaded.fate {
                Fate::Refused { .. } => (usize::from(is_last), 1 + repeats),
                Fate::Accepted { .. } => (0, usize::from(is_deleted)),
            };
            self.found.repeated += kinds.len().saturating_sub(1);
            if kinds.len() < least || kinds.len() > most {
                let has = kinds.len();
                self.problems.push(format!(
                    "{}: version {index} is told {has} times, must be {least} to {most}: {kinds:?}",
                    file.key
                ));
            }
            if let Fate::Refused { kind, .. } = uploaded.fate
                && let Some(other) = kinds.iter().find(|other| **other != kind && **other != "SourceMissing")
            {
                self.problems.push(format!("{}: version {index} is told as {other}, not {kind}", file.key));
            }
        }
    }

    fn rejects_of(
        &mut self,
        file: &File,
        versions: &[String],
        stands: Option<usize>,
        is_deleted: bool,
        is_removed: bool,
    ) {
        let last = versions.len().checked_sub(1);
        for (index, (version, uploaded)) in versions.iter().zip(&file.versions).enumerate() {
            let (Fate::Accepted { rejected, .. } | Fate::Refused { rejected, .. }) = &uploaded.fate;
            let has = self.standing.rejects.get(&(file.key.clone(), version.clone())).copied().unwrap_or_default();
            let is_kept = stands == Some(index);
            let is_current = last == Some(index) && !uploaded.is_accepted() && !is_deleted;
            // Rejects of refused versions in between are kept until a version is published. What is deleted may never have been read.
            let may_be_kept = !uploaded.is_accepted() && stands < Some(index) && !is_removed;
            let must = if is_kept || is_current { *rejected } else { 0 };
            if has != must && !(may_be_kept && has == *rejected) {
                let rows = format!("{has} rejected rows are kept, must be {must}");
                self.problems.push(format!("{}: version {index}: {rows}", file.key));
            }
        }
    }

    /// Nothing stands that no entry names, and what a committed entry names stands.
    fn named_outputs(&mut self) {
        let mut named = BTreeSet::new();
        for (key, entry) in &self.standing.ledger {
            let outputs = list(entry, "/outputs").iter().map(|output| text(output, "/path"));
            let written: Vec<&str> = outputs.chain(Some(text(entry, "/rejects_path"))).collect();
            for path in written.iter().filter(|path| !path.is_empty()) {
                if !self.standing.outputs.contains(*path) {
                    self.problems.push(format!("{key}: {path} is named by its ledger entry and does not stand"));
                }
            }
            named.extend(written);
            named.extend(list(entry, "/kept_paths").iter().filter_map(Value::as_str));
        }
        for path in &self.standing.outputs {
            if !named.contains(path.as_str()) {
                self.problems.push(format!("{path} stands and no ledger entry names it"));
            }
        }
    }

    fn catalog(&mut self) {
        for path in &self.standing.outputs {
            if let Some((folder, _)) = path.strip_prefix("lake/").and_then(|path| path.rsplit_once('/'))
                && !self.standing.partitions.contains(folder)
            {
                self.problems.push(format!("{folder} has files and is no partition in the catalog"));
            }
        }
    }

    /// Every digest says how many files it is about.
    fn alerts(&mut self) {
        let told: usize = self.standing.alerts.iter().map(|(_, body)| files_told(body)).sum();
        let letters = self.standing.letters.len();
        let is_right = if self.may_repeat.is_empty() { told == letters } else { told > 0 || letters == 0 };
        if !is_right {
            self.problems.push(format!("{letters} dead letters, and alerts about {told} files"));
        }
        for (_, record) in &self.standing.letters {
            let key = text(record, "/source/key");
            let is_listed = self.standing.alerts.iter().any(|(_, body)| body.contains(key) || body.contains(" MORE"));
            if !is_listed {
                self.problems.push(format!("{key} is dead-lettered and in no alert"));
            }
        }
    }

    fn unfinished(&mut self) {
        self.found.unfinished = self.standing.unfinished.len();
        if !self.is_anybody_killed && self.found.unfinished > 0 {
            self.problems.push(format!("{} unfinished uploads, and nobody was killed", self.found.unfinished));
        }
    }
}

/// `1,003 files did not make it into the lake.`
fn files_told(body: &str) -> usize {
    body.split(" file").next().and_then(|count| count.replace(',', "").trim().parse().ok()).unwrap_or_default()
}
