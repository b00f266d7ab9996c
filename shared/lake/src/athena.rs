//! Queries of Athena by signed requests of our own: started, awaited, fetched.
//! It must not know what is asked, nor what is done with the answers.

use std::fmt::Debug;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::{from_answer, from_store};
use crate::posted::Answer;
use crate::signed::Signed;
use crate::{LakeError, layout, one_line};

/// Athena's own code for "not now" (API Reference, "Common Errors").
const PASSING: [&str; 1] = ["InternalServerException"];
/// Before it is asked for the second time whether a query has ended; each pause is half as long again as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// The most that one page of an answer has (Athena API Reference, `GetQueryResults`).
const PAGE_ROWS_MAX: usize = 1_000;
/// More rows than that nobody looks at; they would be held in memory.
const ROWS_MAX: usize = 100_000;

/// The way to Athena.
#[derive(Debug)]
pub struct Athena {
    client: Signed,
}

/// Where queries run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The catalog's database.
    pub database: String,
    /// The work group; `None` for the account's own, `primary`.
    pub work_group: Option<String>,
    /// The bucket that takes the answers, under [`layout::ATHENA_PREFIX`].
    pub bucket: String,
}

/// What a query answered, as texts; null is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows, in order.
    pub rows: Vec<Vec<Option<String>>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Athena ran it in vain. The reason may quote values of cells: it is for who asked, and for no log, metric or mail.
    #[error("query {id} has {}: {reason}", state.to_lowercase())]
    Ended {
        /// Athena's id of it, by which its page in the console is found.
        id: String,
        /// `FAILED` or `CANCELLED`.
        state: String,
        /// What Athena says.
        reason: String,
    },
    /// There was no time left. It was stopped.
    #[error("query {id} has not ended in time, and was stopped")]
    OutOfTime {
        /// Athena's id of it.
        id: String,
    },
    /// The answer is larger than anybody reads.
    #[error("query {id} answers with more than {ROWS_MAX} rows")]
    TooLong {
        /// Athena's id of it.
        id: String,
    },
    /// Athena refused, or was not reached.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl QueryError {
    /// The same without anything that may be a value: of a reason its code only, `HIVE_BAD_DATA`.
    #[must_use]
    pub fn without_values(&self) -> String {
        match self {
            Self::Ended { id, state, reason } => match code(reason) {
                Some(code) => format!("{code} (query {id})"),
                None => format!("{state} (query {id})"),
            },
            Self::OutOfTime { .. } | Self::TooLong { .. } => self.to_string(),
            Self::Lake(error) => crate::chain(error),
        }
    }
}

/// The word that most of Athena's reasons begin with.
fn code(reason: &str) -> Option<&str> {
    let (code, _) = reason.split_once(':')?;
    let is_code = code.contains('_') && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    is_code.then_some(code)
}

impl Athena {
    /// Queries of the builder's account and region.
    ///
    /// # Errors
    ///
    /// A client that cannot be made.
    pub fn new(builder: &AmazonS3Builder) -> Result<Self, LakeError> {
        let address = |region: &str| format!("https://athena.{region}.amazonaws.com/");
        let client = Signed::new(builder, "athena", "", address);
        client.map(|client| Self { client }).map_err(|error| from_store("connect", "Athena", &error))
    }

    /// Runs a query and fetches all that it answers, until `deadline`. `run` is what asks: the same query of the same run is started once,
    /// however often the request has to be repeated. Throttled and lost requests are repeated while there is time.
    ///
    /// # Errors
    ///
    /// The query fails or takes too long, what Athena refused, or the way to it.
    pub async fn run(&self, place: &Place, sql: &str, run: &str, deadline: Instant) -> Result<Rows, QueryError> {
        let mut start = json!({
            "QueryString": sql,
            "QueryExecutionContext": { "Database": place.database },
            "ResultConfiguration": { "OutputLocation": layout::url(&place.bucket, layout::ATHENA_PREFIX) },
            "ClientRequestToken": layout::hex(&format!("{run}\n{sql}"), 64),
        });
        if let (Some(work_group), Some(start)) = (&place.work_group, start.as_object_mut()) {
            start.insert("WorkGroup".to_owned(), work_group.as_str().into());
        }
        let resource = place.database.as_str();
        let started = self.ask("StartQueryExecution", resource, &start, deadline).await?;
        let id = text(&started, "/QueryExecutionId").to_owned();
        match self.wait(&id, deadline).await {
            Ok(()) => self.fetch(id, deadline).await,
            Err(error) => {
                if !matches!(error, QueryError::Ended { .. }) {
                    self.stop(&id).await;
                }
                Err(error)
            }
        }
    }

    async fn wait(&self, id: &str, deadline: Instant) -> Result<(), QueryError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let told = self.ask("GetQueryExecution", id, &json!({ "QueryExecutionId": id }), deadline).await?;
            match text(&told, "/QueryExecution/Status/State") {
                "SUCCEEDED" => return Ok(()),
                state @ ("FAILED" | "CANCELLED") => {
                    let reason = one_line(text(&told, "/QueryExecution/Status/StateChangeReason"));
                    return Err(QueryError::Ended { id: id.to_owned(), state: state.to_owned(), reason });
                }
                _ if Instant::now() + pause >= deadline => return Err(QueryError::OutOfTime { id: id.to_owned() }),
                _ => tokio::time::sleep(pause).await,
            }
            pause = longer(pause);
        }
    }

    /// What nobody waits for is not to be paid for. Whether it can be stopped changes nothing for who asked.
    async fn stop(&self, id: &str) {
        let soon = Instant::now() + Duration::from_secs(2);
        let query = json!({ "QueryExecutionId": id });
        let asking = self.ask("StopQueryExecution", id, &query, soon);
        let _ = tokio::time::timeout_at(soon, asking).await;
    }

    async fn fetch(&self, id: String, deadline: Instant) -> Result<Rows, QueryError> {
        let mut request = json!({ "QueryExecutionId": id, "MaxResults": PAGE_ROWS_MAX });
        let mut lines: Vec<Vec<Option<String>>> = Vec::new();
        loop {
            let page = self.ask("GetQueryResults", &id, &request, deadline).await?;
            for row in list(&page, "/ResultSet/Rows") {
                let value = |datum: &Value| datum.get("VarCharValue").and_then(Value::as_str).map(str::to_owned);
                lines.push(list(row, "/Data").iter().map(value).collect());
            }
            if lines.len() > ROWS_MAX {
                return Err(QueryError::TooLong { id });
            }
            let token = text(&page, "/NextToken");
            if token.is_empty() {
                break;
            }
            request = json!({ "QueryExecutionId": id, "MaxResults": PAGE_ROWS_MAX, "NextToken": token });
        }
        // The first row of the first page holds the columns' names.
        let mut lines = lines.into_iter();
        let columns = lines.next().unwrap_or_default().into_iter().map(Option::unwrap_or_default).collect();
        Ok(Rows { columns, rows: lines.collect() })
    }

    async fn ask(
        &self,
        operation: &'static str,
        resource: &str,
        body: &Value,
        deadline: Instant,
    ) -> Result<Value, LakeError> {
        let target = format!("AmazonAthena.{operation}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
        let mut pause = FIRST_PAUSE;
        loop {
            let posted = tokio::time::timeout_at(deadline, self.client.post(&headers, body.to_string())).await;
            let answered = match posted {
                Ok(Ok(answer)) => judge(operation, resource, &answer),
                Ok(Err(unanswered)) => Err(unanswered.on(operation, resource.to_owned())),
                Err(_elapsed) => Err(late(operation, resource)),
            };
            match answered {
                Err(error) if error.is_passing() && Instant::now() + pause < deadline => {
                    tokio::time::sleep(pause).await;
                }
                answered => return answered,
            }
            pause = longer(pause);
        }
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 3 / 2).min(PAUSE_MAX)
}

fn late(operation: &'static str, resource: &str) -> LakeError {
    LakeError::Passing { operation, resource: resource.to_owned(), source: "there was no answer in time".into() }
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn judge(operation: &'static str, resource: &str, answer: &Answer) -> Result<Value, LakeError> {
    let resource = resource.to_owned();
    if answer.status != 200 {
        return Err(from_answer(operation, resource, answer, &PASSING));
    }
    // Athena says nothing to a query that it has stopped.
    if answer.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&answer.body).map_err(|error| LakeError::Passing { operation, resource, source: error.into() })
}

#[cfg(test)]
mod tests;
