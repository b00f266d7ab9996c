//! Loads of the warehouse through the deployed stack: rules, queue and the function under its own role. The local AWS knows no Redshift: its
//! Data API is played here, and carries nothing out. What the statements do is tested on `PostgreSQL` (`e2e/warehouse`).
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use e2e::data_api::{DataApi, WAREHOUSE};
use e2e::{Harness, Value, eventually, on_stack_with, orders};

const TABLE: &str = "lw_orders";

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
    on_stack_with("warehouse", &WAREHOUSE, async |harness| {
        let stack = &harness.stack;
        let api = DataApi::start(harness).await?;
        let sample = std::fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
        stack.put_contract("lw_orders.odcs.yaml", orders::contract_for(&sample, TABLE)).await?;

        // The first file's table is made, then loaded whole.
        stack.drop_file("lw_orders/a.csv", orders::good_file("2025-09-01", 1, 6)).await?;
        harness.ledger("lw_orders/a.csv", &["committed"]).await?;
        let made = api.batch(1).await?;
        let texts = |batch: &Value| batch["Sqls"].to_string();
        ensure!(texts(&made).contains("CREATE TABLE IF NOT EXISTS"), "{made}");
        assert_eq!(made["WithEvent"], true, "{made}");
        api.end(harness, 1, "FINISHED").await?;
        let loaded = api.batch(2).await?;
        ensure!(texts(&loaded).contains("lakegate_staging") && texts(&loaded).starts_with("[\"LOCK TABLE"), "{loaded}");
        api.end(harness, 2, "FINISHED").await?;
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
        api.end(harness, 3, "FINISHED").await?;
        api.end(harness, 3, "FINISHED").await?;
        let are_loaded = async || Ok((phases(harness).await? == ["loaded", "loaded"]).then_some(()));
        eventually("the second load is done", are_loaded).await?;

        // What the warehouse refuses for good becomes a mail, without what it said.
        api.fail_with("ERROR: permission denied for schema lakegate; row: 'secret of a cell'");
        stack.drop_file("lw_orders/b.csv", orders::good_file("2025-10-01", 7, 3)).await?;
        api.batch(4).await?;
        api.end(harness, 4, "FAILED").await?;
        let (subject, mail) = harness.alert("WarehouseLoadFailed").await?;
        ensure!(subject.contains(TABLE) && mail.contains("{\"dataset\": "), "{subject}: {mail}");
        let function = stack.load_function.as_deref().context("no function loads")?;
        let log = stack.client.function_log(function).await?.join("\n");
        ensure!(!mail.contains("secret of a cell") && !log.contains("secret of a cell"), "{mail}: {log}");
        assert_eq!(api.batches().len(), 4, "nothing was handed over twice");
        check_requests(harness, &api.requests().to_string())
    })
}
