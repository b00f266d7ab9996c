//! Nothing that Lakegate writes becomes a source, however wrong contracts, policies and notifications are.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::{Harness, on_stack_with, orders, row_counts};

/// Far longer than an event takes to come round.
const A_WHILE: Duration = Duration::from_secs(5);

#[test]
fn a_lake_that_announces_its_own_objects_is_not_fed_with_them() -> Result<()> {
    on_stack_with("own-objects", &[], async |harness| {
        let (stack, client) = (&harness.stack, &harness.stack.client);
        let sample = std::fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
        let everything = orders::contract_for(&sample, "everything").replace("s3://*/everything/**/*.csv", "s3://*/**");
        assert!(everything.contains("location: s3://*/**\n"), "{everything}");
        stack.put_contract("everything.odcs.yaml", everything).await?;

        let queue = client.queue_arn(&stack.ingest_queue_url).await?;
        let refused = client.announce_to(&stack.lake_bucket, &queue).await;
        let refused = refused.err().context("the ingest queue takes messages from the lake bucket")?.to_string();
        assert!(refused.contains("Unable to validate the following destination"), "{refused}");

        // Somebody widens the policy, and tries again.
        client.let_send(&stack.ingest_queue_url, "s3.amazonaws.com", "arn:aws:s3:::lakegate-*").await?;
        client.announce_to(&stack.lake_bucket, &queue).await?;
        stack.drop_file("loops/good.csv", orders::good_file("2025-09-01", 1, 4)).await?;
        stack.drop_file("loops/broken.csv", "order_id,order_ts\nno,such\n").await?;
        assert_eq!(row_counts(&harness.ledger("loops/good.csv", &["committed"]).await?), [4, 4, 0]);
        harness.ledger("loops/broken.csv", &["rejected"]).await?;
        harness.alert("loops/broken.csv").await?;

        harness.quiet().await?;
        let ignored = own_objects(harness).await?;
        assert!(ignored >= 3, "an output and two entries at least were announced: {ignored}");
        let written = client.list_versions(&stack.lake_bucket, "").await?.len();
        tokio::time::sleep(A_WHILE).await;
        harness.quiet().await?;
        assert_eq!(own_objects(harness).await?, ignored, "what was ignored announces nothing");
        assert_eq!(client.list_versions(&stack.lake_bucket, "").await?.len(), written, "and writes nothing");

        let entries = stack.ledger().await?;
        assert_eq!(entries.len(), 2, "{entries:?}");
        assert!(entries.iter().all(|entry| entry["source"]["bucket"] == stack.raw_bucket.as_str()), "{entries:?}");
        assert_eq!(harness.athena_value("SELECT count(*) FROM everything").await?, "4");
        assert!(!harness.has_dead_letter_about(&stack.lake_bucket).await, "nobody is told of what is ignored");
        Ok(())
    })
}

#[test]
fn a_contract_for_files_of_the_lake_bucket_is_not_pushed() -> Result<()> {
    on_stack_with("own-files", &[], async |harness| {
        let sample = std::fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("own.odcs.yaml");
        let location = format!("s3://{}/lake/**/*.csv", harness.stack.lake_bucket);
        std::fs::write(&file, orders::contract_for(&sample, "own").replace("s3://*/own/**/*.csv", &location))?;
        let refused = harness.lakegate(&["contracts", "push", &file.to_string_lossy()]);
        let refused = refused.err().context("it was pushed")?.to_string();
        assert!(refused.contains("nothing was pushed") && refused.contains(&location), "{refused}");
        assert!(refused.contains("no file of the lake bucket is taken in"), "{refused}");
        Ok(())
    })
}

/// How many objects of its own ingest was told of, by its log.
async fn own_objects(harness: &Harness) -> Result<usize> {
    let log = harness.stack.client.function_log(&harness.stack.ingest_function).await?;
    Ok(log.iter().filter(|line| line.contains("own-object")).count())
}
