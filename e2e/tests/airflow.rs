//! The batch that Airflow orders: its DAG, run by Airflow itself against the deployed stack.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::glue::Spark;
use e2e::{Harness, ProgressBar, Value, eventually, guard, json, on_stack, orders, python};

/// Runs the DAG to its end, in a home of its own; what Airflow said.
async fn run_dag(harness: &Harness, home: &Path, conf: &Value) -> Result<String> {
    eprintln!("e2e: Airflow is made ready (the first time takes some minutes)");
    let interpreter = python::environment(&harness.project, "airflow", &ProgressBar::hidden()).await?;
    let airflow = interpreter.with_file_name("airflow");
    let mut said = String::new();
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
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = tokio::process::Command::from(command).spawn().context("cannot start Airflow")?;
        // The command lives as long as this is open.
        let lifeline = child.stdin.take();
        let output = child.wait_with_output().await?;
        drop(lifeline);
        said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "airflow {}: {said}", arguments.join(" "));
    }
    Ok(said)
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

        let home = harness.project.hidden("run")?.join(format!("{}-airflow", std::process::id()));
        fs::create_dir_all(&home)?;
        let built = home.join("built");
        let conf = json!({ "stack": "lakegate", "prefix": "af_orders/it's \"", "dbt": format!("echo $HOME > '{}'", built.display()) });
        let said = run_dag(harness, &home, &conf).await?;
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
