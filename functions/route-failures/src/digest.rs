//! Failure records as one mail that a tired person understands. Pure: records in, subject and body out.
//! It must not show a cell value, and it knows none.

mod end;
mod subject;
mod words;

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use lakegate_lake::alerts::MESSAGE_MAX_BYTES;
use lakegate_lake::failure::{FailureKind, FailureRecord, RowCounts, Violations, by_frequency};
use lakegate_lake::layout::{REJECTS_TABLE, is_fetched_object};

use crate::advice;
use crate::commands::Commands;
use subject::subject;
use words::{datasets, datasets_are, files, grouped, messages, printable, rows, when};

/// Files that are described one by one; the others are counted.
const FILES_SHOWN: usize = 20;
/// Datasets whose files are counted by name; the others are counted together.
const DATASETS_SHOWN: usize = 50;
/// Counts by column and rule that are shown for one file.
const RULES_SHOWN: usize = 8;

/// A mail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    /// Below 100 ASCII characters.
    pub(crate) subject: String,
    /// Plain text.
    pub(crate) body: String,
}

/// Failures of one kind, of one dataset and owner.
struct Group<'a> {
    kind: &'a FailureKind,
    dataset: &'a str,
    owner: Option<&'a str>,
    /// By object.
    records: Vec<&'a FailureRecord>,
    /// How many of them are described one by one.
    shown: usize,
}

/// Writes the mail about failures that are in the dead-letter queue by now.
pub(crate) fn write(records: &[FailureRecord], commands: &Commands<'_>) -> Digest {
    let groups = groups(records);
    let (mut body, mut end) = (String::new(), String::new());
    let late = records.iter().filter(|record| is_late(&record.kind)).count();
    let unfetched = records.iter().filter(|record| is_unfetched(&record.kind)).count();
    let unpublished = records.iter().filter(|record| is_unpublished(&record.kind)).count();
    let unloaded = records.iter().filter(|record| is_unloaded(&record.kind)).count();
    let failed = records.len() - late - unfetched - unpublished - unloaded;
    // Writing to a String cannot fail.
    let _ = write_failures(&mut body, failed, [late, unfetched, unloaded], &groups);
    let _ = end::write_runs(&mut end, commands, &groups);
    let _ = if failed > 0 { end::write_replay(&mut end, commands, &groups) } else { end::write_runbook(&mut end) };
    shorten(&mut body, MESSAGE_MAX_BYTES.saturating_sub(end.len()));
    body.push_str(&end);
    Digest { subject: subject(records), body }
}

/// By kind, dataset and owner; each group has a fair share of the files that are shown.
fn groups(records: &[FailureRecord]) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<(&FailureKind, &str, Option<&str>), Vec<&FailureRecord>> = BTreeMap::new();
    for record in records {
        groups.entry((&record.kind, dataset(record), record.owner.as_deref())).or_default().push(record);
    }
    let mut groups: Vec<Group<'_>> = groups
        .into_iter()
        .map(|((kind, dataset, owner), records)| Group { kind, dataset, owner, records, shown: 0 })
        .collect();
    // Stable: the groups of a kind stay together, and the largest ones come first where not all can have a file shown.
    groups.sort_by_key(|group| std::cmp::Reverse(group.records.len()));
    let mut left = records.len().min(FILES_SHOWN);
    while left > 0 {
        for group in &mut groups {
            if left > 0 && group.shown < group.records.len() {
                group.shown += 1;
                left -= 1;
            }
        }
    }
    groups.sort_by_key(|group| group.kind);
    for group in &mut groups {
        group.records.sort_by_cached_key(|record| (url(record), record.at.clone()));
    }
    groups
}

/// `of_datasets`: how many are late, not fetched, and not loaded.
fn write_failures(out: &mut String, count: usize, of_datasets: [usize; 3], groups: &[Group<'_>]) -> fmt::Result {
    let [late, unfetched, unloaded] = of_datasets;
    if count > 0 {
        let are_messages = groups.iter().any(|group| *group.kind == FailureKind::UnreadableMessage);
        let things = match (count, are_messages) {
            (_, false) => files(count),
            (1, true) => "1 file or message".to_owned(),
            (_, true) => format!("{} or messages", files(count)),
        };
        writeln!(out, "{things} did not make it into the lake.")?;
        writeln!(
            out,
            "Every event waits in the dead-letter queue, for 14 days; replaying it too early or twice does no harm."
        )?;
        writeln!(out, "What of a file was published before still stands, unless its problem says otherwise.")?;
    }
    if late > 0 {
        writeln!(
            out,
            "{} late: no file of it was taken in for longer than its contract promises.",
            datasets_are(late)
        )?;
    }
    if unfetched > 0 {
        let what = "nothing of this run was written, and the next one begins where the last good one ended.";
        writeln!(out, "{} not fetched: {what}", datasets_are(unfetched))?;
    }
    if groups.iter().any(|group| is_unpublished(group.kind)) {
        writeln!(out, "The dashboard is not up to date, or not whole: its sections say which of them are.")?;
    }
    if unloaded > 0 {
        let what = "the lake has its rows, and the warehouse has what it had before.";
        writeln!(out, "{} not loaded: {what}", datasets_are(unloaded))?;
    }
    let mut names_left = DATASETS_SHOWN;
    for of_kind in groups.chunk_by(|a, b| a.kind == b.kind) {
        write_kind(out, of_kind, &mut names_left)?;
    }
    Ok(())
}

/// What happened and what to do; how many files of which datasets, if not all of them are shown; and the first files.
fn write_kind(out: &mut String, groups: &[Group<'_>], names_left: &mut usize) -> fmt::Result {
    let Some(first) = groups.first() else {
        return Ok(());
    };
    let advice = advice::of(first.kind);
    let (count, shown) = (total(groups), groups.iter().map(|group| group.shown).sum::<usize>());
    let things = if is_unpublished(first.kind) {
        "the dashboard".to_owned()
    } else if is_of_dataset(first.kind) {
        datasets(count)
    } else if *first.kind == FailureKind::UnreadableMessage {
        messages(count)
    } else {
        files(count)
    };
    writeln!(out, "\n{}: {} ({})", things.to_uppercase(), advice.what, printable(&first.kind.to_string()))?;
    let is_any = |is_fetched_too: bool| {
        groups.iter().flat_map(|group| &group.records).any(|record| is_fetched(record) == is_fetched_too)
    };
    let of_fetched = advice::of_fetched(first.kind).filter(|_| is_any(true));
    if of_fetched.is_none() || is_any(false) {
        writeln!(out, "What to do: {}", advice.to_do)?;
    }
    if let Some(of_fetched) = of_fetched {
        writeln!(out, "What to do (files from an API): {of_fetched}")?;
    }
    writeln!(out, "How urgent: {}", advice::care(first.kind).urgency)?;
    if shown < count {
        let (named, others) = groups.split_at(groups.len().min(*names_left));
        *names_left -= named.len();
        writeln!(out)?;
        for group in named {
            writeln!(out, "  {}: {}", whose(group.dataset, group.owner), files(group.records.len()))?;
        }
        if !others.is_empty() {
            writeln!(out, "  {} datasets or owners that are not named here: {}", others.len(), files(total(others)))?;
        }
        if shown > 0 {
            writeln!(out, "\n{shown} of them:")?;
        }
    }
    for record in groups.iter().flat_map(|group| group.records.iter().take(group.shown)) {
        writeln!(out)?;
        write_record(out, record)?;
    }
    Ok(())
}

fn total(groups: &[Group<'_>]) -> usize {
    groups.iter().map(|group| group.records.len()).sum()
}

fn whose(dataset: &str, owner: Option<&str>) -> String {
    let owner = owner.map_or_else(|| "owner unknown".to_owned(), |owner| format!("owner {owner}"));
    format!("{}, {}", printable(dataset), printable(&owner))
}

fn write_record(out: &mut String, record: &FailureRecord) -> fmt::Result {
    let thing = if is_of_dataset(&record.kind) { dataset(record).to_owned() } else { url(record) };
    writeln!(out, "* {}", printable(&thing))?;
    writeln!(out, "  dataset:  {}", whose(dataset(record), record.owner.as_deref()))?;
    writeln!(out, "  problem:  {}", printable(&record.summary))?;
    if is_fetched(record) {
        writeln!(out, "  fetched:  from an API, by the function fetch-api")?;
    }
    if let Some(last_good_at) = &record.last_good_at {
        writeln!(out, "  last ok:  {}", printable(&when(last_good_at)))?;
    }
    // Of a file that is refused as a whole no row is read.
    if let Some(RowCounts { read, accepted, rejected }) = record.rows.filter(|rows| rows.read > 0) {
        let [read, accepted, rejected] = [read, accepted, rejected].map(grouped);
        writeln!(out, "  rows:     {read} read, {accepted} good, {rejected} rejected; none of them is published")?;
    }
    if !record.violations.is_empty() {
        writeln!(out, "  broken:   {}", printable(&rules(&record.violations)))?;
    }
    if let Some(rejects) = &record.rejects {
        writeln!(out, "  rejects:  {}", printable(rejects))?;
        if let Some(query) = rejects_query(record) {
            writeln!(out, "            or in Athena: {query}")?;
        }
    }
    if let Some(link) = &record.link {
        writeln!(out, "  see:      {}", printable(link))?;
    }
    if let Some(version_id) = record.source.as_ref().and_then(|source| source.version_id.as_deref()) {
        writeln!(out, "  version:  {}", printable(version_id))?;
    }
    if let Some(trace_id) = &record.trace_id {
        writeln!(out, "  trace:    {}", printable(trace_id))?;
    }
    writeln!(out, "  when:     {}", printable(&when(&record.at)))
}

fn rules(violations: &Violations) -> String {
    let counts = by_frequency(violations);
    let (shown, rest) = counts.split_at(counts.len().min(RULES_SHOWN));
    let mut parts = Vec::with_capacity(shown.len() + 1);
    for (column, rule, count) in shown {
        let column = if column.is_empty() { "(whole row)" } else { column };
        parts.push(format!("{column} {rule} ({})", rows(*count)));
    }
    if !rest.is_empty() {
        parts.push(format!("and {} more", rest.len()));
    }
    parts.join(", ")
}

/// The rejected rows of a file, for whoever cannot open Parquet at hand.
fn rejects_query(record: &FailureRecord) -> Option<String> {
    let (dataset, source) = (record.dataset.as_deref()?, record.source.as_ref()?);
    let key = source.key.replace('\'', "''");
    let query = format!(
        "SELECT line, violations, raw FROM {REJECTS_TABLE} WHERE dataset = '{dataset}' AND source_key = '{key}'"
    );
    // One that cannot be shown as it is finds nothing.
    (printable(&query) == query).then_some(query)
}

fn url(record: &FailureRecord) -> String {
    record.source.as_ref().map_or_else(|| "(no file is known)".to_owned(), lakegate_lake::failure::FailedSource::url)
}

/// By its name, which says so of nearly every such file, and of hardly any other.
fn is_fetched(record: &FailureRecord) -> bool {
    match (&record.source, &record.dataset) {
        (Some(source), Some(dataset)) => is_fetched_object(&source.key, dataset),
        (_, _) => false,
    }
}

fn dataset(record: &FailureRecord) -> &str {
    record.dataset.as_deref().unwrap_or("unknown dataset")
}

/// It is about a dataset, not about a file: there is no event that a replay could send.
pub(crate) fn is_of_dataset(kind: &FailureKind) -> bool {
    is_late(kind) || is_unfetched(kind) || is_unpublished(kind) || is_unloaded(kind)
}

fn is_unpublished(kind: &FailureKind) -> bool {
    *kind == FailureKind::DashboardFailed
}

fn is_late(kind: &FailureKind) -> bool {
    *kind == FailureKind::DataLate
}

fn is_unloaded(kind: &FailureKind) -> bool {
    matches!(kind, FailureKind::WarehouseLoadFailed | FailureKind::WarehouseConflict)
}

fn is_unfetched(kind: &FailureKind) -> bool {
    matches!(kind, FailureKind::SourceApiFailed | FailureKind::SourceApiChanged)
}

/// Cuts whole lines off.
fn shorten(text: &mut String, max_bytes: usize) {
    const NOTE: &str = "\n(The rest does not fit into a mail.)\n";
    if text.len() <= max_bytes {
        return;
    }
    let mut end = max_bytes.saturating_sub(NOTE.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.truncate(text.rfind('\n').map_or(0, |line_break| line_break + 1));
    text.push_str(NOTE);
}

#[cfg(test)]
mod of_dataset_tests;
#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
