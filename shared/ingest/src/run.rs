//! Tests: a run over one object, as the job's script has it: every step hands its result on as JSON.
//! It must not know what is being tested.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lakegate_convert::range::{
    Contest, Decider, Decisions, DuplicateCount, KeyChunk, RangeDecisions, RangeReport, RangeWork, Resolution,
    key_passes, resolve,
};
use lakegate_lake::LakeError;
use lakegate_lake::claims::Worker;
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::Stage;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::conversion::ConversionError;
use crate::outcome::Outcome;
use crate::ranges::{self, Begun, ComparedKeys, ConvertedRange, RangesError, RangesJob};
use crate::settings::TooBig;
use crate::take_in::{Context, Delivery, take_in};
use crate::world::{World, clock};

/// Everything that is to be published.
pub(crate) struct Ready {
    pub(crate) job: RangesJob,
    pub(crate) work: Vec<RangeWork>,
    pub(crate) converted: Vec<ConvertedRange>,
    pub(crate) keys: ComparedKeys,
}

/// What a run came to before anything is published.
pub(crate) enum Run {
    Settled(Outcome),
    Ready(Box<Ready>),
}

type Buckets = BTreeMap<u16, Vec<Vec<u8>>>;

fn handed_on<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

impl World<'_> {
    /// As [`World::context`], of a step of a Glue run.
    pub(crate) fn glue_context(&self) -> Context {
        let mut context = self.context();
        context.settings.too_big = TooBig::Fail;
        context.settings.stage = Stage::Glue;
        context.settings.size_bytes_max = u64::MAX;
        context
    }

    /// All steps.
    pub(crate) async fn run(
        &self,
        event: &ObjectEvent,
        replaces: Option<&str>,
        range_bytes: u64,
    ) -> Result<Outcome, LakeError> {
        match self.convert_ranges(event, replaces, range_bytes).await? {
            Run::Settled(outcome) => Ok(outcome),
            Run::Ready(ready) => self.publish(&ready).await,
        }
    }

    /// All steps but the last.
    pub(crate) async fn convert_ranges(
        &self,
        event: &ObjectEvent,
        replaces: Option<&str>,
        range_bytes: u64,
    ) -> Result<Run, LakeError> {
        let worker = self.worker();
        let (run_id, started) = (Some("jr_1"), Instant::now());
        let delivery = Delivery { worker: &worker, event, replaces, run_id, started, is_repeated: false };
        let job = match ranges::begin(&self.glue_context(), delivery, range_bytes).await? {
            Begun::Settled(outcome) => return Ok(Run::Settled(outcome)),
            Begun::OnePass(_) => return take_in(&self.glue_context(), delivery).await.map(Run::Settled),
            Begun::Ranges(job) => handed_on(&*job),
        };
        let work = match self.resolve(&job).await {
            Ok(work) => work,
            Err(error) => return Err(lake_error(error)),
        };
        match self.convert_all(&job, &work).await {
            Ok((converted, keys)) => Ok(Run::Ready(Box::new(Ready { job, work, converted, keys }))),
            Err(error) => Err(lake_error(error)),
        }
    }

    /// The last step.
    pub(crate) async fn publish(&self, ready: &Ready) -> Result<Outcome, LakeError> {
        let Ready { job, work, converted, keys } = ready;
        let published = ranges::publish(&self.glue_context(), &self.worker(), job, work, converted, keys).await;
        published.map_err(lake_error)
    }

    fn worker(&self) -> Worker {
        let _ = self;
        Worker::new("jr_1", clock() + Duration::from_mins(5), clock())
    }

    async fn resolve(&self, job: &RangesJob) -> Result<Vec<RangeWork>, RangesError> {
        let mut scans = Vec::new();
        for range in 0..job.plan().ranges.len() {
            scans.push(handed_on(&ranges::scan(&self.glue_context(), job, range, None).await?));
        }
        loop {
            match resolve(job.plan(), &scans) {
                Resolution::Work(work) => return Ok(handed_on(&work)),
                Resolution::ScanAgain { range, start } => {
                    scans.push(ranges::scan(&self.glue_context(), job, range, start).await?);
                }
            }
        }
    }

    async fn convert_all(
        &self,
        job: &RangesJob,
        work: &[RangeWork],
    ) -> Result<(Vec<ConvertedRange>, ComparedKeys), RangesError> {
        let buckets = Arc::<Mutex<Buckets>>::default();
        let mut converted = Vec::new();
        for work in work {
            converted.push(self.convert(job, work, None, &buckets).await?);
        }
        let contract = job.contract()?;
        let Some(plan) = job.keys() else {
            return Ok((converted, ComparedKeys::default()));
        };
        let buckets = std::mem::take(&mut *buckets.lock().unwrap());
        let reports: Vec<RangeReport> = converted.iter().map(|converted| converted.report.clone()).collect();
        let mut decider = Decider::new(&contract, work, &reports)?;
        for files in buckets.values() {
            let mut contest = Contest::new(&contract, key_passes(files.iter().map(|file| file.len() as u64).sum()));
            while contest.next_pass() {
                files.iter().try_for_each(|file| contest.push(file))?;
            }
            decider.add(&contest.finish()?)?;
        }
        let decisions: Decisions = handed_on(&decider.finish()?);
        for (range, of_range) in &decisions.ranges {
            let (Some(work), Some(place)) = (
                work.iter().find(|work| work.range == *range),
                converted.iter().position(|converted| converted.range == *range),
            ) else {
                panic!("range {range} was not converted");
            };
            let again = self.convert(job, work, Some(of_range), &Arc::default()).await?;
            let former = std::mem::replace(&mut converted[place], again);
            ranges::give_up(&self.glue_context(), &[former]).await?;
        }
        let mut counted = Vec::new();
        if plan.counts_duplicates {
            for files in buckets.values() {
                let passes = key_passes(files.iter().map(|file| file.len() as u64).sum());
                let mut count = DuplicateCount::new(&contract, passes, &decisions);
                while count.next_pass() {
                    files.iter().try_for_each(|file| count.push(file))?;
                }
                counted.push(handed_on(&count.finish()?));
            }
        }
        Ok((converted, ComparedKeys { decided: Some(handed_on(&decisions.decided)), counted }))
    }

    async fn convert(
        &self,
        job: &RangesJob,
        work: &RangeWork,
        decisions: Option<&RangeDecisions>,
        buckets: &Arc<Mutex<Buckets>>,
    ) -> Result<ConvertedRange, RangesError> {
        let buckets = Arc::clone(buckets);
        let mut own: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
        let (keys, written) = std::sync::mpsc::channel();
        let append = move |chunk: &KeyChunk| keys.send(chunk.clone()).map_err(std::io::Error::other);
        let converted = ranges::convert(&self.glue_context(), job, work, decisions, append).await?;
        for chunk in written {
            own.entry(chunk.bucket).or_default().extend(chunk.bytes);
        }
        for (bucket, file) in own {
            buckets.lock().unwrap().entry(bucket).or_default().push(file);
        }
        Ok(handed_on(&converted))
    }
}

fn lake_error(error: RangesError) -> LakeError {
    match error {
        RangesError::Lake(error) | RangesError::Conversion(ConversionError::Lake(error)) => error,
        error @ (RangesError::Conversion(_)
        | RangesError::Keys(_)
        | RangesError::OtherVersion(_)
        | RangesError::OtherWork(_)) => panic!("{error}"),
    }
}
