//! Queries: started, awaited, fetched.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::Client;
use crate::json::{list, text};

const POLL_MILLIS: u64 = 50;

/// What a query answered; null is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows, in order, as text.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Client {
    /// Runs a query and fetches all that it answers; `output` is an `s3://` prefix for the results.
    ///
    /// # Errors
    /// The query fails; the message says why.
    pub async fn athena(&self, database: &str, output: &str, sql: &str) -> Result<Rows> {
        let body = json!({
            "QueryString": sql,
            "QueryExecutionContext": { "Database": database },
            "ResultConfiguration": { "OutputLocation": output },
        });
        let answer = self.json("AmazonAthena.StartQueryExecution", &body).await?;
        let id = text(&answer, "/QueryExecutionId");
        loop {
            let answer = self.json("AmazonAthena.GetQueryExecution", &json!({ "QueryExecutionId": id })).await?;
            match text(&answer, "/QueryExecution/Status/State") {
                "SUCCEEDED" => break,
                "QUEUED" | "RUNNING" => tokio::time::sleep(Duration::from_millis(POLL_MILLIS)).await,
                _ => bail!("Athena: {}: {sql}", text(&answer, "/QueryExecution/Status/StateChangeReason")),
            }
        }
        self.athena_results(id).await
    }

    async fn athena_results(&self, id: &str) -> Result<Rows> {
        let mut request = json!({ "QueryExecutionId": id });
        let mut lines: Vec<Vec<Option<String>>> = Vec::new();
        loop {
            let answer = self.json("AmazonAthena.GetQueryResults", &request).await?;
            for row in list(&answer, "/ResultSet/Rows") {
                let datum = |datum: &Value| datum.get("VarCharValue").and_then(Value::as_str).map(str::to_owned);
                lines.push(list(row, "/Data").iter().map(datum).collect());
            }
            let token = text(&answer, "/NextToken");
            if token.is_empty() {
                break;
            }
            request = json!({ "QueryExecutionId": id, "NextToken": token });
        }
        // The first row of the first page holds the columns' names.
        let mut lines = lines.into_iter();
        let columns = lines.next().unwrap_or_default().into_iter().map(Option::unwrap_or_default).collect();
        Ok(Rows { columns, rows: lines.collect() })
    }
}
