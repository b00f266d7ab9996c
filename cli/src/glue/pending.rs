//! The objects under a prefix that are to be taken in: those that the ledger does not have as done.
//! It does not know who takes them in, or when.

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use lakegate_lake::contracts::{Deployed, Lookup};
use lakegate_lake::listing::{ListedObject, Lister};
use lakegate_lake::objects::Objects;
use lakegate_lake::{LakeError, claims, layout, ledger};

/// Ledger entries that are read at once.
const ENTRIES_IN_FLIGHT: usize = 32;

/// What is asked of a listing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Where the ledger is.
    pub(crate) lake_bucket: &'a str,
    /// Where the objects are.
    pub(crate) bucket: &'a str,
    /// A contract's id: only its objects are meant. Otherwise those of any contract.
    pub(crate) contract: Option<&'a str>,
    /// Objects that no contract covers get one.
    pub(crate) infers: bool,
}

/// Tells each object under a prefix, by key, that is not done: neither committed, rejected nor failed under its contract as that is
/// deployed and by this engine, nor handed to a Glue run of its own. Objects of no contract, folders and Lakegate's own are no work.
///
/// # Errors
///
/// What S3 refused, an entry that does not parse, or what `each` says.
pub(crate) async fn pending(
    objects: &Objects,
    deployed: &Deployed,
    lister: &Lister,
    asked: &Asked<'_>,
    prefix: &str,
    mut each: impl FnMut(ListedObject) -> Result<()>,
) -> Result<()> {
    let mut next = None;
    loop {
        let page = lister.page(prefix, next.as_deref()).await?;
        let due = stream::iter(page.objects).map(|object| if_pending(objects, deployed, asked, object));
        let mut due = std::pin::pin!(due.buffered(ENTRIES_IN_FLIGHT));
        while let Some(object) = due.try_next().await? {
            object.map_or(Ok(()), &mut each)?;
        }
        next = page.next;
        if next.is_none() {
            return Ok(());
        }
    }
}

async fn if_pending(
    objects: &Objects,
    deployed: &Deployed,
    asked: &Asked<'_>,
    object: ListedObject,
) -> Result<Option<ListedObject>, LakeError> {
    let is_folder = object.key.ends_with('/') && object.size_bytes == 0;
    if is_folder || layout::is_own_object(asked.lake_bucket, asked.bucket, &object.key) {
        return Ok(None);
    }
    let contract = match (deployed.find(asked.bucket, &object.key), asked.contract) {
        (Lookup::Found(contract), Some(id)) if contract.id != id => return Ok(None),
        (Lookup::Found(contract), _) => Some(contract),
        (Lookup::Unknown(_), None) if asked.infers => None,
        (Lookup::Unknown(_) | Lookup::Invalid(_) | Lookup::Ambiguous { .. }, _) => return Ok(None),
    };
    let found = claims::find(objects, asked.lake_bucket, asked.bucket, &object.key).await?;
    let is_settled = |entry| ledger::is_settled(entry, object.etag.as_deref(), contract.as_deref(), ENGINE_VERSION);
    let is_done = found.entry().is_some_and(is_settled);
    Ok((!is_done).then_some(object))
}

/// All packages of the workspace have the same.
const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");
