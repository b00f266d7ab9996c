//! The outputs of one file on their way, all of them invisible until they are published.
//! It must not know what decides that.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use lakegate_contract::Contract;
use lakegate_convert::Output;
use lakegate_lake::objects::Objects;
use lakegate_lake::read::OpenObject;
use lakegate_lake::upload::PendingObject;
use lakegate_lake::{LakeError, chain, layout};

use crate::conversion::Encoded;

/// Outputs that are completed at once. A reader of the table may see some before the others either way; the fewer
/// round trips one after another, the shorter.
const COMPLETIONS_IN_FLIGHT: usize = 8;

/// The outputs of one file.
pub(crate) struct Uploads<'a> {
    objects: &'a Objects,
    lake_bucket: &'a str,
    table: &'a str,
    source_name: String,
    /// The object's version, else its entity tag, and its contract's: what is refused under another contract leaves the rejects of the
    /// rows that stand.
    version: Option<String>,
    table_objects: BTreeMap<usize, PendingObject>,
    rejects: Option<PendingObject>,
}

impl<'a> Uploads<'a> {
    /// No output yet, of a source object under its contract.
    pub(crate) fn new(objects: &'a Objects, lake_bucket: &'a str, contract: &'a Contract, object: &OpenObject) -> Self {
        let version = object.version_id.as_ref().or(object.etag.as_ref());
        Self {
            objects,
            lake_bucket,
            table: &contract.table,
            source_name: layout::source_name(&object.bucket, &object.key),
            version: version.map(|version| format!("{version} {}", contract.version)),
            table_objects: BTreeMap::new(),
            rejects: None,
        }
    }

    /// Appends bytes to the output that they belong to; begins it with its first ones.
    pub(crate) async fn write(&mut self, encoded: &Encoded) -> Result<(), LakeError> {
        let pending = match encoded.output {
            Output::Rejects => {
                if self.rejects.is_none() {
                    let path = layout::rejects_object(self.table, &self.source_name, self.version.as_deref());
                    self.rejects = Some(PendingObject::new(self.objects, self.lake_bucket, &path)?);
                }
                self.rejects.as_mut()
            }
            Output::Table(index) => {
                if !self.table_objects.contains_key(&index) {
                    // One file per partition, so always the first: a new version replaces it in one step.
                    let path = layout::table_object(self.table, &encoded.partition, &self.source_name, 0);
                    let pending = PendingObject::new(self.objects, self.lake_bucket, &path)?;
                    self.table_objects.insert(index, pending);
                }
                self.table_objects.get_mut(&index)
            }
        };
        match pending {
            Some(pending) => pending.write(&encoded.bytes).await,
            None => Ok(()),
        }
    }

    /// The key of the table's output of an index.
    pub(crate) fn table_path(&self, index: usize) -> Option<&str> {
        self.table_objects.get(&index).map(PendingObject::key)
    }

    /// The key of the rejected rows' output, if there are any.
    pub(crate) fn rejects_path(&self) -> Option<&str> {
        self.rejects.as_ref().map(PendingObject::key)
    }

    /// Makes every output visible. All are tried; the first error is returned, and then the event comes again and
    /// writes the same names.
    pub(crate) async fn publish(self) -> Result<(), LakeError> {
        let all = self.table_objects.into_values().chain(self.rejects);
        let mut published = stream::iter(all).map(PendingObject::publish).buffer_unordered(COMPLETIONS_IN_FLIGHT);
        let mut outcome = Ok(());
        while let Some(one) = published.next().await {
            outcome = outcome.and(one);
        }
        outcome
    }

    /// Makes the rejected rows visible and gives the table's outputs up.
    pub(crate) async fn publish_rejects_only(mut self) -> Result<(), LakeError> {
        let rejects = self.rejects.take();
        self.abort().await;
        match rejects {
            Some(rejects) => rejects.publish().await,
            None => Ok(()),
        }
    }

    /// Gives every output up. What cannot be removed now, the bucket's lifecycle rule removes later.
    pub(crate) async fn abort(self) {
        for pending in self.table_objects.into_values().chain(self.rejects) {
            if let Err(error) = pending.abort().await {
                tracing::warn!(error = chain(&error), "an unfinished upload stays until the lifecycle rule removes it");
            }
        }
    }
}
