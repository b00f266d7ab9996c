//! A dataset that an API has and nobody drops: fetched by the deployed function under its own role, and in the table.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use e2e::{Harness, json, on_stack_with, row_counts};

/// What the local AWS puts behind a secret's name is not known before.
const SECRETS: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:lakegate/things-??????";
const FUNCTION: &str = "lakegate-fetch-api";

static IS_BROKEN: AtomicBool = AtomicBool::new(false);

#[test]
fn records_of_an_api_become_rows_and_its_trouble_a_mail() -> Result<()> {
    let parameters = [("FetchSchedule", "rate(30 days)"), ("FetchSecrets", SECRETS)];
    on_stack_with("fetch", &parameters, async |harness| {
        let (stack, client) = (&harness.stack, &harness.stack.client);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("http://{}/v1/things", listener.local_addr()?);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || answer(&stream));
            }
        });
        let secret = json!({ "Name": "lakegate/things", "SecretString": "{\"token\": \"hunter2\"}" });
        client.json("secretsmanager.CreateSecret", &secret).await?;
        stack.put_contract("things.odcs.yaml", contract(&address).into_bytes()).await?;

        let told = outcome(harness, b"{}", "written").await?;
        assert_eq!((&told["records"], &told["requests"]), (&json!(3), &json!(3)));
        assert_eq!(told["key"], key(harness).await?);
        let entry = harness.ledger(&key(harness).await?, &["committed"]).await?;
        assert_eq!(row_counts(&entry), [3, 3, 0]);
        assert_eq!(harness.athena_value("SELECT sum(price) FROM things").await?, "6.30");

        // What is new from the last mark on is nothing.
        outcome(harness, br#"{"dataset": "things"}"#, "nothing-new").await?;

        IS_BROKEN.store(true, Ordering::SeqCst);
        let told = outcome(harness, b"{}", "failed").await?;
        assert_eq!((&told["kind"], &told["requests"]), (&json!("SourceApiChanged"), &json!(1)));
        assert!(text(&told["summary"]).contains("its list of records should be"), "{told}");
        let (subject, mail) = harness.alert("SourceApiChanged").await?;
        assert_eq!(subject, "Lakegate: things: not fetched: SourceApiChanged");
        assert!(mail.contains("its list of records should be") && !mail.contains("hunter2"), "{mail}");
        let log = client.function_log(FUNCTION).await?.join("\n");
        assert!(!log.contains("hunter2"));
        let failed = log.lines().rfind(|line| line.contains("failed")).context("it is in no log")?;
        assert!(failed.contains("requests") && !failed.contains("requests=0"), "{failed}");
        // Nothing of it lies in the dead-letter queue, and its own log says so.
        let log = client.function_log("lakegate-route-failures").await?.join("\n");
        let told = log.lines().rfind(|line| line.contains("outcome")).context("it is in no log")?;
        assert!(
            told.contains("SourceApiChanged") && told.contains("told") && !told.contains("dead-lettered"),
            "{told}"
        );
        Ok(())
    })
}

/// Has the sources fetched, of which there is one.
async fn outcome(harness: &Harness, event: &[u8], expected: &str) -> Result<e2e::Value> {
    let client = &harness.stack.client;
    let told = client.invoke(FUNCTION, event).await?;
    let source = &told["sources"][0];
    if (&source["dataset"], &source["outcome"]) != (&json!("things"), &json!(expected)) {
        anyhow::bail!("{told}: {}", client.function_log(FUNCTION).await?.join("\n"));
    }
    Ok(source.clone())
}

fn text(value: &e2e::Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn key(harness: &Harness) -> Result<String> {
    let (stack, client) = (&harness.stack, &harness.stack.client);
    let progress = client.get_object(&stack.lake_bucket, "fetch/things.json").await?;
    let progress: e2e::Value = serde_json::from_slice(&progress)?;
    assert_eq!(progress["reached"]["mark"], "3");
    Ok(progress["written"]["key"].as_str().context("nothing was written")?.to_owned())
}

fn contract(address: &str) -> String {
    format!(
        "apiVersion: v3.2.0
kind: DataContract
id: things
version: 1.0.0
status: active
servers:
  - {{server: landing, type: s3, location: 's3://*/things/**/*.json', format: json, delimiter: new_line}}
  - server: source
    type: api
    location: {address}
    customProperties:
      - {{vendor: lakegate, property: prefix, value: things/api/}}
      - {{vendor: lakegate, property: records, value: /data}}
      - {{vendor: lakegate, property: pagination, value: {{type: page, parameter: page}}}}
      - {{vendor: lakegate, property: incremental, value: {{field: /id, type: number, parameter: after}}}}
      - {{vendor: lakegate, property: secret, value: {{name: lakegate/things, key: token, header: X-Key}}}}
schema:
  - name: things
    properties:
      - {{name: id, logicalType: integer, required: true}}
      - {{name: price, logicalType: number, physicalType: 'DECIMAL(12,2)'}}
"
    )
}

/// Two pages of records, for whoever has the key.
fn answer(mut stream: &TcpStream) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let target = lines.next().unwrap_or_default();
    let may = lines.any(|line| line.eq_ignore_ascii_case("x-key: hunter2"));
    let body = match target.split(' ').nth(1).unwrap_or_default() {
        _ if !may => "",
        _ if IS_BROKEN.load(Ordering::SeqCst) => "{\"items\": []}",
        "/v1/things?page=1" => "{\"data\": [{\"id\": 1, \"price\": 1.10}, {\"id\": 2, \"price\": 2.10}]}",
        "/v1/things?page=2" => "{\"data\": [{\"id\": 3, \"price\": 3.10}]}",
        _ => "{\"data\": []}",
    };
    let status = if may { 200 } else { 401 };
    // The function may be gone.
    let _ = write!(stream, "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
}
