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
/// Datasets whose files are counted by name; the others are counted together.
const DATASETS_SHOWN: usize = 50;
/// Of a text that a line shows: a key has 1,024 bytes at most (S3), and a query holds one.
const LINE_MAX_CHARS: usize = 1500;
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
pub(crate) fn write(records: &[FailureRecord], replay_command: &str) -> Digest {
    let groups = groups(records);
    let (mut body, mut end) = (String::new(), String::new());
    // Writing to a String cannot fail.
    let _ = write_failures(&mut body, records.len(), &groups);
    let _ = write_replay(&mut end, replay_command);
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

fn subject(records: &[FailureRecord]) -> String {
    let text = match records {
        [only] => {
            let name = only.source.as_ref().and_then(|source| source.key.rsplit('/').next()).unwrap_or("a message");
            format!("Lakegate: {}: {name}: {}", dataset(only), only.kind)
        }
        several => {
            let counts = largest_first(several.iter().map(dataset));
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

fn write_failures(out: &mut String, count: usize, groups: &[Group<'_>]) -> fmt::Result {
    writeln!(out, "{} did not make it into the lake.", files(count))?;
    writeln!(out, "Nothing is lost: every event waits in the dead-letter queue, for 14 days.")?;
    let mut names_left = DATASETS_SHOWN;
    for of_kind in groups.chunk_by(|a, b| a.kind == b.kind) {
        write_kind(out, of_kind, &mut names_left)?;
    }
    Ok(())
}

fn write_replay(out: &mut String, replay_command: &str) -> fmt::Result {
    writeln!(out, "\nTO REPLAY")?;
    writeln!(out, "When the causes are gone, this sends everything in the dead-letter queue through again:")?;
    writeln!(out, "  {replay_command}")?;
    writeln!(out, "Without --send it shows what it would send; --kind, --dataset and --key choose.")?;
    writeln!(out, "What was taken in before, or was uploaded anew since, is recognised and left alone.")
}

/// What happened and what to do; how many files of which datasets, if not all of them are shown; and the first files.
fn write_kind(out: &mut String, groups: &[Group<'_>], names_left: &mut usize) -> fmt::Result {
    let Some(first) = groups.first() else {
        return Ok(());
    };
    let advice = advice::of(first.kind);
    let (count, shown) = (total(groups), groups.iter().map(|group| group.shown).sum::<usize>());
    writeln!(out, "\n{}: {} ({})", files(count).to_uppercase(), advice.what, printable(&first.kind.to_string()))?;
    writeln!(out, "What to do: {}", advice.to_do)?;
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
    writeln!(out, "* {}", printable(&url(record)))?;
    writeln!(out, "  dataset:  {}", whose(dataset(record), record.owner.as_deref()))?;
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
            writeln!(out, "            or in Athena: {query}")?;
        }
    }
    if let Some(link) = &record.link {
        writeln!(out, "  see:      {}", printable(link))?;
    }
    if let Some(version_id) = record.source.as_ref().and_then(|source| source.version_id.as_deref()) {
        writeln!(out, "  version:  {}", printable(version_id))?;
    }
    writeln!(out, "  when:     {}", printable(&record.at))
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
    let query = format!(
        "SELECT line, violations, raw FROM {REJECTS_TABLE} WHERE dataset = '{dataset}' AND source_key = '{key}'"
    );
    // One that cannot be shown as it is finds nothing.
    (printable(&query) == query).then_some(query)
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

fn largest_first<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// Keys, contracts and messages may hold anything: line breaks, terminal escapes, marks that turn the reading direction round, whole
/// novels. A mail's line is one short line that reads as it stands.
fn printable(text: &str) -> String {
    let shown = text.chars().take(LINE_MAX_CHARS).map(|c| if is_deceptive(c) { '?' } else { c });
    let more = if text.chars().nth(LINE_MAX_CHARS).is_some() { "..." } else { "" };
    shown.chain(more.chars()).collect()
}

/// Control characters, line and paragraph separators, and what is invisible or acts upon its neighbours: most of Unicode's categories Cc,
/// Zl, Zp and Cf, and non-characters.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
        || matches!(c, '\u{FDD0}'..='\u{FDEF}' | '\u{FEFF}' | '\u{FFF0}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}' | '\u{E0000}'..='\u{E0FFF}')
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
#[path = "digest_tests.rs"]
mod tests;
