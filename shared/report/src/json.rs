//! A page's figures for programs: the same ones, by their ids.
//! It must not know how they are shown.

use serde_json::{Map, Value, json};

use crate::cell_text;
use crate::page::{Cell, Page, Section};

/// Titles, facts and rows; what is absent is null.
pub(crate) fn write(page: &Page) -> Value {
    let facts: Map<String, Value> = page.facts.iter().map(|fact| (fact.id.clone(), value(&fact.value))).collect();
    let sections: Map<String, Value> =
        page.sections.iter().map(|section| (section.id.clone(), rows(section))).collect();
    json!({ "title": page.title, "about": page.about, "facts": facts, "sections": sections })
}

fn rows(section: &Section) -> Value {
    let ids = || section.table.columns.iter().map(|column| column.id.clone());
    let row = |cells: &Vec<Cell>| Value::Object(ids().zip(cells.iter().map(value)).collect());
    section.table.rows.iter().map(row).collect()
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Absent => Value::Null,
        Cell::Text(text) | Cell::Tagged(text, _) => Value::from(text.as_str()),
        Cell::Count(count) => Value::from(*count),
        Cell::Number(number) => Value::from(*number),
        Cell::Time(secs) => cell_text::rfc3339(*secs).map_or(Value::Null, Value::from),
    }
}
