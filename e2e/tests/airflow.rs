//! The batch that Airflow orders: its DAG, run by Airflow itself against the deployed stack.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use e2e::data_api::{DataApi, WAREHOUSE};
use e2e::glue::Spark;
use e2e::{Harness, ProgressBar, Value, eventually, guard, json, on_stack, on_stack_with, orders, python};
use tokio::io::{AsyncBufReadExt, BufReader};

/// A home of Airflow's for this test.
fn home(harness: &Harness, name: &str) -> Result<PathBuf> {
    let home = harness.project.hidden("run")?.join(format!("{}-airflow-{name}", std::process::id()));
    fs::create_dir_all(&home)?;
    Ok(home)
}

/// Runs the DAG to its end; whether it succeeded, and what Airflow said. Each line is heard as it comes.
async fn run_dag(harness: &Harness, home: &Path, conf: &Value, heard: impl Fn(&str)) -> Result<(bool, String)> {
    eprintln!("e2e: Airflow is made ready (the first time takes some minutes)");
    let interpreter = python::environment(&harness.project, "airflow", &ProgressBar::hidden()).await?;
    let airflow = interpreter.with_file_name("airflow");
    let (mut is_success, mut said) = (true, String::new());
    for arguments in [vec!["db", "migrate"], vec!["dags", "test", "lakegate_batch", "--conf", &conf.to_string()]] {
        let mut command = guard::command(&harness.python, None, &airflow);
        command.args(&arguments).envs([
            ("AIRFLOW__CORE__LOAD_EXAMPLES", "False"),
            ("AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS", "False"),
            ("AWS_ENDPOINT_URL", harness.stack.client.endpoint()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
        ]);
        command.env("AIRFLOW_HOME", home);
        command.env("AIRFLOW__CORE__DAGS_FOLDER", harness.project.root().join("airflow/dags"));
        let errors = home.join("stderr");
        command.stdout(Stdio::piped()).stderr(fs::File::create(&errors)?);
        let mut child = tokio::process::Command::from(command).spawn().context("cannot start Airflow")?;
        // The command lives as long as this is open.
        let lifeline = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        said.clear();
        while let Some(line) = lines.next_line().await? {
            heard(&line);
            said = said + &line + "\n";
        }
        is_success &= child.wait().await?.success();
        drop(lifeline);
        said += &fs::read_to_string(&errors)?;
    }
    Ok((is_success, said))
}

/// A queue that gets the events which the DAG puts on the bus.
async fn inbox(harness: &Harness) -> Result<String> {
    let client = &harness.stack.client;
    let queue = client.create_queue("batches-inbox").await?;
    let pattern = json!({ "source": ["lakegate.batch"] }).to_string();
    let rule = json!({ "Name": "batches-inbox", "EventPattern": pattern });
    let rule = client.json("AWSEvents.PutRule", &rule).await?;
    client.let_send(&queue, "events.amazonaws.com", rule["RuleArn"].as_str().context("no rule")?).await?;
    let targets = json!([{ "Id": "inbox", "Arn": client.queue_arn(&queue).await? }]);
    client.json("AWSEvents.PutTargets", &json!({ "Rule": "batches-inbox", "Targets": targets })).await?;
    Ok(queue)
}

/// The local AWS does not run Glue jobs: the script is run here, with exactly the arguments that Airflow gave the run.
#[test]
#[ignore = "needs Airflow"]
fn airflow_sweeps_backfills_waits_builds_and_tells() -> Result<()> {
    on_stack(async |harness| {
        let (table, key) = ("af_orders", "af_orders/it's \"2025\".csv");
        let sample = fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
        harness.stack.put_contract("af_orders.odcs.yaml", orders::contract_for(&sample, table)).await?;
        harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 6)).await?;
        harness.ledger(key, &["committed"]).await?;
        harness.stack.forget(key).await?;
        let inbox = inbox(harness).await?;

        let home = home(harness, "batch")?;
        let built = home.join("built");
        let conf = json!({ "stack": "lakegate", "prefix": "af_orders/it's \"", "dbt": format!("echo $HOME > '{}'", built.display()) });
        let (is_success, said) = run_dag(harness, &home, &conf, |_| ()).await?;
        ensure!(is_success, "the DAG did not succeed: {said}");
        ensure!(built.is_file(), "nothing was built: {said}");
        // This stack has no warehouse: nothing is loaded, and the rest goes on.
        ensure!(said.contains("the stack has no warehouse"), "the load was not skipped: {said}");
        for task in ["stack", "sweep", "backfill", "ledger", "dbt", "notice"] {
            ensure!(said.contains(&format!("end task task_id={task} ")), "{task} did not end: {said}");
        }
        let log = harness.stack.client.function_log(&harness.stack.sweep_function).await?;
        ensure!(log.iter().any(|line| line.contains("ledger_entries")), "the sweep did not run: {log:?}");

        let runs = harness.stack.job_runs().await?;
        let run = runs.first().context("Airflow started no run")?;
        let manifest: Value = serde_json::from_str(run["Arguments"]["--manifest"].as_str().context("no manifest")?)?;
        assert_eq!(manifest["prefix"], conf["prefix"], "{run}");
        let told = async || Ok(harness.stack.take(&inbox).await?.into_iter().next());
        let event: Value = serde_json::from_str(&eventually("the batch's end is told", told).await?.body)?;
        assert_eq!(event["detail"]["stack"], "lakegate", "{event}");
        assert_eq!((&event["detail-type"], &event["detail"]["is_built"]), (&json!("Batch Ended"), &json!(true)));

        if let Some(spark) = Spark::ready(harness).await? {
            let ended = spark.start(harness, run, &[]).await?.ended().await?;
            ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
            assert_eq!(harness.ledger(key, &["committed"]).await?["rows_accepted"], 6);
        }
        fs::remove_dir_all(&home)?;
        Ok(())
    })
}

/// The documents of all loads of the warehouse so far.
async fn loads(harness: &Harness) -> Result<Vec<Value>> {
    let stack = &harness.stack;
    let mut loads = Vec::new();
    for object in stack.list_lake("loads/").await? {
        loads.push(serde_json::from_slice(&stack.client.get_object(&stack.lake_bucket, &object.key).await?)?);
    }
    Ok(loads)
}

#[test]
#[ignore = "needs Airflow"]
fn airflow_has_the_warehouse_loaded_and_builds_only_on_what_was_loaded() -> Result<()> {
    on_stack_with("warehouse", &WAREHOUSE, async |harness| {
        let api = DataApi::start(harness).await?;
        let sample = fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
        harness.stack.put_contract("aw_orders.odcs.yaml", orders::contract_for(&sample, "aw_orders")).await?;
        harness.stack.drop_file("aw_orders/a.csv", orders::good_file("2025-09-01", 1, 6)).await?;
        harness.ledger("aw_orders/a.csv", &["committed"]).await?;

        let home = home(harness, "warehouse")?;
        let built = home.join("built");
        let conf =
            json!({ "stack": "lakegate", "prefix": "aw_orders/", "dbt": format!("date > '{}'", built.display()) });
        // The statements end once Airflow has seen that they have not.
        let has_waited = AtomicBool::new(false);
        let heard = |line: &str| {
            has_waited.fetch_or(line.contains("1 of 1 tables are being loaded"), Ordering::Relaxed);
        };
        let (is_success, said) = tokio::select! {
            ran = run_dag(harness, &home, &conf, heard) => ran?,
            ended = api.end_all(harness, None, || has_waited.load(Ordering::Relaxed)) => match ended? {},
        };
        ensure!(is_success && built.is_file(), "the DAG did not succeed: {said}");
        for task in ["load", "loaded", "dbt", "notice"] {
            ensure!(said.contains(&format!("end task task_id={task} ")), "{task} did not end: {said}");
        }
        let last = api.batches().pop().context("nothing was handed over")?;
        ensure!(last["Sqls"].to_string().contains("lakegate_staging"), "{last}");
        let loads = loads(harness).await?;
        ensure!(loads.iter().all(|load| load["phase"] == "loaded"), "{loads:?}");
        ensure!(loads.iter().any(|load| load["files"] == json!([])), "no whole table was loaded: {loads:?}");

        // What cannot be loaded is not built on.
        fs::remove_file(&built)?;
        let refusal = "ERROR: permission denied for schema lakegate";
        let (is_success, said) = tokio::select! {
            ran = run_dag(harness, &home, &conf, |_| ()) => ran?,
            ended = api.end_all(harness, Some(refusal), || true) => match ended? {},
        };
        ensure!(!is_success && !built.exists(), "a failed load was built on: {said}");
        ensure!(said.contains("not loaded: aw_orders: the function's user of the warehouse lacks a right"), "{said}");
        fs::remove_dir_all(&home)?;
        Ok(())
    })
}
