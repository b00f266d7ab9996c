//! What became of a query, and its answer read as typed cells.
//! It must not know which query it was.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};
use lakegate_report::{Cell, Tone};

use crate::query::Query;

/// What became of the queries, by their names. One that is not there is shown as one that failed.
pub type Outcomes = BTreeMap<&'static str, Outcome>;

/// What became of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Answered(Answer),
    /// A table that it reads is not there: this one.
    NoTable(String),
    /// It failed, as the engine says.
    Failed(String),
}

/// What a query answered, as texts; null is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows in their order, each with as many values as there are columns.
    pub rows: Vec<Vec<Option<String>>>,
}

/// How a column is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// Words; null and nothing are told apart from words.
    Words,
    /// A whole number.
    Count,
    /// Any number.
    Number,
    /// The month of this column's year, which stands in that one.
    Month { year: &'static str },
}

impl Outcome {
    /// A query that failed for that reason, as Athena or DuckDB gives it.
    #[must_use]
    pub fn failed(query: &Query, reason: &str) -> Self {
        // As Athena says it, and DuckDB. That a file of the table does not exist (any more) is another matter.
        let is_about_a_table = reason.contains("TABLE_NOT_FOUND") || reason.contains("Table with name");
        let table = query.tables.iter().find(|table| is_about_a_table && names(reason, table));
        table.map_or_else(|| Self::Failed(reason.to_owned()), |table| Self::NoTable((*table).to_owned()))
    }

    /// The first of a query's tables that is not there, where that is known without asking.
    #[must_use]
    pub fn without_table(query: &Query, is_there: impl Fn(&str) -> bool) -> Option<Self> {
        query.tables.iter().find(|table| !is_there(table)).map(|table| Self::NoTable((*table).to_owned()))
    }
}

/// True if the table is one of the words: `Table 'awsdatacatalog.lakegate.orders' does not exist`.
fn names(reason: &str, table: &str) -> bool {
    reason.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| word == table)
}

impl Answer {
    /// The cells of a column. The error says what is wrong with it; it names no value.
    pub(crate) fn column(&self, name: &str, read: Read) -> Result<Vec<Cell>, String> {
        let index = self.index(name)?;
        if let Read::Month { year } = read {
            let year = self.index(year)?;
            return self.cells(name, |row| month(value(row, year), value(row, index)));
        }
        self.cells(name, |row| {
            let value = value(row, index);
            match (read, value) {
                (Read::Words, None) => Some(Cell::Tagged("not known".to_owned(), Tone::Faint)),
                (Read::Words, Some("")) => Some(Cell::Tagged("empty".to_owned(), Tone::Faint)),
                (Read::Words, Some(text)) => Some(Cell::Text(text.to_owned())),
                (Read::Count | Read::Number | Read::Month { .. }, None) => Some(Cell::Absent),
                (Read::Count, Some(text)) => text.parse().map(Cell::Count).ok().or_else(|| number(text)),
                (Read::Number | Read::Month { .. }, Some(text)) => number(text),
            }
        })
    }

    fn index(&self, name: &str) -> Result<usize, String> {
        self.columns.iter().position(|column| column == name).ok_or_else(|| format!("the answer has no column {name}"))
    }

    fn cells(&self, name: &str, read: impl Fn(&[Option<String>]) -> Option<Cell>) -> Result<Vec<Cell>, String> {
        let mut cells = Vec::with_capacity(self.rows.len());
        for (index, row) in self.rows.iter().enumerate() {
            let cell = read(row).ok_or_else(|| format!("row {} has no number in column {name}", index + 1))?;
            cells.push(cell);
        }
        Ok(cells)
    }
}

fn value(row: &[Option<String>], index: usize) -> Option<&str> {
    row.get(index)?.as_deref()
}

fn number(text: &str) -> Option<Cell> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Cell::Number)
}

/// When the month begins; absent where either is null.
fn month(year: Option<&str>, month: Option<&str>) -> Option<Cell> {
    let (Some(year), Some(month)) = (year, month) else { return Some(Cell::Absent) };
    let first = NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)?;
    Some(Cell::Time(first.and_hms_opt(0, 0, 0)?.and_utc().timestamp()))
}

/// When the month after this one begins, of the time at which a month begins.
pub(crate) fn next_month(begins_at: i64) -> i64 {
    let next = DateTime::from_timestamp(begins_at, 0).and_then(|at| at.checked_add_months(chrono::Months::new(1)));
    next.map_or(begins_at, |next| next.timestamp())
}
