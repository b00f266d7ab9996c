//! Trouble that passes comes back soon, trouble that lasts is told in few mails: the deployed functions, asked from outside.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::fs;

use anyhow::Result;
use e2e::{Harness, Value, eventually, json, notification, on_stack, orders, row_counts};

/// Deploys a copy of the sample contract for a table of the test's own.
async fn deploy_contract(harness: &Harness, table: &str) -> Result<()> {
    let sample = fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
    harness.stack.put_contract(&format!("{table}.odcs.yaml"), orders::contract_for(&sample, table)).await
}

/// Its queue would hide the message for six minutes; a test waits for less than one.
#[test]
fn a_file_that_another_worker_has_in_hand_is_taken_in_when_that_one_s_lease_ends() -> Result<()> {
    on_stack(async |harness| {
        deploy_contract(harness, "t_busy").await?;
        let key = "t_busy/2025-09.csv";
        harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 5)).await?;
        harness.ledger(key, &["committed"]).await?;
        let (object, mut entry) = harness.stack.ledger_object(key).await?;
        let until =
            harness.duckdb("SELECT strftime(now() AT TIME ZONE 'UTC' + INTERVAL 4 SECOND, '%Y-%m-%dT%H:%M:%S.%gZ')")?;
        entry["state"] = json!("publishing");
        entry["lease_until"] = until[0][0].clone();
        harness.stack.client.put_object(&harness.stack.lake_bucket, &object, entry.to_string()).await?;

        harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 8)).await?;
        let entry = harness.ledger(key, &["committed"]).await?;
        assert_eq!(row_counts(&entry), [8, 8, 0]);
        Ok(())
    })
}

/// A message of the failures queue, as Lambda delivers it.
fn failure(harness: &Harness, id: &str, key: &str) -> Result<Value> {
    let source = json!({ "bucket": harness.stack.raw_bucket, "key": key, "size_bytes": 5 });
    let record = json!({
        "version": 1, "at": "2025-10-01T07:12:44.123Z", "stage": "ingest", "kind": "ContractViolated", "retryable": false,
        "source": source, "dataset": "t_burst", "owner": "sales-data@example.com", "summary": "the file breaks its contract",
    });
    let attribute = |value: &str| json!({ "dataType": "String", "stringValue": value });
    Ok(json!({
        "messageId": id, "receiptHandle": id, "body": notification(&source)?, "eventSource": "aws:sqs",
        "attributes": { "ApproximateReceiveCount": "1" }, "awsRegion": "us-east-1", "md5OfBody": "",
        "messageAttributes": { "failure": attribute(&record.to_string()), "kind": attribute("ContractViolated") },
    }))
}

/// The local AWS gives a function ten messages at most, and knows no batching window: the batch is the test's.
#[test]
fn hundreds_of_failures_at_once_are_one_mail_and_each_of_them_is_a_dead_letter() -> Result<()> {
    on_stack(async |harness| {
        let stack = &harness.stack;
        let keys: Vec<String> = (0..400).map(|number| format!("t_burst/{number}.csv")).collect();
        let mut records = Vec::new();
        // Each of them twice, as when the answer to the first sending was lost.
        for (index, key) in keys.iter().chain(&keys).enumerate() {
            records.push(failure(harness, &index.to_string(), key)?);
        }
        let batch = json!({ "Records": records }).to_string();
        let answer = stack.client.invoke(&stack.route_failures_function, batch.as_bytes()).await?;
        assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
        let mut sent_back = Vec::new();
        for letter in stack.take(&stack.dead_letter_queue_url).await? {
            let event: Value = serde_json::from_str(&letter.body)?;
            sent_back.push(event["Records"][0]["s3"]["object"]["key"].as_str().unwrap_or_default().to_owned());
        }
        sent_back.sort();
        let mut expected = keys.clone();
        expected.sort();
        assert_eq!(sent_back, expected);
        let mails = stack.take_alerts().await?;
        let subjects: Vec<&str> = mails.iter().map(|(subject, _)| subject.as_str()).collect();
        assert_eq!(subjects, ["Lakegate: 400 files failed (ContractViolated): t_burst 400"]);
        Ok(())
    })
}

/// A record of a notification of an object created; the key as S3 encodes it.
fn record(harness: &Harness, key: &str) -> Result<Value> {
    let source = json!({ "bucket": harness.stack.raw_bucket, "key": key });
    let event: Value = serde_json::from_str(&notification(&source)?)?;
    Ok(event["Records"][0].clone())
}

#[test]
fn messages_that_nobody_understands_become_dead_letters_and_keep_no_file_from_its_table() -> Result<()> {
    on_stack(async |harness| {
        let stack = &harness.stack;
        deploy_contract(harness, "t_poison").await?;
        let mut records = Vec::new();
        for number in 0..10 {
            records.push(record(harness, &format!("t_poison/{number}.csv"))?);
            // Announced by S3 as well: whichever comes first takes the file in.
            let file = orders::good_file("2025-09-01", 100 * number + 1, 2);
            stack.drop_file(&format!("t_poison/{number}.csv"), file).await?;
        }
        records[4]["s3"]["object"]["key"] = json!("t_poison/%FF.csv");
        let one_is_bad = json!({ "Records": records }).to_string();
        let half = &one_is_bad[..300];
        let poison = ["t_poison gibberish", half, "{\"t_poison\": \"not ours\"}", "[\"t_poison\"]", &one_is_bad];
        for body in poison {
            stack.client.send_message(&stack.ingest_queue_url, body).await?;
        }
        for number in 0..10 {
            harness.ledger(&format!("t_poison/{number}.csv"), &["committed"]).await?;
        }
        let bad_alone = json!({ "Records": [records[4]] }).to_string();
        for body in ["t_poison gibberish", half, "{\"t_poison\": \"not ours\"}", "[\"t_poison\"]", &bad_alone] {
            eventually(&format!("a dead letter {body:.40}"), async || {
                harness.dead_letters("").await?;
                Ok(harness.has_dead_letter_with(body).await.then_some(()))
            })
            .await?;
        }
        harness.alert("the key t_poison/%FF.csv does not decode to UTF-8").await?;
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_poison").await?, "20");
        Ok(())
    })
}

/// "Object keys", S3 User Guide: 1,024 bytes at most.
#[test]
fn the_longest_key_and_the_most_awkward_ones_are_taken_in() -> Result<()> {
    on_stack(async |harness| {
        deploy_contract(harness, "t_awkward").await?;
        let longest = format!("t_awkward/{}.csv", "k".repeat(1024 - "t_awkward/.csv".len()));
        let keys = [
            longest.as_str(),
            "t_awkward/+a b%2B%.csv",
            "t_awkward/=cmd|' /C calc'!A0.csv",
            "t_awkward/!\"#$&'()*,:;<>@[\\]^`{|}~?.csv",
            "t_awkward/\u{202E}Ü\u{301}日本語🗂.csv",
            "t_awkward/year=2025/__HIVE_DEFAULT_PARTITION__.csv",
        ];
        for (number, key) in (1..).zip(keys) {
            harness.stack.drop_file(key, orders::good_file("2025-09-01", number, 1)).await?;
        }
        for key in keys {
            harness.ledger(key, &["committed"]).await?;
        }
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_awkward").await?, "6");
        Ok(())
    })
}
