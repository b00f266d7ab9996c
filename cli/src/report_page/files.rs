//! The slowest and the largest files.
//! Pure: it sees the ledger's entries only.

use lakegate_lake::ledger::State;
use lakegate_report::{Cell, Chart, Column, Kind, Section, Series, Shape, Table, Tone, Values};

use crate::report_page::page::of_all;
use crate::report_page::seen::Seen;

const LISTED_MAX: usize = 15;
/// The column of the time from the upload.
const WAITED: usize = 3;

/// By the time that the work took.
pub(super) fn slowest(seen: &[Seen], is_local: bool) -> Section {
    let worked_on = |one: &&Seen| match one.entry.state {
        State::Committed | State::Rejected | State::Failed => one.entry.elapsed_ms > 0,
        State::Working | State::Publishing | State::Heavy | State::Removed => false,
    };
    let mut files: Vec<&Seen> = seen.iter().filter(worked_on).collect();
    files.sort_by_key(|one| (std::cmp::Reverse(one.entry.elapsed_ms), &one.entry.source.key));
    Section {
        id: "slowest".to_owned(),
        heading: "Slowest files".to_owned(),
        note: if is_local {
            "By the time from opening the file to its last ledger entry.".to_owned()
        } else {
            "By the time from opening the file to its last ledger entry. What a file waited before, in a queue or for another try, is in \
             the time from its upload."
                .to_owned()
        },
        chart: Some(chart("Time that the work on a file took.", 2)),
        table: table(&files, "the slowest first", is_local),
        empty: "No file was judged.".to_owned(),
    }
}

/// By their size.
pub(super) fn largest(seen: &[Seen], is_local: bool) -> Section {
    let mut files: Vec<&Seen> = seen.iter().filter(|one| one.entry.source.size_bytes > 0).collect();
    files.sort_by_key(|one| (std::cmp::Reverse(one.entry.source.size_bytes), &one.entry.source.key));
    Section {
        id: "largest".to_owned(),
        heading: "Largest files".to_owned(),
        note: String::new(),
        chart: Some(chart("Size of a file.", if is_local { WAITED } else { WAITED + 1 })),
        table: table(&files, "the largest first", is_local),
        empty: "No file has a size.".to_owned(),
    }
}

fn chart(description: &str, column: usize) -> Chart {
    Chart {
        description: description.to_owned(),
        shape: Shape::Ranking { names: vec![0] },
        values: Values::Columns(vec![Series::new(column, Tone::Plain)]),
    }
}

/// Without the time from the upload where nothing was uploaded.
fn table(files: &[&Seen], order: &str, is_local: bool) -> Table {
    let mut table = whole_table(files, order);
    if is_local {
        table.columns.remove(WAITED);
        for row in &mut table.rows {
            row.remove(WAITED);
        }
    }
    table
}

fn whole_table(files: &[&Seen], order: &str) -> Table {
    Table {
        caption: of_all("file", LISTED_MAX, files.len(), order),
        columns: vec![
            Column::new("key", "Object", Kind::Key),
            Column::new("dataset", "Dataset", Kind::Text),
            Column::new("work_secs", "Work", Kind::Seconds),
            Column::new("waited_secs", "From upload", Kind::Seconds),
            Column::new("bytes", "Size", Kind::Bytes),
            Column::new("rows_read", "Rows", Kind::Count),
            Column::new("attempts", "Tries", Kind::Count),
            Column::new("state", "State", Kind::Text),
        ],
        rows: files.iter().take(LISTED_MAX).map(|one| row(one)).collect(),
    }
}

#[allow(clippy::cast_precision_loss, reason = "a time is read, not reckoned with")]
fn row(one: &Seen) -> Vec<Cell> {
    let entry = one.entry;
    let (state, tone) = one.state();
    vec![
        Cell::Text(entry.source.key.clone()),
        Cell::Text(one.dataset().to_owned()),
        if entry.elapsed_ms > 0 { Cell::Number(entry.elapsed_ms as f64 / 1_000.0) } else { Cell::Absent },
        one.waited_secs().map_or(Cell::Absent, Cell::Count),
        Cell::Count(entry.source.size_bytes),
        Cell::Count(entry.rows_read),
        Cell::Count(u64::from(entry.attempts)),
        Cell::Tagged(state.to_owned(), tone),
    ]
}
