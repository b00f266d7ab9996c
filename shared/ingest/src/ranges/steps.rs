//! The steps of one range: scanned, converted, given up.
//! They must not know the other ranges.

use std::io;

use futures::StreamExt;
use lakegate_convert::Reading;
use lakegate_convert::range::{KeyChunk, RangeDecisions, RangeScanner, RangeWork, RowStart, Scan};
use lakegate_lake::LakeError;
use lakegate_lake::read::{self, OpenObject};

use super::{ConvertedRange, RangesError, RangesJob};
use crate::conversion::{self, RangeInput};
use crate::take_in::Context;
use crate::uploads::Uploads;

/// Finds out where records begin in a range; with `from`, from that row on.
///
/// # Errors
///
/// What S3 refused, `SourceChanged` and `NoSuchObject` among it; a range that the job does not have.
pub async fn scan(
    context: &Context,
    job: &RangesJob,
    range: usize,
    from: Option<RowStart>,
) -> Result<Scan, RangesError> {
    let (contract, plan) = (job.contract()?, job.plan());
    let Some(span) = plan.ranges.get(range) else {
        return Err(RangesError::OtherWork(format!("the job has {} ranges, and none {range}", plan.ranges.len())));
    };
    let object = open(context, job).await?;
    let mut scanner = match from {
        None => RangeScanner::new(&contract, plan, range),
        Some(start) => RangeScanner::from_row(&contract, plan, range, start),
    };
    let mut chunks = std::pin::pin!(read::chunks_from(&object, scanner.read_from(), span.end));
    while let Some(bytes) = chunks.next().await {
        if scanner.push(&bytes?) == Reading::Enough {
            break;
        }
    }
    Ok(scanner.finish())
}

/// Converts the rows of a range: its files are uploaded, and nobody sees them. `keys` takes what is to be compared with other ranges, where
/// nothing is decided yet.
///
/// # Errors
///
/// What S3 refused, a conversion that failed, or rows that are not those that were scanned; then nothing is left of it.
pub async fn convert(
    context: &Context,
    job: &RangesJob,
    work: &RangeWork,
    decisions: Option<&RangeDecisions>,
    keys: impl FnMut(&KeyChunk) -> io::Result<()> + Send + 'static,
) -> Result<ConvertedRange, RangesError> {
    let contract = job.contract()?;
    let object = open(context, job).await?;
    let settings = &context.settings;
    let uploads = Uploads::new(&context.objects, &settings.lake_bucket, &contract, &object, settings.held_bytes);
    let mut uploads = uploads.of_range(work.range);
    let input = RangeInput { contract: contract.clone(), beginning: &job.plan().beginning, work, decisions };
    let report = match conversion::convert_range(&object, input, keys, &mut uploads).await {
        Ok(report) => report,
        Err(error) => {
            uploads.abort().await;
            return Err(error.into());
        }
    };
    if report.counts.read != work.rows && report.file_error.is_none() {
        uploads.abort().await;
        let (range, rows, found) = (work.range, work.rows, report.counts.read);
        return Err(RangesError::OtherWork(format!(
            "range {range} has {rows} rows, and {found} were found: it is not what was scanned"
        )));
    }
    let left = uploads.leave(&report.partitions).await?;
    Ok(ConvertedRange { range: work.range, report, left })
}

/// Gives converted ranges up: their files never appear. What cannot be removed now, the bucket's lifecycle rule removes later.
///
/// # Errors
///
/// Files that are none of the lake's.
pub async fn give_up(context: &Context, converted: &[ConvertedRange]) -> Result<(), RangesError> {
    for range in converted {
        range.left.outputs(&context.objects, &context.settings.lake_bucket)?.abort().await;
    }
    Ok(())
}

/// The version of the object that the job is about.
async fn open(context: &Context, job: &RangesJob) -> Result<OpenObject, LakeError> {
    read::open_version(&context.objects, &job.source).await
}
