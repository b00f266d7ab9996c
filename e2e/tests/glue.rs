//! Files that are too big for one function: from the bucket by the heavy queue to a run of the Glue job, whose script runs here with
//! exactly the arguments that the run was given.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use e2e::glue::{Run, Spark};
use e2e::proof::proxy::Side;
use e2e::{HEAVY_BYTES, Harness, Value, eventually, json, on_stack, orders, row_counts};

/// Small, so that the files of these tests are several ranges.
const RANGE_BYTES: (&str, &str) = ("--range_bytes", "600000");

/// A contract for a table of the test's own.
async fn deploy_contract(harness: &Harness, table: &str) -> Result<String> {
    let sample = fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
    let contract = orders::contract_for(&sample, table);
    harness.stack.put_contract(&format!("{table}.odcs.yaml"), contract.as_str()).await?;
    Ok(contract)
}

/// A file beyond what the ingest function takes, of two months, with some bad rows.
fn heavy_file(first: u32) -> String {
    let mut file = orders::good_file("2024-01-01", first, 20_000);
    file.push_str(&orders::good_file("2024-02-01", first + 20_000, 20_000)[orders::file(&[]).len()..]);
    let bad = "O-0000001,2024-02-01 10:00:00,C-00001,\"two\nlines\",0,1.25,EMEA,Germany,\n";
    let place = file.len() / 2;
    let line_end = place + file[place..].find('\n').unwrap_or(0) + 1;
    file.insert_str(line_end, bad);
    assert!(file.len() as u64 > HEAVY_BYTES);
    file
}

/// The run that was started for an object; the state machine of Glue is not there to run it.
async fn run_of(harness: &Harness, key: &str, besides: &[Value]) -> Result<Value> {
    eventually(&format!("a run of the Glue job for {key}"), async || {
        let runs = harness.stack.job_runs().await?;
        Ok(runs.into_iter().find(|run| run["Arguments"]["--source_key"] == key && !besides.contains(&run["Id"])))
    })
    .await
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn succeeded(run: Run) -> Result<String> {
    let output = run.ended().await?;
    ensure!(output.status.success(), "the run failed: {}", said(&output));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The table's rows, counted and folded, as one pass of the same engine makes them.
fn in_one_pass(harness: &Harness, contract: &str, file: &str, table: &str) -> Result<Value> {
    let dir = harness.project.hidden("run")?.join(format!("{}-{table}", std::process::id()));
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("contract.yaml"), contract)?;
    fs::write(dir.join("file.csv"), file)?;
    let mut command = Command::new(&harness.lakegate);
    command.args(["convert", "file.csv", "--contract", "contract.yaml", "--out", "out"]).current_dir(&dir);
    let output = command.output()?;
    ensure!(output.status.success(), "{}", said(&output));
    let rows = folded(harness, &dir.join("out/lake").join(table));
    fs::remove_dir_all(&dir)?;
    rows
}

fn folded(harness: &Harness, dir: &Path) -> Result<Value> {
    let files = format!("read_parquet('{}/**/*.parquet', hive_partitioning = true)", dir.display());
    harness.duckdb(&format!("SELECT count(*), sum(hash(row)::HUGEINT) FROM (SELECT * FROM {files}) AS row"))
}

async fn table_rows(harness: &Harness, table: &str) -> Result<Value> {
    let fetched = harness.fetch_table(table).await?;
    harness
        .duckdb(&format!("SELECT count(*), sum(hash(row)::HUGEINT) FROM (SELECT * FROM {}) AS row", fetched.relation()))
}

#[test]
fn a_file_above_the_threshold_becomes_the_same_table_by_a_run_of_the_glue_job() -> Result<()> {
    on_stack(async |harness| {
        let Some(spark) = Spark::ready(harness).await? else { return Ok(()) };
        let (table, key) = ("g_heavy", "g_heavy/2024 Käufe+.csv");
        let contract = deploy_contract(harness, table).await?;
        let file = heavy_file(1);
        harness.stack.drop_file(key, file.as_str()).await?;
        let run = run_of(harness, key, &[]).await?;
        let entry = harness.ledger_when(key, |entry| entry["run_id"] == run["Id"]).await?;
        assert_eq!(entry["state"], "heavy", "{entry}");

        let told = succeeded(spark.start(harness, &run, &[RANGE_BYTES]).await?).await?;
        let entry = harness.ledger(key, &["committed", "rejected", "failed"]).await?;
        assert_eq!((&entry["state"], &entry["run_id"]), (&json!("committed"), &run["Id"]), "{entry} {told}");
        assert_eq!(row_counts(&entry), [40_001, 40_000, 1]);
        let outputs = entry["outputs"].as_array().map_or(0, Vec::len);
        assert!(outputs > 2, "several ranges leave several files in two partitions: {outputs}");
        assert_eq!(table_rows(harness, table).await?, in_one_pass(harness, &contract, &file, table)?);
        assert_eq!(harness.athena_value("SELECT count(*) FROM g_heavy").await?, "40000");
        assert_eq!(harness.stack.partitions(table).await?.len(), 2);
        assert_eq!(
            harness.stack.client.list_unfinished_uploads(&harness.stack.lake_bucket).await?,
            Vec::<String>::new()
        );

        // The same run once more, and a message that comes again, change nothing.
        let before = harness.stack.list_lake("lake/g_heavy/").await?;
        succeeded(spark.start(harness, &run, &[RANGE_BYTES]).await?).await?;
        assert_eq!(harness.stack.list_lake("lake/g_heavy/").await?, before);
        assert_eq!(harness.ledger(key, &["committed"]).await?["at"], entry["at"]);
        Ok(())
    })
}

/// The calls behind which something stands that did not before, and the first one of them.
const DEATHS: [(&str, usize, Side); 4] = [
    ("AWSGlue.BatchCreatePartition", 0, Side::After), // There are none for the next files.
    ("CompleteMultipartUpload lake/", 0, Side::Before),
    ("CompleteMultipartUpload lake/", 1, Side::After),
    ("UploadPart lake/", 1, Side::After),
];

#[test]
fn a_run_that_is_killed_anywhere_is_made_good_by_the_next_one() -> Result<()> {
    on_stack(async |harness| {
        let Some(spark) = Spark::ready(harness).await? else { return Ok(()) };
        let table = "g_killed";
        let contract = deploy_contract(harness, table).await?;
        let file = heavy_file(1);
        let expected = in_one_pass(harness, &contract, &file, table)?;
        for (number, (operation, calls, side)) in DEATHS.into_iter().enumerate() {
            let key = format!("{table}/{number}.csv");
            harness.stack.drop_file(&key, file.as_str()).await?;
            let run = run_of(harness, &key, &[]).await?;
            harness.ledger_when(&key, |entry| entry["run_id"] == run["Id"]).await?;
            let killed = spark.start(harness, &run, &[RANGE_BYTES]).await?;
            killed.proxy.set_trap(Some(operation), calls, side);
            tokio::time::timeout(std::time::Duration::from_mins(5), killed.proxy.sprung())
                .await
                .with_context(|| format!("no call {calls} of {operation}"))?;
            killed.kill().await?;
            end_lease(harness, &key).await?;

            succeeded(spark.start(harness, &run, &[RANGE_BYTES]).await?).await?;
            let entry = harness.ledger(&key, &["committed"]).await?;
            assert_eq!(row_counts(&entry), [40_001, 40_000, 1]);
            let named = entry["outputs"].as_array().map_or(0, Vec::len);
            assert_eq!(
                harness.stack.list_lake("lake/g_killed/").await?.len(),
                named,
                "no file stands that nobody names"
            );
            assert_eq!(table_rows(harness, table).await?, expected, "killed at {operation}");
            remove(harness, table).await?;
        }
        Ok(())
    })
}

/// What the killed worker claimed is free again, minutes before its time.
async fn end_lease(harness: &Harness, key: &str) -> Result<()> {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for object in harness.stack.list_lake("ledger/").await? {
        let bytes = harness.stack.client.get_object(&harness.stack.lake_bucket, &object.key).await?;
        let mut entry: Value = serde_json::from_slice(&bytes)?;
        if entry["source"]["key"] == key && !entry["lease_until"].is_null() {
            entry["lease_until"] = json!("2020-01-01T00:00:00.000Z");
            harness.stack.client.put_object(&harness.stack.lake_bucket, &object.key, format!("{entry}\n")).await?;
        }
    }
    Ok(())
}

/// The table's files, so that those of the next file stand alone.
async fn remove(harness: &Harness, table: &str) -> Result<()> {
    for object in harness.stack.list_lake(&format!("lake/{table}/")).await? {
        harness.stack.client.delete_object(&harness.stack.lake_bucket, &object.key).await?;
    }
    Ok(())
}

#[test]
fn what_was_in_the_bucket_before_its_contract_is_taken_in_by_a_backfill() -> Result<()> {
    on_stack(async |harness| {
        let Some(spark) = Spark::ready(harness).await? else { return Ok(()) };
        let table = "g_backfill";
        for number in 0..5 {
            let key = format!("{table}/{number}.csv");
            harness.stack.drop_file(&key, orders::good_file("2024-03-01", 1 + 10 * number, 10)).await?;
        }
        harness.stack.drop_file("g_backfill/large.csv", heavy_file(1_000)).await?;
        for name in ["0", "1", "2", "3", "4", "large"] {
            harness.ledger(&format!("{table}/{name}.csv"), &["failed"]).await?;
        }
        deploy_contract(harness, table).await?;

        let arguments = ["backfill", "--prefix", "g_backfill/"];
        let shown = harness.lakegate_json(&arguments)?;
        assert_eq!((&shown["objects"], &shown["run_id"]), (&json!(6), &Value::Null), "{shown}");
        assert!(harness.lakegate(&arguments)?.contains("lakegate backfill --prefix g_backfill/"));
        let started = harness.lakegate_json(&["backfill", "--prefix", "g_backfill/", "--send"])?;
        let runs = harness.stack.job_runs().await?;
        let run = runs.iter().find(|run| run["Id"] == started["run_id"]).context("no run was started")?;
        assert_eq!(run["Arguments"]["--source_prefix"], "g_backfill/");

        let told = succeeded(spark.start(harness, run, &[RANGE_BYTES]).await?).await?;
        for name in ["0", "1", "2", "3", "4", "large"] {
            let entry = harness.ledger(&format!("{table}/{name}.csv"), &["committed", "rejected", "failed"]).await?;
            assert_eq!(
                (&entry["state"], &entry["run_id"]),
                (&json!("committed"), &started["run_id"]),
                "{entry} {told}"
            );
        }
        assert_eq!(harness.athena_value("SELECT count(*) FROM g_backfill").await?, "40050");
        let again = harness.lakegate_json(&["backfill", "--prefix", "g_backfill/", "--send"])?;
        assert_eq!((&again["objects"], &again["run_id"]), (&json!(0), &Value::Null), "{again}");
        Ok(())
    })
}

#[test]
fn a_run_that_failed_is_a_dead_letter_and_an_alert_about_its_object() -> Result<()> {
    on_stack(async |harness| {
        let (table, key) = ("g_failed", "g_failed/2024.csv");
        deploy_contract(harness, table).await?;
        harness.stack.drop_file(key, heavy_file(1)).await?;
        let run = run_of(harness, key, &[]).await?;
        harness.ledger_when(key, |entry| entry["run_id"] == run["Id"]).await?;
        let detail = json!({
            "jobName": harness.stack.glue_job, "severity": "ERROR", "state": "FAILED", "jobRunId": run["Id"],
            "message": "convert_large: scan: no luck",
        });
        // As the rule delivers it: nobody but AWS may publish in Glue's name.
        let event = json!({
            "version": "0", "id": "e664aa36-5b4b-4e11-a151-a4b4745b5dc2", "detail-type": "Glue Job State Change", "source": "aws.glue",
            "account": "111122223333", "time": "2025-10-01T07:12:44Z", "region": "us-east-1", "resources": [], "detail": detail,
        });
        harness.stack.client.send_message(&harness.stack.failures_queue_url, &event.to_string()).await?;
        let (message, record) = harness.dead_letter(key).await?;
        assert_eq!((&record["kind"], &record["stage"]), (&json!("GlueJobFailed"), &json!("glue")), "{record}");
        assert!(message.body.contains("g_failed/2024.csv"));
        harness.alert(key).await?;
        Ok(())
    })
}

#[test]
fn a_run_that_cannot_begin_says_why_in_one_line() -> Result<()> {
    on_stack(async |harness| {
        let Some(spark) = Spark::ready(harness).await? else { return Ok(()) };
        let run = json!({ "Id": "jr_none", "Arguments": { "--manifest_key": "runs/none.json" } });
        let missing = ("--binary", "arn:aws:lambda:us-east-1:111122223333:layer:none:1");
        let nameless = json!({ "Id": "jr_none", "Arguments": {} });
        for (run, more, reason) in [
            (&run, missing, "cannot fetch arn:aws:lambda:us-east-1:111122223333:layer:none:1"),
            (&run, RANGE_BYTES, "runs/none.json"),
            (&nameless, RANGE_BYTES, "the run lacks the argument --manifest_key"),
        ] {
            let output = spark.start(harness, run, &[more]).await?.ended().await?;
            assert!(!output.status.success());
            let told = String::from_utf8_lossy(&output.stderr);
            let last = told.lines().last().unwrap_or_default();
            assert!(last.starts_with("convert_large: ") && last.contains(reason) && last.len() < 500, "{told}");
        }
        Ok(())
    })
}

#[test]
fn the_script_comes_to_what_one_pass_comes_to() -> Result<()> {
    on_stack(async |harness| {
        let Some(spark) = Spark::ready(harness).await? else { return Ok(()) };
        println!("{}", spark.pytest(harness, &["."]).await?);
        Ok(())
    })
}
