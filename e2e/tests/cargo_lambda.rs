//! The functions under `cargo lambda watch`, invoked with the sample events by `cargo lambda invoke`: as a developer tries them.
//! cargo-lambda is a download of half a gigabyte, so this runs only when it is asked for.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::data_api::{DataApi, WAREHOUSE};
use e2e::{Harness, ProgressBar, Project, Value, eventually, functions, guard, on_stack_with, orders, python};

/// What the stack has only on request, beside the warehouse.
const ON_REQUEST: [(&str, &str); 2] = [("FetchSchedule", "rate(30 days)"), ("DashboardSchedule", "rate(30 days)")];
/// The one sample of `ingest` whose object is there.
const THERE: &str = "own-bucket.json";
/// The first invocation waits for the function to compile.
const INVOKE_TIMEOUT_SECS: u64 = 900;

#[test]
#[ignore = "needs cargo-lambda"]
fn cargo_lambda_invokes_every_function_with_its_samples() -> Result<()> {
    on_stack_with("every-function", &[&ON_REQUEST[..], &WAREHOUSE].concat(), async |harness| {
        DataApi::start(harness).await?;
        let client = &harness.stack.client;
        client.create_bucket("mine").await?;
        client.put_object("mine", "orders/my.csv", orders::good_file("2025-09-01", 1, 6)).await?;
        let interpreter = python::environment(&harness.project, "cargo-lambda", &ProgressBar::hidden()).await?;
        let cargo_lambda = interpreter.with_file_name("cargo-lambda");
        let environment = harness.project.hidden("run")?.join(format!("{}.env", std::process::id()));
        fs::write(&environment, harness.stack.environment_file().await?)?;
        for function in functions::FUNCTIONS {
            try_function(harness, &cargo_lambda, &environment, function).await?;
        }
        fs::remove_file(&environment)?;
        Ok(())
    })
}

async fn try_function(harness: &Harness, cargo_lambda: &Path, environment: &Path, function: &str) -> Result<()> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port().to_string();
    let log = harness.project.hidden("log")?.join("cargo-lambda.log");
    let mut watch = guard::command(&harness.python, None, cargo_lambda);
    watch.args(["lambda", "watch", "--ignore-changes", "-A", "127.0.0.1", "-P", &port, "-p", function, "--env-file"]);
    watch.arg(environment).current_dir(harness.project.root());
    watch.stdout(fs::File::create(&log)?).stderr(fs::File::options().append(true).open(&log)?);
    let _watch = guard::Guarded::spawn(watch)?;
    let address = format!("127.0.0.1:{port}");
    eventually("cargo lambda watch listens", async || Ok(tokio::net::TcpStream::connect(&address).await.ok())).await?;
    for sample in samples(&harness.project, function)? {
        let mut invoke = tokio::process::Command::new(cargo_lambda);
        invoke.args(["lambda", "invoke", "-A", "127.0.0.1", "-P", &port, function, "--data-file"]).arg(&sample);
        invoke.stdin(Stdio::null()).kill_on_drop(true);
        let answer = tokio::time::timeout(Duration::from_secs(INVOKE_TIMEOUT_SECS), invoke.output()).await;
        let answer = answer.with_context(|| format!("{function} does not answer; see {}", log.display()))??;
        let said = String::from_utf8_lossy(&answer.stdout);
        ensure!(answer.status.success(), "{}: {said}{}", sample.display(), String::from_utf8_lossy(&answer.stderr));
        let value: Value = serde_json::from_str(&said).with_context(|| format!("{}: {said}", sample.display()))?;
        let failures = value.get("batchItemFailures").and_then(Value::as_array);
        ensure!(failures.is_none_or(Vec::is_empty), "{} is not accepted: {said}", sample.display());
        let is_there = sample.file_name().is_some_and(|name| name == THERE);
        ensure!(!is_there || said.contains("\"committed\""), "{} is not taken in: {said}", sample.display());
    }
    Ok(())
}

fn samples(project: &Project, function: &str) -> Result<Vec<PathBuf>> {
    let dir = project.root().join("events").join(function);
    let mut files = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}
