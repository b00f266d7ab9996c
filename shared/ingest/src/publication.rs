//! From a file's bytes to its judgement, and from there to what everybody sees: files, catalog, ledger.
//! It must not know how bytes are read or encoded.

use std::sync::Arc;
use std::time::Instant;

use lakegate_contract::{Contract, Rule};
use lakegate_convert::{FileErrorKind, Judgement, RejectedAt, Verdict};
use lakegate_lake::catalog::{CatalogPartition, TableDefinition};
use lakegate_lake::claims::Claim;
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::{self, FailedSource, FailureKind, FailureRecord, RowCounts};
use lakegate_lake::ledger::{self, Entry, FileError, State};
use lakegate_lake::read::OpenObject;
use lakegate_lake::trace::Trace;
use lakegate_lake::{LakeError, layout};

use crate::conversion::{self, ConversionError};
use crate::outcome::{Outcome, Trouble, elapsed_ms};
use crate::outputs::{Outputs, Unpublished};
use crate::settlement;
use crate::take_in::{self, Context};
use crate::uploads::Uploads;

/// The version of the engine that the ledger notes: all packages of the workspace have the same.
pub(crate) const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// One object and everything that is known about it before it is read.
pub(crate) struct Job<'a> {
    pub(crate) context: &'a Context,
    pub(crate) event: &'a ObjectEvent,
    pub(crate) contract: Arc<Contract>,
    pub(crate) object: OpenObject,
    pub(crate) started: Instant,
    pub(crate) trace: Option<&'a Trace>,
}

/// Converts the object and publishes it, or rejects it as a whole. `None`: its outputs do not fit this function's memory.
pub(crate) async fn convert_and_publish(job: &Job<'_>, claim: &mut Claim) -> Result<Option<Outcome>, Trouble> {
    let Some((judgement, outputs)) = convert(job).await? else {
        return Ok(None);
    };
    publish_judged(job, claim, &judgement, outputs).await.map(Some)
}

/// Publishes what was judged so, and rejects what was not.
pub(crate) async fn publish_judged(
    job: &Job<'_>,
    claim: &mut Claim,
    judgement: &Judgement,
    outputs: Outputs,
) -> Result<Outcome, Trouble> {
    match judgement.verdict {
        Verdict::Published => publish(job, claim, judgement, outputs).await,
        Verdict::Rejected => reject(job, claim, judgement, outputs).await,
    }
}

/// Converts the object and publishes it, or leaves everything as it is: whether it was published.
pub(crate) async fn convert_and_finish(job: &Job<'_>, claim: &mut Claim) -> Result<bool, Trouble> {
    let Some((judgement, outputs)) = convert(job).await? else {
        return Ok(false);
    };
    match judgement.verdict {
        Verdict::Published => publish(job, claim, &judgement, outputs).await.map(|_| true),
        Verdict::Rejected => {
            outputs.abort().await;
            Ok(false)
        }
    }
}

async fn convert(job: &Job<'_>) -> Result<Option<(Judgement, Outputs)>, Trouble> {
    let Context { objects, settings, .. } = job.context;
    let mut uploads = Uploads::new(objects, &settings.lake_bucket, &job.contract, &job.object, settings.held_bytes);
    let converted = conversion::convert(&job.object, Arc::clone(&job.contract), settings.threads, &mut uploads).await;
    match converted {
        Ok(judgement) => {
            let outputs = uploads.into_outputs(&judgement);
            Ok(Some((judgement, outputs)))
        }
        Err(error) => {
            uploads.abort().await;
            if matches!(error, ConversionError::TooMuchHeld) { Ok(None) } else { Err(job.trouble(error)) }
        }
    }
}

/// The catalog comes first: a table that is in conflict with the contract must not get files, and what Glue refuses for good must not
/// cost the rows that stand. Then the intent, the files, what a former version left, and last the ledger, so that whatever fails in
/// between is repeated whole.
async fn publish(
    job: &Job<'_>,
    claim: &mut Claim,
    judgement: &Judgement,
    outputs: Outputs,
) -> Result<Outcome, Trouble> {
    let Context { objects, settings, clock, .. } = job.context;
    let table = TableDefinition::of_contract(&settings.lake_bucket, &job.contract);
    let at = failure::rfc3339(clock().into());
    let mut entry = judged(claim.outcome(State::Committed, at), judgement);
    entry.set_rejects(outputs.rejects());
    entry.outputs = outputs.table();
    let mut ready = ensure_tables(job, &table, judgement, entry.rejects().next().is_some()).await;
    if ready.is_ok() {
        ready = claim.intend(objects, &entry, clock()).await;
    }
    if let Err(error) = ready {
        outputs.abandon().await;
        return Err(job.lake_trouble(error));
    }
    let published = in_time(job, claim, outputs.publish()).await.map_err(|error| job.lake_trouble(error))?;
    if let Err(Unpublished { error, is_any_visible }) = published {
        if !is_any_visible {
            claim.has_published_nothing();
        }
        return Err(job.lake_trouble(error));
    }
    let stale = ledger::stale_paths(Some(claim.entry()), &entry);
    let deleted = in_time(job, claim, objects.delete_all(&settings.lake_bucket, &stale)).await;
    deleted.and_then(|deleted| deleted).map_err(|error| job.lake_trouble(error))?;
    entry.elapsed_ms = elapsed_ms(job.started);
    let entry = take_in::commit(job.context, claim, &entry).await?;
    Ok(Outcome::Committed(entry))
}

/// Nothing is made visible or removed once the worker should be dead: from its lease's end on the object is another one's.
async fn in_time<T>(job: &Job<'_>, claim: &Claim, work: impl Future<Output = T>) -> Result<T, LakeError> {
    let done = tokio::time::timeout(claim.time_left((job.context.clock)()), work).await;
    done.map_err(|_elapsed| claim.lost())
}

/// Keeps the rejected rows and nothing else. What an earlier version published still stands, and the entry remembers it
/// for the version that will replace it. The entry comes last, so that a rejection of which nobody was told is judged again.
async fn reject(job: &Job<'_>, claim: &mut Claim, judgement: &Judgement, outputs: Outputs) -> Result<Outcome, Trouble> {
    let Context { objects, clock, .. } = job.context;
    let mut entry = judged(claim.outcome(State::Rejected, claim.failed_at(clock())), judgement);
    entry.set_rejects(outputs.rejects());
    let mut ready = match entry.rejects().next() {
        Some(_) => ensure_rejects_table(job).await,
        None => Ok(()),
    };
    if ready.is_ok() {
        ready = claim.intend(objects, &entry, clock()).await;
    }
    if let Err(error) = ready {
        outputs.abandon().await;
        return Err(job.lake_trouble(error));
    }
    let published = in_time(job, claim, outputs.publish_rejects_only()).await;
    published.and_then(|published| published).map_err(|error| job.lake_trouble(error))?;
    let time_left = claim.time_left(clock());
    let forgotten = tokio::time::timeout(time_left, claim.forget_refused(objects)).await;
    forgotten.unwrap_or_else(|_| Err(claim.lost())).map_err(|error| job.lake_trouble(error))?;
    let is_withdrawn = settlement::withdraw(job.context, claim).await.map_err(|error| job.lake_trouble(error))?;
    entry.elapsed_ms = elapsed_ms(job.started);
    let mut record = job.rejection(judgement, &entry);
    if is_withdrawn {
        settlement::say_withdrawn(&mut record);
    }
    take_in::report(job.context, &record, job.event).await.map_err(Trouble::Untold)?;
    let entry = take_in::commit(job.context, claim, &entry).await?;
    Ok(Outcome::Rejected(entry, Box::new(record)))
}

/// The tables and the partitions of a version; a partition without files shows nothing.
async fn ensure_tables(
    job: &Job<'_>,
    table: &TableDefinition,
    judgement: &Judgement,
    with_rejects: bool,
) -> Result<(), LakeError> {
    let catalog = &job.context.catalog;
    catalog.ensure_table(table).await?;
    if !table.partition_keys.is_empty() {
        let mut partitions = Vec::with_capacity(judgement.partitions.len());
        for partition in &judgement.partitions {
            partitions.push(CatalogPartition { values: partition.values.clone(), path: partition.path.clone() });
        }
        catalog.register_partitions(table, &partitions).await?;
    }
    if with_rejects { ensure_rejects_table(job).await } else { Ok(()) }
}

async fn ensure_rejects_table(job: &Job<'_>) -> Result<(), LakeError> {
    let Context { catalog, rejects_table, .. } = job.context;
    catalog.ensure_table(rejects_table).await?;
    let partition = TableDefinition::rejects_partition(&job.contract.table);
    catalog.register_partitions(rejects_table, &[partition]).await
}

impl Job<'_> {
    pub(crate) fn record(&self, kind: FailureKind, summary: String) -> FailureRecord {
        let mut record = FailureRecord::new(self.context.settings.stage, kind, summary);
        record.source = Some(FailedSource::from(self.event));
        record.dataset = Some(self.contract.table.clone());
        record.owner.clone_from(&self.contract.owner);
        record.traced(self.trace)
    }

    fn rejection(&self, judgement: &Judgement, entry: &Entry) -> FailureRecord {
        let (kind, summary) = match &judgement.file_error {
            Some(error) => {
                let summary = at_line(&error.message, error.line) + &told_of_records(&judgement.first_rejects);
                (kind_of_rejection(error.kind), summary)
            }
            None => (FailureKind::ContractViolated, "the file breaks its contract".to_owned()),
        };
        let mut record = self.record(kind, summary);
        record.at.clone_from(&entry.at);
        let counts = judgement.counts;
        record.rows = Some(RowCounts { read: counts.read, accepted: counts.accepted, rejected: counts.rejected });
        record.violations = judgement.violations.clone();
        let lake_bucket = &self.context.settings.lake_bucket;
        record.rejects = rejects_of(entry).map(|path| layout::url(lake_bucket, &path));
        record
    }

    /// Lasting trouble with what is known of the object; passing trouble, and an object that was replaced, as they are.
    pub(crate) fn lake_trouble(&self, error: LakeError) -> Trouble {
        if error.is_passing() || matches!(error, LakeError::SourceChanged { .. }) {
            return Trouble::Lake(error);
        }
        Trouble::Failure(Box::new(self.record(error.kind(), lakegate_lake::chain(&error))))
    }

    fn trouble(&self, error: ConversionError) -> Trouble {
        match error {
            ConversionError::Lake(error) => self.lake_trouble(error),
            error @ (ConversionError::Engine(_)
            | ConversionError::Panicked
            | ConversionError::NoJudgement
            | ConversionError::Keys(_)
            | ConversionError::TooMuchHeld) => {
                Trouble::Failure(Box::new(self.record(FailureKind::EngineFailed, error.to_string())))
            }
        }
    }
}

/// Where the rejected rows are: of a file in ranges, what the names of all their files have in common.
fn rejects_of(entry: &Entry) -> Option<String> {
    let mut paths = entry.rejects();
    let mut common = paths.next()?.clone();
    let is_one = entry.rejects_paths.is_empty();
    for path in paths {
        while !path.starts_with(&common) {
            common.pop();
        }
    }
    Some(if is_one { common } else { format!("{common}*") })
}

/// The entry, with what was judged.
fn judged(entry: Entry, judgement: &Judgement) -> Entry {
    Entry {
        rows_read: judgement.counts.read,
        rows_accepted: judgement.counts.accepted,
        rows_rejected: judgement.counts.rejected,
        rows_duplicate: judgement.counts.duplicate,
        violations: judgement.violations.clone(),
        warnings: judgement.warnings.clone(),
        file_error: judgement.file_error.as_ref().map(|error| FileError {
            kind: error.kind.name().to_owned(),
            message: error.message.clone(),
            line: error.line,
        }),
        ..entry
    }
}

/// Which encoding records are in, by the file's first rejects. Keys that the contract does not know are not named: in JSON they may be data.
fn told_of_records(first_rejects: &[RejectedAt]) -> String {
    let is_wanted = |at: &&RejectedAt| at.column.is_empty() && at.rule == Rule::Encoding.name();
    first_rejects.iter().find(is_wanted).map_or_else(String::new, |at| format!("; {}", at.message))
}

/// How an alert files a whole file's rejection.
#[must_use]
pub const fn kind_of_rejection(kind: FileErrorKind) -> FailureKind {
    match kind {
        FileErrorKind::EmptyFile
        | FileErrorKind::Encoding
        | FileErrorKind::WrongFormat
        | FileErrorKind::Truncated
        | FileErrorKind::Corrupt
        | FileErrorKind::TooLargeUnpacked => FailureKind::UnreadableFile,
        FileErrorKind::HeaderMismatch
        | FileErrorKind::TooManyRejects
        | FileErrorKind::TooManyPartitions
        | FileErrorKind::TooLongPartition
        | FileErrorKind::TooManyKeys
        | FileErrorKind::FileRule => FailureKind::ContractViolated,
    }
}

fn at_line(message: &str, line: Option<u64>) -> String {
    line.map_or_else(|| message.to_owned(), |line| format!("{message} (line {line})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_names_the_fitting_encoding_and_no_key() {
        let at = |column: &str, rule: &str, message: &str| RejectedAt {
            line: 1,
            column: column.to_owned(),
            field: None,
            rule: rule.to_owned(),
            message: message.to_owned(),
        };
        let rejects = [
            at("", "unknownColumns", "no key \"a\""),
            at("quantity", "minimum", "below 1"),
            at("", "encoding", "its bytes fit Windows-1252"),
            at("", "encoding", "its bytes fit Windows-1252"),
        ];
        assert_eq!(told_of_records(&rejects), "; its bytes fit Windows-1252");
        assert_eq!(told_of_records(&[]), "");
    }
}
