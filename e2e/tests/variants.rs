//! The template with other parameters than its defaults, or in a catalog where nothing has happened yet: each test deploys a stack of its own.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use anyhow::{Context, Result};
use e2e::{json, on_stack_with, orders, row_counts};

/// A bucket that was there before the stack.
const THEIRS: &str = "drop-zone";

#[test]
fn files_of_an_existing_bucket_become_rows_and_none_beside_the_prefix_does() -> Result<()> {
    let parameters = [("ExistingRawBucket", THEIRS), ("RawPrefix", "t_good/")];
    on_stack_with("existing-bucket", &parameters, async |harness| {
        let (stack, client) = (&harness.stack, &harness.stack.client);
        assert_eq!(stack.raw_bucket, THEIRS);
        client.create_bucket(THEIRS).await?;
        client.send_events(THEIRS).await?;
        let (key, beside) = ("t_good/2025 Käufe+(1).csv", "t_keys/2025.csv");
        client.put_object(THEIRS, beside, orders::good_file("2025-09-01", 1, 3)).await?;
        client.put_object(THEIRS, key, orders::good_file("2025-09-01", 1, 4)).await?;
        let entry = harness.ledger(key, &["committed"]).await?;
        assert_eq!(row_counts(&entry), [4, 4, 0]);
        assert_eq!(harness.athena_value("SELECT count(*) FROM t_good").await?, "4");

        // What was there before its events were sent, or whose event was lost, the sweep finds, under the prefix alone.
        stack.forget(key).await?;
        let swept = client.invoke(&stack.sweep_function, br#"{"older_than_secs": 0}"#).await?;
        assert_eq!((&swept["objects"], &swept["announced"]), (&json!(1), &json!(1)), "{swept}");
        harness.ledger(key, &["committed"]).await?;
        harness.quiet().await?;
        assert!(stack.ledger_entry(beside).await?.is_none(), "nobody may even read it");
        Ok(())
    })
}

#[test]
fn buckets_with_a_key_take_files_in() -> Result<()> {
    // The local AWS encrypts with a key that it does not know, too; the roles' statements are looked at in infra/tests.
    let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    on_stack_with("key", &[("KmsKeyArn", key)], async |harness| {
        harness.stack.drop_file("t_good/a.csv", orders::good_file("2025-09-01", 1, 4)).await?;
        let entry = harness.ledger("t_good/a.csv", &["committed"]).await?;
        assert_eq!(row_counts(&entry), [4, 4, 0]);
        Ok(())
    })
}

#[test]
fn the_table_of_rejects_is_there_before_anything_is_rejected_and_made_again_where_it_is_gone() -> Result<()> {
    on_stack_with("rejects", &[], async |harness| {
        let stack = &harness.stack;
        let deployed = stack.table("rejects").await?.context("no table rejects")?;
        let query = std::fs::read_to_string(harness.project.root().join("infra/athena/rejects_by_file.sql"))?;
        assert_eq!(stack.athena(&query).await?.rows.len(), 0);
        let mut bad = orders::good_file("2025-09-01", 1, 40);
        bad.push_str("O-0000041,2025-09-01 10:00:00,C-00001,Mug,0,1.25,EMEA,Germany,\n");

        stack.drop_file("t_good/a.csv", bad.clone()).await?;
        harness.ledger("t_good/a.csv", &["committed"]).await?;
        assert_eq!(harness.athena_value("SELECT count(*) FROM rejects").await?, "1");
        let amended = stack.table("rejects").await?.context("no table rejects")?;
        // One change, a note that all partitions have its columns.
        assert_eq!([&deployed["VersionId"], &amended["VersionId"]], ["1", "2"], "{amended}");

        // An older stack, or somebody who drops tables: what makes it makes the same one.
        let table = json!({ "DatabaseName": stack.database, "Name": "rejects" });
        stack.client.json("AWSGlue.DeleteTable", &table).await?;
        // Another setting is another process, which remembers no table.
        stack.client.set_function_variable(&stack.ingest_function, "RUST_LOG", "info").await?;
        stack.drop_file("t_bad_rows/b.csv", bad).await?;
        harness.ledger("t_bad_rows/b.csv", &["committed"]).await?;
        assert_eq!(stack.partitions("rejects").await?.len(), 1);
        let mended = stack.table("rejects").await?.context("no table rejects")?;
        for part in ["Description", "TableType", "StorageDescriptor", "PartitionKeys"] {
            assert!(deployed[part] == amended[part] && deployed[part] == mended[part], "{deployed} {amended} {mended}");
        }
        Ok(())
    })
}

#[test]
fn what_contradicts_itself_is_not_deployed() -> Result<()> {
    let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    for (name, parameters, reason) in [
        (
            "key-without-bucket",
            vec![("ExistingRawKmsKey", key)],
            "ExistingRawKmsKey is the key of an ExistingRawBucket",
        ),
        (
            "lake-as-raw",
            vec![("ExistingRawBucket", "lakegate-lake-111122223333")],
            "own lake bucket (STACK-lake-ACCOUNT)",
        ),
        ("flex", vec![("GlueExecutionClass", "FLEX"), ("GlueWorkerType", "G.4X")], "FLEX takes the worker types"),
        ("prefix-without-schedule", vec![("BackfillPrefix", "orders/")], "without a BackfillSchedule"),
    ] {
        let refused = on_stack_with(name, &parameters, async |_| Ok(()));
        let error = format!("{:#}", refused.err().context(name)?);
        assert!(error.contains(reason), "{name}: {error}");
    }
    Ok(())
}
