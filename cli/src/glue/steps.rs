//! The steps of one object that is converted in ranges, but for the comparison of keys.
//! It does not know how a step is done.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use lakegate_convert::range::{
    Counted, Decided, KeyChunk, RangeDecisions, RangeWork, Resolution, RowStart, Scan, resolve as resolve_scans,
};
use lakegate_ingest::ranges::{self, Begun, ComparedKeys, ConvertedRange, RangesError, RangesJob};
use lakegate_ingest::{Delivery, Outcome, Report};
use lakegate_lake::claims::Worker;
use lakegate_lake::events::{self, ObjectEvent};
use lakegate_lake::trace::Trace;
use serde::Deserialize;
use serde_json::{Value, json};

use super::settings::context;
use super::{again, input, print};
use crate::range::KeysFolder;

/// How long a publication may take, beside what its files take.
const PUBLICATION_TIME: Duration = Duration::from_mins(10);
/// Files that are completed, and former ones that are deleted, in a second: much fewer than S3 allows.
const FILES_A_SECOND: u64 = 20;

/// Bytes of a former version that are converted in half of that time, at 10 MB a second.
const FORMER_BYTES_MAX: u64 = 3_000_000_000;

/// An object that is to be worked on.
#[derive(Debug, Deserialize)]
pub(super) struct Announced {
    /// The message that announced it.
    event: String,
    /// Which outcome is to be replaced, by its time, if it is a replay.
    #[serde(default)]
    pub(super) replaces: Option<String>,
    /// The run.
    pub(super) run_id: String,
    /// The trace of the event.
    #[serde(default)]
    pub(super) trace: Option<Trace>,
}

#[derive(Debug, Deserialize)]
struct BeginInput {
    #[serde(flatten)]
    announced: Announced,
    range_bytes: u64,
}

#[derive(Debug, Deserialize)]
struct ScanInput {
    job: RangesJob,
    range: usize,
    #[serde(default)]
    from: Option<RowStart>,
}

#[derive(Debug, Deserialize)]
struct ResolveInput {
    job: RangesJob,
    scans: Vec<Scan>,
}

#[derive(Debug, Deserialize)]
struct ConvertInput {
    job: RangesJob,
    work: RangeWork,
    #[serde(default)]
    decisions: Option<RangeDecisions>,
}

#[derive(Debug, Deserialize)]
struct PublishInput {
    job: RangesJob,
    work: Vec<RangeWork>,
    converted: Vec<ConvertedRange>,
    #[serde(default)]
    decided: Option<Decided>,
    #[serde(default)]
    counted: Vec<Counted>,
}

#[derive(Debug, Deserialize)]
struct GiveUpInput {
    converted: Vec<ConvertedRange>,
}

impl Announced {
    /// The one object that the message announces.
    pub(super) fn event(&self) -> Result<ObjectEvent> {
        let mut events = events::parse(&self.event).context("the event cannot be understood")?;
        let event = events.pop().filter(|_| events.is_empty());
        event.context("the event is not one of one object")
    }

    /// The object as this worker of the run takes it in hand.
    pub(super) fn delivery<'a>(&'a self, worker: &'a Worker, event: &'a ObjectEvent) -> Delivery<'a> {
        Delivery {
            worker,
            event,
            replaces: self.replaces.as_deref(),
            run_id: Some(&self.run_id),
            started: Instant::now(),
            is_repeated: false,
        }
    }
}

pub(super) async fn begin() -> Result<ExitCode> {
    let BeginInput { announced, range_bytes } = input()?;
    ensure!(range_bytes > 0, "range_bytes must be above 0");
    let (context, event) = (context().await?, announced.event()?);
    let now = (context.clock)();
    let worker = Worker::new(&announced.run_id, now + PUBLICATION_TIME, now).traced(announced.trace.clone());
    let delivery = announced.delivery(&worker, &event);
    match ranges::begin(&context, delivery, range_bytes).await {
        Ok(Begun::Settled(outcome)) => print(&outcome_of(&event, &outcome, delivery.started, worker.trace())),
        Ok(Begun::OnePass(reason)) => print(&json!({ "one_pass": reason })),
        Ok(Begun::Ranges(job)) => {
            let (ranges, keys) = (job.plan().ranges.len(), job.keys());
            let counts_duplicates = keys.is_some_and(|keys| keys.counts_duplicates);
            print(&json!({
                "ranges": ranges, "has_keys": keys.is_some(), "counts_duplicates": counts_duplicates,
                "buckets": keys.map_or(0, |keys| keys.buckets.get()), "job": job,
            }))
        }
        Err(error) if error.is_passing() => print(&again(&error, now)),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn scan() -> Result<ExitCode> {
    let ScanInput { job, range, from } = input()?;
    print(&ranges::scan(&context().await?, &job, range, from).await?)
}

pub(super) fn resolve() -> Result<ExitCode> {
    let ResolveInput { job, scans } = input()?;
    match resolve_scans(job.plan(), &scans) {
        Resolution::Work(work) => print(&json!({ "work": work })),
        Resolution::ScanAgain { range, start } => print(&json!({ "scan_again": { "range": range, "from": start } })),
    }
}

pub(super) async fn convert(keys: Option<&Path>) -> Result<ExitCode> {
    let ConvertInput { job, work, decisions } = input()?;
    let writes_keys = job.keys().is_some() && decisions.is_none();
    ensure!(job.keys().is_some() || decisions.is_none(), "nothing is decided where rows are not compared");
    let mut folder = match keys {
        Some(keys) if writes_keys => Some(KeysFolder::new(keys)?),
        None if writes_keys => bail!("rows of different ranges are compared: say by --keys where this one's keys go"),
        Some(_) | None => None,
    };
    let append = move |chunk: &KeyChunk| match &mut folder {
        Some(folder) => folder.append(chunk).map_err(std::io::Error::other),
        None => Ok(()),
    };
    print(&ranges::convert(&context().await?, &job, &work, decisions.as_ref(), append).await?)
}

pub(super) async fn publish() -> Result<ExitCode> {
    let PublishInput { job, work, converted, decided, counted } = input()?;
    let keys = ComparedKeys { decided, counted };
    let mut context = context().await?;
    // A former version whose publication broke off is finished first, if this one is rejected: within the time of a publication.
    context.settings.size_bytes_max = FORMER_BYTES_MAX.min(context.settings.size_bytes_max);
    let (now, event, started) = ((context.clock)(), job.event(), Instant::now());
    let files: usize = converted.iter().map(ConvertedRange::files).sum();
    let time = PUBLICATION_TIME + Duration::from_secs(u64::try_from(files).unwrap_or(u64::MAX) / FILES_A_SECOND);
    let worker = Worker::new(job.run_id().unwrap_or("glue"), now + time, now);
    match ranges::publish(&context, &worker, &job, &work, &converted, &keys).await {
        Ok(outcome) => print(&outcome_of(&event, &outcome, started, job.trace())),
        Err(RangesError::Lake(error)) if error.is_passing() => print(&again(&error, now)),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn give_up() -> Result<ExitCode> {
    let GiveUpInput { converted } = input()?;
    ranges::give_up(&context().await?, &converted).await?;
    print(&json!({}))
}

/// How an outcome is told.
pub(super) fn outcome_of(event: &ObjectEvent, outcome: &Outcome, started: Instant, trace: Option<&Trace>) -> Value {
    json!({ "outcome": Report::new(event, outcome, started, trace) })
}
