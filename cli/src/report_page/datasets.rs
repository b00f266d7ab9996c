//! Datasets: their files and rows, and how fresh their tables are.
//! Pure: it sees the ledger's entries only.

use lakegate_lake::ledger::State;
use lakegate_report::{Cell, Chart, Column, Kind, Section, Series, Shape, Table, Tone, Values};

use crate::report_page::Gathered;
use crate::report_page::over_time::{row_cells, row_columns};
use crate::report_page::page::of_all;
use crate::report_page::seen::{NO_DATASET, Rows, Seen, by_dataset, is_of_this_machine};

const LISTED_MAX: usize = 30;

/// Files and rows by dataset, the one with the most rows first.
pub(super) fn section(seen: &[Seen]) -> Section {
    let mut sums = Vec::new();
    for (name, of_it) in by_dataset(seen) {
        let rows = Rows::of(&of_it);
        let files = |state| of_it.iter().filter(|one| one.entry.state == state).count() as u64;
        let counts = [of_it.len() as u64, files(State::Committed), files(State::Rejected), files(State::Failed)];
        let bytes: u64 = of_it.iter().map(|one| one.entry.source.size_bytes).sum();
        sums.push((name, counts, bytes, rows));
    }
    sums.sort_by_key(|(name, _, _, rows)| (std::cmp::Reverse(rows.read), *name));
    let row = |(name, counts, bytes, rows): &(&str, [u64; 4], u64, Rows)| {
        let counts = counts.map(Cell::Count);
        let name = std::iter::once(Cell::Text((*name).to_owned()));
        name.chain(counts).chain([Cell::Count(*bytes)]).chain(row_cells(*rows)).collect()
    };
    let mut columns = vec![
        Column::new("dataset", "Dataset", Kind::Text),
        Column::new("files", "Files", Kind::Count),
        Column::new("committed", "Committed", Kind::Count),
        Column::new("rejected", "Rejected", Kind::Count),
        Column::new("failed", "Failed", Kind::Count),
        Column::new("bytes", "Size", Kind::Bytes),
    ];
    columns.extend(row_columns().map(|column| Column { label: rows_label(&column), ..column }));
    let mut series = vec![Series::new(7, Tone::Good), Series::new(8, Tone::Bad)];
    if sums.iter().any(|(_, _, _, rows)| rows.held > 0) {
        series.push(Series::new(9, Tone::Warn));
    }
    Section {
        id: "datasets".to_owned(),
        heading: "Datasets".to_owned(),
        note: format!("{NO_DATASET} are files that no contract covers, or that were not looked at yet."),
        chart: Some(Chart {
            description: "Rows by dataset, accepted and rejected.".to_owned(),
            shape: Shape::Ranking { names: vec![0] },
            values: Values::Columns(series),
        }),
        table: Table {
            caption: of_all("dataset", LISTED_MAX, sums.len(), "those with the most rows first"),
            columns,
            rows: sums.iter().take(LISTED_MAX).map(row).collect(),
        },
        empty: "No file.".to_owned(),
    }
}

/// Beside counts of files it must be said what is counted.
fn rows_label(column: &Column) -> String {
    match column.id.as_str() {
        "rows_read" => "Rows read".to_owned(),
        "rows_accepted" => "Rows accepted".to_owned(),
        "rows_rejected" => "Rows rejected".to_owned(),
        "rows_held" => "Rows held back".to_owned(),
        _ => column.label.clone(),
    }
}

/// How long ago each table got its last file, the longest first; tables that got none in this time before all others.
pub(super) fn freshness(gathered: &Gathered, seen: &[Seen]) -> Section {
    let now = gathered.now.timestamp();
    let mut tables: std::collections::BTreeMap<&str, Vec<&Seen>> =
        gathered.tables.iter().map(|table| (table.as_str(), Vec::new())).collect();
    for one in seen.iter().filter(|one| one.entry.state == State::Committed) {
        tables.entry(one.dataset()).or_default().push(one);
    }
    let mut ages = Vec::new();
    for (name, committed) in &tables {
        let latest = committed.iter().map(|one| one.uploaded.unwrap_or(one.at)).max();
        let mut waits: Vec<u64> = committed.iter().filter_map(|one| one.waited_secs()).collect();
        waits.sort_unstable();
        ages.push((*name, latest, waits));
    }
    ages.sort_by_key(|(name, latest, _)| (*latest, *name));
    let is_local = is_of_this_machine(gathered);
    let row = |(name, latest, waits): &(&str, Option<i64>, Vec<u64>)| {
        let part = |hundredths| percentile(waits, hundredths).map_or(Cell::Absent, Cell::Count);
        let mut row = vec![
            Cell::Text((*name).to_owned()),
            latest.map_or(Cell::Absent, Cell::Time),
            latest.map_or(Cell::Absent, |latest| Cell::Count(u64::try_from(now - latest).unwrap_or(0))),
        ];
        if !is_local {
            row.extend([50, 95, 100].map(part));
        }
        row
    };
    let mut columns = vec![
        Column::new("dataset", "Dataset", Kind::Text),
        Column::new("latest_at", "Youngest file (UTC)", Kind::Time),
        Column::new("age_secs", "Age", Kind::Seconds),
    ];
    if !is_local {
        columns.extend([
            Column::new("median_secs", "Upload to table: median", Kind::Seconds),
            Column::new("p95_secs", "95 of 100 files", Kind::Seconds),
            Column::new("slowest_secs", "Slowest", Kind::Seconds),
        ]);
    }
    let silent = ages.iter().filter(|(_, latest, _)| latest.is_none()).count();
    let silent = if silent == 0 { String::new() } else { format!(" {} got no file in this time.", tables_of(silent)) };
    Section {
        id: "freshness".to_owned(),
        heading: "Freshness".to_owned(),
        note: if is_local {
            format!("How long ago the youngest file that is in the table was converted.{silent}")
        } else {
            format!(
                "How long ago the youngest file that is in the table was uploaded, and how long files took from upload to table.{silent}"
            )
        },
        chart: Some(Chart {
            description: "Age of the youngest file, by table.".to_owned(),
            shape: Shape::Ranking { names: vec![0] },
            values: Values::Columns(vec![Series::new(2, Tone::Plain)]),
        }),
        table: Table {
            caption: of_all("table", LISTED_MAX, ages.len(), "the oldest first"),
            columns,
            rows: ages.iter().take(LISTED_MAX).map(row).collect(),
        },
        empty: "No table.".to_owned(),
    }
}

fn tables_of(number: usize) -> String {
    if number == 1 { "One table".to_owned() } else { format!("{number} tables") }
}

/// The smallest value that so many of a hundred do not exceed.
pub(super) fn percentile(sorted: &[u64], of_hundred: usize) -> Option<u64> {
    let rank = (sorted.len() * of_hundred).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<u64> = (1..=20).collect();
        assert_eq!([50, 95, 100].map(|part| percentile(&values, part)), [Some(10), Some(19), Some(20)]);
        assert_eq!([50, 95].map(|part| percentile(&[7], part)), [Some(7), Some(7)]);
        assert_eq!(percentile(&[], 50), None);
    }
}
