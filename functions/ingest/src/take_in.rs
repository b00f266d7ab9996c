//! One object, from its event to what becomes of it.
//! It must not know bytes: those are in `conversion` and `publication`.

use std::sync::Arc;
use std::time::Instant;

use lakegate_contract::Contract;
use lakegate_lake::catalog::{Catalog, TableDefinition};
use lakegate_lake::clients::SqsClient;
use lakegate_lake::contracts::{Contracts, Lookup};
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::{self, FailedSource, FailureKind, FailureRecord, Stage};
use lakegate_lake::key::ObjectKey;
use lakegate_lake::ledger::{self, Due, Entry, State};
use lakegate_lake::objects::Objects;
use lakegate_lake::queues::{self, Outgoing};
use lakegate_lake::read::{self, OpenObject};
use lakegate_lake::{LakeError, layout};

use crate::outcome::{Outcome, Trouble};
use crate::publication::{self, ENGINE_VERSION, Job};
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
}

/// Takes one object in. Lasting trouble is an outcome, with its failure record sent; the only error is passing trouble,
/// on which the event should come again.
pub(crate) async fn take_in(context: &Context, event: &ObjectEvent, started: Instant) -> Result<Outcome, LakeError> {
    let record = match outcome_of(context, event, started).await {
        Ok(Outcome::Rejected(entry, record)) => {
            report(context, &record, event).await?;
            // Last, so that a rejection of which nobody was told is judged again.
            ledger::write(&context.objects, &context.settings.lake_bucket, &entry).await?;
            return Ok(Outcome::Rejected(entry, record));
        }
        Ok(outcome) => return Ok(outcome),
        // The later object of that key has an event of its own.
        Err(Trouble::Lake(LakeError::SourceChanged { .. })) => return Ok(Outcome::Superseded),
        Err(Trouble::Lake(error)) if error.is_passing() => return Err(error),
        Err(Trouble::Lake(error)) => Box::new(FailureRecord::of_error(Stage::Ingest, &error, event)),
        Err(Trouble::Failure(record)) => record,
    };
    report(context, &record, event).await?;
    Ok(Outcome::Failed(record))
}

async fn report(context: &Context, record: &FailureRecord, event: &ObjectEvent) -> Result<(), LakeError> {
    failure::report(&context.sqs, &context.settings.failures_queue_url, record, &event.original).await
}

async fn outcome_of(context: &Context, event: &ObjectEvent, started: Instant) -> Result<Outcome, Trouble> {
    let lake_bucket = &context.settings.lake_bucket;
    if layout::is_own_object(lake_bucket, &event.bucket, event.key.as_str()) {
        return Ok(Outcome::OwnObject);
    }
    let object = match read::open(&context.objects, event).await {
        Ok(object) => object,
        Err(error @ LakeError::NoSuchObject { .. }) => return outcome_of_missing(context, event, error).await,
        Err(error) => return Err(error.into()),
    };
    let event = &found(event, &object);
    let contract = contract_of(context, event, &object).await?;
    let former = ledger::read(&context.objects, lake_bucket, &event.bucket, event.key.as_str()).await?;
    match ledger::due(former.as_ref(), event, &contract.version, ENGINE_VERSION) {
        Due::AlreadyCommitted => return Ok(Outcome::AlreadyCommitted),
        Due::Superseded => return Ok(Outcome::Superseded),
        Due::Work => {}
    }
    let job = Job { context, event, contract, object, former, started };
    if job.object.size_bytes > context.settings.heavy_bytes {
        return hand_to_glue(&job).await;
    }
    publication::convert_and_publish(&job).await
}

/// An object may be deleted once it is taken in: a repeated delivery then finds it gone and the ledger content.
async fn outcome_of_missing(context: &Context, event: &ObjectEvent, error: LakeError) -> Result<Outcome, Trouble> {
    let decoded = event.key.decoded_form();
    for key in std::iter::once(&event.key).chain(&decoded) {
        let lake_bucket = &context.settings.lake_bucket;
        let entry = ledger::read(&context.objects, lake_bucket, &event.bucket, key.as_str()).await?;
        let Some(entry) = entry else {
            continue;
        };
        if entry.state == State::Committed && ledger::is_same_version(&entry.source, event) {
            return Ok(Outcome::AlreadyCommitted);
        }
    }
    Err(error.into())
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

async fn hand_to_glue(job: &Job<'_>) -> Result<Outcome, Trouble> {
    let settings = &job.context.settings;
    let message = Outgoing { body: job.event.original.clone(), ..Outgoing::default() };
    queues::send(&job.context.sqs, &settings.heavy_queue_url, &message).await?;
    let mut entry = job.entry(State::Heavy);
    entry.kept_paths = job.former.as_ref().map(Entry::standing_paths).into_iter().flatten().collect();
    ledger::write(&job.context.objects, &settings.lake_bucket, &entry).await?;
    Ok(Outcome::Heavy(Box::new(entry)))
}
