//! A version whose publication broke off in the middle, published to its end before a newer one is worked on.
//! It must not know how a file is converted or published.

use std::time::SystemTime;

use lakegate_lake::claims::{self, Claim, Found};
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure;
use lakegate_lake::key::ObjectKey;
use lakegate_lake::ledger::{self, Due, Entry, Source, State, Wanted};
use lakegate_lake::{chain, read};

use crate::outcome::Trouble;
use crate::publication::{self, ENGINE_VERSION, Job};
use crate::sight::{self, Uncovered};
use crate::take_in::{Context, Delivery};

/// What came of an unfinished version.
pub(crate) enum Finished {
    /// It is published, and the ledger says so.
    Published,
    /// It cannot be had any more, or does not keep the present contract: the entry as it stands, which still names it.
    NotToBeHad(Box<Found>),
}

/// True when a publication broke off that must come to its end before the wanted version is worked on. That version itself does so
/// by its own work, if it is there.
pub(crate) fn comes_first(found: &Found, wanted: &Wanted<'_>, now: SystemTime) -> bool {
    let unfinished = found.entry().and_then(|entry| entry.unfinished.as_ref());
    let is_other = |source: &Source| !(wanted.is_current && ledger::is_same_version(source, &wanted.entry.source));
    unfinished.is_some_and(is_other) && ledger::due(found.entry(), wanted, now) == Due::Work
}

/// Publishes the unfinished version of an entry to its end: its outputs have the names that they had, so that repeating them is safe.
///
/// # Errors
///
/// Passing trouble: the event of the newer version is to come again.
pub(crate) async fn finish(context: &Context, delivery: Delivery<'_>, found: Found) -> Result<Finished, Trouble> {
    let Context { objects, settings, clock, .. } = context;
    let Some(source) = found.entry().and_then(|entry| entry.unfinished.clone()) else {
        return Ok(Finished::NotToBeHad(Box::new(found)));
    };
    let object = match read::open_version(objects, &source).await {
        Ok(object) if object.size_bytes <= settings.size_bytes_max => object,
        Err(error) if error.is_passing() => return Err(error.into()),
        Ok(_) | Err(_) => return Ok(Finished::NotToBeHad(Box::new(found))),
    };
    let contract = match sight::contract_of(context, &object).await {
        Ok(Some(contract)) => contract,
        Err(Uncovered::Lake(error)) if error.is_passing() => return Err(error.into()),
        Ok(None) | Err(Uncovered::Lake(_) | Uncovered::By(..)) => return Ok(Finished::NotToBeHad(Box::new(found))),
    };
    let wanted = Entry::new(source, State::Working, ENGINE_VERSION, failure::rfc3339(clock().into())).under(&contract);
    let event = event_of(&wanted.source);
    let Some(mut claim) = claims::take(objects, delivery.worker, &found, &wanted, clock()).await? else {
        return Err(found.raced().into());
    };
    let (started, trace) = (delivery.started, delivery.worker.trace());
    let job = Job { context, event: &event, contract, object, started, trace };
    match publication::convert_and_finish(&job, &mut claim).await {
        Ok(true) => {
            let Source { bucket, key, .. } = &wanted.source;
            tracing::info!(
                bucket,
                key,
                version_id = wanted.source.version_id,
                "a publication that broke off is finished"
            );
            Ok(Finished::Published)
        }
        Err(trouble) if is_passing(&trouble) => {
            release(context, &mut claim).await;
            Err(trouble)
        }
        Ok(false) | Err(_) => Ok(Finished::NotToBeHad(Box::new(claim.into_found()))),
    }
}

fn is_passing(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Lake(error) => error.is_passing(),
        Trouble::Untold(_) => true,
        Trouble::Failure(_) => false,
    }
}

async fn release(context: &Context, claim: &mut Claim) {
    if let Err(error) = claim.release(&context.objects, (context.clock)()).await {
        tracing::warn!(error = chain(&error), "the lease stays until it ends");
    }
}

/// An event of a version that no message announces: nothing is told of it.
fn event_of(source: &Source) -> ObjectEvent {
    ObjectEvent {
        bucket: source.bucket.clone(),
        key: ObjectKey::as_given(&source.key),
        version_id: source.version_id.clone(),
        etag: source.etag.clone(),
        size_bytes: Some(source.size_bytes),
        sequencer: source.sequencer.clone(),
        original: String::new(),
    }
}
