//! Every event 1 to 5 times and shuffled, versions interleaved, files deleted, four workers at once.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::proof::drive::Disorder;
use e2e::proof::oracle::{self, Uploaded};
use e2e::proof::rig::Rig;
use e2e::proof::seeded::Random;
use e2e::proof::uploads::{self, Mix};
use e2e::proof::{scaled, seed, tell};

const NAME: &str = "disorder";
/// Uploads between two looks at what S3 announced.
const UPLOADS_AT_ONCE: usize = 20;
/// Of a hundred files so many are deleted soon after their last upload.
const DELETED_PERCENT: usize = 3;
const AT_MOST: Duration = Duration::from_mins(30);

#[tokio::test(flavor = "multi_thread")]
async fn events_repeated_and_in_any_order_leave_the_rows_of_each_files_last_good_version() -> Result<()> {
    let seed = seed(NAME);
    let mut random = Random::new(seed, NAME);
    let mix = Mix {
        files: scaled(120, 2000),
        several_versions: 40,
        broken: 20,
        big: 0,
        unknown: 3,
        rows_max: 20,
        partitions_max: 3,
    };
    let files = uploads::files(&mix, &mut random);
    let order = uploads::interleaved(&files, &mut random);
    let rig = Rig::start(NAME, 10).await?;
    // The rows of deleted files stay, or they leave.
    let is_removing = seed % 2 == 1;
    if is_removing {
        rig.stack.put_contract("proof.odcs.yaml", uploads::contract_that_removes()).await?;
    }
    let (mut ingest, mut route_failures) = (rig.ingest().await?, rig.route_failures().await?);
    ingest.workers = 4;
    (ingest.is_hasty, route_failures.is_hasty) = (true, true);
    let started = Instant::now();
    let drive = async {
        let mut uploaded = Uploaded { is_removing, ..Uploaded::none_of(files) };
        let mut disorder = Disorder::between(&rig).await?;
        for batch in order.chunks(UPLOADS_AT_ONCE) {
            for (index, _) in batch {
                uploaded.upload(&rig, *index).await?;
            }
            disorder.pass_on(&rig, &mut random, 40).await?;
            for (index, version) in batch {
                let is_last = uploaded.files.get(*index).is_some_and(|file| file.versions.len() == version + 1);
                if is_last && random.percent(DELETED_PERCENT) {
                    uploaded.delete(&rig, *index).await?;
                }
            }
        }
        disorder.pass_on(&rig, &mut random, 100).await?;
        rig.settle(AT_MOST).await?;
        Ok((uploaded, disorder))
    };
    let (uploaded, disorder) = rig.with(&[&ingest, &route_failures], drive).await?;
    let elapsed = started.elapsed().as_secs_f64();
    let tallies = [ingest.tally(), route_failures.tally()];
    let found = oracle::check(&uploaded, &rig.standing().await?, &tallies).with_context(|| format!("seed {seed}"))?;
    let (announced, sent) = (disorder.announced, disorder.sent);
    let back = tallies.iter().map(|tally| tally.sent_back).sum::<u64>();
    let deliveries = tallies.first().map(|tally| tally.deliveries).unwrap_or_default();
    tell(
        NAME,
        &format!(
            "deletions remove rows: {is_removing}; {announced} events sent {sent} times, delivered {deliveries} times, {back} sent back, in {elapsed:.0} s: {found:?}"
        ),
    );
    Ok(())
}
