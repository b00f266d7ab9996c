//! The page as a whole: what it says first, its sections in order, and what a reader must know about all of it.
//! Pure: it sees what was gathered only.

use std::time::Duration;

use anyhow::Result;
use lakegate_lake::ledger::State;
use lakegate_report::{Cell, Fact, Kind, Page, Tone};
use serde_json::{Value, json};

use crate::operate::{shown, spans};
use crate::report_page::over_time::{Steps, ratio};
use crate::report_page::seen::{Rows, Seen};
use crate::report_page::{Gathered, attention, cost, datasets, files, over_time, rejects, seen};
use crate::text_table::count;

/// The page.
pub(super) fn of(gathered: &Gathered) -> Page {
    let (all, timeless) = seen::all(gathered);
    let steps = Steps::new(&all, gathered.now.timestamp());
    let about = format!(
        "{} · the last {} until {} UTC",
        gathered.place,
        spans::text(gathered.span),
        gathered.now.format("%Y-%m-%d %H:%M")
    );
    let is_local = seen::is_of_this_machine(gathered);
    let mut sections = vec![
        attention::section(gathered, &all),
        over_time::files(&all, steps),
        over_time::rows(&all, steps),
        datasets::section(&all),
        rejects::section(&all),
        rejects::over_time(&all, steps),
        datasets::freshness(gathered, &all),
        files::slowest(&all, is_local),
        files::largest(&all, is_local),
    ];
    if !is_local {
        sections.push(cost::section(gathered, &all));
    }
    Page {
        title: "Lakegate report".to_owned(),
        about,
        facts: facts(gathered, &all),
        sections,
        notes: notes(gathered, &timeless),
    }
}

/// The page's figures, and what they are about, for programs.
pub(super) fn figures(gathered: &Gathered) -> Result<Value> {
    let mut figures = json!({ "at": shown::rfc3339(gathered.now), "since_secs": gathered.span.as_secs() });
    let parts = [gathered.place_json.clone(), of(gathered).to_json()?];
    for part in parts {
        if let (Some(figures), Value::Object(part)) = (figures.as_object_mut(), part) {
            figures.extend(part);
        }
    }
    Ok(figures)
}

fn facts(gathered: &Gathered, all: &[Seen]) -> Vec<Fact> {
    let rows = Rows::of(all);
    let needed = all.iter().filter(|one| attention::is_needed(one)).count() as u64;
    let committed: Vec<&Seen> = all.iter().filter(|one| one.entry.state == State::Committed).collect();
    let mut waits: Vec<u64> = committed.iter().filter_map(|one| one.waited_secs()).collect();
    waits.sort_unstable();
    let share = ratio(rows.rejected, rows.read)
        .map_or_else(String::new, |share| format!("{:.2} % of those read", share * 100.0));
    let slowest = waits.last().map(|secs| match secs {
        0 => "median; under 1 s at most".to_owned(),
        secs => format!("median; {} at most", spans::text(Duration::from_secs(*secs))),
    });
    let median = datasets::percentile(&waits, 50).map_or(Cell::Absent, Cell::Count);
    let letters = gathered.dead_letters.map(|letters| format!("{} in the dead-letter queue", count(letters)));
    let tone = match (needed, gathered.dead_letters) {
        (0, None | Some(0)) => Tone::Good,
        (0, Some(_)) => Tone::Warn,
        _ => Tone::Bad,
    };
    let fact = |id: &str, label: &str, kind, value, note: String, tone| Fact {
        id: id.to_owned(),
        label: label.to_owned(),
        kind,
        value,
        note,
        tone,
    };
    let mut facts = vec![
        fact("attention", "Need attention", Kind::Count, Cell::Count(needed), letters.unwrap_or_default(), tone),
        fact(
            "files",
            "Files",
            Kind::Count,
            Cell::Count(all.len() as u64),
            format!("{} committed", count(committed.len() as u64)),
            Tone::Plain,
        ),
        fact(
            "rows_accepted",
            "Rows accepted",
            Kind::Count,
            Cell::Count(rows.accepted),
            format!("{} read", count(rows.read)),
            Tone::Plain,
        ),
        fact("rows_rejected", "Rows rejected", Kind::Count, Cell::Count(rows.rejected), share, Tone::Plain),
    ];
    if !seen::is_of_this_machine(gathered) {
        let (slowest, cost) = (slowest.unwrap_or_default(), Cell::Number(cost::total(all)));
        let words = "assumptions below".to_owned();
        facts.push(fact("median_secs", "From upload to table", Kind::Seconds, median, slowest, Tone::Plain));
        facts.push(fact("cost", "Cost, estimated", Kind::Dollars, cost, words, Tone::Plain));
    }
    facts
}

fn notes(gathered: &Gathered, timeless: &[&str]) -> Vec<String> {
    let mut notes = vec![
        "A file counts by the time at which the ledger last wrote of it. The ledger has one entry per object: of a file that was uploaded again, \
         or sent again, the last version and its last outcome count."
            .to_owned(),
        "Times are UTC. Sizes are those of the files as they were dropped, packed or not.".to_owned(),
        format!("Written by lakegate {}. The same figures for programs: lakegate report --json.", env!("CARGO_PKG_VERSION")),
    ];
    let unreadable: Vec<&str> =
        gathered.unreadable.iter().map(String::as_str).chain(timeless.iter().copied()).collect();
    if let Some(first) = unreadable.first() {
        notes.insert(
            0,
            format!(
                "{} of the ledger left out because unreadable; the first is {first}.",
                shown::count(unreadable.len() as u64, "document")
            ),
        );
    }
    notes
}

/// `20 of 53 files, the newest first`.
pub(super) fn of_all(noun: &str, listed_max: usize, all: usize, order: &str) -> String {
    let counted = shown::count(all as u64, noun);
    if all > listed_max { format!("{listed_max} of {counted}, {order}") } else { format!("{counted}, {order}") }
}
