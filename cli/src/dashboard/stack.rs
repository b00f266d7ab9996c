//! The dashboard's queries, run by the Athena of a deployed stack.
//! It must not know what they ask.

use std::time::Duration;

use anyhow::{Result, bail};
use chrono::Utc;
use futures::future::join_all;
use lakegate_dashboard::{Answer, Outcome, Outcomes, QUERIES};
use lakegate_lake::athena::{Place as Queries, QueryError};
use lakegate_lake::chain;
use serde_json::json;
use tokio::time::Instant;

use super::Asked;
use crate::operate::place::Place;

/// Nobody waits longer for a page.
const TIMEOUT: Duration = Duration::from_mins(10);

/// Asks all at once.
///
/// # Errors
///
/// There is no such stack, or Athena answers nothing at all. A query that fails is a section of the page.
pub(crate) async fn ask(place: &Place) -> Result<Asked> {
    let stack = place.stack(None).await?;
    let (name, region, database) = (&stack.name, &stack.region, &stack.database);
    if database.is_empty() {
        bail!("stack {name} has no output Database: it must be deployed again");
    }
    let athena = stack.athena()?;
    let queries =
        Queries { database: database.clone(), work_group: stack.work_group.clone(), bucket: stack.lake_bucket.clone() };
    let (at, deadline) = (Utc::now(), Instant::now() + TIMEOUT);
    let run = format!("lakegate report {} {at:?}", std::process::id());
    let answers = join_all(QUERIES.iter().map(|query| athena.run(&queries, query.sql, &run, deadline))).await;
    let (mut outcomes, mut unanswered) = (Outcomes::new(), None);
    for (query, answer) in QUERIES.iter().zip(answers) {
        let outcome = match answer {
            Ok(rows) => Outcome::Answered(Answer { columns: rows.columns, rows: rows.rows }),
            Err(QueryError::Ended { reason, .. }) => Outcome::failed(query, &reason),
            Err(error) => {
                let told = Outcome::Failed(chain(&error));
                unanswered = Some(error);
                told
            }
        };
        outcomes.insert(query.name, outcome);
    }
    // Where nothing is answered, why is no matter of a section.
    if let Some(error) = unanswered
        && outcomes.values().all(|outcome| matches!(outcome, Outcome::Failed(_)))
    {
        return Err(error.into());
    }
    let place = format!("database {database} of stack {name} in {region}");
    Ok(Asked::new(place, json!({ "stack": name, "region": region, "database": database }), at, outcomes))
}
