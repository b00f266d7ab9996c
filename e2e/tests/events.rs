//! The sample events, and events that other services of AWS send: taken by the deployed functions.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use e2e::{Harness, Project, Value, eventually, json, notification, on_stack};

/// The samples of one function.
fn samples(function: &str) -> Result<Vec<PathBuf>> {
    let dir = Project::find()?.root().join("events").join(function);
    let mut files = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
        files.push(entry?.path());
    }
    files.sort();
    assert!(!files.is_empty(), "no sample events for {function}");
    Ok(files)
}

async fn take_all(harness: &Harness, function: &str, deployed: &str) -> Result<()> {
    for sample in samples(function)? {
        let answer = harness.stack.client.invoke(deployed, &fs::read(&sample)?).await?;
        // A batch answers with the messages that failed, a bare event with what became of its objects.
        let is_accepted = answer["batchItemFailures"] == json!([]) || answer["objects"].is_array();
        assert!(is_accepted, "{} is not accepted: {answer}", sample.display());
    }
    Ok(())
}

fn read(sample: &Path) -> Result<Value> {
    Ok(serde_json::from_slice(&fs::read(sample)?)?)
}

/// The samples' objects are not there: that each is told missing, under its decoded key, shows that its event was understood.
#[test]
fn ingest_takes_every_sample() -> Result<()> {
    on_stack(async |harness| {
        take_all(harness, "ingest", &harness.stack.ingest_function).await?;
        let decoded = ["new orders", "north+south", "Été 2025 (définitif)", "100%", "2025-09", "2025-10"];
        for key in
            decoded.map(|name| format!("orders/{name}.csv")).iter().map(String::as_str).chain(["customers/2025-09.csv"])
        {
            // The samples of route-failures are about some of the same objects.
            let missing = async || {
                let letters = harness.dead_letters(key).await?;
                Ok(letters.iter().any(|(_, record)| record["kind"] == "SourceMissing").then_some(()))
            };
            eventually(&format!("{key} is told missing"), missing).await?;
        }
        Ok(())
    })
}

#[test]
fn start_glue_takes_every_sample() -> Result<()> {
    on_stack(async |harness| take_all(harness, "start-glue", &harness.stack.start_glue_function).await)
}

#[test]
fn route_failures_takes_every_sample_and_alerts_of_each_object() -> Result<()> {
    on_stack(async |harness| {
        take_all(harness, "route-failures", &harness.stack.route_failures_function).await?;
        let given_up = read(&Project::find()?.root().join("events/route-failures/sqs-given-up.json"))?;
        let body: Value = serde_json::from_str(given_up["Records"][0]["body"].as_str().unwrap_or_default())?;
        let key = body["Records"][0]["s3"]["object"]["key"].as_str().unwrap_or_default();
        harness.alert(key).await?;
        Ok(())
    })
}

/// The event as EventBridge delivers it to the failures queue.
fn job_event(harness: &Harness, state: &str, run_id: &str) -> Value {
    json!({
        "version": "0", "id": "e664aa36-5b4b-4e11-a151-a4b4745b5dc2", "detail-type": "Glue Job State Change", "source": "aws.glue",
        "account": "111122223333", "time": "2025-10-01T07:12:44Z", "region": "us-east-1", "resources": [],
        "detail": {
            "jobName": harness.stack.glue_job, "severity": "ERROR", "state": state, "jobRunId": run_id, "message": "out of memory",
        },
    })
}

#[test]
fn a_failed_glue_run_is_alerted_with_its_object() -> Result<()> {
    on_stack(async |harness| {
        let key = "t_stopped/huge.csv";
        let source = json!({ "bucket": harness.stack.raw_bucket, "key": key, "size_bytes": 5_000_000_000_u64 });
        let manifest = json!({ "version": 1, "kind": "object", "event": notification(&source)?, "replaces": null });
        let manifest_key = "runs/t_stopped.json";
        harness.stack.client.put_object(&harness.stack.lake_bucket, manifest_key, manifest.to_string()).await?;
        let request = json!({ "JobName": harness.stack.glue_job, "Arguments": { "--manifest_key": manifest_key } });
        let answer = harness.stack.client.json("AWSGlue.StartJobRun", &request).await?;
        let run_id = answer["JobRunId"].as_str().context("no run")?;
        let body = job_event(harness, "FAILED", run_id).to_string();
        harness.stack.client.send_message(&harness.stack.failures_queue_url, &body).await?;

        let (message, record) = harness.dead_letter(key).await?;
        assert_eq!(
            (record["kind"].as_str(), record["stage"].as_str()),
            (Some("GlueJobFailed"), Some("glue")),
            "{record}"
        );
        let sent_back: Value = serde_json::from_str(&message.body)?;
        assert_eq!(sent_back["Records"][0]["s3"]["object"]["key"], key);
        let (_, mail) = harness.alert(key).await?;
        assert!(mail.contains(&harness.stack.glue_job) && mail.contains("out of memory"), "{mail}");
        Ok(())
    })
}

#[test]
fn the_rule_catches_every_end_of_a_run_of_our_job_and_nothing_else() -> Result<()> {
    on_stack(async |harness| {
        let client = &harness.stack.client;
        let rules = client.json("AWSEvents.ListRules", &json!({})).await?;
        let rules = rules["Rules"].as_array().context("no rules")?;
        let pattern = rules
            .iter()
            .filter_map(|rule| rule["EventPattern"].as_str())
            .find(|pattern| pattern.contains("Glue Job State Change"));
        let pattern = pattern.context("no rule for the Glue job")?;
        let is_caught = async |event: &Value| {
            let request = json!({ "EventPattern": pattern, "Event": event.to_string() });
            anyhow::Ok(client.json("AWSEvents.TestEventPattern", &request).await?["Result"] == json!(true))
        };
        for (state, expected) in
            [("FAILED", true), ("TIMEOUT", true), ("STOPPED", true), ("SUCCEEDED", true), ("RUNNING", false)]
        {
            assert_eq!(is_caught(&job_event(harness, state, "jr_1")).await?, expected, "{state}");
        }
        let mut another = job_event(harness, "FAILED", "jr_1");
        another["detail"]["jobName"] = json!("another");
        assert!(!is_caught(&another).await?);
        Ok(())
    })
}
