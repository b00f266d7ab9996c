//! One object, from its event to what becomes of it.
//! It must not know bytes: those are in `conversion` and `publication`.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use lakegate_contract::Contract;
use lakegate_lake::catalog::{Catalog, TableDefinition};
use lakegate_lake::claims::{self, Claim, Claimed, Worker};
use lakegate_lake::clients::SqsClient;
use lakegate_lake::contracts::{Contracts, Lookup};
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::{self, FailedSource, FailureKind, FailureRecord, Stage};
use lakegate_lake::key::ObjectKey;
use lakegate_lake::ledger::{self, Due, Entry, FileError, State};
use lakegate_lake::objects::Objects;
use lakegate_lake::queues::{self, Outgoing};
use lakegate_lake::read::{self, OpenObject};
use lakegate_lake::{LakeError, chain, layout};

use crate::outcome::{Outcome, Trouble};
use crate::publication::{self, Job};
use crate::settings::{Settings, UnknownDatasets};
use crate::unknown::{self, UnknownError};

/// What every invocation uses.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) objects: Objects,
    pub(crate) contracts: Contracts,
    pub(crate) catalog: Catalog,
    pub(crate) rejects_table: TableDefinition,
    pub(crate) sqs: SqsClient,
    /// The time now; leases depend on it.
    pub(crate) clock: fn() -> SystemTime,
}

/// Takes one object in. Lasting trouble is an outcome, with its failure record sent; the only error is passing trouble,
/// on which the event should come again.
pub(crate) async fn take_in(
    context: &Context,
    worker: &Worker,
    event: &ObjectEvent,
    started: Instant,
) -> Result<Outcome, LakeError> {
    let record = match outcome_of(context, worker, event, started).await {
        Ok(outcome) => return Ok(outcome),
        // The later object of that key has an event of its own.
        Err(Trouble::Lake(LakeError::SourceChanged { .. })) => return Ok(Outcome::Superseded),
        Err(Trouble::Lake(error)) if error.is_passing() => return Err(error),
        Err(Trouble::Untold(error)) => return Err(error),
        Err(Trouble::Lake(error)) => Box::new(FailureRecord::of_error(Stage::Ingest, &error, event)),
        Err(Trouble::Failure(record)) => record,
    };
    report(context, &record, event).await?;
    Ok(Outcome::Failed(record))
}

pub(crate) async fn report(context: &Context, record: &FailureRecord, event: &ObjectEvent) -> Result<(), LakeError> {
    failure::report(&context.sqs, &context.settings.failures_queue_url, record, &event.original).await
}

async fn outcome_of(
    context: &Context,
    worker: &Worker,
    event: &ObjectEvent,
    started: Instant,
) -> Result<Outcome, Trouble> {
    let Context { settings, objects, clock, .. } = context;
    if layout::is_own_object(&settings.lake_bucket, &event.bucket, event.key.as_str()) {
        return Ok(Outcome::OwnObject);
    }
    let object = match read::open(objects, event).await {
        Ok(object) => object,
        Err(error @ LakeError::NoSuchObject { .. }) => return outcome_of_missing(context, event, error).await,
        Err(error) => return Err(error.into()),
    };
    let event = &found(event, &object);
    let contract = contract_of(context, event, &object).await?;
    let job = Job { context, event, contract, object, started };
    let wanted = job.entry(State::Working);
    let mut claim = match claims::claim(objects, &settings.lake_bucket, worker, event, &wanted, clock()).await? {
        Claimed::InHand(claim) => claim,
        Claimed::AlreadyCommitted => return Ok(Outcome::AlreadyCommitted),
        Claimed::Superseded => return Ok(Outcome::Superseded),
    };
    let done = if job.object.size_bytes > settings.heavy_bytes {
        hand_to_glue(&job, &mut claim).await
    } else {
        publication::convert_and_publish(&job, &mut claim).await
    };
    match done {
        Ok(outcome) => Ok(outcome),
        Err(trouble) => settle(&job, &mut claim, trouble).await,
    }
}

/// Gives an object out of hand that came into trouble: with its failure told, or undone.
async fn settle(job: &Job<'_>, claim: &mut Claim, trouble: Trouble) -> Result<Outcome, Trouble> {
    let Context { objects, settings, clock, .. } = job.context;
    let record = match trouble {
        Trouble::Failure(record) => record,
        // The lease is another worker's, whose version says what becomes of this one.
        Trouble::Lake(error @ LakeError::LeaseLost { .. }) => {
            let bucket = &settings.lake_bucket;
            let entry = ledger::read(objects, bucket, &job.event.bucket, job.event.key.as_str()).await?;
            return outcome_without_work(job.context, entry.as_ref(), job.event)?.ok_or(Trouble::Lake(error));
        }
        Trouble::Lake(_) | Trouble::Untold(_) => {
            if let Err(error) = claim.release(objects, clock()).await {
                tracing::warn!(error = chain(&error), "the lease stays until it ends");
            }
            return Err(trouble);
        }
    };
    report(job.context, &record, job.event).await.map_err(Trouble::Untold)?;
    let mut entry = job.entry(State::Failed);
    entry.file_error = Some(FileError { kind: record.kind.to_string(), message: record.summary.clone(), line: None });
    entry.kept_paths = claim.entry().standing_paths().into_iter().collect();
    claim.commit(objects, &entry).await?;
    Ok(Outcome::Failed(record))
}

/// An object may be deleted once it is taken in: a repeated delivery then finds it gone and the ledger content.
async fn outcome_of_missing(context: &Context, event: &ObjectEvent, error: LakeError) -> Result<Outcome, Trouble> {
    let decoded = event.key.decoded_form();
    for key in std::iter::once(&event.key).chain(&decoded) {
        let lake_bucket = &context.settings.lake_bucket;
        let entry = ledger::read(&context.objects, lake_bucket, &event.bucket, key.as_str()).await?;
        if let Some(outcome) = outcome_without_work(context, entry.as_ref(), event)? {
            return Ok(outcome);
        }
    }
    Err(error.into())
}

/// What an entry by itself makes of an event that nobody can work on (any more): `None` where it leaves that open.
fn outcome_without_work(
    context: &Context,
    entry: Option<&Entry>,
    event: &ObjectEvent,
) -> Result<Option<Outcome>, LakeError> {
    let Some(entry) = entry else {
        return Ok(None);
    };
    let contract_version = entry.contract_version.as_deref().unwrap_or_default();
    match ledger::due(Some(entry), event, contract_version, &entry.engine_version, (context.clock)()) {
        Due::Work => Ok(None),
        Due::AlreadyCommitted => Ok(Some(Outcome::AlreadyCommitted)),
        Due::Superseded => Ok(Some(Outcome::Superseded)),
        Due::Busy => Err(claims::busy(&context.settings.lake_bucket, entry)),
    }
}

/// The event, about the object that was found: under which key, and of which version and size.
fn found(event: &ObjectEvent, object: &OpenObject) -> ObjectEvent {
    let key = if event.key.as_str() == object.key { event.key.clone() } else { ObjectKey::as_given(&object.key) };
    ObjectEvent {
        key,
        version_id: object.version_id.clone(),
        etag: object.etag.clone(),
        size_bytes: Some(object.size_bytes),
        ..event.clone()
    }
}

async fn contract_of(context: &Context, event: &ObjectEvent, object: &OpenObject) -> Result<Arc<Contract>, Trouble> {
    let key = event.key.as_str();
    let url = layout::url(&event.bucket, key);
    let (kind, summary) = match context.contracts.find(&context.objects, &event.bucket, key).await? {
        Lookup::Found(contract) => return Ok(contract),
        Lookup::Unknown => {
            let summary = format!("no contract's landing location covers {url}");
            match draft_of(context, object).await {
                None => (FailureKind::UnknownDataset, summary),
                Some(Ok(contract)) => return Ok(contract),
                Some(Err(UnknownError::Lake(error))) => return Err(error.into()),
                Some(Err(error)) => (error.kind(), lakegate_lake::one_line(&format!("{summary}, and {error}"))),
            }
        }
        Lookup::Invalid(documents) => {
            let documents: Vec<String> = documents.iter().map(ToString::to_string).collect();
            let summary = format!("no valid contract covers {url}; not valid: {}", documents.join("; "));
            (FailureKind::ContractInvalid, lakegate_lake::one_line(&summary))
        }
        Lookup::Ambiguous { documents } => {
            let summary = format!("several contracts cover {url}: {}", documents.join(", "));
            (FailureKind::ContractAmbiguous, lakegate_lake::one_line(&summary))
        }
    };
    let mut record = FailureRecord::new(Stage::Ingest, kind, summary);
    record.source = Some(FailedSource::from(event));
    Err(Trouble::Failure(Box::new(record)))
}

/// The drafted contract of an object that no other covers; `None` where none is wanted.
async fn draft_of(context: &Context, object: &OpenObject) -> Option<Result<Arc<Contract>, UnknownError>> {
    let Context { settings, objects, contracts, .. } = context;
    match settings.unknown_datasets {
        UnknownDatasets::Fail => None,
        UnknownDatasets::Infer => {
            Some(unknown::contract(objects, contracts, &settings.lake_bucket, object, settings.heavy_bytes).await)
        }
    }
}

/// The message first: an entry that says "heavy" without a message would wait for ever. Delivered again, it is sent again, and a second
/// run for an object writes the same names again.
async fn hand_to_glue(job: &Job<'_>, claim: &mut Claim) -> Result<Outcome, Trouble> {
    let Context { settings, objects, sqs, .. } = job.context;
    let message = Outgoing { body: job.event.original.clone(), ..Outgoing::default() };
    let sent = queues::send(sqs, &settings.heavy_queue_url, &message).await;
    sent.map_err(|error| job.lake_trouble(error))?;
    let mut entry = job.entry(State::Heavy);
    entry.kept_paths = claim.entry().standing_paths().into_iter().collect();
    claim.commit(objects, &entry).await?;
    Ok(Outcome::Heavy(Box::new(entry)))
}

#[cfg(test)]
#[path = "take_in_tests.rs"]
mod tests;
