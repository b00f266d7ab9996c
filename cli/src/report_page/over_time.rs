//! Files and rows over time.
//! Pure: it sees the ledger's entries only.

use std::collections::BTreeMap;

use lakegate_lake::ledger::State;
use lakegate_report::{Cell, Chart, Column, Kind, Section, Series, Shape, Table, Tone, Values};

use crate::report_page::seen::{Rows, Seen};

const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;
/// Spans that a bar may stand for.
const STEPS_SECS: [u32; 9] = [60, 600, HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY, 364 * DAY, 10 * 364 * DAY];
/// More bars than that are narrower than a phone shows.
const BARS_MAX: i64 = 72;
/// A single bar as wide as the page tells nothing.
const BARS_MIN: i64 = 12;
/// Weeks begin on Monday; Unix time began on a Thursday.
const MONDAY_SECS: i64 = 4 * 24 * 3_600;

/// Equal spans from the first entry to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) secs: u32,
    first: i64,
    now: i64,
}

impl Steps {
    /// The shortest spans that are not too many.
    pub(super) fn new(seen: &[Seen], now: i64) -> Self {
        // A clock that is ahead writes of times to come.
        let now = seen.iter().map(|one| one.at).max().unwrap_or(now).max(now);
        let earliest = seen.iter().map(|one| one.at).min().unwrap_or(now).min(now);
        let fits = |secs: &&u32| (now - begin(earliest, **secs)) / i64::from(**secs) < BARS_MAX;
        let secs = STEPS_SECS.iter().find(fits).or(STEPS_SECS.last()).copied().unwrap_or(DAY);
        Self { secs, first: begin(earliest, secs), now }
    }

    /// The beginning of the span in which that time lies.
    pub(super) fn begin(self, at: i64) -> i64 {
        begin(at, self.secs)
    }

    pub(super) fn range(self) -> (i64, i64) {
        let end = self.begin(self.now) + i64::from(self.secs);
        (self.first.min(end - BARS_MIN * i64::from(self.secs)), end)
    }

    /// `per hour`.
    pub(super) fn per(self) -> &'static str {
        match self.secs {
            60 => "per minute",
            600 => "per ten minutes",
            HOUR => "per hour",
            DAY => "per day",
            _ if self.secs < DAY => "per six hours",
            _ if self.secs == 7 * DAY => "per week",
            _ if self.secs == 28 * DAY => "per four weeks",
            _ if self.secs == 364 * DAY => "per 52 weeks",
            _ => "per 520 weeks",
        }
    }
}

fn begin(at: i64, secs: u32) -> i64 {
    let offset = if secs >= 7 * DAY { MONDAY_SECS } else { 0 };
    at - (at - offset).rem_euclid(i64::from(secs))
}

/// What came to what, by span.
#[derive(Debug, Default)]
struct Sums {
    files: u64,
    states: [u64; 6],
    bytes: u64,
    rows: Rows,
}

const STATES: [(&str, &str, Tone); 6] = [
    ("committed", "Committed", Tone::Good),
    ("rejected", "Rejected", Tone::Bad),
    ("failed", "Failed", Tone::Nth(3)),
    ("heavy", "To Glue", Tone::Warn),
    ("in_work", "In work", Tone::Plain),
    ("removed", "Removed", Tone::Faint),
];

fn state_index(state: State) -> usize {
    match state {
        State::Committed => 0,
        State::Rejected => 1,
        State::Failed => 2,
        State::Heavy => 3,
        State::Working | State::Publishing => 4,
        State::Removed => 5,
    }
}

fn sums(seen: &[Seen], steps: Steps) -> BTreeMap<i64, Sums> {
    let mut all: BTreeMap<i64, Sums> = BTreeMap::new();
    for one in seen {
        let sums = all.entry(steps.begin(one.at)).or_default();
        let entry = one.entry;
        sums.files += 1;
        if let Some(state) = sums.states.get_mut(state_index(entry.state)) {
            *state += 1;
        }
        sums.bytes += entry.source.size_bytes;
        sums.rows.add(one.rows());
    }
    all
}

/// Files by what became of them. Times in which nothing came have no row.
pub(super) fn files(seen: &[Seen], steps: Steps) -> Section {
    let sums = sums(seen, steps);
    let mut columns = vec![Column::new("from", "From (UTC)", Kind::Time), Column::new("files", "Files", Kind::Count)];
    columns.extend(STATES.map(|(id, label, _)| Column::new(id, label, Kind::Count)));
    columns.push(Column::new("bytes", "Size", Kind::Bytes));
    let row = |(from, sums): (&i64, &Sums)| {
        let counts = std::iter::once(sums.files).chain(sums.states).chain([sums.bytes]);
        std::iter::once(Cell::Time(*from)).chain(counts.map(Cell::Count)).collect()
    };
    let is_there = |index: usize| sums.values().any(|sums| sums.states.get(index).is_some_and(|files| *files > 0));
    let series = STATES.iter().enumerate().filter(|(index, _)| is_there(*index));
    let series = series.map(|(index, (_, _, tone))| Series::new(index + 2, *tone)).collect();
    Section {
        id: "files".to_owned(),
        heading: "What arrived".to_owned(),
        note: format!("Files {}, by what the ledger last wrote of each, and when.", steps.per()),
        chart: Some(Chart {
            description: "Files over time, by what became of them.".to_owned(),
            shape: Shape::Bars { time: 0, step_secs: steps.secs, range: steps.range() },
            values: Values::Columns(series),
        }),
        table: Table {
            caption: format!("Files {}; times without files are left out", steps.per()),
            columns,
            rows: sums.iter().map(row).collect(),
        },
        empty: "No file.".to_owned(),
    }
}

/// Rows by their judgement.
pub(super) fn rows(seen: &[Seen], steps: Steps) -> Section {
    let mut sums = sums(seen, steps);
    sums.retain(|_, sums| sums.rows.read > 0);
    let row = |(from, sums): (&i64, &Sums)| std::iter::once(Cell::Time(*from)).chain(row_cells(sums.rows)).collect();
    let mut series = vec![Series::new(2, Tone::Good), Series::new(3, Tone::Bad)];
    if sums.values().any(|sums| sums.rows.held > 0) {
        series.push(Series::new(4, Tone::Warn));
    }
    if sums.values().any(|sums| sums.rows.duplicate > 0) {
        series.push(Series::new(5, Tone::Faint));
    }
    Section {
        id: "rows".to_owned(),
        heading: "What was accepted".to_owned(),
        note: format!(
            "Rows {}. Accepted rows are in their table, rejected ones break the contract. Held back are rows that keep it, in files that were \
               rejected as a whole.",
            steps.per()
        ),
        chart: Some(Chart {
            description: "Rows over time, accepted and rejected.".to_owned(),
            shape: Shape::Bars { time: 0, step_secs: steps.secs, range: steps.range() },
            values: Values::Columns(series),
        }),
        table: Table {
            caption: format!("Rows {}; times without rows are left out", steps.per()),
            columns: std::iter::once(Column::new("from", "From (UTC)", Kind::Time)).chain(row_columns()).collect(),
            rows: sums.iter().map(row).collect(),
        },
        empty: "No file was judged.".to_owned(),
    }
}

/// Columns of counts of rows.
pub(super) fn row_columns() -> [Column; 6] {
    [
        Column::new("rows_read", "Read", Kind::Count),
        Column::new("rows_accepted", "Accepted", Kind::Count),
        Column::new("rows_rejected", "Rejected", Kind::Count),
        Column::new("rows_held", "Held back", Kind::Count),
        Column::new("rows_duplicate", "Duplicates dropped", Kind::Count),
        Column::new("rejected_share", "Rejected of read", Kind::Share),
    ]
}

/// Their cells.
pub(super) fn row_cells(rows: Rows) -> [Cell; 6] {
    let share = ratio(rows.rejected, rows.read).map_or(Cell::Absent, Cell::Number);
    let [read, accepted, rejected, held, duplicate] =
        [rows.read, rows.accepted, rows.rejected, rows.held, rows.duplicate].map(Cell::Count);
    [read, accepted, rejected, held, duplicate, share]
}

#[allow(clippy::cast_precision_loss, reason = "a share is read, not reckoned with")]
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_begin_where_people_begin_them() {
        // 2026-01-10T12:05:30Z, a Saturday.
        let at = 1_768_046_730;
        let text = |secs| chrono::DateTime::from_timestamp(begin(at, secs), 0).unwrap().to_rfc3339();
        insta::assert_snapshot!(
            STEPS_SECS[..6].iter().map(|secs| text(*secs)).collect::<Vec<_>>().join("\n"),
            @"
        2026-01-10T12:05:00+00:00
        2026-01-10T12:00:00+00:00
        2026-01-10T12:00:00+00:00
        2026-01-10T12:00:00+00:00
        2026-01-10T00:00:00+00:00
        2026-01-05T00:00:00+00:00
        "
        );
    }

    #[test]
    fn spans_are_as_many_as_can_be_told_apart() {
        let now = 1_768_046_730;
        let steps = |secs: i64| {
            let mut entry = crate::report_page::tests::entry("a", "committed");
            entry.at = chrono::DateTime::from_timestamp(now - secs, 0).unwrap().to_rfc3339();
            let gathered = crate::report_page::tests::gathered(vec![entry], now);
            let (seen, _) = crate::report_page::seen::all(&gathered);
            let steps = Steps::new(&seen, now);
            let (from, to) = steps.range();
            let bars = (to - from) / i64::from(steps.secs);
            assert!((BARS_MIN..=BARS_MAX + 1).contains(&bars) && from <= now - secs && to > now, "{secs}: {bars}");
            steps.per()
        };
        let day = 86_400;
        let told =
            [0, 3_000, 5_000, day, 7 * day, 30 * day, 365 * day, 1_000 * day, 5_000 * day, 36_500 * day].map(steps);
        insta::assert_snapshot!(told.join("\n"), @"
        per minute
        per minute
        per ten minutes
        per hour
        per six hours
        per day
        per week
        per four weeks
        per 52 weeks
        per 520 weeks
        ");
    }
}
