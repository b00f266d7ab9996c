//! `lakegate report --data`: the business dashboard, of a deployed stack by its Athena, or of a local lake by DuckDB.
//! It asks, and writes the page; what is asked and how it looks is the room `dashboard`.

mod engine;
mod folder;
mod stack;

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use lakegate_dashboard::{About, Outcomes, QUERIES};
use lakegate_report::Page;
use serde_json::Value;

pub(crate) use folder::ask as of_folder;
pub(crate) use stack::ask as of_stack;

/// What was asked, and what became of it.
#[derive(Debug)]
pub(crate) struct Asked {
    about: About,
    /// The place for programs.
    place_json: Value,
    outcomes: Outcomes,
}

impl Asked {
    fn new(place: String, place_json: Value, at: DateTime<Utc>, outcomes: Outcomes) -> Self {
        Self { about: About { place, at_secs: at.timestamp() }, place_json, outcomes }
    }

    pub(crate) fn page(&self) -> Page {
        lakegate_dashboard::page(&self.about, &self.outcomes)
    }

    /// The page's figures, and what they are about, for programs.
    pub(crate) fn figures(&self) -> Result<Value> {
        let mut figures = lakegate_dashboard::figures(&self.about, &self.outcomes)?;
        if let (Some(figures), Value::Object(place)) = (figures.as_object_mut(), self.place_json.clone()) {
            figures.extend(place);
        }
        Ok(figures)
    }

    /// What is wrong, and with which sections, for who reads no page: each problem once.
    ///
    /// # Errors
    ///
    /// All of them are wrong: there is nothing to show.
    pub(crate) fn problems(&self) -> Result<Vec<String>> {
        let figures = self.figures()?;
        let problems = figures.get("problems").and_then(Value::as_object).into_iter().flatten();
        let mut told: Vec<(&str, Vec<&str>)> = Vec::new();
        for (name, problem) in problems {
            let problem = problem.as_str().unwrap_or_default();
            match told.iter_mut().find(|(known, _)| *known == problem) {
                Some((_, names)) => names.push(name),
                None => told.push((problem, vec![name])),
            }
        }
        let wrong: usize = told.iter().map(|(_, names)| names.len()).sum();
        let told: Vec<String> =
            told.iter().map(|(problem, names)| format!("{}: {problem}", names.join(", "))).collect();
        if wrong == QUERIES.len() {
            bail!("there is nothing to show; {}", told.join(" "));
        }
        Ok(told)
    }
}
