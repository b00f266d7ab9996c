//! Many small files: nothing is lost, memory does not grow, and a warm function asks the catalog for what it has not seen and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::proof::oracle::{self, Uploaded};
use e2e::proof::proxy::Calls;
use e2e::proof::rig::Rig;
use e2e::proof::seeded::Random;
use e2e::proof::service::Tally;
use e2e::proof::uploads::{self, Mix};
use e2e::proof::{scaled, seed, tell};
use e2e::{Value, json};

const NAME: &str = "soak";
const WAITING_MAX: u64 = 200;
const AT_MOST: Duration = Duration::from_mins(45);
/// Lines of the table of memory over time.
const MOMENTS: usize = 8;
/// What a process may need more at the end than when it was warm: allocators do not give everything back.
const GROWTH_MAX_KIB: u64 = 24 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn many_small_files_arrive_all_with_steady_memory_and_few_calls_to_the_catalog() -> Result<()> {
    let seed = seed(NAME);
    let mut random = Random::new(seed, NAME);
    let mix = Mix {
        files: scaled(300, 10_000),
        several_versions: 0,
        broken: 1,
        big: 0,
        unknown: 0,
        rows_max: 12,
        partitions_max: 2,
    };
    let files = uploads::files(&mix, &mut random);
    let rig = Rig::start(NAME, 60).await?;
    let (mut ingest, mut route_failures) = (rig.ingest().await?, rig.route_failures().await?);
    ingest.workers = 4;
    (ingest.is_hasty, route_failures.is_hasty) = (true, true);
    let started = Instant::now();
    let drive = async {
        let mut uploaded = Uploaded::none_of(files);
        for index in 0..mix.files {
            uploaded.upload(&rig, index).await?;
            while index % 50 == 0 && rig.client().queue_depth(&rig.stack.ingest_queue_url).await?.0 > WAITING_MAX {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        rig.settle(AT_MOST).await?;
        Ok(uploaded)
    };
    let uploaded = rig.with(&[&ingest, &route_failures], drive).await?;
    let elapsed = started.elapsed().as_secs_f64();
    let tallies = [ingest.tally(), route_failures.tally()];
    tell_figures(&tallies, mix.files, elapsed);
    let found = oracle::check(&uploaded, &rig.standing().await?, &tallies).with_context(|| format!("seed {seed}"))?;
    tell(NAME, &format!("{found:?}"));
    for tally in &tallies {
        assert!(growth_kib(tally) < GROWTH_MAX_KIB, "a process has grown by {} KiB", growth_kib(tally));
    }
    for calls in &ingest.tally().calls {
        assert_frugal(calls);
    }
    Ok(())
}

fn tell_figures(tallies: &[Tally], files: usize, elapsed: f64) {
    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    let per_second = files as f64 / elapsed;
    tell(NAME, &format!("{files} files in {elapsed:.0} s: {per_second:.1} files/s"));
    for (function, tally) in ["ingest", "route-failures"].into_iter().zip(tallies) {
        let mut lines = format!("{function}: {} deliveries, {} processes", tally.deliveries, tally.started);
        for (operation, count) in tally.calls_by_operation() {
            #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
            let per_file = count as f64 / files as f64;
            let _ = write!(lines, "\n  {operation}: {count} ({per_file:.4} per file)");
        }
        for (second, [now, most]) in moments(tally) {
            let _ =
                write!(lines, "\n  at {second:.0} s: {now} KiB resident, {most} KiB at most, in the largest process");
        }
        tell(NAME, &lines);
    }
}

/// Memory of the largest process at a few moments.
fn moments(tally: &Tally) -> Vec<(f64, [u64; 2])> {
    let step = tally.memory.len().div_ceil(MOMENTS).max(1);
    let largest = |part: &[(f64, usize, [u64; 2])]| {
        let second = part.last().map(|(second, ..)| *second).unwrap_or_default();
        let most = |index: usize| {
            part.iter().filter_map(|(_, _, memory)| memory.get(index)).max().copied().unwrap_or_default()
        };
        (second, [most(0), most(1)])
    };
    tally.memory.chunks(step).map(largest).collect()
}

/// From the second moment, when everything is warm, to the last one.
fn growth_kib(tally: &Tally) -> u64 {
    let moments = moments(tally);
    let resident = |moment: Option<&(f64, [u64; 2])>| moment.map(|(_, [now, _])| *now).unwrap_or_default();
    resident(moments.last()).saturating_sub(resident(moments.get(1)))
}

/// A process creates a partition once, and looks at a table once.
fn assert_frugal(calls: &Calls) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut tables: BTreeMap<String, u64> = BTreeMap::new();
    for (operation, body) in &calls.bodies {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let table = body.get("TableName").or(body.get("Name")).cloned().unwrap_or_default();
        match operation.as_str() {
            "AWSGlue.BatchCreatePartition" => {
                for partition in
                    body.get("PartitionInputList").and_then(serde_json::Value::as_array).into_iter().flatten()
                {
                    let partition = json!([table, partition["Values"]]).to_string();
                    assert!(!seen.contains(&partition), "{partition} was created twice by one process");
                    seen.insert(partition);
                }
            }
            "AWSGlue.GetTable" => *tables.entry(table.to_string()).or_default() += 1,
            _ => {}
        }
    }
    // Twice where it had to be made: another process may have made it meanwhile.
    assert!(tables.values().all(|count| *count <= 2), "tables are looked at again and again: {tables:?}");
}
