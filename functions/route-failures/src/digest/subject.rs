//! A digest's subject: how many failed, of what, and the kind, in what a subject holds.
//! It must not say more than the body does.

use std::collections::{BTreeMap, BTreeSet};

use lakegate_lake::alerts::SUBJECT_CHARS_BELOW;
use lakegate_lake::failure::{FailureKind, FailureRecord, Stage};

use super::words::{datasets_are, files, grouped};
use super::{dataset, is_late, is_unfetched, is_unloaded};

/// Of one failure its dataset, file and kind; of several their number and datasets. ASCII that is shorter than SNS takes.
pub(super) fn subject(records: &[FailureRecord]) -> String {
    let text = match records {
        [only] => {
            let key = only.source.as_ref().map(|source| source.key.as_str());
            let unnamed = match only {
                late if is_late(&late.kind) => "no new file",
                unfetched if is_unfetched(&unfetched.kind) => "not fetched",
                unloaded if is_unloaded(&unloaded.kind) => "not loaded",
                other => without_file(other.stage),
            };
            let name = key.and_then(|key| key.rsplit('/').next()).unwrap_or(unnamed);
            match only.dataset.as_deref() {
                Some(dataset) => {
                    format!("Lakegate: {}: {}: {}", without_middle(dataset, 24), without_middle(name, 40), only.kind)
                }
                // Where nothing tells the dataset, its folder does.
                None => format!("Lakegate: {}: {}", without_middle(key.unwrap_or(name), 65), only.kind),
            }
        }
        several if several.iter().all(|record| is_late(&record.kind)) => {
            let counts = several.iter().map(dataset).collect::<Vec<_>>().join(", ");
            format!("Lakegate: {} late: {counts}", datasets_are(several.len()))
        }
        several if several.iter().all(|record| is_unfetched(&record.kind)) => {
            let counts = several.iter().map(dataset).collect::<Vec<_>>().join(", ");
            format!("Lakegate: {} not fetched: {counts}", datasets_are(several.len()))
        }
        several if several.iter().all(|record| is_unloaded(&record.kind)) => {
            let counts = several.iter().map(dataset).collect::<Vec<_>>().join(", ");
            format!("Lakegate: {} not loaded: {counts}", datasets_are(several.len()))
        }
        several => {
            let counts = largest_first(several.iter().map(dataset));
            format!("Lakegate: {} failed{}: {counts}", files(several.len()), of_kinds(several))
        }
    };
    let mut text: String = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    if text.len() >= SUBJECT_CHARS_BELOW {
        text.truncate(SUBJECT_CHARS_BELOW - "...".len() - 1);
        text.push_str("...");
    }
    text
}

/// What a failure is about that knows no file.
fn without_file(stage: Stage) -> &'static str {
    match stage {
        Stage::Ingest | Stage::StartGlue | Stage::Queue => "a message",
        Stage::Glue => "a Glue run",
        Stage::Sweep => "the sweep",
        Stage::FetchApi => "an API",
        Stage::LoadWarehouse => "the warehouse",
        Stage::PublishReport => "the page",
    }
}

/// A name of `chars_max` characters at most, with its beginning and its end, so that a subject has room for the kind behind it.
fn without_middle(name: &str, chars_max: usize) -> String {
    const END_CHARS: usize = 12;
    let count = name.chars().count();
    if count <= chars_max {
        return name.to_owned();
    }
    let beginning = name.chars().take(chars_max.saturating_sub(END_CHARS + "...".len()));
    beginning.chain("...".chars()).chain(name.chars().skip(count - END_CHARS)).collect()
}

/// One kind by its name; several are counted.
fn of_kinds(records: &[FailureRecord]) -> String {
    let kinds: BTreeSet<&FailureKind> = records.iter().map(|record| &record.kind).collect();
    match kinds.first() {
        Some(only) if kinds.len() == 1 => format!(" ({only})"),
        _ => format!(" ({} kinds)", kinds.len()),
    }
}

fn largest_first<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(name, count)| format!("{name} {}", grouped(*count as u64))).collect::<Vec<_>>().join(", ")
}
