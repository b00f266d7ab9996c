//! The steps about objects as a whole: which are to be taken in under a prefix, and each of them taken in. One JSON object a line.
//! It does not know ranges.

use std::io::{BufRead, stdin};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use futures::{StreamExt, stream};
use lakegate_ingest::{Context, UnknownDatasets, take_in as take_object_in};
use lakegate_lake::claims::Worker;
use lakegate_lake::ledger::Source;
use lakegate_lake::listing::Lister;
use lakegate_lake::{announce, clients};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::pending::{Asked, pending};
use super::settings::{GlueSettings, context};
use super::steps::{Announced, outcome_of};
use super::{again, input};
use crate::output;

/// Small objects that one process takes in at once: most of their time is spent waiting for S3.
const SMALL_AT_ONCE: u32 = 4;
/// A bigger object is taken in alone.
const SMALL_BYTES: u64 = 32 * 1024 * 1024;
/// How long one object may take: this, and a second for so many bytes more.
const OBJECT_TIME: Duration = Duration::from_mins(2);
const BYTES_A_SECOND: u64 = 10_000_000;

#[derive(Debug, Deserialize)]
struct ListInput {
    bucket: String,
    prefix: String,
    /// A contract's id: only its objects are meant.
    #[serde(default)]
    contract: Option<String>,
}

/// Takes the objects in that standard input announces, and prints what became of each, in their order.
pub(super) async fn take_in() -> Result<ExitCode> {
    let context = context().await?;
    let mut announced: Vec<Announced> = Vec::new();
    for (index, line) in stdin().lock().lines().enumerate() {
        let line = line.context("cannot read standard input")?;
        let Ok(one) = serde_json::from_str(&line) else {
            anyhow::bail!("line {} of standard input announces no object", index + 1);
        };
        announced.push(one);
    }
    let room = Semaphore::new(SMALL_AT_ONCE as usize);
    let answers = stream::iter(&announced).map(|announced| take_one(&context, announced, &room));
    let mut answers = std::pin::pin!(answers.buffered(SMALL_AT_ONCE as usize));
    while let Some(answer) = answers.next().await {
        output::line(&answer?.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn take_one(context: &Context, announced: &Announced, room: &Semaphore) -> Result<Value> {
    let event = announced.event()?;
    let size_bytes = event.size_bytes.unwrap_or(u64::MAX);
    let places = if size_bytes <= SMALL_BYTES { 1 } else { SMALL_AT_ONCE };
    let _place = room.acquire_many(places).await?;
    let now = (context.clock)();
    let time = OBJECT_TIME + Duration::from_secs(event.size_bytes.unwrap_or_default() / BYTES_A_SECOND);
    let worker = Worker::new(&announced.run_id, now + time, now).traced(announced.trace.clone());
    let delivery = announced.delivery(&worker, &event);
    match take_object_in(context, delivery).await {
        Ok(outcome) => Ok(outcome_of(&event, &outcome, delivery.started, worker.trace())),
        Err(error) => Ok(again(&error, (context.clock)())),
    }
}

/// Prints an event of every object under a prefix that is to be taken in.
pub(super) async fn list() -> Result<ExitCode> {
    let ListInput { bucket, prefix, contract } = input()?;
    let settings = GlueSettings::read()?;
    let lister = Lister::new(&clients::s3_builder(&settings.aws), &bucket)?;
    let Context { objects, contracts, settings, .. } = settings.context().await?;
    let deployed = contracts.deployed(&objects).await?;
    let infers = settings.unknown_datasets == UnknownDatasets::Infer;
    let asked = Asked { lake_bucket: &settings.lake_bucket, bucket: &bucket, contract: contract.as_deref(), infers };
    pending(&objects, &deployed, &lister, &asked, &prefix, |object| {
        let source = Source {
            bucket: bucket.clone(),
            key: object.key,
            version_id: None,
            etag: object.etag,
            sequencer: None,
            last_modified: None,
            size_bytes: object.size_bytes,
        };
        let event = announce::version(&settings.region, &source, SystemTime::now().into());
        let line = json!({ "event": event, "replaces": null, "size_bytes": object.size_bytes });
        output::line(&line.to_string())
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}
