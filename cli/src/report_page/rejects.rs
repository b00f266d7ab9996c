//! What rows broke: by dataset, column and rule, in all and over time.
//! Pure: it sees the ledger's counts, never a row.

use std::collections::BTreeMap;

use lakegate_report::{Cell, Chart, Column, Kind, Section, Series, Shape, Table, Tone, Values};

use crate::report_page::over_time::{Steps, ratio};
use crate::report_page::page::of_all;
use crate::report_page::seen::Seen;

const LISTED_MAX: usize = 20;
/// Rules that have a colour of their own over time; no more can be told apart.
const COLOURS_MAX: usize = 6;
/// What stands for a rule that concerns no single column.
const RECORD: &str = "the record";
const OTHERS: &str = "all others";

/// Dataset, column and rule.
type Rule<'a> = (&'a str, &'a str, &'a str);

#[derive(Debug, Default)]
struct Broken {
    rows: u64,
    files: u64,
    latest: i64,
}

/// Every rule that was broken, the one that most rows broke first.
fn broken<'a>(seen: &[Seen<'a>]) -> Vec<(Rule<'a>, Broken)> {
    let mut rules: BTreeMap<Rule, Broken> = BTreeMap::new();
    for one in seen {
        for (rule, rows) in violations(one) {
            let broken = rules.entry(rule).or_default();
            broken.rows += rows;
            broken.files += 1;
            broken.latest = broken.latest.max(one.at);
        }
    }
    let mut rules: Vec<_> = rules.into_iter().collect();
    rules.sort_by_key(|(rule, broken)| (std::cmp::Reverse(broken.rows), *rule));
    rules
}

/// Of a file that was judged.
fn violations<'a>(one: &Seen<'a>) -> impl Iterator<Item = (Rule<'a>, u64)> {
    let dataset = one.dataset();
    let judged = (one.rows().read > 0).then_some(&one.entry.violations);
    judged.into_iter().flatten().flat_map(move |(column, rules)| {
        let column = if column.is_empty() { RECORD } else { column.as_str() };
        rules.iter().map(move |(rule, rows)| ((dataset, column, rule.as_str()), *rows))
    })
}

pub(super) fn section(seen: &[Seen]) -> Section {
    let rules = broken(seen);
    let mut read: BTreeMap<&str, u64> = BTreeMap::new();
    for one in seen {
        *read.entry(one.dataset()).or_default() += one.rows().read;
    }
    let row = |((dataset, column, rule), broken): &(Rule, Broken)| {
        let of_read = ratio(broken.rows, read.get(dataset).copied().unwrap_or(0));
        vec![
            Cell::Text((*dataset).to_owned()),
            Cell::Text((*column).to_owned()),
            Cell::Text((*rule).to_owned()),
            Cell::Count(broken.rows),
            of_read.map_or(Cell::Absent, Cell::Number),
            Cell::Count(broken.files),
            Cell::Time(broken.latest),
        ]
    };
    Section {
        id: "rejects".to_owned(),
        heading: "Rejects by rule".to_owned(),
        note: "By dataset, column and rule. A row that breaks several counts for each of them. The rows themselves, with their values, are in the \
               rejects table only."
            .to_owned(),
        chart: Some(Chart {
            description: "Rows by the rule that they broke.".to_owned(),
            shape: Shape::Ranking { names: vec![0, 1, 2] },
            values: Values::Columns(vec![Series::new(3, Tone::Bad)]),
        }),
        table: Table {
            caption: of_all("rule", LISTED_MAX, rules.len(), "those that most rows broke first"),
            columns: vec![
                Column::new("dataset", "Dataset", Kind::Text),
                Column::new("column", "Column", Kind::Text),
                Column::new("rule", "Rule", Kind::Text),
                Column::new("rows", "Rows", Kind::Count),
                Column::new("share", "Of the dataset's rows", Kind::Share),
                Column::new("files", "Files", Kind::Count),
                Column::new("latest_at", "Last in a file of (UTC)", Kind::Time),
            ],
            rows: rules.iter().take(LISTED_MAX).map(row).collect(),
        },
        empty: "No row broke a rule.".to_owned(),
    }
}

/// The rules that most rows broke, over time.
pub(super) fn over_time(seen: &[Seen], steps: Steps) -> Section {
    let rules: Vec<Rule> = broken(seen).into_iter().map(|(rule, _)| rule).collect();
    let named = if rules.len() > COLOURS_MAX { COLOURS_MAX - 1 } else { rules.len() };
    let mut counts: BTreeMap<(i64, usize), u64> = BTreeMap::new();
    for one in seen {
        for (rule, rows) in violations(one) {
            let index = rules.iter().position(|other| *other == rule).unwrap_or(named).min(named);
            *counts.entry((steps.begin(one.at), index)).or_default() += rows;
        }
    }
    let words = |index: usize| match rules.get(index).filter(|_| index < named) {
        Some((dataset, column, rule)) => [*dataset, *column, *rule].map(str::to_owned),
        None => [OTHERS.to_owned(), String::new(), String::new()],
    };
    let row = |(&(from, index), &rows): (&(i64, usize), &u64)| {
        std::iter::once(Cell::Time(from)).chain(words(index).map(Cell::Text)).chain([Cell::Count(rows)]).collect()
    };
    let series = (0..rules.len().min(named + 1)).map(|index| (words(index).to_vec(), tone(index, named))).collect();
    Section {
        id: "rejects_over_time".to_owned(),
        heading: "Rejects over time".to_owned(),
        note: if rules.len() > named {
            format!(
                "Rows {}, by the rule that they broke: the {named} that most rows broke, the rest added up.",
                steps.per()
            )
        } else {
            format!("Rows {}, by the rule that they broke.", steps.per())
        },
        chart: Some(Chart {
            description: "Rows over time, by the rule that they broke.".to_owned(),
            shape: Shape::Bars { time: 0, step_secs: steps.secs, range: steps.range() },
            values: Values::Split { value: 4, by: vec![1, 2, 3], names: series },
        }),
        table: Table {
            caption: format!("Rows that broke a rule, {}", steps.per()),
            columns: vec![
                Column::new("from", "From (UTC)", Kind::Time),
                Column::new("dataset", "Dataset", Kind::Text),
                Column::new("column", "Column", Kind::Text),
                Column::new("rule", "Rule", Kind::Text),
                Column::new("rows", "Rows", Kind::Count),
            ],
            rows: counts.iter().map(row).collect(),
        },
        empty: "No row broke a rule.".to_owned(),
    }
}

fn tone(index: usize, named: usize) -> Tone {
    if index >= named { Tone::Faint } else { Tone::Nth(u8::try_from(index).unwrap_or(0)) }
}
