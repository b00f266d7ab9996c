//! Redshift by its Data API: statements handed over, asked after, and what columns a table has; signed requests of our own.
//! It must not know what statements say, and waits for none of them.

use std::time::Duration;

use object_store::ClientConfigKey;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::LakeError;
use crate::error::{from_answer, from_store, one_line};
use crate::posted::Answer;
use crate::signed::Signed;

/// Most statements that one batch takes (Data API quotas).
pub const STATEMENTS_MAX: usize = 40;
/// Attempts of one request, the first included.
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest that one attempt may take: a warehouse that sleeps wakes up within seconds, and a table is described by asking it.
const TIMEOUT: Duration = Duration::from_secs(25);
/// Codes for "not now" of this service (Data API Reference), beside those of every service.
const PASSING: [&str; 7] = [
    "ActiveSessionsExceededException",
    "ActiveStatementsExceededException",
    "BatchExecuteStatementException",
    "DatabaseConnectionException",
    "ExecuteStatementException",
    "InternalServerException",
    "QueryTimeoutException",
];

/// One database of one workgroup of Redshift Serverless.
#[derive(Debug)]
pub struct Warehouse {
    client: Signed,
    workgroup: String,
    database: String,
}

/// A column as the warehouse has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WarehouseColumn {
    /// Its name.
    pub name: String,
    /// Its type in the inner spelling of `PostgreSQL`: `int4`, `numeric`, `varchar`.
    #[serde(default)]
    pub type_name: String,
    /// Digits of a number.
    #[serde(default)]
    pub precision: i64,
    /// Digits behind the point.
    #[serde(default)]
    pub scale: i64,
}

/// What became of a batch of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// `FINISHED`, `FAILED`, `ABORTED`, or that it has not ended.
    pub status: String,
    /// What the warehouse said of the first statement that failed. It may quote values of cells.
    pub error: String,
    /// Which of the statements failed, from 1; 0 where that is not known.
    pub failed_statement: usize,
}

impl Warehouse {
    /// A database of a workgroup.
    ///
    /// # Errors
    ///
    /// A client that cannot be made.
    pub fn new(builder: &AmazonS3Builder, workgroup: String, database: String) -> Result<Self, LakeError> {
        let timeout = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
        let builder = builder.clone().with_config(timeout, format!("{} seconds", TIMEOUT.as_secs()));
        let address = |region: &str| format!("https://redshift-data.{region}.amazonaws.com/");
        let client = Signed::new(&builder, "redshift-data", "", address);
        let client = client.map_err(|error| from_store("connect", "the Redshift Data API", &error))?;
        Ok(Self { client, workgroup, database })
    }

    /// Hands over statements that are to be one transaction; their id. Whoever gives the same `token` again within eight hours gets the id
    /// of the first time, and nothing runs twice. An event tells when they have ended, by `name`.
    ///
    /// # Errors
    ///
    /// What the Data API refused, or the way to it.
    pub async fn submit(&self, name: &str, token: &str, statements: &[String]) -> Result<String, LakeError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Submitted {
            id: String,
        }
        let body = json!({
            "WorkgroupName": self.workgroup, "Database": self.database, "Sqls": statements, "StatementName": name,
            "ClientToken": token, "WithEvent": true,
        });
        let submitted: Submitted = self.ask("BatchExecuteStatement", &body).await?;
        Ok(submitted.id)
    }

    /// What became of statements; `None` where their id is not known, or not any more (after 24 hours).
    ///
    /// # Errors
    ///
    /// What the Data API refused, or the way to it.
    pub async fn ended(&self, id: &str) -> Result<Option<Ended>, LakeError> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        struct Described {
            status: String,
            error: Option<String>,
            sub_statements: Vec<Described>,
        }
        let described = match self.ask::<Described>("DescribeStatement", &json!({ "Id": id })).await {
            Ok(described) => described,
            Err(error) if says(&error, &["ResourceNotFoundException"]) => return Ok(None),
            Err(error) => return Err(error),
        };
        let failed = described.sub_statements.iter().position(|sub| sub.error.is_some() || sub.status == "FAILED");
        let of_sub = failed.and_then(|index| described.sub_statements.get(index)).and_then(|sub| sub.error.clone());
        Ok(Some(Ended {
            status: described.status,
            error: of_sub.or(described.error).unwrap_or_default(),
            failed_statement: failed.map_or(0, |index| index + 1),
        }))
    }

    /// The columns of a table; `None` where there is no such table.
    ///
    /// # Errors
    ///
    /// What the Data API refused, or the way to it.
    pub async fn columns(&self, schema: &str, table: &str) -> Result<Option<Vec<WarehouseColumn>>, LakeError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Described {
            #[serde(default)]
            column_list: Vec<WarehouseColumn>,
            #[serde(default)]
            next_token: Option<String>,
        }
        let mut columns = Vec::new();
        let mut body = json!({
            "WorkgroupName": self.workgroup, "Database": self.database, "Schema": schema, "Table": table, "MaxResults": 1000,
        });
        loop {
            let described = match self.ask::<Described>("DescribeTable", &body).await {
                Ok(described) => described,
                Err(error) if says(&error, &["ResourceNotFoundException", "does not exist", "not found"]) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            columns.extend(described.column_list);
            let Some(next) = described.next_token.filter(|next| !next.is_empty()) else { break };
            if let Some(body) = body.as_object_mut() {
                body.insert("NextToken".to_owned(), next.into());
            }
        }
        // A table that is not there is answered with no columns.
        Ok(Some(columns).filter(|columns| !columns.is_empty()))
    }

    async fn ask<T: DeserializeOwned>(&self, operation: &'static str, body: &Value) -> Result<T, LakeError> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            match self.ask_once(operation, body.to_string()).await {
                Err(error) if error.is_passing() && attempt < ATTEMPTS => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn ask_once<T: DeserializeOwned>(&self, operation: &'static str, body: String) -> Result<T, LakeError> {
        let target = format!("RedshiftData.{operation}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
        let answer = self.client.post(&headers, body).await;
        judge(
            operation,
            &self.workgroup,
            &answer.map_err(|unanswered| unanswered.on(operation, self.workgroup.clone()))?,
        )
    }
}

fn says(error: &LakeError, words: &[&str]) -> bool {
    let LakeError::Refused { source, .. } = error else { return false };
    let text = source.to_string();
    words.iter().any(|word| text.contains(word))
}

fn judge<T: DeserializeOwned>(operation: &'static str, workgroup: &str, answer: &Answer) -> Result<T, LakeError> {
    let resource = format!("the workgroup {workgroup}");
    if answer.status != 200 {
        return Err(from_answer(operation, resource, answer, &PASSING));
    }
    serde_json::from_str(&answer.body).map_err(|error| LakeError::Passing {
        operation,
        resource,
        source: one_line(&format!("its answer cannot be read: {error}")).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain;

    fn refused(status: u16, body: &str) -> LakeError {
        judge::<Value>("BatchExecuteStatement", "sales", &Answer { status, body: body.to_owned() }).unwrap_err()
    }

    #[test]
    fn refusals_are_sorted_into_passing_and_lasting() {
        for code in ["ActiveStatementsExceededException", "com.amazonaws.redshift#ThrottlingException"] {
            assert!(refused(400, &json!({ "__type": code, "Message": "no" }).to_string()).is_passing(), "{code}");
        }
        assert!(refused(503, "<html>").is_passing());
        let denied = refused(400, r#"{"__type": "AccessDeniedException", "Message": "no"}"#);
        insta::assert_snapshot!(chain(&denied), @"BatchExecuteStatement on the workgroup sales is not allowed: 400 AccessDeniedException: no");
        let wrong = refused(400, r#"{"__type": "ValidationException", "Message": "Workgroup is not found"}"#);
        insta::assert_snapshot!(chain(&wrong), @"BatchExecuteStatement on the workgroup sales was refused: 400 ValidationException: Workgroup is not found");
    }

    #[test]
    fn an_answer_that_is_none_passes() {
        let answer = Answer { status: 200, body: "<html>Sign in</html>".to_owned() };
        assert!(judge::<Ended200>("DescribeStatement", "sales", &answer).unwrap_err().is_passing());
    }

    #[derive(Debug, Deserialize)]
    struct Ended200 {}
}
