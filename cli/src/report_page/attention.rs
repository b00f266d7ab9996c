//! The files that somebody has to look at.
//! Pure: it sees the ledger's entries only.

use lakegate_lake::ledger::State;
use lakegate_report::{Cell, Column, Kind, Section, Table};

use crate::report_page::Gathered;
use crate::report_page::page::of_all;
use crate::report_page::seen::Seen;

const LISTED_MAX: usize = 20;

/// True of a file that is in no table, and that nobody is about to put there.
pub(super) fn is_needed(one: &Seen) -> bool {
    match one.entry.state {
        State::Rejected | State::Failed => true,
        State::Working | State::Publishing => one.is_without_worker,
        State::Committed | State::Heavy | State::Removed => false,
    }
}

pub(super) fn section(gathered: &Gathered, seen: &[Seen]) -> Section {
    let needed: Vec<&Seen> = seen.iter().filter(|one| is_needed(one)).collect();
    let row = |one: &&Seen| {
        let (state, tone) = one.state();
        vec![
            Cell::Text(one.entry.source.key.clone()),
            Cell::Tagged(state.to_owned(), tone),
            Cell::Text(one.dataset().to_owned()),
            Cell::Time(one.at),
            Cell::Text(one.why()),
        ]
    };
    let what_to_do = if gathered.dead_letters.is_some() {
        "Mend the file or its contract, then send it again: lakegate replay shows what waits and sends it. The runbook has a page for each kind of failure."
    } else {
        "Mend the file or its contract, then convert it again."
    };
    Section {
        id: "attention".to_owned(),
        heading: "Needs attention".to_owned(),
        note: if needed.is_empty() { String::new() } else { what_to_do.to_owned() },
        chart: None,
        table: Table {
            caption: of_all("file", LISTED_MAX, needed.len(), "the newest first"),
            columns: vec![
                Column::new("key", "Object", Kind::Key),
                Column::new("state", "State", Kind::Text),
                Column::new("dataset", "Dataset", Kind::Text),
                Column::new("at", "Since (UTC)", Kind::Time),
                Column::new("why", "Why", Kind::Text),
            ],
            rows: needed.iter().take(LISTED_MAX).map(row).collect(),
        },
        empty: "Nothing: every file of this time is in its table, or on its way.".to_owned(),
    }
}
