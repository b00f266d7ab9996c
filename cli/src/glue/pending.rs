//! The objects under a prefix that are to be taken in: those that the ledger does not have as done.
//! It does not know who takes them in, or when.

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use lakegate_lake::contracts::{Deployed, Lookup};
use lakegate_lake::listing::{ListedObject, Lister};
use lakegate_lake::objects::Objects;
use lakegate_lake::{LakeError, claims, layout, ledger};

/// All packages of the workspace have the same.
const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");
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
/// How many objects there are under the prefix, whatever they are.
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
) -> Result<u64> {
    let (mut next, mut count) = (None, 0);
    loop {
        let page = lister.page(prefix, next.as_deref()).await?;
        count += page.objects.len() as u64;
        let due = stream::iter(page.objects).map(|object| if_pending(objects, deployed, asked, object));
        let mut due = std::pin::pin!(due.buffered(ENTRIES_IN_FLIGHT));
        while let Some(object) = due.try_next().await? {
            object.map_or(Ok(()), &mut each)?;
        }
        next = page.next;
        if next.is_none() {
            return Ok(count);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lakegate_lake::contracts::Contracts;
    use lakegate_stand_ins::{Bucket, S3};
    use object_store::ObjectStoreExt;
    use object_store::path::Path;

    use super::*;

    const CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: ID
version: 1.0.0
status: active
servers: [{server: landing, type: s3, location: 's3://*/ID/**', format: csv}]
schema: [{name: ID, properties: [{name: id, logicalType: string}]}]
";

    async fn told(s3: &S3, prefix: &str, contract: Option<&str>, infers: bool) -> Vec<String> {
        let (objects, contracts) = (s3.objects(), Contracts::new("lake".to_owned()));
        let deployed = contracts.deployed(&objects).await.unwrap();
        let asked = Asked { lake_bucket: "lake", bucket: "raw", contract, infers };
        let mut told = Vec::new();
        let each = |object: ListedObject| {
            told.push(object.key);
            Ok(())
        };
        pending(&objects, &deployed, &s3.lister("raw"), &asked, prefix, each).await.unwrap();
        told
    }

    #[tokio::test]
    async fn what_the_ledger_does_not_have_as_done_is_pending() {
        let (s3, raw, lake) = (S3::start(), Arc::<Bucket>::default(), Arc::<Bucket>::default());
        s3.reset(&raw, &lake, &Arc::default());
        s3.set_page(3);
        for id in ["orders", "visits"] {
            let key = format!("contracts/{id}.odcs.yaml");
            lake.put(&Path::from(key), CONTRACT.replace("ID", id).into()).await.unwrap();
        }
        for (number, state) in ["", "committed", "rejected", "working", "heavy", "committed"].iter().enumerate() {
            let key = format!("orders/{number}.csv");
            let put = raw.put(&Path::from(key.as_str()), format!("id\n{number}\n").into()).await.unwrap();
            let etag = put.e_tag.unwrap();
            // The last one was uploaded again since.
            let etag = if number == 5 { "another" } else { etag.trim_matches('"') };
            let entry = serde_json::json!({
                "version": 1, "state": state, "dataset": "orders", "contract_version": "1.0.0",
                "source": {"bucket": "raw", "key": key, "version_id": null, "etag": etag, "sequencer": null, "size_bytes": 5},
                "engine_version": ENGINE_VERSION, "rows_read": 1, "rows_accepted": 1, "rows_rejected": 0,
                "rows_duplicate": 0, "violations": {}, "file_error": null, "outputs": [], "rejects_path": null,
                "at": "2026-01-01T00:00:00.000Z", "elapsed_ms": 1,
            });
            if !state.is_empty() {
                let place = layout::ledger_object("raw", &key);
                lake.put(&Path::from(place), entry.to_string().into()).await.unwrap();
            }
        }
        for key in ["visits/a.csv", "else/a.csv"] {
            raw.put(&Path::from(key), "id\n1\n".into()).await.unwrap();
        }
        let of_orders = ["orders/0.csv", "orders/3.csv", "orders/5.csv"];
        assert_eq!(told(&s3, "orders/", None, false).await, of_orders);
        assert_eq!(told(&s3, "", Some("orders"), false).await, of_orders);
        assert_eq!(told(&s3, "", Some("visits"), true).await, ["visits/a.csv"]);
        assert_eq!(told(&s3, "", None, false).await, [&of_orders[..], &["visits/a.csv"]].concat());
        assert_eq!(told(&s3, "", None, true).await, [&["else/a.csv"], &of_orders[..], &["visits/a.csv"]].concat());
    }
}
