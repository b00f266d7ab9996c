//! Entries of the ledger, read many at a time.
//! It must not know what they are read for.

use anyhow::Result;
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt};
use lakegate_lake::LakeError;
use lakegate_lake::layout;
use lakegate_lake::ledger::Entry;
use lakegate_lake::listing::ListedObject;

use crate::operate::place::Found;
use crate::operate::progress;

/// Entries that are asked for at once.
const READS_AT_ONCE: usize = 32;

/// What the ledger tells.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// The entry that was written last comes first.
    pub(crate) entries: Vec<Entry>,
    /// Documents that do not parse, by their keys.
    pub(crate) unreadable: Vec<String>,
}

/// Reads the entries that were written at that time or later.
pub(crate) async fn since(found: &Found, since: DateTime<Utc>) -> Result<Entries> {
    let mut listed = Vec::new();
    let mut after = None;
    let bar = progress::open("listing the ledger:");
    loop {
        let page = found.lake.page(layout::LEDGER_PREFIX, after.as_deref()).await?;
        // S3 tells whole seconds.
        let is_wanted = |object: &ListedObject| {
            object.last_modified.timestamp() >= since.timestamp() && object.key.strip_suffix(".json").is_some()
        };
        listed.extend(page.objects.into_iter().filter(is_wanted));
        bar.set_message(format!("{} entries", listed.len()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    listed.sort_by_key(|object| std::cmp::Reverse(object.last_modified));
    read(found, &listed).await
}

async fn read(found: &Found, listed: &[ListedObject]) -> Result<Entries> {
    let bar = progress::towards(listed.len() as u64, "reading the ledger");
    let stack = &found.stack;
    let read_one = async |object: &ListedObject| {
        let read = stack.objects.get_json::<Entry>(&stack.lake_bucket, &object.key).await;
        bar.inc(1);
        (object.key.clone(), read)
    };
    let mut read = Entries::default();
    let mut answers = stream::iter(listed).map(read_one).buffered(READS_AT_ONCE);
    while let Some((key, answer)) = answers.next().await {
        match answer {
            Ok(Some((entry, _))) => read.entries.push(entry),
            Ok(None) => {}
            Err(LakeError::Unreadable { .. }) => read.unreadable.push(key),
            Err(error) => return Err(error.into()),
        }
    }
    bar.finish_and_clear();
    Ok(read)
}
