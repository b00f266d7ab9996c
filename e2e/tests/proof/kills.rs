//! SIGKILL at random moments of the real processes: before and after any call to the AWS, and at any time between.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::proof::oracle::{self, Uploaded};
use e2e::proof::rig::Rig;
use e2e::proof::seeded::Random;
use e2e::proof::service::Kills;
use e2e::proof::uploads::{self, Mix};
use e2e::proof::{is_full, leases, scaled, seed, tell};

const NAME: &str = "kills";
/// A worker's time; its lease lasts a minute longer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// More messages than this wait: no uploads until some are taken.
const WAITING_MAX: u64 = 6;
const AT_MOST: Duration = Duration::from_mins(20);
/// The calls behind which something stands, or is promised, that did not before.
const OPERATIONS: [&str; 14] = [
    "PutObject ledger/",
    "GetObject raw",
    "AWSGlue.GetTable",
    "AWSGlue.CreateTable",
    "PutObject lake/",
    "CreateMultipartUpload lake/",
    "UploadPart lake/",
    "CompleteMultipartUpload lake/",
    "AbortMultipartUpload lake/",
    "DeleteObjects",
    "AWSGlue.BatchGetPartition",
    "AWSGlue.BatchCreatePartition",
    "PutObject rejects/",
    "AmazonSQS.SendMessage",
];

#[tokio::test(flavor = "multi_thread")]
async fn processes_killed_at_any_moment_leave_every_file_whole_and_told() -> Result<()> {
    let seed = seed(NAME);
    let mut random = Random::new(seed, NAME);
    let kills = scaled(30, 260);
    let mix =
        Mix { files: kills * 2, several_versions: 50, broken: 25, big: 6, unknown: 3, rows_max: 30, partitions_max: 4 };
    let files = uploads::files(&mix, &mut random);
    // Neighbours only, so that all versions of most files are uploaded when the kills are done.
    let order = uploads::interleaved_among(&files, 12, &mut random);
    let rig = Rig::start(NAME, 3).await?;
    let (mut ingest, mut route_failures) = (rig.ingest().await?, rig.route_failures().await?);
    (ingest.workers, ingest.timeout) = (4, TIMEOUT);
    ingest.kills = Kills::of(kills, 75, Random::new(seed, "kills of ingest")).at(&OPERATIONS);
    route_failures.kills = Kills::of(kills / 10, 50, Random::new(seed, "kills of route-failures"));
    // Nobody waits for the queue. A full run waits for every lease; a short one lets their time pass faster.
    (ingest.is_hasty, route_failures.is_hasty) = (true, true);
    let started = Instant::now();
    let drive = async {
        let mut uploaded = Uploaded::none_of(files);
        for (index, _) in &order {
            while rig.client().queue_depth(&rig.stack.ingest_queue_url).await?.0 > WAITING_MAX {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if ingest.kills.left() == 0 || started.elapsed() > AT_MOST {
                break;
            }
            uploaded.upload(&rig, *index).await?;
        }
        uploaded.cut();
        rig.settle(AT_MOST).await?;
        Ok(uploaded)
    };
    let services = [&ingest, &route_failures];
    let uploaded = if is_full() {
        rig.with(&services, drive).await?
    } else {
        tokio::select! {
            driven = rig.with(&services, drive) => driven?,
            Err(error) = leases::end_those_of_the_dead(&rig, &ingest) => return Err(error),
        }
    };
    let elapsed = started.elapsed().as_secs_f64();
    let tallies = [ingest.tally(), route_failures.tally()];
    for (function, tally) in ["ingest", "route-failures"].into_iter().zip(&tallies) {
        let (killed, deliveries, timed_out) = (tally.killed(), tally.deliveries, tally.timed_out);
        let parts = tally.calls_by_operation().get("UploadPart lake/").copied().unwrap_or_default();
        let at: BTreeMap<&str, u64> = tally.kills.iter().map(|(at, count)| (at.as_str(), *count)).collect();
        tell(
            NAME,
            &format!(
                "{function}: {killed} kills ({timed_out} for its time) in {deliveries} deliveries and {parts} parts of uploads, at {at:?}"
            ),
        );
    }
    let found = oracle::check(&uploaded, &rig.standing().await?, &tallies).with_context(|| format!("seed {seed}"))?;
    tell(NAME, &format!("in {elapsed:.0} s: {found:?}"));
    assert_eq!(ingest.kills.left(), 0, "too few files for so many kills");
    Ok(())
}
