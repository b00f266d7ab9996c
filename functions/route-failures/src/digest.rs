//! Failure records as one mail that a tired person understands. Pure: records in, subject and body out.
//! It must not show a cell value, and it knows none.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use lakegate_lake::alerts::{MESSAGE_MAX_BYTES, SUBJECT_CHARS_BELOW};
use lakegate_lake::failure::{FailureKind, FailureRecord, RowCounts, Violations, by_frequency};
use lakegate_lake::layout::REJECTS_TABLE;

use crate::advice;

/// Files that are described one by one; the others are counted.
const FILES_SHOWN: usize = 20;
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

/// Writes the mail about failures that are in the dead-letter queue by now.
pub(crate) fn write(records: &[FailureRecord], replay_command: &str) -> Digest {
    let mut sorted: Vec<&FailureRecord> = records.iter().collect();
    sorted.sort_by(|a, b| {
        let by = |record: &FailureRecord| (record.kind.clone(), record.dataset.clone(), url(record), record.at.clone());
        by(a).cmp(&by(b))
    });
    let mut body = String::new();
    // Writing to a String cannot fail.
    let _ = write_body(&mut body, &sorted, replay_command);
    shorten(&mut body, MESSAGE_MAX_BYTES);
    Digest { subject: subject(&sorted), body }
}

fn subject(records: &[&FailureRecord]) -> String {
    let text = match records {
        [only] => {
            let name = only.source.as_ref().and_then(|source| source.key.rsplit('/').next()).unwrap_or("a message");
            format!("Lakegate: {}: {name}: {}", dataset(only), only.kind)
        }
        several => {
            let counts = largest_first(several.iter().map(|record| dataset(record).to_owned()));
            format!("Lakegate: {} failed: {counts}", files(several.len()))
        }
    };
    let mut text: String = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    if text.len() >= SUBJECT_CHARS_BELOW {
        text.truncate(SUBJECT_CHARS_BELOW - "...".len() - 1);
        text.push_str("...");
    }
    text
}

fn write_body(out: &mut String, records: &[&FailureRecord], replay_command: &str) -> fmt::Result {
    writeln!(out, "{} did not make it into the lake.", files(records.len()))?;
    writeln!(out, "Nothing is lost: every event waits in the dead-letter queue, for 14 days.")?;
    let (shown, rest) = records.split_at(records.len().min(FILES_SHOWN));
    for group in shown.chunk_by(|a, b| a.kind == b.kind) {
        write_group(out, group)?;
    }
    if !rest.is_empty() {
        writeln!(out, "\n{} MORE, NOT LISTED ABOVE", files(rest.len()).to_uppercase())?;
        let mut counts: BTreeMap<(String, &FailureKind), usize> = BTreeMap::new();
        for record in rest {
            *counts.entry((dataset(record).to_owned(), &record.kind)).or_default() += 1;
        }
        for ((dataset, kind), count) in counts {
            writeln!(out, "  {dataset}: {kind}: {count}")?;
        }
    }
    writeln!(out, "\nTO REPLAY")?;
    writeln!(out, "When the causes are gone, this sends everything in the dead-letter queue through again:")?;
    writeln!(out, "  {replay_command}")?;
    writeln!(out, "Without --send it shows what it would send; --kind, --dataset and --key choose.")?;
    writeln!(out, "What was taken in before, or was uploaded anew since, is recognised and left alone.")
}

fn write_group(out: &mut String, records: &[&FailureRecord]) -> fmt::Result {
    let Some(first) = records.first() else {
        return Ok(());
    };
    let advice = advice::of(&first.kind);
    writeln!(out, "\n{}: {} ({})", files(records.len()).to_uppercase(), advice.what, first.kind)?;
    writeln!(out, "What to do: {}", advice.to_do)?;
    for record in records {
        writeln!(out)?;
        write_record(out, record)?;
    }
    Ok(())
}

fn write_record(out: &mut String, record: &FailureRecord) -> fmt::Result {
    writeln!(out, "* {}", printable(&url(record)))?;
    let owner = record.owner.as_deref().map_or_else(|| "owner unknown".to_owned(), |owner| format!("owner {owner}"));
    writeln!(out, "  dataset:  {}, {}", printable(dataset(record)), printable(&owner))?;
    writeln!(out, "  problem:  {}", printable(&record.summary))?;
    if let Some(RowCounts { read, accepted, rejected }) = record.rows {
        writeln!(out, "  rows:     {read} read, {accepted} good, {rejected} rejected")?;
    }
    if !record.violations.is_empty() {
        writeln!(out, "  broken:   {}", printable(&rules(&record.violations)))?;
    }
    if let Some(rejects) = &record.rejects {
        writeln!(out, "  rejects:  {}", printable(rejects))?;
        if let Some(query) = rejects_query(record) {
            writeln!(out, "            or in Athena: {}", printable(&query))?;
        }
    }
    if let Some(link) = &record.link {
        writeln!(out, "  see:      {link}")?;
    }
    if let Some(version_id) = record.source.as_ref().and_then(|source| source.version_id.as_deref()) {
        writeln!(out, "  version:  {version_id}")?;
    }
    writeln!(out, "  when:     {}", record.at)
}

fn rules(violations: &Violations) -> String {
    let counts = by_frequency(violations);
    let (shown, rest) = counts.split_at(counts.len().min(RULES_SHOWN));
    let mut parts = Vec::with_capacity(shown.len() + 1);
    for (column, rule, count) in shown {
        let column = if column.is_empty() { "(whole row)" } else { column };
        parts.push(format!("{column} {rule} x {count}"));
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
    Some(format!(
        "SELECT line, violations, raw FROM {REJECTS_TABLE} WHERE dataset = '{dataset}' AND source_key = '{key}'"
    ))
}

fn url(record: &FailureRecord) -> String {
    record.source.as_ref().map_or_else(|| "(no file is known)".to_owned(), lakegate_lake::failure::FailedSource::url)
}

fn dataset(record: &FailureRecord) -> &str {
    record.dataset.as_deref().unwrap_or("unknown dataset")
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

fn largest_first(names: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// A key may hold line breaks and terminal escapes; a mail's line may not.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn shorten(text: &mut String, max_bytes: usize) {
    if text.len() <= max_bytes {
        return;
    }
    let mut end = max_bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
