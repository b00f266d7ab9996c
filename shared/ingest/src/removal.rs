//! An object that was deleted: its rows leave the lake, if its contract says so.
//! It must not know how rows came there.

use lakegate_contract::{Contract, RemovedObjects};
use lakegate_lake::claims::{self, Claim, Claimed, Found};
use lakegate_lake::contracts::Lookup;
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::{self, FailureKind};
use lakegate_lake::ledger::{self, Entry, Source, State, Wanted};
use lakegate_lake::{LakeError, announce, chain, layout, read};

use crate::emission;
use crate::outcome::{Outcome, Trouble, elapsed_ms};
use crate::publication::ENGINE_VERSION;
use crate::take_in::{self, Context, Delivery, Means};
use crate::{settlement, sight};

/// Takes an event of an object that was removed. Lasting trouble is an outcome, with its failure record sent.
///
/// # Errors
///
/// Passing trouble, on which the event should come again.
pub async fn remove(context: &Context, delivery: Delivery<'_>) -> Result<Outcome, LakeError> {
    let outcome = take_in::conclude(context, delivery, async || attempt(context, delivery).await).await?;
    Box::pin(emission::settled(context, delivery, &outcome)).await;
    Ok(outcome)
}

/// `None` when the entry is another one by now: the object is to be looked at again.
async fn attempt(context: &Context, delivery: Delivery<'_>) -> Result<Option<Outcome>, Trouble> {
    let Context { objects, clock, .. } = context;
    let Some((event, found)) = sight::find(context, delivery.event).await? else {
        return Ok(Some(Outcome::NothingToRemove));
    };
    let Some(contract) = contract_of(context, &event, &found).await? else {
        return Ok(Some(Outcome::NothingToRemove));
    };
    // The entry was read before: what is seen now is not older than what the entry says.
    let unversioned = ObjectEvent { version_id: None, etag: None, size_bytes: None, ..event.clone() };
    match read::open(objects, &unversioned, event.key.as_str()).await {
        Ok(object) if is_to_be_taken_in(&found, &event) => {
            let created = created(context, &unversioned, object.size_bytes);
            let delivery = Delivery { event: &created, ..delivery };
            return Ok(Some(take_in::take_quietly(context, delivery, Means::OnePass).await?));
        }
        // It was uploaded again, or the version that was deleted was not the one that counts; or it never was taken in, for its key.
        Ok(_) | Err(LakeError::UnsupportedKey { .. }) => return Ok(Some(Outcome::NothingToRemove)),
        Err(LakeError::NoSuchObject { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    if is_removed(&found) && !is_newer(&found, &event) {
        return Ok(Some(Outcome::NothingToRemove));
    }
    let at = failure::rfc3339(clock().into());
    let mut entry = Entry::new(Source::of_event(&unversioned), State::Working, ENGINE_VERSION, at).under(&contract);
    entry.trace_id = delivery.worker.trace().map(|trace| trace.id().to_owned());
    let wanted = Wanted { entry: &entry, is_current: true, takes_heavy: false, replaces: None };
    let mut claim = match claims::claim(objects, delivery.worker, &found, &wanted, clock()).await? {
        Claimed::InHand(claim) => claim,
        Claimed::Superseded => return Ok(Some(Outcome::Superseded)),
        Claimed::AlreadyCommitted | Claimed::AlreadyTold => return Ok(Some(Outcome::NothingToRemove)),
        Claimed::Raced => return Ok(None),
    };
    match withdraw(context, delivery, &mut claim).await {
        Ok(outcome) => Ok(Some(outcome)),
        Err(error) => {
            if let Err(error) = claim.release(objects, clock()).await {
                tracing::warn!(error = chain(&error), "the lease stays until it ends");
            }
            Err(error.into())
        }
    }
}

/// The intent first, as for a publication: from then on a newer version waits, and knows what may stand.
async fn withdraw(context: &Context, delivery: Delivery<'_>, claim: &mut Claim) -> Result<Outcome, LakeError> {
    let Context { objects, clock, .. } = context;
    let mut entry = claim.outcome(State::Removed, failure::rfc3339(clock().into()));
    claim.intend(objects, &entry, clock()).await?;
    settlement::withdraw(context, claim).await?;
    entry.elapsed_ms = elapsed_ms(delivery.started);
    let entry = take_in::commit(context, claim, &entry).await?;
    Ok(Outcome::Removed(entry))
}

/// The object's contract, if that wants the rows of deleted objects removed. Where it cannot be told which contract is the object's,
/// somebody must be told of rows that stand.
async fn contract_of(
    context: &Context,
    event: &ObjectEvent,
    found: &Found,
) -> Result<Option<std::sync::Arc<Contract>>, Trouble> {
    let url = layout::url(&event.bucket, event.key.as_str());
    let (kind, summary) = match context.contracts.find(&context.objects, &event.bucket, event.key.as_str()).await? {
        Lookup::Found(contract) => {
            let removes = contract.policy.removed_objects == RemovedObjects::Remove;
            return Ok(removes.then_some(contract));
        }
        Lookup::Unknown(_) => return Ok(None),
        Lookup::Invalid(documents) => {
            let documents: Vec<String> = documents.iter().map(ToString::to_string).collect();
            let summary = format!("{url} was deleted, and no valid contract says what becomes of its rows");
            (FailureKind::ContractInvalid, format!("{summary}; not valid: {}", documents.join("; ")))
        }
        Lookup::Ambiguous { documents } => {
            let summary = format!("{url} was deleted, and several contracts cover it: {}", documents.join(", "));
            (FailureKind::ContractAmbiguous, summary)
        }
    };
    if found.entry().is_none_or(|entry| entry.standing_paths().is_empty()) {
        return Ok(None);
    }
    Err(Trouble::Failure(Box::new(sight::uncovered(context.settings.stage, kind, &summary, event))))
}

/// What stands under the key counts anew when nothing counted, because its delete marker was deleted, or when the version that counted
/// was deleted: neither has an event of its own.
fn is_to_be_taken_in(found: &Found, event: &ObjectEvent) -> bool {
    let Some(entry) = found.entry() else {
        return false;
    };
    is_removed(found) || (event.version_id.is_some() && event.version_id == entry.source.version_id)
}

/// The event of what stands under the key of a removal: whoever reads it next, Glue or a dead letter's replay, has an object to take in.
fn created(context: &Context, removal: &ObjectEvent, size_bytes: u64) -> ObjectEvent {
    let source = Source { size_bytes, ..Source::of_event(removal) };
    let original = announce::version(&context.settings.region, &source, (context.clock)().into());
    ObjectEvent { size_bytes: Some(size_bytes), original, ..removal.clone() }
}

fn is_removed(found: &Found) -> bool {
    found.entry().is_some_and(|entry| entry.state == State::Removed)
}

fn is_newer(found: &Found, event: &ObjectEvent) -> bool {
    let seen = found.entry().and_then(|entry| entry.source.sequencer.as_deref());
    seen.zip(event.sequencer.as_deref()).is_some_and(|(seen, announced)| ledger::is_older(seen, announced))
}

#[cfg(test)]
#[path = "removal_tests.rs"]
mod tests;
