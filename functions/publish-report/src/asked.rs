//! All queries at once, and what became of them.
//! It must not know what is done with the answers.

use futures::future::join_all;
use lakegate_dashboard::{Answer, Outcome, Outcomes, QUERIES, Query};
use lakegate_lake::LakeError;
use lakegate_lake::athena::{Athena, Place, QueryError};
use tokio::time::Instant;

/// What was asked, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) outcomes: Outcomes,
    /// The queries that failed, other than for want of a table, and why, without anything that may be a value of a cell.
    pub(crate) failures: Vec<(&'static str, String)>,
    /// Trouble with Athena itself that may pass, if there was any.
    pub(crate) passing: Option<LakeError>,
}

impl Asked {
    /// True if no query was answered that has a table: there is nothing to show.
    pub(crate) fn is_in_vain(&self) -> bool {
        !self.failures.is_empty() && !self.outcomes.values().any(|outcome| matches!(outcome, Outcome::Answered(_)))
    }
}

/// Asks.
pub(crate) async fn ask(athena: &Athena, place: &Place, run: &str, deadline: Instant) -> Asked {
    let asking = |query: &'static Query| athena.run(place, query.sql, run, deadline);
    let answers = join_all(QUERIES.iter().map(asking)).await;
    let mut asked = Asked::default();
    for (query, answer) in QUERIES.iter().zip(answers) {
        let outcome = match answer {
            Ok(rows) => Outcome::Answered(Answer { columns: rows.columns, rows: rows.rows }),
            Err(error) => {
                let outcome = failed(query, &error);
                if !matches!(outcome, Outcome::NoTable(_)) {
                    asked.failures.push((query.name, error.without_values()));
                }
                if let QueryError::Lake(error) = error
                    && error.is_passing()
                {
                    asked.passing = Some(error);
                }
                outcome
            }
        };
        asked.outcomes.insert(query.name, outcome);
    }
    asked
}

/// The page is for other people than the one who mends it: it gets the code and the query's id, by which that one finds all of it.
fn failed(query: &Query, error: &QueryError) -> Outcome {
    if let QueryError::Ended { reason, .. } = error
        && let no_table @ Outcome::NoTable(_) = Outcome::failed(query, reason)
    {
        return no_table;
    }
    Outcome::Failed(error.without_values())
}
