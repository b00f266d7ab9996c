//! One object that was handed to Glue: a run for it, and no second one.
//! It must not know messages, nor what the run does.
//!
//! Glue takes no token by which it would know a repeated request. So the run's manifest says who is about to start it: nobody else does
//! until that worker is gone for sure, and whoever comes then asks Glue first whether a run was started with that manifest.

use std::time::SystemTime;

use chrono::DateTime;
use lakegate_lake::claims::{self, Found, Worker};
use lakegate_lake::clients::{GlueClient, SqsClient};
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::{self, FailureRecord, Stage};
use lakegate_lake::jobs::{self, Manifest, NotStarted, Starting, Work};
use lakegate_lake::ledger::{Entry, FileError, Source, State};
use lakegate_lake::objects::{EntityTag, Objects};
use lakegate_lake::{LakeError, announce, layout};

use crate::due::{Due, due};
use crate::settings::Settings;

/// Times that an entry or a manifest is read and written before lost races count as trouble.
const ATTEMPTS: usize = 5;
const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What every invocation uses.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) glue: GlueClient,
    pub(crate) sqs: SqsClient,
    pub(crate) objects: Objects,
    /// The time now; leases depend on it.
    pub(crate) clock: fn() -> SystemTime,
}

/// An object of a message that was delivered to a worker.
#[derive(Clone, Copy)]
pub(crate) struct Delivery<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) event: &'a ObjectEvent,
    /// When the outcome happened that it is to replace, RFC 3339, if the message says so.
    pub(crate) replaces: Option<&'a str>,
}

/// What became of an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The run of this id has it.
    Started(String),
    /// As `Started`, and the ledger knew.
    AlreadyStarted(String),
    /// It was dealt with before.
    Settled,
    /// A later version has taken its place.
    Superseded,
    /// Glue refuses to start a run for it, which was told.
    Failed(Box<FailureRecord>),
}

/// An object's run that nobody else is about to start.
struct Claim {
    found: Found,
    /// The entry that it is started for.
    entry: Entry,
    manifest_key: String,
    manifest: Manifest,
    etag: EntityTag,
    /// A worker before this one may have started it.
    may_be_started: bool,
}

/// Sees to it that an object has a run. Lasting trouble is an outcome, with its failure record sent; the only error is passing trouble, on
/// which the message should come again.
pub(crate) async fn start(context: &Context, delivery: Delivery<'_>) -> Result<Outcome, LakeError> {
    for _ in 0..ATTEMPTS {
        match attempt(context, delivery).await {
            Ok(Some(outcome)) => return Ok(outcome),
            // The entry or the manifest is another one by now.
            Ok(None) => {}
            Err(error) if error.is_passing() => return Err(error),
            // Without an entry that can be read and written, the failure is told and not noted.
            Err(error) => {
                let record = FailureRecord::of_error(Stage::StartGlue, &error, delivery.event);
                let record = record.traced(delivery.worker.trace());
                report(context, &record, delivery.event).await?;
                return Ok(Outcome::Failed(Box::new(record)));
            }
        }
    }
    Err(LakeError::Raced { url: layout::url(&delivery.event.bucket, delivery.event.key.as_str()) })
}

async fn attempt(context: &Context, delivery: Delivery<'_>) -> Result<Option<Outcome>, LakeError> {
    let Context { objects, settings, clock, .. } = context;
    let found = find(context, delivery.event).await?;
    let entry = match due(found.entry(), delivery.event, clock()) {
        Due::Start(entry) => entry.clone(),
        Due::Unknown => {
            let source = Source::of_event(delivery.event);
            let entry = Entry::new(source, State::Heavy, ENGINE_VERSION, failure::rfc3339(clock().into()));
            return found.amend(objects, entry).await.map(|_| None);
        }
        Due::AlreadyStarted(run_id) => return Ok(Some(Outcome::AlreadyStarted(run_id.to_owned()))),
        Due::Settled => return Ok(Some(Outcome::Settled)),
        Due::Superseded => return Ok(Some(Outcome::Superseded)),
        Due::NotYet => return Err(not_yet(&found, delivery.event, clock())),
    };
    let Some(claim) = claim(context, delivery, found, entry).await? else {
        return Ok(None);
    };
    if claim.may_be_started {
        let handed_over = DateTime::parse_from_rfc3339(&claim.entry.at).map_or(SystemTime::UNIX_EPOCH, Into::into);
        let started = jobs::find_run(&context.glue, &settings.glue_job, &claim.manifest_key, handed_over).await?;
        if let Some(run_id) = started {
            return note(context, claim, run_id).await.map(Some);
        }
    }
    let arguments = jobs::arguments(&claim.manifest_key, &claim.entry.source, delivery.worker.trace());
    match jobs::start_run(&context.glue, &settings.glue_job, arguments).await {
        Ok(run_id) => note(context, claim, run_id).await.map(Some),
        // The run may be there: until the claim ends nobody asks, as Glue may not list it yet.
        Err(NotStarted { error, is_certain: false }) => Err(error),
        Err(NotStarted { error, is_certain: true }) => {
            give_back(context, &claim).await?;
            if error.is_passing() { Err(error) } else { fail(context, delivery, claim.found, &error).await }
        }
    }
}

/// The object's entry: of a message of which it is not known whether it encodes keys, under whichever spelling there is one.
async fn find(context: &Context, event: &ObjectEvent) -> Result<Found, LakeError> {
    let Context { objects, settings, .. } = context;
    let found = claims::find(objects, &settings.lake_bucket, &event.bucket, event.key.as_str()).await?;
    let Some(key) = event.key.decoded_form().filter(|_| found.entry().is_none()) else {
        return Ok(found);
    };
    let decoded = claims::find(objects, &settings.lake_bucket, &event.bucket, key.as_str()).await?;
    Ok(if decoded.entry().is_some() { decoded } else { found })
}

fn not_yet(found: &Found, event: &ObjectEvent, now: SystemTime) -> LakeError {
    if found.entry().is_some_and(|entry| entry.is_leased(now)) {
        return found.busy();
    }
    let resource = layout::url(&event.bucket, event.key.as_str());
    LakeError::Passing {
        operation: "StartJobRun",
        resource,
        source: "its ledger entry does not say yet that it was handed to Glue".into(),
    }
}

/// Notes in the manifest that this worker is about to start the run: `None` when another one noted so in the meantime.
async fn claim(
    context: &Context,
    delivery: Delivery<'_>,
    found: Found,
    entry: Entry,
) -> Result<Option<Claim>, LakeError> {
    let Context { objects, settings, clock, .. } = context;
    let manifest_key = jobs::manifest_object(&entry);
    let read = objects.get_json::<Manifest>(&settings.lake_bucket, &manifest_key).await?;
    let before = read.as_ref().and_then(|(manifest, _)| manifest.starting.clone());
    if let Some(Starting { until, .. }) = &before
        // A time that cannot be read must not keep the object for ever.
        && DateTime::parse_from_rfc3339(until).is_ok_and(|until| SystemTime::from(until) > clock())
    {
        let url = layout::url(&settings.lake_bucket, &manifest_key);
        return Err(LakeError::Busy { url, until: until.clone() });
    }
    let (mut manifest, etag) = if let Some((manifest, etag)) = read {
        (manifest, Some(etag))
    } else {
        let trace = delivery.worker.trace().cloned();
        (Manifest { trace, ..Manifest::new(work(context, delivery, &entry)) }, None)
    };
    manifest.starting =
        Some(Starting { worker: delivery.worker.id().to_owned(), until: delivery.worker.lease_until() });
    let etag = objects.replace_json(&settings.lake_bucket, &manifest_key, &manifest, etag.as_ref()).await?;
    let may_be_started = before.is_some();
    Ok(etag.map(|etag| Claim { found, entry, manifest_key, manifest, etag, may_be_started }))
}

/// The event is made of the entry: that says under which key the object was found, and which version it was.
fn work(context: &Context, delivery: Delivery<'_>, entry: &Entry) -> Work {
    let event = announce::version(&context.settings.aws.region, &entry.source, (context.clock)().into());
    Work::Object { event, replaces: delivery.replaces.map(str::to_owned) }
}

/// Says that no run was started: the next worker need neither wait nor ask.
async fn give_back(context: &Context, claim: &Claim) -> Result<(), LakeError> {
    let manifest = Manifest { starting: None, ..claim.manifest.clone() };
    let lake_bucket = &context.settings.lake_bucket;
    // Where another worker has it by now, it says so itself.
    context.objects.replace_json(lake_bucket, &claim.manifest_key, &manifest, Some(&claim.etag)).await.map(|_| ())
}

/// Notes the run in the ledger, unless the entry is by now about another version, another handing-over, or what the run came to.
async fn note(context: &Context, claim: Claim, run_id: String) -> Result<Outcome, LakeError> {
    let Context { objects, settings, .. } = context;
    let Claim { mut found, manifest_key, entry: Entry { source, .. }, .. } = claim;
    for _ in 0..ATTEMPTS {
        let same = found.entry().filter(|entry| {
            entry.state == State::Heavy && entry.run_id.is_none() && jobs::manifest_object(entry) == manifest_key
        });
        let Some(entry) = same else {
            return Ok(Outcome::Started(run_id));
        };
        let entry = Entry { run_id: Some(run_id.clone()), ..entry.clone() };
        if found.amend(objects, entry).await?.is_some() {
            return Ok(Outcome::Started(run_id));
        }
        found = claims::find(objects, &settings.lake_bucket, &source.bucket, &source.key).await?;
    }
    Err(found.raced())
}

/// Tells that Glue refuses to start a run, and notes it, in this order: what nobody was told of is worked on again. `None` when the entry
/// is another one by now.
async fn fail(
    context: &Context,
    delivery: Delivery<'_>,
    found: Found,
    error: &LakeError,
) -> Result<Option<Outcome>, LakeError> {
    let Context { objects, clock, .. } = context;
    let Some(entry) = found.entry().cloned() else {
        return Ok(None);
    };
    let record = FailureRecord::of_error(Stage::StartGlue, error, delivery.event);
    let mut record = record.traced(delivery.worker.trace());
    // Who tells it again, because it died before it noted that it had told it, tells the same failure.
    record.at = entry.telling.clone().unwrap_or_else(|| failure::rfc3339(clock().into()));
    record.dataset.clone_from(&entry.dataset);
    let Some(found) = found.amend(objects, Entry { telling: Some(record.at.clone()), ..entry.clone() }).await? else {
        return Ok(None);
    };
    report(context, &record, delivery.event).await?;
    let file_error = Some(FileError { kind: record.kind.to_string(), message: record.summary.clone(), line: None });
    let failed = Entry { state: State::Failed, at: record.at.clone(), telling: None, file_error, ..entry };
    // Where the object was taken in hand in the meantime, that says what becomes of it.
    found.amend(objects, failed).await?;
    Ok(Some(Outcome::Failed(Box::new(record))))
}

async fn report(context: &Context, record: &FailureRecord, event: &ObjectEvent) -> Result<(), LakeError> {
    failure::report(&context.sqs, &context.settings.failures_queue_url, record, &event.original).await
}
