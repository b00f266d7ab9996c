//! Loads of the warehouse through the deployed stack: rules, queue and the function under its own role. The local AWS knows no Redshift: its
//! Data API is played here, and carries nothing out. What the statements do is tested on `PostgreSQL` (`e2e/warehouse`).
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use e2e::{Harness, Value, eventually, json, on_stack_with, orders};

const WORKGROUP: &str =
    "arn:aws:redshift-serverless:us-east-1:111122223333:workgroup/7f2c6c3a-5a1e-4e6e-9c0a-2d8d2f6f0a11";
const FUNCTION: &str = "lakegate-load-warehouse";
const TABLE: &str = "lw_orders";
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

/// What the Data API knows.
#[derive(Debug, Default)]
struct Told {
    /// What was handed over, in its order; its id is its number.
    batches: Vec<Value>,
    /// Every request: operation and body.
    requests: Vec<(String, Value)>,
    /// Whether the table is there.
    has_table: bool,
    /// What is said of any statement that failed.
    error: String,
}

#[derive(Debug, Clone, Default)]
struct DataApi(Arc<Mutex<Told>>);

impl DataApi {
    fn with<T>(&self, see: impl FnOnce(&mut Told) -> T) -> T {
        see(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Listens; the address.
    fn start(&self) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("http://{}", listener.local_addr()?);
        let api = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let api = api.clone();
                // The function may be gone.
                std::thread::spawn(move || api.answer(&stream).ok());
            }
        });
        Ok(address)
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

    /// Waits until so many batches were handed over; the last one.
    async fn batch(&self, number: usize) -> Result<Value> {
        eventually("statements are handed over", async || Ok(self.with(|told| told.batches.get(number - 1).cloned())))
            .await
    }
}

impl Told {
    fn answer(&mut self, operation: &str, body: Value) -> (u16, String) {
        self.requests.push((operation.to_owned(), body.clone()));
        let answer = match operation {
            "BatchExecuteStatement" => {
                let token = body["ClientToken"].clone();
                let known = self.batches.iter().position(|batch| batch["ClientToken"] == token);
                let index = known.unwrap_or_else(|| {
                    self.batches.push(body);
                    self.batches.len() - 1
                });
                json!({ "Id": (index + 1).to_string() })
            }
            "DescribeTable" if self.has_table => {
                let column =
                    |(name, of): (&str, &str)| json!({ "name": name, "typeName": of, "precision": 18, "scale": 2 });
                json!({ "TableName": body["Table"], "ColumnList": COLUMNS.map(column) })
            }
            "DescribeTable" => json!({ "TableName": body["Table"], "ColumnList": [] }),
            "DescribeStatement" => json!({ "Id": body["Id"], "Status": "FAILED", "Error": self.error }),
            _ => return (400, json!({ "__type": "UnknownOperationException", "Message": operation }).to_string()),
        };
        (200, answer.to_string())
    }
}

/// The statements have ended so, as the rule of the template passes it on: the local bus takes no events of AWS's own sources from us.
async fn ended(harness: &Harness, batch: &Value, id: usize, state: &str) -> Result<()> {
    let client = &harness.stack.client;
    let variables = client.function_environment(FUNCTION).await?;
    let queue = variables.get("LOAD_QUEUE_URL").context("the function knows no queue")?;
    let event = json!({
        "source": "aws.redshift-data", "detail-type": "Redshift Data Statement Status Change",
        "detail": { "statementName": batch["StatementName"], "statementId": id.to_string(), "state": state },
    });
    client.send_message(queue, &event.to_string()).await
}

/// The documents of the loads, by their phases.
async fn phases(harness: &Harness) -> Result<Vec<String>> {
    let stack = &harness.stack;
    let mut phases = Vec::new();
    for object in stack.list_lake("loads/").await? {
        let load: Value = serde_json::from_slice(&stack.client.get_object(&stack.lake_bucket, &object.key).await?)?;
        phases.push(load["phase"].as_str().unwrap_or_default().to_owned());
    }
    phases.sort();
    Ok(phases)
}

/// Holds requests against the model of the Data API that AWS's own SDK for Python carries.
const CHECK: &str = "
import json, sys
from botocore.session import Session
from botocore.validate import ParamValidator
model = Session().get_service_model('redshift-data')
requests = json.load(sys.stdin)
for operation, body in requests:
    report = ParamValidator().validate(body, model.operation_model(operation).input_shape)
    assert not report.has_errors(), operation + ': ' + report.generate_report()
    known = set(model.operation_model(operation).input_shape.members)
    assert set(body) <= known, (operation, set(body) - known)
print(' '.join(sorted({operation for operation, _ in requests})))
";

fn check_requests(harness: &Harness, requests: &str) -> Result<()> {
    let mut command = Command::new(&harness.python);
    command.args(["-c", CHECK]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start Python")?;
    child.stdin.take().context("no standard input")?.write_all(requests.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "a request is not as the Data API has it");
    assert_eq!(String::from_utf8(output.stdout)?.trim(), "BatchExecuteStatement DescribeStatement DescribeTable");
    Ok(())
}

#[test]
fn what_was_taken_in_is_loaded_and_what_cannot_be_is_told() -> Result<()> {
    let parameters = [("Warehouse", "on"), ("ExistingWorkgroup", WORKGROUP)];
    on_stack_with("warehouse", &parameters, async |harness| {
        let stack = &harness.stack;
        let api = DataApi::default();
        stack.client.set_function_variable(FUNCTION, "AWS_ENDPOINT_URL_REDSHIFT_DATA", &api.start()?).await?;
        let sample = std::fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
        stack.put_contract("lw_orders.odcs.yaml", orders::contract_for(&sample, TABLE)).await?;

        // The first file's table is made, then loaded whole.
        stack.drop_file("lw_orders/a.csv", orders::good_file("2025-09-01", 1, 6)).await?;
        harness.ledger("lw_orders/a.csv", &["committed"]).await?;
        let made = api.batch(1).await?;
        let texts = |batch: &Value| batch["Sqls"].to_string();
        ensure!(texts(&made).contains("CREATE TABLE IF NOT EXISTS"), "{made}");
        assert_eq!(made["WithEvent"], true, "{made}");
        api.with(|told| told.has_table = true);
        ended(harness, &made, 1, "FINISHED").await?;
        let loaded = api.batch(2).await?;
        ensure!(texts(&loaded).contains("lakegate_staging") && texts(&loaded).starts_with("[\"LOCK TABLE"), "{loaded}");
        ended(harness, &loaded, 2, "FINISHED").await?;
        let is_loaded = async || Ok((phases(harness).await? == ["loaded"]).then_some(()));
        eventually("the load is done", is_loaded).await?;

        // The next one is loaded by itself, by its name in the lake.
        stack.drop_file("lw_orders/b.csv", orders::good_file("2025-10-01", 7, 9)).await?;
        let entry = harness.ledger("lw_orders/b.csv", &["committed"]).await?;
        let file = entry["outputs"][0]["path"].as_str().context("no output")?;
        let source = file.rsplit('/').next().and_then(|name| name.rsplit_once('-')).map_or("", |(source, _)| source);
        let load = api.batch(3).await?;
        ensure!(!source.is_empty() && texts(&load).contains(&format!("%/{source}-%.parquet")), "{source}: {load}");
        // The event comes twice, as events do.
        ended(harness, &load, 3, "FINISHED").await?;
        ended(harness, &load, 3, "FINISHED").await?;
        let are_loaded = async || Ok((phases(harness).await? == ["loaded", "loaded"]).then_some(()));
        eventually("the second load is done", are_loaded).await?;

        // What the warehouse refuses for good becomes a mail, without what it said.
        api.with(|told| {
            told.error = "ERROR: permission denied for schema lakegate; row: 'secret of a cell'".to_owned();
        });
        stack.drop_file("lw_orders/b.csv", orders::good_file("2025-10-01", 7, 3)).await?;
        let refused = api.batch(4).await?;
        ended(harness, &refused, 4, "FAILED").await?;
        let (subject, mail) = harness.alert("WarehouseLoadFailed").await?;
        ensure!(subject.contains(TABLE) && mail.contains("{\"dataset\": "), "{subject}: {mail}");
        let log = stack.client.function_log(FUNCTION).await?.join("\n");
        ensure!(!mail.contains("secret of a cell") && !log.contains("secret of a cell"), "{mail}: {log}");
        assert_eq!(api.with(|told| told.batches.len()), 4, "nothing was handed over twice");
        check_requests(harness, &api.with(|told| json!(told.requests).to_string()))
    })
}
