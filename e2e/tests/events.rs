//! The sample events, and events that other services of AWS send: taken by the deployed functions.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::{Harness, ProgressBar, Project, Value, eventually, json, notification, on_stack, orders, python};

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

/// What a subscriber of the topic gets of a key.
async fn notice(harness: &Harness, inbox: &str, key: &str) -> Result<Value> {
    eventually(&format!("{key} is noticed"), async || {
        for message in harness.stack.take(inbox).await? {
            let envelope: Value = serde_json::from_str(&message.body)?;
            let event: Value = serde_json::from_str(envelope["Message"].as_str().context("not an SNS envelope")?)?;
            if event["detail"]["source"]["key"] == key {
                return Ok(Some(event));
            }
        }
        Ok(None)
    })
    .await
}

/// Held against the published schema by a validator that is not ours.
async fn keeps_the_schema(harness: &Harness, name: &str, detail: &Value) -> Result<()> {
    const VALIDATE: &str =
        "import json, jsonschema, sys; jsonschema.validate(json.loads(sys.argv[1]), json.load(open(sys.argv[2])))";
    let interpreter = python::environment(&harness.project, "test", &ProgressBar::hidden()).await?;
    let schema = harness.project.root().join(format!("docs/schemas/{name}.schema.json"));
    let output = Command::new(interpreter).args(["-c", VALIDATE, &detail.to_string()]).arg(schema).output()?;
    ensure!(output.status.success(), "{detail}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn who_subscribes_to_the_topic_is_told_of_a_file_what_the_schema_says_and_the_table_holds() -> Result<()> {
    on_stack(async |harness| {
        let (client, table, key) = (&harness.stack.client, "t_noticed", "t_noticed/2025 autumn.csv");
        let inbox = client.create_queue("notices-inbox").await?;
        let topic = harness.stack.notices_topic_arn.as_deref().context("notices are off")?;
        client.subscribe_queue(topic, &inbox).await?;
        let sample = fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
        harness.stack.put_contract("t_noticed.odcs.yaml", orders::contract_for(&sample, table)).await?;
        let version = harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 7)).await?;

        let event = notice(harness, &inbox, key).await?;
        assert_eq!(
            (&event["source"], &event["detail-type"]),
            (&json!("lakegate"), &json!("Object Ingested")),
            "{event}"
        );
        let detail = &event["detail"];
        keeps_the_schema(harness, "object-ingested", detail).await?;
        assert_eq!((&detail["table"], &detail["source"]["version_id"]), (&json!(table), &json!(version)), "{detail}");
        assert_eq!(detail["rows"]["accepted"], 7, "{detail}");
        // Whoever is told finds the partitions and the files.
        let registered = harness.stack.partitions(table).await?;
        assert_eq!(detail["partitions_total"], registered.len(), "{detail}");
        let outputs = detail["outputs"].as_array().context("no outputs")?;
        assert!(!outputs.is_empty(), "{detail}");
        for output in outputs {
            let (_, key) = output["url"].as_str().and_then(|url| url[5..].split_once('/')).context("no address")?;
            client.get_object(&harness.stack.lake_bucket, key).await?;
        }
        let mut broken = detail.clone();
        broken["rows"]["accepted"] = json!(-1);
        assert!(keeps_the_schema(harness, "object-ingested", &broken).await.is_err(), "the validator takes anything");
        Ok(())
    })
}

/// A rule of somebody's own for the events of a table, as docs/events.md shows it, into a queue.
async fn rule(harness: &Harness, table: &str) -> Result<String> {
    let client = &harness.stack.client;
    let inbox = client.create_queue(&format!("{table}-rule-inbox")).await?;
    let arn = client.queue_arn(&inbox).await?;
    let pattern = json!({
        "source": ["lakegate"], "detail-type": ["Object Ingested", "Object Removed"],
        "detail": { "stack": ["lakegate"], "dataset": [table] },
    });
    let made = client.json("AWSEvents.PutRule", &json!({ "Name": table, "EventPattern": pattern.to_string() })).await?;
    client.let_send(&inbox, "events.amazonaws.com", made["RuleArn"].as_str().context("no rule")?).await?;
    let targets = json!({ "Rule": table, "Targets": [{ "Id": "inbox", "Arn": arn }] });
    client.json("AWSEvents.PutTargets", &targets).await?;
    Ok(inbox)
}

/// The detail of an event of this type, with so many rows if it has any, that a rule brought.
async fn ruled(harness: &Harness, inbox: &str, detail_type: &str, rows: Option<u64>) -> Result<Value> {
    eventually(&format!("an event {detail_type}"), async || {
        for message in harness.stack.take(inbox).await? {
            let event: Value = serde_json::from_str(&message.body)?;
            if event["detail-type"] == detail_type && event["detail"]["rows"]["accepted"].as_u64() == rows {
                return Ok(Some(event["detail"].clone()));
            }
        }
        Ok(None)
    })
    .await
}

#[test]
fn who_makes_a_rule_is_told_of_rows_that_left_and_who_waits_for_files_is_not() -> Result<()> {
    on_stack(async |harness| {
        let (stack, table, key) = (&harness.stack, "t_left", "t_left/2025 autumn.csv");
        let (inbox, topic_inbox) = (rule(harness, table).await?, stack.client.create_queue("t-left-inbox").await?);
        stack
            .client
            .subscribe_queue(stack.notices_topic_arn.as_deref().context("notices are off")?, &topic_inbox)
            .await?;
        let sample = fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
        let policies = "    customProperties:\n";
        let own = format!("{policies}      - {{property: removedObjects, value: remove, vendor: lakegate}}\n");
        stack.put_contract("t_left.odcs.yaml", orders::contract_for(&sample, table).replace(policies, &own)).await?;
        stack.drop_file(key, orders::good_file("2025-09-01", 1, 7)).await?;
        let ingested = ruled(harness, &inbox, "Object Ingested", Some(7)).await?;

        stack.client.delete_object(&stack.raw_bucket, key).await?;
        let removed = ruled(harness, &inbox, "Object Removed", None).await?;
        keeps_the_schema(harness, "object-removed", &removed).await?;
        assert_eq!((&removed["reason"], &removed["source"]["key"]), (&json!("deleted"), &json!(key)), "{removed}");
        let paths = |detail: &Value| {
            let partitions = detail["partitions"].as_array().into_iter().flatten();
            partitions.map(|partition| partition["path"].clone()).collect::<Vec<_>>()
        };
        assert!(!paths(&removed).is_empty(), "{removed}");
        assert_eq!(paths(&removed), paths(&ingested));
        // It is told when they are gone.
        assert_eq!(stack.list_lake("lake/t_left/").await?, []);
        let entry = stack.ledger_entry(key).await?.unwrap_or_default();
        assert_eq!((&entry["state"], &entry["at"]), (&json!("removed"), &removed["at"]), "{entry}");
        let (_, path) = removed["ledger"].as_str().and_then(|url| url[5..].split_once('/')).context("no address")?;
        let named: Value = serde_json::from_slice(&stack.client.get_object(&stack.lake_bucket, path).await?)?;
        assert_eq!(named["source"]["key"], key, "{named}");

        // Once more under the same key: the topic has both uploads, and nothing of what was between them.
        stack.drop_file(key, orders::good_file("2025-09-01", 1, 9)).await?;
        ruled(harness, &inbox, "Object Ingested", Some(9)).await?;
        let mut told = Vec::new();
        eventually("the topic has both uploads", async || {
            for message in stack.take(&topic_inbox).await? {
                let envelope: Value = serde_json::from_str(&message.body)?;
                let event: Value = serde_json::from_str(envelope["Message"].as_str().context("not an SNS envelope")?)?;
                if event["detail"]["source"]["key"] == key {
                    told.push((event["detail-type"].clone(), event["detail"]["rows"]["accepted"].as_u64()));
                }
            }
            Ok(told.iter().any(|(_, rows)| *rows == Some(9)).then_some(()))
        })
        .await?;
        assert!(told.iter().all(|(detail_type, _)| detail_type == "Object Ingested"), "{told:?}");
        Ok(())
    })
}
