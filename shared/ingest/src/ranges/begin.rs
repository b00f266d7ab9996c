//! The first step: whether there is anything to do with an object, and if so in which ranges.
//! It must not know how a range is converted.

use futures::StreamExt;
use lakegate_contract::Contract;
use lakegate_convert::Reading;
use lakegate_convert::range::Planner;
use lakegate_lake::failure;
use lakegate_lake::ledger::{self, Due, Entry, State, Wanted};
use lakegate_lake::read::{self, OpenObject};
use lakegate_lake::{LakeError, layout};
use std::sync::Arc;

use super::{RangesJob, VERSION};
use crate::emission;
use crate::outcome::Outcome;
use crate::publication::ENGINE_VERSION;
use crate::sight::{self, Plan, Sight};
use crate::take_in::{self, Context, Delivery};

/// What is to be done with an object.
#[derive(Debug)]
pub enum Begun {
    /// Nothing, any more: this is what became of it. A failure is told.
    Settled(Outcome),
    /// It is to be taken in as a whole, for the reason given.
    OnePass(String),
    /// Its ranges are to be converted.
    Ranges(Box<RangesJob>),
}

/// Looks an announced object up and cuts it into ranges of `range_bytes`. Nothing is written, unless a failure is told.
///
/// # Errors
///
/// Passing trouble, on which to begin again; [`LakeError::Busy`] while another worker has the object in hand.
pub async fn begin(context: &Context, delivery: Delivery<'_>, range_bytes: u64) -> Result<Begun, LakeError> {
    match attempt(context, delivery, range_bytes).await {
        Ok(Some(begun)) => Ok(begun),
        // The later object of that key has an event of its own.
        Err(LakeError::SourceChanged { .. }) => Ok(Begun::Settled(Outcome::Superseded)),
        Err(error) if error.is_passing() => Err(error),
        // Whoever takes it in tells the same failure, and notes it.
        Ok(None) | Err(_) => Ok(Begun::Settled(take_in::take_in(context, delivery).await?)),
    }
}

/// `None` where there is a failure to be told, or nothing to be read.
async fn attempt(context: &Context, delivery: Delivery<'_>, range_bytes: u64) -> Result<Option<Begun>, LakeError> {
    let Context { settings, clock, .. } = context;
    if layout::is_own_object(&settings.lake_bucket, &delivery.event.bucket, delivery.event.key.as_str()) {
        return Ok(None);
    }
    let Sight { found, event, source, is_current, plan } = sight::look(context, delivery.event).await?;
    let began_at = failure::rfc3339(clock().into());
    let entry = plan.under_its_contract(Entry::new(source, State::Working, ENGINE_VERSION, began_at.clone()));
    let takes_heavy = settings.takes_heavy();
    let wanted = Wanted { entry: &entry, is_current, takes_heavy, replaces: delivery.replaces };
    match ledger::due(found.entry(), &wanted, clock()) {
        Due::Work => {}
        Due::AlreadyCommitted => return Ok(Some(Begun::Settled(Outcome::AlreadyCommitted))),
        Due::AlreadyTold => return Ok(Some(Begun::Settled(Outcome::AlreadyTold))),
        Due::Superseded => return Ok(Some(Begun::Settled(Outcome::Superseded))),
        Due::Busy => return Err(found.busy()),
    }
    let (object, contract) = match plan {
        Plan::Judge(object, contract) => (object, contract),
        Plan::Draft(_) => return Ok(Some(Begun::OnePass("its contract is to be drafted from all of it".to_owned()))),
        Plan::Fail(_) => return Ok(None),
    };
    if object.size_bytes <= range_bytes {
        return Ok(Some(Begun::OnePass("it is no longer than one range".to_owned())));
    }
    let (document, contract) = document_of(context, &contract).await?;
    let plan = match plan_of(&object, &contract, range_bytes).await? {
        Ok(plan) => plan,
        Err(reason) => return Ok(Some(Begun::OnePass(reason))),
    };
    let mut begun = entry.clone();
    begun.run_id = delivery.run_id.map(str::to_owned);
    begun.trace_id = delivery.worker.trace().map(|trace| trace.id().to_owned());
    emission::started(context, &begun, &contract).await;
    Ok(Some(Begun::Ranges(Box::new(RangesJob {
        version: VERSION,
        source: entry.source,
        original: event.original,
        replaces: delivery.replaces.map(str::to_owned),
        run_id: delivery.run_id.map(str::to_owned),
        trace: delivery.worker.trace().cloned(),
        began_at,
        contract: document,
        plan,
    }))))
}

/// A contract's document, and what it says at this moment.
async fn document_of(context: &Context, contract: &Arc<Contract>) -> Result<(String, Arc<Contract>), LakeError> {
    let Context { contracts, objects, settings, .. } = context;
    let key = contracts.key_of(contract).await.unwrap_or_else(|| layout::draft_object(&contract.table));
    let url = layout::url(&settings.lake_bucket, &key);
    let document = objects.get(&settings.lake_bucket, &key).await?;
    let document = document.and_then(|document| String::from_utf8(document.to_vec()).ok());
    let parsed = document.as_deref().and_then(|document| lakegate_contract::parse(document).ok());
    match (document, parsed) {
        (Some(document), Some(checked)) if checked.contract.table == contract.table => {
            Ok((document, Arc::new(checked.contract)))
        }
        // It was changed just now: what becomes of the object is to be judged by what stands there then.
        (Some(_) | None, _) => Err(LakeError::Raced { url }),
    }
}

/// The ranges, or why there are none.
async fn plan_of(
    object: &OpenObject,
    contract: &Arc<Contract>,
    range_bytes: u64,
) -> Result<Result<lakegate_convert::range::Plan, String>, LakeError> {
    let mut planner = Planner::new(contract);
    let mut chunks = std::pin::pin!(read::chunks_from(object, 0, 0));
    while let Some(bytes) = chunks.next().await {
        if planner.push(&bytes?) == Reading::Enough {
            break;
        }
    }
    Ok(planner.cut(object.size_bytes, range_bytes).map_err(|reason| reason.to_string()))
}
