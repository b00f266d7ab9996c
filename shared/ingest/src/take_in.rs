//! One object, from its event to what becomes of it.
//! It must not know bytes: those are in `conversion` and `publication`.

use std::time::{Instant, SystemTime};

use lakegate_lake::catalog::{Catalog, TableDefinition};
use lakegate_lake::claims::{self, Claim, Claimed, Worker};
use lakegate_lake::clients::SqsClient;
use lakegate_lake::contracts::Contracts;
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::{self, FailureKind, FailureRecord};
use lakegate_lake::ledger::{self, Due, Entry, Source, State, Wanted};
use lakegate_lake::objects::Objects;
use lakegate_lake::queues::{self, Outgoing};
use lakegate_lake::{LakeError, layout};

use crate::conversion::ConversionError;
use crate::emission::{self, Emission};
use crate::outcome::{Outcome, Trouble, elapsed_ms};
use crate::publication::{self, ENGINE_VERSION, Job};
use crate::ranges::Converted;
use crate::settings::{Settings, TooBig};
use crate::sight::{self, Plan, Sight, Uncovered};
use crate::{settlement, unfinished, unknown};

/// Times that an object is looked at and claimed before lost races count as trouble.
const CLAIM_ATTEMPTS: usize = 5;

/// What a worker uses for every object.
pub struct Context {
    /// What it was told.
    pub settings: Settings,
    /// The buckets.
    pub objects: Objects,
    /// The deployed contracts.
    pub contracts: Contracts,
    /// The catalog's database.
    pub catalog: Catalog,
    /// The table of rejected rows.
    pub rejects_table: TableDefinition,
    /// The way to the queues.
    pub sqs: SqsClient,
    /// The time now; leases depend on it.
    pub clock: fn() -> SystemTime,
    /// Whom else it is told.
    pub emission: Emission,
}

/// An event that was delivered to a worker.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// The worker.
    pub worker: &'a Worker,
    /// The event.
    pub event: &'a ObjectEvent,
    /// When the outcome happened that it is to replace, RFC 3339, if it is a replay.
    pub replaces: Option<&'a str>,
    /// The Glue run that the worker is part of.
    pub run_id: Option<&'a str>,
    /// When the work on it began.
    pub started: Instant,
    /// It was delivered before, to a worker that may have died.
    pub is_repeated: bool,
}

/// How an object's rows come about.
#[derive(Clone, Copy)]
pub(crate) enum Means<'a> {
    /// It is read and converted.
    OnePass,
    /// Its ranges were converted before.
    Ranges(&'a Converted<'a>),
}

/// Takes one object in. Lasting trouble is an outcome, with its failure record sent.
///
/// # Errors
///
/// Passing trouble, on which the event should come again.
pub async fn take_in(context: &Context, delivery: Delivery<'_>) -> Result<Outcome, LakeError> {
    take(context, delivery, Means::OnePass).await
}

/// As [`take_in`], with rows that came about in any way.
pub(crate) async fn take(context: &Context, delivery: Delivery<'_>, means: Means<'_>) -> Result<Outcome, LakeError> {
    let outcome = take_quietly(context, delivery, means).await?;
    Box::pin(emission::settled(context, delivery, &outcome)).await;
    Ok(outcome)
}

/// As [`take`], for whoever tells what became of the object himself.
pub(crate) async fn take_quietly(
    context: &Context,
    delivery: Delivery<'_>,
    means: Means<'_>,
) -> Result<Outcome, LakeError> {
    // Boxed, because all that is done with an object makes a future of many kilobytes.
    conclude(context, delivery, async || Box::pin(attempt(context, delivery, means)).await).await
}

/// Attempts an object's work until it has an outcome. Lasting trouble is one, with its failure record sent; the only error is passing
/// trouble, on which the event should come again.
pub(crate) async fn conclude(
    context: &Context,
    delivery: Delivery<'_>,
    attempt: impl AsyncFn() -> Result<Option<Outcome>, Trouble>,
) -> Result<Outcome, LakeError> {
    let event = delivery.event;
    let record = match until_claimed(context, event, attempt).await {
        Ok(outcome) => return Ok(outcome),
        // The later object of that key has an event of its own.
        Err(Trouble::Lake(LakeError::SourceChanged { .. })) => return Ok(Outcome::Superseded),
        Err(Trouble::Lake(error)) if error.is_passing() => return Err(error),
        Err(Trouble::Untold(error)) => return Err(error),
        // Without an entry that can be read and written, the failure is told and not noted.
        Err(Trouble::Lake(error)) => Box::new(FailureRecord::of_error(context.settings.stage, &error, event)),
        Err(Trouble::Failure(record)) => record,
    };
    let record = Box::new(record.traced(delivery.worker.trace()));
    report(context, &record, event).await?;
    Ok(Outcome::Failed(record))
}

pub(crate) async fn report(context: &Context, record: &FailureRecord, event: &ObjectEvent) -> Result<(), LakeError> {
    failure::report(&context.sqs, &context.settings.failures_queue_url, record, &event.original).await
}

/// Attempts the work again while it is `None`: the entry is another one by now.
async fn until_claimed(
    context: &Context,
    event: &ObjectEvent,
    attempt: impl AsyncFn() -> Result<Option<Outcome>, Trouble>,
) -> Result<Outcome, Trouble> {
    if layout::is_own_object(&context.settings.lake_bucket, &event.bucket, event.key.as_str()) {
        return Ok(Outcome::OwnObject);
    }
    for _ in 0..CLAIM_ATTEMPTS {
        if let Some(outcome) = attempt().await? {
            return Ok(outcome);
        }
    }
    Err(Trouble::Lake(LakeError::Raced { url: layout::url(&event.bucket, event.key.as_str()) }))
}

/// `None` when the entry is another one by now: the object is to be looked at again.
async fn attempt(context: &Context, delivery: Delivery<'_>, means: Means<'_>) -> Result<Option<Outcome>, Trouble> {
    let Context { objects, clock, .. } = context;
    let Sight { found, event, source, is_current, plan } = sight::look(context, delivery.event).await?;
    let delivery = Delivery { event: &event, ..delivery };
    let mut looked_at = Entry::new(source, State::Working, ENGINE_VERSION, failure::rfc3339(clock().into()));
    looked_at.run_id = delivery.run_id.map(str::to_owned);
    looked_at.trace_id = delivery.worker.trace().map(|trace| trace.id().to_owned());
    let (takes_heavy, replaces) = (context.settings.takes_heavy(), delivery.replaces);
    let deployed = plan.under_its_contract(looked_at.clone());
    let plan = means.plan(plan)?;
    let entry = plan.under_its_contract(looked_at);
    if entry.contract_version != deployed.contract_version {
        // What was judged since by the contract that is deployed now has the last word.
        let wanted = Wanted { entry: &deployed, is_current, takes_heavy, replaces };
        match ledger::due(found.entry(), &wanted, clock()) {
            Due::AlreadyCommitted => return Ok(Some(Outcome::AlreadyCommitted)),
            Due::AlreadyTold => return Ok(Some(Outcome::AlreadyTold)),
            Due::Work | Due::Superseded | Due::Busy => {}
        }
    }
    let wanted = Wanted { entry: &entry, is_current, takes_heavy, replaces };
    let claimed = if !means.replaces_all() && unfinished::comes_first(&found, &wanted, clock()) {
        match unfinished::finish(context, delivery, found).await? {
            unfinished::Finished::Published => return Ok(None),
            unfinished::Finished::NotToBeHad(found) => {
                let taken = claims::take(objects, delivery.worker, &found, &entry, clock()).await?;
                taken.map_or(Claimed::Raced, Claimed::InHand)
            }
        }
    } else {
        claims::claim(objects, delivery.worker, &found, &wanted, clock()).await?
    };
    let mut claim = match claimed {
        Claimed::InHand(claim) => claim,
        Claimed::AlreadyCommitted => return Ok(Some(Outcome::AlreadyCommitted)),
        Claimed::AlreadyTold => return Ok(Some(Outcome::AlreadyTold)),
        Claimed::Superseded => return Ok(Some(Outcome::Superseded)),
        Claimed::Raced => return Ok(None),
    };
    match work(context, delivery, &mut claim, plan, means).await {
        Ok(outcome) => Ok(Some(outcome)),
        Err(trouble) => settlement::settle(context, delivery, &mut claim, trouble).await.map(Some),
    }
}

/// Does with an object in hand what is to be done.
async fn work(
    context: &Context,
    delivery: Delivery<'_>,
    claim: &mut Claim,
    plan: Plan,
    means: Means<'_>,
) -> Result<Outcome, Trouble> {
    let Context { objects, settings, .. } = context;
    let (object, contract) = match plan {
        Plan::Judge(object, contract) => (object, contract),
        Plan::Draft(object) => match unknown::draft(objects, &settings.lake_bucket, &object).await {
            Ok(contract) => {
                claim.hold_against(&contract);
                (object, contract)
            }
            Err(error) => {
                let url = layout::url(&object.bucket, &object.key);
                return Err(undrafted(context, sight::undrafted(&url, error), delivery.event));
            }
        },
        Plan::Fail(record) => return Err(Trouble::Failure(record)),
    };
    let Delivery { worker, event, started, .. } = delivery;
    let job = Job { context, event, contract, object, started, trace: worker.trace() };
    if let Means::Ranges(converted) = means {
        let outputs = converted.outputs(objects, &settings.lake_bucket)?;
        return publication::publish_judged(&job, claim, converted.judgement(), outputs).await;
    }
    if job.object.size_bytes > settings.size_bytes_max {
        let (has, max) = (job.object.size_bytes, settings.size_bytes_max);
        return hand_on(&job, claim, || format!("the object has {has} bytes, and one pass takes {max} at most")).await;
    }
    let entry = claim.entry().clone();
    let begun = emission::started(context, &entry, &job.contract);
    let (published, ()) = tokio::join!(publication::convert_and_publish(&job, claim), begun);
    match published? {
        Some(outcome) => Ok(outcome),
        None => hand_on(&job, claim, || ConversionError::TooMuchHeld.to_string()).await,
    }
}

/// What becomes of an object that is too much for this worker, for the reason given.
async fn hand_on(job: &Job<'_>, claim: &mut Claim, reason: impl FnOnce() -> String) -> Result<Outcome, Trouble> {
    match &job.context.settings.too_big {
        TooBig::HandOn { heavy_queue_url } => hand_to_glue(job, claim, heavy_queue_url).await,
        TooBig::Fail => Err(Trouble::Failure(Box::new(job.record(FailureKind::TooBig, reason())))),
    }
}

impl Means<'_> {
    /// What is to be done with an object: with one that was converted before, by the contract that it was held against.
    fn plan(self, plan: Plan) -> Result<Plan, LakeError> {
        match (self, plan) {
            (Self::OnePass, plan) | (Self::Ranges(_), plan @ Plan::Fail(_)) => Ok(plan),
            (Self::Ranges(converted), Plan::Judge(object, _) | Plan::Draft(object)) => {
                let contract = converted.contract_of(&object)?;
                Ok(Plan::Judge(object, contract))
            }
        }
    }

    /// It is certain that nothing of a former version is to stand.
    fn replaces_all(self) -> bool {
        match self {
            Self::OnePass => false,
            Self::Ranges(converted) => converted.is_accepted(),
        }
    }
}

fn undrafted(context: &Context, uncovered: Uncovered, event: &ObjectEvent) -> Trouble {
    let stage = context.settings.stage;
    let record = match uncovered {
        Uncovered::Lake(error) if error.is_passing() || matches!(error, LakeError::SourceChanged { .. }) => {
            return Trouble::Lake(error);
        }
        Uncovered::Lake(error) => FailureRecord::of_error(stage, &error, event),
        Uncovered::By(kind, summary) => sight::uncovered(stage, kind, &summary, event),
    };
    Trouble::Failure(Box::new(record))
}

/// The message first: an entry that says "heavy" without a message would wait for ever. Who dies in between sends it again, and a second
/// run for an object writes the same names again.
async fn hand_to_glue(job: &Job<'_>, claim: &mut Claim, queue_url: &str) -> Result<Outcome, Trouble> {
    let Context { objects, sqs, clock, .. } = job.context;
    let mut entry = claim.outcome(State::Heavy, failure::rfc3339(clock().into()));
    if claim.entry().unfinished.is_some() {
        claim.intend(objects, &entry, clock()).await?;
        settlement::withdraw(job.context, claim).await?;
    }
    let message = Outgoing { body: job.event.original.clone(), trace: job.trace.cloned(), ..Outgoing::default() };
    let sent = queues::send(sqs, queue_url, &message).await;
    sent.map_err(|error| job.lake_trouble(error))?;
    entry.elapsed_ms = elapsed_ms(job.started);
    let entry = commit(job.context, claim, &entry).await?;
    Ok(Outcome::Heavy(entry))
}

/// Writes what became of an object, and gives it out of hand: the entry as it stands then.
pub(crate) async fn commit(context: &Context, claim: &mut Claim, entry: &Entry) -> Result<Box<Entry>, LakeError> {
    claim.commit(&context.objects, entry, context.emission.has_notices()).await?;
    Ok(Box::new(claim.entry().clone()))
}

/// What the ledger by itself makes of work that was taken from its worker.
pub(crate) async fn outcome_without_work(
    context: &Context,
    delivery: Delivery<'_>,
    entry: &Entry,
) -> Result<Option<Outcome>, LakeError> {
    let Source { bucket, key, .. } = &entry.source;
    let found = claims::find(&context.objects, &context.settings.lake_bucket, bucket, key).await?;
    let takes_heavy = context.settings.takes_heavy();
    let wanted = Wanted { entry, is_current: false, takes_heavy, replaces: delivery.replaces };
    match ledger::due(found.entry(), &wanted, (context.clock)()) {
        Due::Work => Ok(None),
        Due::AlreadyCommitted => Ok(Some(Outcome::AlreadyCommitted)),
        Due::AlreadyTold => Ok(Some(Outcome::AlreadyTold)),
        Due::Superseded => Ok(Some(Outcome::Superseded)),
        Due::Busy => Err(found.busy()),
    }
}

#[cfg(test)]
#[path = "take_in_tests.rs"]
mod tests;
