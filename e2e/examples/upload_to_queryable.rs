//! How long a dropped file takes until it can be queried: its partition is in the catalog and its rows can be read. On the local AWS, with
//! the functions' dev builds, whose engine is optimised.
//!
//! usage: cargo run -p e2e --example `upload_to_queryable` -- [FILES] [`AT_ONCE`]
//!
//! Each file of 100 KB has a partition of its own. Athena reads what the catalog names straight from the bucket, so a file can be queried
//! when its partition is there and its object can be had; that all rows are really there is asked of Athena at the end.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Harness, on_stack, orders};
use futures::{StreamExt, TryStreamExt, stream};
use lakegate_local::json::{number, text};
use serde_json::json;

const TABLE: &str = "upload_to_queryable";
/// 100 KB of orders.
const ROWS: u32 = 1_490;
const POLL: Duration = Duration::from_millis(5);
const GIVEN_UP: Duration = Duration::from_mins(1);

/// What was seen of a file, in milliseconds since its upload began.
struct Seen {
    uploaded: u64,
    partition: u64,
    rows: u64,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>().context("not a number"));
    let files = arguments.next().transpose()?.unwrap_or(1_000);
    let at_once = arguments.next().transpose()?.unwrap_or(1);
    on_stack(async |harness| measure(harness, files, at_once).await)
}

async fn measure(harness: &Harness, files: u32, at_once: u32) -> Result<()> {
    let sample = std::fs::read_to_string(harness.project.root().join("contracts/orders.odcs.yaml"))?;
    harness.stack.put_contract(&format!("{TABLE}.odcs.yaml"), orders::contract_for(&sample, TABLE)).await?;
    // The first file makes the table, and is not counted.
    drop_and_watch(harness, files).await?;

    let started = Instant::now();
    let watched = stream::iter(0..files).map(|file| drop_and_watch(harness, file)).buffer_unordered(at_once as usize);
    let seen: Vec<Seen> = watched.try_collect().await?;
    let secs = started.elapsed().as_secs_f64();

    let entries = harness.stack.ledger().await?;
    let of_table = entries.iter().filter(|entry| text(entry, "/dataset") == TABLE);
    let work: Vec<u64> = of_table.map(|entry| number(entry, "/elapsed_ms")).collect();
    ensure!(work.len() == files as usize + 1, "{} entries of {files} files and the first", work.len());
    let rows = harness.athena_value(&format!("SELECT count(*) FROM {TABLE}")).await?;
    ensure!(rows == (u64::from(ROWS) * (u64::from(files) + 1)).to_string(), "Athena reads {rows} rows");

    println!("{files} files of 100 KB, {at_once} at once: {secs:.1} s");
    println!("milliseconds                        p50    p99    max");
    told("upload answered", seen.iter().map(|seen| seen.uploaded));
    told("partition in the catalog", seen.iter().map(|seen| seen.partition));
    told("rows can be read: queryable", seen.iter().map(|seen| seen.rows));
    told("of these in ingest, to its commit", work.into_iter());
    Ok(())
}

fn told(what: &str, times: impl Iterator<Item = u64>) {
    let mut times: Vec<u64> = times.collect();
    times.sort_unstable();
    let at = |percent: usize| {
        times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or(0)
    };
    println!("  {what:<33} {:>5} {:>6} {:>6}", at(50), at(99), at(100));
}

/// Drops a file of a month of its own, and looks until its rows can be read.
async fn drop_and_watch(harness: &Harness, file: u32) -> Result<Seen> {
    let (year, month) = (1900 + file / 12, file % 12 + 1);
    let content = orders::good_file(&format!("{year}-{month:02}-01"), file * ROWS, ROWS);
    let key = format!("{TABLE}/{file}.csv");
    let stack = &harness.stack;

    let started = Instant::now();
    stack.drop_file(&key, content).await?;
    let uploaded = millis(started);
    let asked = json!({ "DatabaseName": stack.database, "TableName": TABLE, "PartitionValues": [year.to_string(), month.to_string()] });
    // Refused until it is there.
    while stack.client.json("AWSGlue.GetPartition", &asked).await.is_err() {
        pause(&key, started).await?;
    }
    let partition = millis(started);
    let prefix = format!("lake/{TABLE}/year={year}/month={month}/");
    while stack.list_lake(&prefix).await?.is_empty() {
        pause(&key, started).await?;
    }
    Ok(Seen { uploaded, partition, rows: millis(started) })
}

async fn pause(key: &str, started: Instant) -> Result<()> {
    ensure!(started.elapsed() < GIVEN_UP, "{key} cannot be queried after {GIVEN_UP:?}");
    tokio::time::sleep(POLL).await;
    Ok(())
}

fn millis(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
