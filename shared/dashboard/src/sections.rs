//! Each query's section: its rows in the order in which they are shown, and the picture of them.
//! It must not know the page around it.

use lakegate_report::{Cell, Chart, Column, Section, Series, Shape, Table, Tone, Values};

use crate::drawing::{Drawing, Shown, drawing};
use crate::outcome::{Answer, Outcome, next_month};
use crate::query::Query;
use crate::steps;

/// A bar of a month is so wide: 26 days, so that no two of them touch, not even those of a February and a March.
const MONTH_STEP_SECS: u32 = 26 * 24 * 60 * 60;
/// There are so many colours.
const COLOURS_MAX: usize = 8;

/// The section of a query, and what is wrong with it, if anything is.
pub(crate) fn section(query: &Query, outcome: Option<&Outcome>) -> (Section, Option<String>) {
    let read = match outcome {
        Some(Outcome::Answered(answer)) => rows(query, answer).map_err(|problem| failed(&problem)),
        Some(Outcome::NoTable(table)) => Err(format!("There is no table {table} yet: no file of it was taken in.")),
        Some(Outcome::Failed(reason)) => Err(failed(reason)),
        None => Err("It was not asked.".to_owned()),
    };
    let (rows, problem) = match read {
        Ok(rows) => (rows, None),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    let drawing = drawing(query);
    let columns: Vec<Column> = drawing.iter().flat_map(|drawing| drawing.columns).map(column).collect();
    let table =
        Table { caption: drawing.map_or_else(String::new, |drawing| caption(drawing, rows.len())), columns, rows };
    let no_rows = format!("The table {} has no rows.", query.tables.first().unwrap_or(&""));
    let section = Section {
        id: query.name.to_owned(),
        heading: query.title().to_owned(),
        note: query.note().to_owned(),
        chart: drawing
            .filter(|_| query.name != "monthly_trend" || table.rows.len() > 1)
            .map(|drawing| chart(query, drawing, &table)),
        empty: problem.clone().unwrap_or(no_rows),
        table,
    };
    (section, problem)
}

fn failed(reason: &str) -> String {
    format!("The query failed: {reason}")
}

fn column(shown: &Shown) -> Column {
    Column::new(shown.name, shown.label, shown.kind)
}

fn caption(drawing: Drawing, rows: usize) -> String {
    let [one, many] = drawing.noun;
    if rows == 1 { format!("1 {one}") } else { format!("{rows} {many}, {}", drawing.order) }
}

/// The answer's rows, in the order in which they are shown.
fn rows(query: &Query, answer: &Answer) -> Result<Vec<Vec<Cell>>, String> {
    let Some(drawing) = drawing(query) else { return Ok(Vec::new()) };
    let mut columns = Vec::with_capacity(drawing.columns.len());
    for shown in drawing.columns {
        columns.push(answer.column(shown.name, shown.read)?.into_iter());
    }
    let next = |_| columns.iter_mut().map(|column| column.next().unwrap_or(Cell::Absent)).collect();
    let mut rows: Vec<Vec<Cell>> = (0..answer.rows.len()).map(next).collect();
    let first = |row: &Vec<Cell>| row.first().cloned().unwrap_or(Cell::Absent);
    match query.name {
        "membership_tiers" => rows.sort_by_key(|row| steps::tier_key(&first(row))),
        "age_groups" => rows.sort_by_key(|row| steps::age_key(&first(row))),
        "order_values" => rows = groups(rows, &steps::ORDER_VALUES, steps::value_group)?,
        "repeat_customers" => rows = groups(rows, &steps::ORDERS, steps::order_group)?,
        _ => {}
    }
    Ok(rows)
}

/// A row for every group, also for those of which the answer has none: a gap that is left out cannot be seen.
fn groups(rows: Vec<Vec<Cell>>, from: &[u64], name: fn(usize) -> String) -> Result<Vec<Vec<Cell>>, String> {
    if rows.is_empty() {
        return Ok(rows);
    }
    let numbers = rows.first().map_or(0, |row| row.len().saturating_sub(1));
    let mut groups: Vec<Vec<Cell>> = Vec::with_capacity(from.len());
    for number in 0..from.len() {
        groups.push([Cell::Text(name(number))].into_iter().chain(vec![Cell::Count(0); numbers]).collect());
    }
    for row in rows {
        let is_it = |from: &u64| row.first() == Some(&Cell::Count(*from));
        let found = from.iter().position(is_it).and_then(|number| groups.get_mut(number));
        let group = found.ok_or("the answer has a group that the dashboard does not know")?;
        for (cell, value) in group.iter_mut().zip(row).skip(1) {
            *cell = value;
        }
    }
    Ok(groups)
}

fn chart(query: &Query, drawing: Drawing, table: &Table) -> Chart {
    let plain = || Values::Columns(vec![Series::new(drawing.drawn, Tone::Plain)]);
    let (shape, values) = match query.name {
        "monthly_trend" => (months(table), plain()),
        "top_countries" => (ranking(), by_region(table, drawing.drawn).unwrap_or_else(plain)),
        _ => (ranking(), plain()),
    };
    Chart { description: drawing.description.to_owned(), shape, values }
}

fn ranking() -> Shape {
    Shape::Ranking { names: vec![0] }
}

fn months(table: &Table) -> Shape {
    let begin = |row: &Vec<Cell>| if let Some(Cell::Time(at)) = row.first() { Some(*at) } else { None };
    let first = table.rows.iter().find_map(begin).unwrap_or_default();
    let last = table.rows.iter().rev().find_map(begin).unwrap_or_default();
    Shape::Bars { time: 0, step_secs: MONTH_STEP_SECS, range: (first, next_month(last)) }
}

/// A colour for each region, in the order in which they come; `None` where there are not enough colours, or nothing to tell apart.
fn by_region(table: &Table, value: usize) -> Option<Values> {
    let region = table.columns.iter().position(|column| column.id == "region")?;
    let mut names: Vec<(Vec<String>, Tone)> = Vec::new();
    for row in &table.rows {
        let Some(Cell::Text(text) | Cell::Tagged(text, _)) = row.get(region) else { continue };
        if !names.iter().any(|(name, _)| name.first() == Some(text)) {
            names.push((vec![text.clone()], Tone::Nth(u8::try_from(names.len()).ok()?)));
        }
    }
    (2..=COLOURS_MAX).contains(&names.len()).then_some(Values::Split { value, by: vec![region], names })
}
