//! The last step: what the ranges came to, judged as one file, and published, rejected or given up as its ledger entry says.
//! It must not know how a range was converted.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lakegate_contract::Contract;
use lakegate_convert::range::{Compared, RangeReport, RangeWork, judge};
use lakegate_convert::{Judgement, Verdict};
use lakegate_lake::LakeError;
use lakegate_lake::claims::Worker;
use lakegate_lake::objects::Objects;
use lakegate_lake::read::OpenObject;

use super::{ComparedKeys, ConvertedRange, RangesError, RangesJob};
use crate::outcome::Outcome;
use crate::outputs::Outputs;
use crate::take_in::{self, Context, Delivery, Means};
use crate::uploads::Left;

/// A file whose ranges are converted, with its judgement.
pub(crate) struct Converted<'a> {
    job: &'a RangesJob,
    contract: Arc<Contract>,
    judgement: Judgement,
    /// In the ranges' order, of those that count.
    left: Vec<&'a Left>,
}

/// Judges a file by all its ranges, and publishes or rejects it as if one worker had read it. What is not published is given up, unless
/// there is an error: then it stands, and publishing it may be repeated.
///
/// # Errors
///
/// Passing trouble, on which it is to be called again with the same; [`LakeError::Busy`] while another worker has the object in hand. What
/// does not belong together.
pub async fn publish(
    context: &Context,
    worker: &Worker,
    job: &RangesJob,
    work: &[RangeWork],
    converted: &[ConvertedRange],
    keys: &ComparedKeys,
) -> Result<Outcome, RangesError> {
    let file = Converted::of(job, work, converted, keys)?;
    let event = job.event();
    let worker = &worker.traced(job.trace.clone());
    let delivery = Delivery {
        worker,
        event: &event,
        replaces: job.replaces.as_deref(),
        run_id: job.run_id.as_deref(),
        started: started(&job.began_at, (context.clock)()),
        is_repeated: false,
    };
    let outcome = take_in::take(context, delivery, Means::Ranges(&file)).await?;
    if !matches!(outcome, Outcome::Committed(_)) {
        super::give_up(context, converted).await?;
    }
    Ok(outcome)
}

impl<'a> Converted<'a> {
    fn of(
        job: &'a RangesJob,
        work: &[RangeWork],
        converted: &'a [ConvertedRange],
        ComparedKeys { decided, counted }: &ComparedKeys,
    ) -> Result<Self, RangesError> {
        let contract = job.contract()?;
        let mut ranges: Vec<&ConvertedRange> = converted.iter().collect();
        ranges.sort_by_key(|converted| converted.range);
        let wanted = work.iter().map(|work| work.range);
        if !wanted.eq(ranges.iter().map(|converted| converted.report.range)) {
            let (wanted, found) = (work.len(), ranges.len());
            return Err(RangesError::OtherWork(format!(
                "each of the {wanted} ranges with rows must be converted once; {found} were"
            )));
        }
        let reports: Vec<RangeReport> = ranges.iter().map(|converted| converted.report.clone()).collect();
        let compared = decided.clone().map(|decided| Compared { decided, counted: counted.clone() });
        let judgement = judge(&contract, job.plan().size_bytes, &reports, compared.as_ref())?;
        let mut read = 0;
        let mut left = Vec::with_capacity(ranges.len());
        for converted in ranges {
            // Behind the place that the file is rejected for, nothing counts, as nothing is read there in one pass.
            if read < judgement.counts.read {
                left.push(&converted.left);
            }
            read += converted.report.counts.read;
        }
        Ok(Self { job, contract, judgement, left })
    }

    /// The contract that it was held against, if the object is the one that was converted.
    pub(crate) fn contract_of(&self, object: &OpenObject) -> Result<Arc<Contract>, LakeError> {
        let source = &self.job.source;
        if object.version_id == source.version_id && object.etag == source.etag {
            return Ok(Arc::clone(&self.contract));
        }
        Err(LakeError::SourceChanged { url: lakegate_lake::layout::url(&object.bucket, &object.key) })
    }

    pub(crate) fn judgement(&self) -> &Judgement {
        &self.judgement
    }

    /// It replaces all that stands of the object.
    pub(crate) fn is_accepted(&self) -> bool {
        self.judgement.verdict == Verdict::Published
    }

    pub(crate) fn outputs(&self, objects: &Objects, lake_bucket: &str) -> Result<Outputs, LakeError> {
        let mut all = Outputs::new(Vec::new(), Vec::new()).left();
        for left in &self.left {
            all.extend(left.outputs(objects, lake_bucket)?);
        }
        Ok(all)
    }
}

/// The instant of a time before now.
fn started(began_at: &str, now: SystemTime) -> Instant {
    let began_at = chrono::DateTime::parse_from_rfc3339(began_at).map_or(now, SystemTime::from);
    let ago: Duration = now.duration_since(began_at).unwrap_or_default();
    Instant::now().checked_sub(ago).unwrap_or_else(Instant::now)
}
