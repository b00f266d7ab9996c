//! The page as a whole: the figures that one looks for first, the sections, and what a reader must know about all of it.
//! It must not know how any section is drawn.

use chrono::{DateTime, Datelike};
use lakegate_report::{Cell, Fact, Kind, Page, PageError, Section, Tone};
use serde_json::{Map, Value};

use crate::outcome::Outcomes;
use crate::query::QUERIES;
use crate::sections;

/// Of which place and time the figures are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// In words: which database or folder.
    pub place: String,
    /// When they were computed, Unix time.
    pub at_secs: i64,
}

/// The page.
#[must_use]
pub fn page(about: &About, outcomes: &Outcomes) -> Page {
    let mut told: Vec<Section> =
        QUERIES.iter().map(|query| sections::section(query, outcomes.get(query.name)).0).collect();
    let facts = facts(&told);
    if let Some(trend) = told.iter_mut().find(|section| section.id == TREND)
        && is_unfinished(trend, about.at_secs)
    {
        trend.note.push_str(" The last month is not over.");
    }
    Page {
        title: "Sales".to_owned(),
        about: format!("{} · computed {} UTC", about.place, shown(about.at_secs, "%Y-%m-%d %H:%M")),
        facts,
        sections: told,
        notes: notes(),
    }
}

/// The same figures for programs: those of the page, `at` (RFC 3339), and in `problems` by the sections' ids what is wrong with those that
/// are empty because something is.
///
/// # Errors
///
/// As [`Page::to_json`].
pub fn figures(about: &About, outcomes: &Outcomes) -> Result<Value, PageError> {
    let mut figures = page(about, outcomes).to_json()?;
    let mut problems = Map::new();
    for query in &QUERIES {
        if let (_, Some(problem)) = sections::section(query, outcomes.get(query.name)) {
            problems.insert(query.name.to_owned(), problem.into());
        }
    }
    if let Some(figures) = figures.as_object_mut() {
        figures.insert("at".to_owned(), shown(about.at_secs, "%Y-%m-%dT%H:%M:%SZ").into());
        figures.insert("problems".to_owned(), problems.into());
    }
    Ok(figures)
}

const TREND: &str = "monthly_trend";

fn shown(secs: i64, format: &str) -> String {
    DateTime::from_timestamp(secs, 0).map_or_else(String::new, |time| time.format(format).to_string())
}

/// Sums over the sections: every order is in one region, and every customer who ordered in one group.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sums of whole numbers that are not negative"
)]
fn facts(sections: &[Section]) -> Vec<Fact> {
    let revenue = sum(sections, "revenue_by_region", "revenue");
    let orders = sum(sections, "revenue_by_region", "orders");
    let customers = sum(sections, "repeat_customers", "customers");
    let once = column(sections, "repeat_customers", "customers").first().copied().flatten();
    let average = revenue.zip(orders).filter(|(_, orders)| *orders > 0.0).map(|(revenue, orders)| revenue / orders);
    let again = customers.zip(once).filter(|(all, _)| *all > 0.0).map(|(all, once)| 100.0 * (all - once) / all);
    let again = again.map_or_else(String::new, |share| format!("{share:.0} % ordered again"));
    let number = |number: Option<f64>| number.map_or(Cell::Absent, Cell::Number);
    let whole = |number: Option<f64>| number.map_or(Cell::Absent, |number| Cell::Count(number as u64));
    let fact = |id: &str, label: &str, kind, value, note: &str| Fact {
        id: id.to_owned(),
        label: label.to_owned(),
        kind,
        value,
        note: note.to_owned(),
        tone: Tone::Plain,
    };
    let (period, months) = period(sections);
    vec![
        fact("revenue", "Revenue", Kind::Euros(0), number(revenue.map(cents)), "all orders"),
        fact("orders", "Orders", Kind::Count, whole(orders), "order lines"),
        fact("average_order", "Average order", Kind::Euros(2), number(average), "revenue by orders"),
        fact("customers", "Customers", Kind::Count, whole(customers), &again),
        fact("period", "Period", Kind::Text, period, &months),
    ]
}

/// Of a sum of cents what adding has left behind them.
fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

/// `2024-11 – 2025-02`, and how many months have orders.
fn period(sections: &[Section]) -> (Cell, String) {
    let Some(trend) = sections.iter().find(|section| section.id == TREND) else { return (Cell::Absent, String::new()) };
    let times: Vec<i64> = trend.table.rows.iter().filter_map(|row| time(row)).collect();
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return (Cell::Absent, String::new()) };
    let [first, last] = [first, last].map(|secs| shown(*secs, "%Y-%m"));
    let period = if first == last { first } else { format!("{first} – {last}") };
    (
        Cell::Text(period),
        if times.len() == 1 { "1 month".to_owned() } else { format!("{} months with orders", times.len()) },
    )
}

fn time(row: &[Cell]) -> Option<i64> {
    if let Some(Cell::Time(secs)) = row.first() { Some(*secs) } else { None }
}

/// True if the last month of the trend is the one in which the figures were computed.
fn is_unfinished(trend: &Section, at_secs: i64) -> bool {
    let month = |secs| DateTime::from_timestamp(secs, 0).map(|time| (time.year(), time.month()));
    trend.table.rows.last().and_then(|row| time(row)).is_some_and(|last| month(last) == month(at_secs))
}

/// `None` where the section has no rows.
fn sum(sections: &[Section], section: &str, name: &str) -> Option<f64> {
    let numbers: Vec<f64> = column(sections, section, name).into_iter().flatten().collect();
    (!numbers.is_empty()).then(|| numbers.iter().sum())
}

#[allow(clippy::cast_precision_loss, reason = "nobody has so many orders")]
fn column(sections: &[Section], section: &str, name: &str) -> Vec<Option<f64>> {
    let Some(section) = sections.iter().find(|one| one.id == section) else { return Vec::new() };
    let Some(index) = section.table.columns.iter().position(|column| column.id == name) else { return Vec::new() };
    let number = |row: &Vec<Cell>| {
        if let Some(Cell::Count(count)) = row.get(index) {
            return Some(*count as f64);
        }
        if let Some(Cell::Number(number)) = row.get(index) { Some(*number) } else { None }
    };
    section.table.rows.iter().map(number).collect()
}

fn notes() -> Vec<String> {
    [
        "An order is an order line that its contract accepted; rejected rows are in no figure (lakegate report tells of them). Revenue is pieces \
         times the price of one, in euros.",
        "Tiers and age groups are those that customers have now, by their last change in an export; orders of customers that no export has are in \
         the other sections only.",
        concat!(
            "Each section is a saved query of infra/athena. Written by lakegate ",
            env!("CARGO_PKG_VERSION"),
            ". The same from anywhere: lakegate report --data."
        ),
    ]
    .map(str::to_owned)
    .to_vec()
}
