//! An object that came into trouble, on its way out of a worker's hands: with its failure told, or with its work undone.
//! It must not know what the trouble was about.

use lakegate_lake::claims::Claim;
use lakegate_lake::failure::FailureRecord;
use lakegate_lake::ledger::{FileError, State};
use lakegate_lake::{LakeError, chain};

use crate::emission;
use crate::outcome::{Outcome, Trouble, elapsed_ms};
use crate::take_in::{self, Context, Delivery};

/// Gives an object out of hand that came into trouble.
pub(crate) async fn settle(
    context: &Context,
    delivery: Delivery<'_>,
    claim: &mut Claim,
    trouble: Trouble,
) -> Result<Outcome, Trouble> {
    let trouble = match trouble {
        Trouble::Failure(record) => match fail(context, delivery, claim, record).await {
            Ok(outcome) => return Ok(outcome),
            Err(trouble) => trouble,
        },
        trouble @ (Trouble::Lake(_) | Trouble::Untold(_)) => trouble,
    };
    // The lease is another worker's, whose version says what becomes of this one.
    if let Trouble::Lake(LakeError::LeaseLost { .. }) = trouble {
        let outcome = take_in::outcome_without_work(context, delivery, claim.entry()).await?;
        return outcome.ok_or(trouble);
    }
    if let Err(error) = claim.release(&context.objects, (context.clock)()).await {
        tracing::warn!(error = chain(&error), "the lease stays until it ends");
    }
    Err(trouble)
}

/// Tells a failure and notes it, in this order: what nobody was told of is worked on again.
async fn fail(
    context: &Context,
    delivery: Delivery<'_>,
    claim: &mut Claim,
    mut record: Box<FailureRecord>,
) -> Result<Outcome, Trouble> {
    let Context { objects, clock, .. } = context;
    record.at = claim.failed_at(clock());
    *record = record.traced(delivery.worker.trace());
    let mut entry = claim.outcome(State::Failed, record.at.clone());
    claim.intend(objects, &entry, clock()).await?;
    if withdraw(context, claim).await? {
        say_withdrawn(&mut record);
    }
    take_in::report(context, &record, delivery.event).await.map_err(Trouble::Untold)?;
    entry.file_error = Some(FileError { kind: record.kind.to_string(), message: record.summary.clone(), line: None });
    entry.elapsed_ms = elapsed_ms(delivery.started);
    let entry = take_in::commit(context, claim, &entry).await?;
    emission::failed(context, &entry, &record).await;
    Ok(Outcome::Failed(record))
}

/// Removes what stands of an object of which a publication broke off, when nothing is published in its place: whether there was any
/// such. That it is about to happen must be noted before ([`Claim::intend`]).
pub(crate) async fn withdraw(context: &Context, claim: &mut Claim) -> Result<bool, LakeError> {
    if claim.entry().unfinished.is_none() {
        return Ok(false);
    }
    let time_left = claim.time_left((context.clock)());
    match tokio::time::timeout(time_left, claim.withdraw(&context.objects)).await {
        Ok(withdrawn) => withdrawn.map(|()| true),
        Err(_) => Err(claim.lost()),
    }
}

/// Says in a failure's record that the object's former rows are gone as well.
pub(crate) fn say_withdrawn(record: &mut FailureRecord) {
    const WITHDRAWN: &str = "; the publication of a former version had broken off in the middle and could not be finished, so the \
                             table has no rows of this object until a version is published";
    record.summary.push_str(WITHDRAWN);
}
