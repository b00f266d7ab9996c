//! The dashboard: written by the deployed function under its own role, on a schedule's event and when a batch ended; the same figures from
//! the command, of the stack and of a folder; and all of them held against plain Python over the files that were dropped (`e2e/dashboard`).
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::{Harness, ProgressBar, Value, eventually, json, on_stack_with, python};

const FUNCTION: &str = "lakegate-publish-report";
const PAGE: &str = "reports/sales.html";
const FIGURES: &str = "reports/sales.json";
/// Customers change, some order nothing, and some orders are of customers that no export has.
const GENERATED: [(&str, &[&str]); 2] = [
    ("customers", &["customers", "--rows", "200", "--exports", "3", "--from", "2024-11", "--months", "3"]),
    ("orders", &["orders", "--rows", "1200", "--customers", "215", "--from", "2024-11", "--months", "3"]),
];
const SCHEDULE: &[u8] = include_bytes!("../../events/publish-report/schedule.json");
const BATCH: &str = include_str!("../../events/publish-report/batch-ended.json");

#[test]
fn the_dashboard_says_what_the_files_say() -> Result<()> {
    on_stack_with("dashboard", &[("DashboardSchedule", "rate(30 days)")], async |harness| {
        let stack = &harness.stack;
        let dir = tempfile::tempdir()?;

        // Before anything was taken in there is a page already, which says so.
        invoked(harness, json!({ "outcome": "written", "failed": [] })).await?;
        let empty = String::from_utf8(stack.client.get_object(&stack.lake_bucket, PAGE).await?)?;
        let body = empty.split("<body>").nth(1).unwrap_or_default();
        ensure!(body.matches("There is no table ").count() == 8, "{body}");

        let dropped = take_in(harness, dir.path()).await?;
        invoked(harness, json!({ "outcome": "written", "failed": [] })).await?;
        for name in [PAGE, FIGURES] {
            let bytes = stack.client.get_object(&stack.lake_bucket, name).await?;
            fs::write(dir.path().join(name.trim_start_matches("reports/")), bytes)?;
        }
        let header = async |name| stack.client.object_header(&stack.lake_bucket, PAGE, name).await;
        assert_eq!(header("content-type").await?, "text/html; charset=utf-8");
        assert_eq!(header("cache-control").await?, "no-cache");

        let of_stack = harness.lakegate_json(&["report", "--data"])?;
        fs::write(dir.path().join("of_stack.json"), of_stack.to_string())?;
        let of_folder = of_folder(harness, dir.path())?;
        fs::write(dir.path().join("of_folder.json"), of_folder)?;
        check(harness, dir.path()).await?;

        a_batch_that_ended_has_it_written_anew(harness).await?;
        what_fails_is_told_once_and_the_rest_is_written(harness).await?;

        // Nothing of it was taken for a source.
        harness.quiet().await?;
        assert_eq!(stack.ledger().await?.len(), dropped);
        Ok(())
    })
}

/// Has it written, by the schedule's event.
async fn invoked(harness: &Harness, expected: Value) -> Result<()> {
    let client = &harness.stack.client;
    let told = client.invoke(FUNCTION, SCHEDULE).await?;
    if told != expected {
        anyhow::bail!("{told}: {}", client.function_log(FUNCTION).await?.join("\n"));
    }
    Ok(())
}

/// Generates the files and drops them; how many there are.
async fn take_in(harness: &Harness, dir: &Path) -> Result<usize> {
    let mut keys = Vec::new();
    for (folder, args) in GENERATED {
        let out = format!("{}/{folder}/", dir.display());
        let mut command = Command::new(&harness.lakegate);
        let output = command.arg("generate").args(args).args(["--json", "--out", &out]).output()?;
        ensure!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
        for entry in fs::read_dir(&out)? {
            let path = entry?.path();
            let key = format!("{folder}/{}", path.file_name().unwrap_or_default().to_string_lossy());
            harness.stack.drop_file(&key, fs::read(path)?).await?;
            keys.push(key);
        }
    }
    for key in &keys {
        harness.ledger(key, &["committed"]).await?;
    }
    Ok(keys.len())
}

/// The same files, converted into a folder; what the command says of it.
fn of_folder(harness: &Harness, dir: &Path) -> Result<Vec<u8>> {
    let lake = dir.join("it's a [lake]");
    for (folder, _) in GENERATED {
        let contract = harness.project.root().join(format!("contracts/{folder}.odcs.yaml"));
        for entry in fs::read_dir(dir.join(folder))? {
            let mut command = Command::new(&harness.lakegate);
            command.arg("convert").arg(entry?.path()).arg("--contract").arg(&contract).arg("--out").arg(&lake);
            let output = command.output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let mut command = Command::new(&harness.lakegate);
    command.args(["report", "--data", "--json", "--lake"]).arg(&lake).env("LAKEGATE_PYTHON", &harness.python);
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

async fn check(harness: &Harness, dir: &Path) -> Result<()> {
    let interpreter = python::environment(&harness.project, "test", &ProgressBar::hidden()).await?;
    let mut command = Command::new(interpreter);
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "e2e/dashboard"]).current_dir(harness.project.root());
    let output = command.env("LAKEGATE_DASHBOARD", dir).env("PYTHONDONTWRITEBYTECODE", "1").output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the page is not what the files say: {told}");
    Ok(())
}

async fn a_batch_that_ended_has_it_written_anew(harness: &Harness) -> Result<()> {
    let (before, _) = standing(harness).await?;
    let event: Value = serde_json::from_str(BATCH)?;
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    // Times are told in seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let mut detail = event["detail"].clone();
    detail["stack"] = json!("somebody-else-s");
    harness.stack.put_event(&text("source"), &text("detail-type"), &detail).await?;
    harness.stack.put_event(&text("source"), &text("detail-type"), &event["detail"]).await?;
    let is_later = async || Ok((standing(harness).await?.0 > before).then_some(()));
    eventually("a dashboard after a batch", is_later).await
}

async fn what_fails_is_told_once_and_the_rest_is_written(harness: &Harness) -> Result<()> {
    let (stack, client) = (&harness.stack, &harness.stack.client);
    client.put_object(&stack.lake_bucket, "lake/customers/note.parquet", "Jane Doe wrote this").await?;
    let failed = ["membership_tiers", "age_groups"];
    for _ in 0..2 {
        invoked(harness, json!({ "outcome": "written", "failed": failed })).await?;
    }
    let (subject, mail) = harness.alert("DashboardFailed").await?;
    assert_eq!(subject, "Lakegate: dashboard: the page: DashboardFailed");
    assert!(
        mail.contains("2 of the dashboard's 8 queries failed: membership_tiers: ") && !mail.contains("Jane"),
        "{mail}"
    );
    let (_, figures) = standing(harness).await?;
    assert_eq!(figures["trouble"]["queries"], json!(failed));
    assert_eq!(figures["sections"]["monthly_trend"].as_array().map(Vec::len), Some(3));
    harness.quiet().await?;
    let others = stack.take_alerts().await?;
    assert!(others.is_empty(), "told once: {others:?}");
    client.delete_object(&stack.lake_bucket, "lake/customers/note.parquet").await?;
    invoked(harness, json!({ "outcome": "written", "failed": [] })).await?;
    assert_eq!(standing(harness).await?.1["trouble"], Value::Null);
    let log = client.function_log(FUNCTION).await?.join("\n");
    assert!(!log.contains("Jane") && !log.contains("Tent"), "{log}");
    Ok(())
}

/// When the figures that stand were computed, and themselves.
async fn standing(harness: &Harness) -> Result<(String, Value)> {
    let bytes = harness.stack.client.get_object(&harness.stack.lake_bucket, FIGURES).await?;
    let figures: Value = serde_json::from_slice(&bytes)?;
    Ok((figures["at"].as_str().context("no time")?.to_owned(), figures))
}
