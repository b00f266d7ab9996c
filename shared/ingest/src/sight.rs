//! An object as it stands before a worker has it in hand: its ledger entry, the object itself, and the contract that it falls under.
//! It must not know what becomes of it.

use std::sync::Arc;

use lakegate_contract::Contract;
use lakegate_lake::claims::{self, Found};
use lakegate_lake::contracts::Lookup;
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::{FailedSource, FailureKind, FailureRecord, Stage};
use lakegate_lake::ledger::{self, Entry, Source};
use lakegate_lake::read::{self, OpenObject};
use lakegate_lake::{LakeError, layout, one_line};

use crate::settings::UnknownDatasets;
use crate::take_in::Context;
use crate::unknown::{self, UnknownError};

/// An object before it is in hand.
pub(crate) struct Sight {
    /// Its ledger entry.
    pub(crate) found: Found,
    /// The event, about the object that was found: under which key, and of which version and size.
    pub(crate) event: ObjectEvent,
    /// The object, as far as it is known.
    pub(crate) source: Source,
    /// It stood under its key after the entry was read.
    pub(crate) is_current: bool,
    /// What is to be done with it.
    pub(crate) plan: Plan,
}

/// What is to be done with an object.
pub(crate) enum Plan {
    /// It is to be held against its contract.
    Judge(OpenObject, Arc<Contract>),
    /// No contract covers it: one is to be drafted from it.
    Draft(OpenObject),
    /// It cannot be judged, for a reason that lasts.
    Fail(Box<FailureRecord>),
}

impl Plan {
    /// An entry of this object, under the contract that it is to be held against, if there is one.
    pub(crate) fn under_its_contract(&self, entry: Entry) -> Entry {
        match self {
            Self::Judge(_, contract) => entry.under(contract),
            Self::Draft(_) | Self::Fail(_) => entry,
        }
    }
}

/// Looks at the object that an event announces: first at its entry, then at the object, so that no version is newer than the one
/// that is seen and has an entry all the same. Nothing is written.
///
/// The key is tried as given first and then, for messages of which sources disagree whether they encode keys, decoded.
///
/// # Errors
///
/// Passing trouble, an entry that does not parse, and `SourceChanged`: a later version has taken the announced one's place.
pub(crate) async fn look(context: &Context, event: &ObjectEvent) -> Result<Sight, LakeError> {
    let Context { objects, settings, .. } = context;
    let found = claims::find(objects, &settings.lake_bucket, &event.bucket, event.key.as_str()).await?;
    let missing = match read::open(objects, event, event.key.as_str()).await {
        Err(error @ LakeError::NoSuchObject { .. }) => error,
        opened => return sight(context, event.clone(), found, opened).await,
    };
    let Some(key) = event.key.decoded_form() else {
        return sight(context, event.clone(), found, Err(missing)).await;
    };
    let found_decoded = claims::find(objects, &settings.lake_bucket, &event.bucket, key.as_str()).await?;
    match read::open(objects, event, key.as_str()).await {
        // Another object under the decoded spelling is not the one announced, and its entry not that one's.
        Err(LakeError::SourceChanged { .. }) if found_decoded.entry().is_none() => {
            sight(context, event.clone(), found, Err(missing)).await
        }
        Err(error) if !is_for_the_caller(&error) && !knows(&found_decoded, event) => {
            sight(context, event.clone(), found, Err(missing)).await
        }
        opened => sight(context, ObjectEvent { key, ..event.clone() }, found_decoded, opened).await,
    }
}

/// The object's entry, and the event under the key that has one: of messages of which sources disagree whether they encode keys, that
/// alone tells which spelling is meant. `None` where it does not.
///
/// # Errors
///
/// What S3 refused, or an entry that does not parse.
pub(crate) async fn find(context: &Context, event: &ObjectEvent) -> Result<Option<(ObjectEvent, Found)>, LakeError> {
    let Context { objects, settings, .. } = context;
    let found = claims::find(objects, &settings.lake_bucket, &event.bucket, event.key.as_str()).await?;
    let Some(key) = event.key.decoded_form().filter(|_| found.entry().is_none()) else {
        return Ok(Some((event.clone(), found)));
    };
    let found = claims::find(objects, &settings.lake_bucket, &event.bucket, key.as_str()).await?;
    let has_entry = found.entry().is_some();
    Ok(has_entry.then(|| (ObjectEvent { key, ..event.clone() }, found)))
}

async fn sight(
    context: &Context,
    mut event: ObjectEvent,
    found: Found,
    opened: Result<OpenObject, LakeError>,
) -> Result<Sight, LakeError> {
    let object = match opened {
        Ok(object) => object,
        Err(error) if is_for_the_caller(&error) => return Err(error),
        Err(error) => {
            let source = Source::of_event(&event);
            let record = Box::new(FailureRecord::of_error(context.settings.stage, &error, &event));
            return Ok(Sight { found, event, source, is_current: false, plan: Plan::Fail(record) });
        }
    };
    event.version_id.clone_from(&object.version_id);
    event.etag.clone_from(&object.etag);
    event.size_bytes = Some(object.size_bytes);
    let source = Source { last_modified: Some(object.last_modified.clone()), ..Source::of_event(&event) };
    let plan = match contract_of(context, &object).await {
        Ok(Some(contract)) => Plan::Judge(object, contract),
        Ok(None) => Plan::Draft(object),
        Err(Uncovered::Lake(error)) if is_for_the_caller(&error) => return Err(error),
        Err(Uncovered::Lake(error)) => {
            Plan::Fail(Box::new(FailureRecord::of_error(context.settings.stage, &error, &event)))
        }
        Err(Uncovered::By(kind, summary)) => {
            Plan::Fail(Box::new(uncovered(context.settings.stage, kind, &summary, &event)))
        }
    };
    Ok(Sight { found, event, source, is_current: true, plan })
}

/// True when the entry is about the very version that an event announces, or came of that event.
fn knows(found: &Found, event: &ObjectEvent) -> bool {
    let announced = Source::of_event(event);
    found.entry().is_some_and(|Entry { source, .. }| {
        let is_same_event = announced.sequencer.is_some() && announced.sequencer == source.sequencer;
        is_same_event || ledger::is_same_version(source, &announced)
    })
}

fn is_for_the_caller(error: &LakeError) -> bool {
    error.is_passing() || matches!(error, LakeError::SourceChanged { .. })
}

/// Why there is no contract to hold an object against.
pub(crate) enum Uncovered {
    /// Looking for it failed.
    Lake(LakeError),
    /// There is none, for the reason given.
    By(FailureKind, String),
}

impl From<LakeError> for Uncovered {
    fn from(error: LakeError) -> Self {
        Self::Lake(error)
    }
}

/// The contract of an object, deployed or drafted before; `None` where one is to be drafted from this object.
pub(crate) async fn contract_of(context: &Context, object: &OpenObject) -> Result<Option<Arc<Contract>>, Uncovered> {
    let Context { settings, objects, contracts, .. } = context;
    let url = layout::url(&object.bucket, &object.key);
    match contracts.find(objects, &object.bucket, &object.key).await? {
        Lookup::Found(contract) => Ok(Some(contract)),
        Lookup::Unknown(hints) => match settings.unknown_datasets {
            UnknownDatasets::Fail => {
                let summary = format!("{}{hints}", uncovered_by_any(&url));
                Err(Uncovered::By(FailureKind::UnknownDataset, summary))
            }
            UnknownDatasets::Infer => {
                let drafted =
                    unknown::drafted(objects, contracts, &settings.lake_bucket, object, settings.size_bytes_max).await;
                drafted.map_err(|error| undrafted(&url, error))
            }
        },
        Lookup::Invalid(documents) => {
            let documents: Vec<String> = documents.iter().map(ToString::to_string).collect();
            let summary = format!("no valid contract covers {url}; not valid: {}", documents.join("; "));
            Err(Uncovered::By(FailureKind::ContractInvalid, summary))
        }
        Lookup::Ambiguous { documents } => {
            let summary = format!("several contracts cover {url}: {}", documents.join(", "));
            Err(Uncovered::By(FailureKind::ContractAmbiguous, summary))
        }
    }
}

/// Why the object of this URL has no drafted contract.
pub(crate) fn undrafted(url: &str, error: UnknownError) -> Uncovered {
    match error {
        UnknownError::Lake(error) => Uncovered::Lake(error),
        error @ (UnknownError::TableTaken { .. }
        | UnknownError::TooBig { .. }
        | UnknownError::NotInferred(_)
        | UnknownError::NoRows
        | UnknownError::InvalidDraft { .. }
        | UnknownError::OtherFormat { .. }
        | UnknownError::Panicked) => Uncovered::By(error.kind(), format!("{}, and {error}", uncovered_by_any(url))),
    }
}

/// The failure of an object that there is no contract for.
pub(crate) fn uncovered(stage: Stage, kind: FailureKind, summary: &str, event: &ObjectEvent) -> FailureRecord {
    let mut record = FailureRecord::new(stage, kind, one_line(summary));
    record.source = Some(FailedSource::from(event));
    record
}

fn uncovered_by_any(url: &str) -> String {
    format!("no contract's landing location covers {url}")
}
