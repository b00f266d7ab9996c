//! What becomes of a dropped file: the deployed functions, asked from outside.

use anyhow::{Context, Result};
use e2e::{HEAVY_BYTES, Value, eventually, json, notification, on_stack, orders, row_counts};

#[test]
fn a_good_file_becomes_a_queryable_table() -> Result<()> {
    on_stack(async |harness| {
        let key = "t_good/2025-09.csv";
        let file = orders::file(&[
            "O-0000001,2025-09-03 10:00:00,C-00001,Ceramic mug,2,9.95,EMEA,Germany,",
            "O-0000002,2025-09-30 23:59:59,C-00002,\"Lamp, \"\"brass\"\"\",1,59.99,APAC,Japan,\"two\nlines\"",
            "O-0000003,2025-10-01 00:00:00,C-00001,Piñata,1000,0.10,LATAM,México,",
        ]);
        harness.stack.drop_file(key, file).await?;
        let entry = harness.ledger(key, &["committed", "rejected"]).await?;
        assert_eq!((entry["state"].as_str(), row_counts(&entry)), (Some("committed"), [3, 3, 0]), "{entry}");

        let partitions = harness.stack.partitions("t_good").await?;
        let values: Vec<&[String]> = partitions.iter().map(|partition| partition.values.as_slice()).collect();
        assert_eq!(values, [["2025", "9"], ["2025", "10"]]);
        let answer = harness
            .stack
            .athena("SELECT month, sum(revenue), max(product) FROM t_good GROUP BY month ORDER BY month")
            .await?;
        let cell = |text: &str| Some(text.to_owned());
        let expected =
            [[cell("9"), cell("79.89"), cell("Lamp, \"brass\"")], [cell("10"), cell("100.00"), cell("Piñata")]];
        assert_eq!(answer.rows, expected);

        let fetched = harness.fetch_table("t_good").await?;
        let sql = format!(
            "SELECT order_id, order_ts, quantity, unit_price, note, revenue, month FROM {} ORDER BY order_id",
            fetched.relation()
        );
        let expected = json!([
            ["O-0000001", "2025-09-03 10:00:00", 2, "9.95", null, "19.90", 9],
            ["O-0000002", "2025-09-30 23:59:59", 1, "59.99", "two\nlines", "59.99", 9],
            ["O-0000003", "2025-10-01 00:00:00", 1000, "0.10", null, "100.00", 10],
        ]);
        assert_eq!(harness.duckdb(&sql)?, expected);
        Ok(())
    })
}

#[test]
fn bad_rows_are_kept_with_their_reasons_and_the_rest_is_published() -> Result<()> {
    on_stack(async |harness| {
        let key = "t_bad_rows/2025-09.csv";
        let mut file = orders::good_file("2025-09-01", 1, 60);
        file.push_str("O-0000061,2025-09-01 10:00:00,C-00001,\"Mug, blue\",0,1.25,EMEA,Germany,\n");
        file.push_str("O-0000062,2025-09-01 10:00:00,C-00001,Mug,1,cheap,EMEA,Germany,\n");
        file.push_str("O-0000001,2025-09-01 10:00:00,C-00001,Mug,1,1.25,EMEA,Germany,\n");
        harness.stack.drop_file(key, file).await?;
        let entry = harness.ledger(key, &["committed", "rejected"]).await?;
        assert_eq!((entry["state"].as_str(), row_counts(&entry)), (Some("committed"), [63, 60, 3]), "{entry}");
        let violations =
            json!({ "order_id": { "unique": 1 }, "quantity": { "minimum": 1 }, "unit_price": { "type": 1 } });
        assert_eq!(entry["violations"], violations);
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_bad_rows").await?, "60");
        let sql = "SELECT line, row_number, violations[1].\"column\", violations[1].rule, raw FROM rejects \
                   WHERE dataset = 't_bad_rows' ORDER BY line";
        let rows = harness.stack.athena(sql).await?.rows;
        let first: Vec<&str> = rows[0].iter().map(|cell| cell.as_deref().unwrap_or_default()).collect();
        assert_eq!(
            first,
            [
                "62",
                "61",
                "quantity",
                "minimum",
                "O-0000061,2025-09-01 10:00:00,C-00001,\"Mug, blue\",0,1.25,EMEA,Germany,"
            ]
        );
        assert_eq!(rows.len(), 3);
        Ok(())
    })
}

#[test]
fn a_broken_file_is_rejected_whole_and_its_owner_is_told() -> Result<()> {
    on_stack(async |harness| {
        let key = "t_broken/2025-11.csv";
        harness.stack.drop_file(key, "Order No.;Date\n1;2025-11-01\n").await?;
        let entry = harness.ledger(key, &["committed", "rejected"]).await?;
        assert_eq!(entry["state"], "rejected", "{entry}");
        assert!(entry["file_error"]["message"].is_string(), "{entry}");
        assert_eq!(harness.stack.list_lake("lake/t_broken/").await?, []);

        let (message, record) = harness.dead_letter(key).await?;
        assert_eq!(
            (record["kind"].as_str(), record["dataset"].as_str()),
            (Some("ContractViolated"), Some("t_broken")),
            "{record}"
        );
        assert_eq!(record["owner"], "web-shop");
        assert_eq!(message.attributes["kind"], "ContractViolated");
        assert!(
            record["replay"].as_str().is_some_and(|command| command.starts_with("lakegate replay --stack lakegate ")),
            "{record}"
        );
        let (subject, body) = harness.alert(key).await?;
        assert!(subject.is_ascii() && subject.len() < 100, "{subject}");
        for part in [key, "t_broken", "web-shop"] {
            assert!(body.contains(part), "{part} is not in:\n{body}");
        }
        assert!(!body.contains("2025-11-01"), "a cell's value is in:\n{body}");
        Ok(())
    })
}

#[test]
fn a_dead_letter_can_be_sent_back_unchanged() -> Result<()> {
    on_stack(async |harness| {
        let key = "t_replay/2025-09.csv";
        harness.stack.drop_file(key, "no,such,header\n").await?;
        let first = harness.ledger(key, &["rejected"]).await?;
        let (message, _) = harness.dead_letter(key).await?;
        // Its event alone would be a repeated delivery of what was told.
        harness.stack.client.send_on(&harness.stack.ingest_queue_url, &message).await?;
        let again =
            harness.ledger_when(key, |entry| entry["state"] == "rejected" && entry["at"] != first["at"]).await?;
        assert_eq!((&again["state"], &again["source"]), (&first["state"], &first["source"]));
        Ok(())
    })
}

#[test]
fn a_file_of_an_unknown_dataset_is_a_dead_letter() -> Result<()> {
    on_stack(async |harness| {
        let key = "nobody/knows/this.csv";
        harness.stack.drop_file(key, "a,b\n1,2\n").await?;
        let (message, record) = harness.dead_letter(key).await?;
        assert_eq!(record["kind"], "UnknownDataset", "{record}");
        let event: Value = serde_json::from_str(&message.body)?;
        assert_eq!(event["Records"].as_array().map(Vec::len), Some(1), "{event}");
        let (_, body) = harness.alert(key).await?;
        assert!(body.contains(key), "{body}");
        Ok(())
    })
}

#[test]
fn a_key_with_space_plus_and_accents_is_found() -> Result<()> {
    on_stack(async |harness| {
        let key = "t_keys/2025 09/Käufe+Rückläufer 100% (1).csv";
        harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 5)).await?;
        let entry = harness.ledger(key, &["committed", "rejected"]).await?;
        assert_eq!((entry["state"].as_str(), row_counts(&entry)), (Some("committed"), [5, 5, 0]), "{entry}");
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_keys").await?, "5");
        Ok(())
    })
}

#[test]
fn the_same_event_twice_changes_nothing() -> Result<()> {
    on_stack(async |harness| {
        let key = "t_again/2025-09.csv";
        harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 7)).await?;
        let entry = harness.ledger(key, &["committed"]).await?;
        let objects = harness.stack.list_lake("lake/t_again/").await?;
        for _ in 0..3 {
            harness
                .stack
                .client
                .send_message(&harness.stack.ingest_queue_url, &notification(&entry["source"])?)
                .await?;
        }
        harness.quiet().await?;
        assert_eq!(harness.stack.ledger_entry(key).await?, Some(entry));
        assert_eq!(harness.stack.list_lake("lake/t_again/").await?, objects);
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_again").await?, "7");
        harness.dead_letters(key).await?;
        assert!(!harness.has_dead_letter_about(key).await, "a repeated event became a dead letter");
        Ok(())
    })
}

#[test]
fn a_test_event_is_no_file() -> Result<()> {
    on_stack(async |harness| {
        let bucket = &harness.stack.raw_bucket;
        let event = json!({
            "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2025-10-01T00:00:00.000Z", "Bucket": bucket,
            "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR",
        });
        harness.stack.client.send_message(&harness.stack.ingest_queue_url, &event.to_string()).await?;
        harness.quiet().await?;
        let answer = harness.stack.client.invoke(&harness.stack.ingest_function, event.to_string().as_bytes()).await?;
        assert_eq!(answer, json!({ "objects": [] }));
        let _ = harness.dead_letters("").await?;
        assert!(!harness.has_dead_letter_about("s3:TestEvent").await, "a test event became a dead letter");
        Ok(())
    })
}

#[test]
fn a_heavy_object_becomes_a_run_of_the_glue_job() -> Result<()> {
    on_stack(async |harness| {
        let key = "t_heavy/2024.csv";
        let mut file = orders::good_file("2024-01-01", 1, 40_000);
        assert!(file.len() as u64 > HEAVY_BYTES);
        let version = harness.stack.drop_file(key, std::mem::take(&mut file)).await?;
        let runs = async || {
            let mut runs = harness.stack.job_runs().await?;
            runs.retain(|run| run["Arguments"]["--source_key"] == key);
            anyhow::Ok(runs)
        };
        let run = eventually("a run of the Glue job", async || Ok(runs().await?.pop())).await?;
        assert_eq!(run["Arguments"]["--source_version"], version.as_str(), "{run}");
        assert_eq!(run["Arguments"]["--source_bucket"], harness.stack.raw_bucket.as_str());
        let manifest_key = run["Arguments"]["--manifest_key"].as_str().context("no manifest")?;
        let manifest = harness.stack.client.get_object(&harness.stack.lake_bucket, manifest_key).await?;
        let manifest: Value = serde_json::from_slice(&manifest)?;
        assert_eq!((&manifest["version"], &manifest["kind"]), (&json!(1), &json!("object")), "{manifest}");
        let event = manifest["event"].as_str().context("no event")?.to_owned();
        assert!(event.contains(key) && event.contains(version.as_str()), "{event}");
        let entry = eventually("the run's id in the ledger", async || {
            Ok(harness.stack.ledger_entry(key).await?.filter(|entry| entry["run_id"].is_string()))
        })
        .await?;
        assert_eq!((&entry["state"], &entry["run_id"]), (&json!("heavy"), &run["Id"]));
        assert_eq!(entry["outputs"], json!([]));

        // The message once more.
        let message = json!({ "Records": [{
            "messageId": "again", "receiptHandle": "r", "body": event, "eventSource": "aws:sqs", "md5OfBody": "",
            "attributes": { "ApproximateReceiveCount": "2" }, "messageAttributes": {}, "awsRegion": "us-east-1",
        }] });
        let function = &harness.stack.start_glue_function;
        let answer = harness.stack.client.invoke(function, message.to_string().as_bytes()).await?;
        assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
        assert_eq!(runs().await?.len(), 1, "no second run");

        // The run says that it succeeded, and nothing of the file is in the table.
        let run_id = run["Id"].as_str().context("no id")?;
        let ended = json!({
            "detail-type": "Glue Job State Change", "source": "aws.glue", "time": "2099-10-01T07:12:44Z", "region": "us-east-1",
            "detail": { "jobName": harness.stack.glue_job, "state": "SUCCEEDED", "jobRunId": run_id, "message": "" },
        });
        harness.stack.client.send_message(&harness.stack.failures_queue_url, &ended.to_string()).await?;
        let (_, record) = harness.dead_letter(key).await?;
        assert_eq!(record["kind"], "GlueJobUnfinished", "{record}");
        harness.alert(key).await?;
        Ok(())
    })
}

#[test]
fn two_files_of_one_partition_at_once_are_both_there() -> Result<()> {
    on_stack(async |harness| {
        let keys: Vec<String> = (0..6).map(|number| format!("t_same_partition/{number}.csv")).collect();
        let stack = &harness.stack;
        let (a, b, c) = (
            orders::good_file("2025-09-01", 1, 30),
            orders::good_file("2025-09-02", 100, 40),
            orders::good_file("2025-09-03", 200, 50),
        );
        tokio::try_join!(stack.drop_file(&keys[0], a), stack.drop_file(&keys[1], b), stack.drop_file(&keys[2], c))?;
        for key in &keys[..3] {
            let entry = harness.ledger(key, &["committed", "rejected"]).await?;
            assert_eq!(entry["state"], "committed", "{entry}");
        }
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_same_partition").await?, "120");
        assert_eq!(stack.partitions("t_same_partition").await?.len(), 1);
        assert_eq!(stack.list_lake("lake/t_same_partition/year=2025/month=9/").await?.len(), 3);
        Ok(())
    })
}

#[test]
fn a_new_version_of_a_file_replaces_its_rows_and_no_others() -> Result<()> {
    on_stack(async |harness| {
        let (key, other) = ("t_replaced/2025.csv", "t_replaced/other.csv");
        harness.stack.drop_file(other, orders::good_file("2025-09-05", 500, 3)).await?;
        harness
            .stack
            .drop_file(
                key,
                orders::good_file("2025-09-01", 1, 10)
                    + &orders::good_file("2025-08-01", 50, 4)[orders::file(&[]).len()..],
            )
            .await?;
        harness.ledger(other, &["committed"]).await?;
        let first = harness.ledger(key, &["committed"]).await?;
        assert_eq!(row_counts(&first), [14, 14, 0]);

        let version = harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 8)).await?;
        let second = harness
            .ledger_when(key, |entry| {
                entry["source"]["version_id"] == version.as_str() && entry["state"] == "committed"
            })
            .await?;
        assert_eq!(row_counts(&second), [8, 8, 0]);
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_replaced").await?, "11");
        let august = harness.stack.list_lake("lake/t_replaced/year=2025/month=8/").await?;
        assert_eq!(august, [], "the first version's file still stands");

        // The first version's event comes late: it changes nothing.
        harness.stack.client.send_message(&harness.stack.ingest_queue_url, &notification(&first["source"])?).await?;
        harness.quiet().await?;
        assert_eq!(harness.stack.ledger_entry(key).await?, Some(second));
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_replaced").await?, "11");
        Ok(())
    })
}

#[test]
fn the_rows_of_a_deleted_file_leave_the_table_where_its_contract_says_so() -> Result<()> {
    on_stack(async |harness| {
        let stack = &harness.stack;
        let sample = std::fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
        for (table, policy) in [("t_removed", "remove"), ("t_kept", "keep")] {
            let policies = "    customProperties:\n";
            let own = format!("{policies}      - {{property: removedObjects, value: {policy}, vendor: lakegate}}\n");
            let contract = orders::contract_for(&sample, table).replace(policies, &own);
            stack.put_contract(&format!("{table}.odcs.yaml"), contract).await?;
            let bad_row = "O-0009999,2025-09-01 10:00:00,C-00001,Mug,0,1.25,EMEA,Germany,\n";
            let file = orders::good_file("2025-09-01", 1, 40)
                + &orders::good_file("2025-10-01", 41, 5)[orders::file(&[]).len()..];
            stack.drop_file(&format!("{table}/a.csv"), file + bad_row).await?;
            stack.drop_file(&format!("{table}/other.csv"), orders::good_file("2025-09-01", 500, 3)).await?;
            for key in ["a.csv", "other.csv"] {
                harness.ledger(&format!("{table}/{key}"), &["committed"]).await?;
            }
        }
        let kept = stack.ledger_entry("t_kept/a.csv").await?;
        let created = stack.ledger_entry("t_removed/a.csv").await?.unwrap_or_default();
        for key in ["t_kept/a.csv", "t_removed/a.csv"] {
            stack.client.delete_object(&stack.raw_bucket, key).await?;
        }
        let removed = harness.ledger("t_removed/a.csv", &["removed"]).await?;
        assert_eq!((row_counts(&removed), removed["outputs"].clone()), ([0, 0, 0], json!([])), "{removed}");
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_removed").await?, "3");
        assert_eq!(harness.athena_value("SELECT count(*) FROM rejects WHERE dataset = 't_removed'").await?, "0");
        assert_eq!(stack.list_lake("lake/t_removed/year=2025/month=10/").await?, []);

        // The upload's event comes late.
        stack.client.send_message(&stack.ingest_queue_url, &notification(&created["source"])?).await?;
        harness.quiet().await?;
        assert_eq!(stack.ledger_entry("t_removed/a.csv").await?, Some(removed));
        assert_eq!(stack.ledger_entry("t_kept/a.csv").await?, kept);
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_kept").await?, "48");
        assert!(harness.dead_letters("t_removed/a.csv").await?.is_empty(), "nothing has failed");

        // The same file once more, under the same key.
        stack.drop_file("t_removed/a.csv", orders::good_file("2025-10-01", 41, 5)).await?;
        harness.ledger("t_removed/a.csv", &["committed"]).await?;
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_removed").await?, "8");
        Ok(())
    })
}
