//! An object that is replaced or deleted while it is read, and a worker that comes too late: the calls are held at the moment that matters.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use e2e::Value;
use e2e::proof::drive::next_event;
use e2e::proof::oracle::{self, Uploaded};
use e2e::proof::process::{Ended, Process};
use e2e::proof::rig::Rig;
use e2e::proof::seeded::Random;
use e2e::proof::service::{payload, request_id};
use e2e::proof::uploads::{self, File, Mix};
use e2e::proof::{seed, tell};

const NAME: &str = "changing";
const TIMEOUT: Duration = Duration::from_mins(2);

/// Files of two good versions of several megabytes each: read in two ranges.
fn big_files(random: &mut Random, files: usize) -> Vec<File> {
    let mix = Mix { files, several_versions: 0, broken: 0, big: 100, unknown: 0, rows_max: 1, partitions_max: 1 };
    let mut first = uploads::files(&mix, random);
    let second = uploads::files(&Mix { big: 0, rows_max: 20, ..mix }, random);
    for (number, (file, other)) in first.iter_mut().zip(second).enumerate() {
        for version in other.versions {
            file.versions.push(version.renumbered(&format!("{number:05}.0."), &format!("{number:05}.1.")));
        }
    }
    first
}

/// The next event of an upload, once it is there.
async fn event(rig: &Rig) -> Result<Value> {
    for _ in 0..200 {
        let next = next_event(rig, &rig.stack.ingest_queue_url).await?;
        if let Some(message) = next.filter(|message| message["Body"].to_string().contains("ObjectCreated:")) {
            return Ok(payload(&rig.stack.ingest_queue_url, &[message]));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("no event comes")
}

fn is_acknowledged(ended: &Ended) -> bool {
    matches!(ended, Ended::Answered(answer) if answer["batchItemFailures"] == e2e::json!([]))
}

/// Invokes a process until the held call is there, does something, and lets it go on.
async fn meanwhile(
    process: &mut Process,
    event: &Value,
    operation: &str,
    after: usize,
    act: impl Future<Output = Result<()>>,
) -> Result<Ended> {
    let held = process.proxy.hold(operation, after);
    let act = async {
        held.reached().await;
        act.await?;
        held.release();
        anyhow::Ok(())
    };
    let request = request_id();
    let (ended, acted) = tokio::join!(process.invoke(&request, event, TIMEOUT, None), act);
    acted?;
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_changes_while_it_is_read_is_never_taken_in_as_a_mix() -> Result<()> {
    let seed = seed(NAME);
    let mut random = Random::new(seed, NAME);
    let rig = Rig::start(NAME, 600).await?;
    let program = rig.program("ingest").await?;
    let mut uploaded = Uploaded::none_of(big_files(&mut random, 4));
    let mut first = Process::start(&program).await?;
    let mut second = Process::start(&program).await?;

    // Replaced between two ranges: the old version is given up, the new one has an event of its own.
    uploaded.upload(&rig, 0).await?;
    let old = event(&rig).await?;
    let ended = meanwhile(&mut first, &old, "GetObject raw", 1, uploaded.upload(&rig, 0)).await?;
    assert!(is_acknowledged(&ended), "{ended:?}");
    let new = event(&rig).await?;
    let ended = first.invoke(&request_id(), &new, TIMEOUT, None).await?;
    assert!(is_acknowledged(&ended), "{ended:?}");

    // Replaced when it is about to be published, and taken in meanwhile: the old version's worker has lost its claim.
    uploaded.upload(&rig, 1).await?;
    let old = event(&rig).await?;
    let overtake = async {
        uploaded.upload(&rig, 1).await?;
        let new = event(&rig).await?;
        let ended = second.invoke(&request_id(), &new, TIMEOUT, None).await?;
        assert!(is_acknowledged(&ended), "{ended:?}");
        Ok(())
    };
    // The claim is the first write of the entry, the intent to publish the second.
    let ended = meanwhile(&mut first, &old, "PutObject ledger/", 1, overtake).await?;
    assert!(is_acknowledged(&ended), "{ended:?}");

    // Deleted between two ranges, and before it is opened: told missing, once each, however often it is announced.
    uploaded.upload(&rig, 2).await?;
    uploaded.cut_versions(2, 1);
    let old = event(&rig).await?;
    let ended = meanwhile(&mut first, &old, "GetObject raw", 1, uploaded.delete(&rig, 2)).await?;
    assert!(is_acknowledged(&ended), "{ended:?}");
    uploaded.upload(&rig, 3).await?;
    uploaded.cut_versions(3, 1);
    let gone = event(&rig).await?;
    uploaded.delete(&rig, 3).await?;
    for event in [&gone, &gone, &old] {
        let ended = first.invoke(&request_id(), event, TIMEOUT, None).await?;
        assert!(is_acknowledged(&ended), "{ended:?}");
    }

    let route_failures = rig.route_failures().await?;
    for queue in [&rig.stack.ingest_queue_url] {
        rig.stack.client.json("AmazonSQS.PurgeQueue", &e2e::json!({ "QueueUrl": queue })).await?;
    }
    rig.with(&[&route_failures], rig.settle(TIMEOUT)).await?;
    let standing = rig.standing().await?;
    let missing = standing.letters.iter().filter(|(_, record)| record["kind"] == "SourceMissing").count();
    let found =
        oracle::check(&uploaded, &standing, &[route_failures.tally()]).with_context(|| format!("seed {seed}"))?;
    tell(NAME, &format!("{found:?}"));
    assert_eq!(missing, 2, "two objects were deleted");
    Ok(())
}
