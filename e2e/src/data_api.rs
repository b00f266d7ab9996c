//! The Data API of Redshift, as far as the function that loads the warehouse calls it: the local AWS has none. Nothing is carried out.
//! It must not know what is loaded; what the statements do is tested on `PostgreSQL` (`e2e/warehouse`).

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::Harness;
use crate::waiting::eventually;

/// Values of the template's parameters for a stack that loads a workgroup which is there.
pub const WAREHOUSE: [(&str, &str); 2] = [
    ("Warehouse", "on"),
    (
        "ExistingWorkgroup",
        "arn:aws:redshift-serverless:us-east-1:111122223333:workgroup/7f2c6c3a-5a1e-4e6e-9c0a-2d8d2f6f0a11",
    ),
];
/// The columns of every table that was made: those of the sample contract of orders.
const COLUMNS: [(&str, &str); 13] = [
    ("order_id", "varchar"),
    ("order_ts", "timestamp"),
    ("customer_id", "varchar"),
    ("product", "varchar"),
    ("quantity", "int4"),
    ("unit_price", "numeric"),
    ("region", "varchar"),
    ("country", "varchar"),
    ("note", "varchar"),
    ("revenue", "numeric"),
    ("year", "int4"),
    ("month", "int4"),
    ("lakegate_source", "varchar"),
];
const POLL: Duration = Duration::from_millis(200);

/// What the Data API knows.
#[derive(Debug, Default)]
struct Told {
    /// What was handed over, in its order; its id is its number, from 1.
    batches: Vec<Value>,
    /// Every request: operation and body.
    requests: Vec<(String, Value)>,
    has_table: bool,
    /// What is said of any statement that failed.
    error: String,
}

/// A Data API on a port of its own. It has one table at most.
#[derive(Debug, Clone, Default)]
pub struct DataApi(Arc<Mutex<Told>>);

impl DataApi {
    /// Listens, and has the deployed function call it.
    ///
    /// # Errors
    /// The stack has no warehouse, or no port is free.
    pub async fn start(harness: &Harness) -> Result<Self> {
        let api = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("http://{}", listener.local_addr()?);
        let answering = api.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let api = answering.clone();
                // The function may be gone.
                std::thread::spawn(move || api.answer(&stream).ok());
            }
        });
        let function = load_function(harness)?;
        harness.stack.client.set_function_variable(function, "AWS_ENDPOINT_URL_REDSHIFT_DATA", &address).await?;
        Ok(api)
    }

    fn with<T>(&self, see: impl FnOnce(&mut Told) -> T) -> T {
        see(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer(&self, mut stream: &TcpStream) -> Result<()> {
        let mut reader = BufReader::new(stream);
        let (mut length, mut operation) = (0, String::new());
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else {
                if line.trim().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse()?,
                "x-amz-target" => value.trim().trim_start_matches("RedshiftData.").clone_into(&mut operation),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body = serde_json::from_slice(&body)?;
        let (status, answer) = self.with(|told| told.answer(&operation, body));
        let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
        stream.write_all((head + &answer).as_bytes())?;
        Ok(())
    }

    /// Waits until so many batches of statements were handed over; the last of them.
    ///
    /// # Errors
    /// They are not, in time.
    pub async fn batch(&self, number: usize) -> Result<Value> {
        let handed_over = async || Ok(self.with(|told| told.batches.get(number - 1).cloned()));
        eventually("statements are handed over", handed_over).await
    }

    /// All that was handed over, in its order.
    #[must_use]
    pub fn batches(&self) -> Vec<Value> {
        self.with(|told| told.batches.clone())
    }

    /// Every request so far: a list of operation and body.
    #[must_use]
    pub fn requests(&self) -> Value {
        self.with(|told| json!(told.requests))
    }

    /// From now on statements that failed failed with this.
    pub fn fail_with(&self, error: &str) {
        self.with(|told| error.clone_into(&mut told.error));
    }

    /// The statements of a batch have ended so, as the rule of the template passes it on: the local bus takes no events of AWS's own
    /// sources from us. The table that they make is there.
    ///
    /// # Errors
    /// There is no such batch, or a call fails.
    pub async fn end(&self, harness: &Harness, number: usize, state: &str) -> Result<()> {
        let batch = self.with(|told| {
            let batch = told.batches.get(number - 1).cloned();
            told.has_table |= state == "FINISHED" && batch.as_ref().is_some_and(makes_table);
            batch.with_context(|| format!("no batch {number} was handed over"))
        })?;
        let client = &harness.stack.client;
        let variables = client.function_environment(load_function(harness)?).await?;
        let queue = variables.get("LOAD_QUEUE_URL").context("the function knows no queue")?;
        let event = json!({
            "source": "aws.redshift-data", "detail-type": "Redshift Data Statement Status Change",
            "detail": { "statementName": batch.get("StatementName"), "statementId": number.to_string(), "state": state },
        });
        client.send_message(queue, &event.to_string()).await
    }

    /// Ends what is handed over, for as long as this is polled and it is time: well, or with that error.
    ///
    /// # Errors
    /// A call fails.
    pub async fn end_all(
        &self,
        harness: &Harness,
        error: Option<&str>,
        is_time: impl Fn() -> bool,
    ) -> Result<Infallible> {
        self.fail_with(error.unwrap_or_default());
        let state = if error.is_some() { "FAILED" } else { "FINISHED" };
        let mut ended = 0;
        loop {
            while is_time() && ended < self.with(|told| told.batches.len()) {
                ended += 1;
                self.end(harness, ended, state).await?;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Told {
    fn answer(&mut self, operation: &str, body: Value) -> (u16, String) {
        self.requests.push((operation.to_owned(), body.clone()));
        let answer = match operation {
            "BatchExecuteStatement" => {
                let token = body.get("ClientToken").cloned();
                let known = self.batches.iter().position(|batch| batch.get("ClientToken") == token.as_ref());
                let index = known.unwrap_or_else(|| {
                    self.batches.push(body);
                    self.batches.len() - 1
                });
                json!({ "Id": (index + 1).to_string() })
            }
            "DescribeTable" if self.has_table => {
                let column =
                    |(name, of): (&str, &str)| json!({ "name": name, "typeName": of, "precision": 18, "scale": 2 });
                json!({ "TableName": body.get("Table"), "ColumnList": COLUMNS.map(column) })
            }
            "DescribeTable" => json!({ "TableName": body.get("Table"), "ColumnList": [] }),
            "DescribeStatement" => json!({ "Id": body.get("Id"), "Status": "FAILED", "Error": self.error }),
            _ => return (400, json!({ "__type": "UnknownOperationException", "Message": operation }).to_string()),
        };
        (200, answer.to_string())
    }
}

fn load_function(harness: &Harness) -> Result<&str> {
    harness.stack.load_function.as_deref().context("the stack has no warehouse")
}

/// Whether a batch's statements make a table.
fn makes_table(batch: &Value) -> bool {
    batch.get("Sqls").is_some_and(|statements| statements.to_string().contains("CREATE TABLE IF NOT EXISTS"))
}
