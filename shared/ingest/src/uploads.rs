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

use crate::conversion::{ConversionError, Encoded};

/// Outputs that are completed at once. A reader of the table may see some before the others either way; the fewer
/// round trips one after another, the shorter.
const COMPLETIONS_IN_FLIGHT: usize = 8;

/// Why outputs were not published.
#[derive(Debug)]
pub(crate) struct Unpublished {
    /// The first error.
    pub(crate) error: LakeError,
    /// Some output of the table is visible, or may be.
    pub(crate) is_any_visible: bool,
}

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
    /// What all outputs have in memory.
    held_bytes: usize,
    /// Most that they may have.
    held_bytes_max: usize,
}

impl<'a> Uploads<'a> {
    /// No output yet, of a source object under its contract. All outputs together have at most so many bytes in memory.
    pub(crate) fn new(
        objects: &'a Objects,
        lake_bucket: &'a str,
        contract: &'a Contract,
        object: &OpenObject,
        held_bytes_max: usize,
    ) -> Self {
        let version = object.version_id.as_ref().or(object.etag.as_ref());
        Self {
            objects,
            lake_bucket,
            table: &contract.table,
            source_name: layout::source_name(&object.bucket, &object.key),
            version: version.map(|version| format!("{version} {}", contract.version)),
            table_objects: BTreeMap::new(),
            rejects: None,
            held_bytes: 0,
            held_bytes_max,
        }
    }

    /// Appends bytes to the output that they belong to; begins it with its first ones.
    ///
    /// When all outputs together have too much in memory it waits for parts that are on their way. What is less than S3's smallest part
    /// can only wait for the output's end: where even that is too much the conversion ends.
    pub(crate) async fn write(&mut self, encoded: &Encoded) -> Result<(), ConversionError> {
        let Some(pending) = self.pending(encoded)? else {
            return Ok(());
        };
        let before = pending.held_bytes();
        pending.write(&encoded.bytes).await?;
        let after = pending.held_bytes();
        self.held_bytes = (self.held_bytes + after).saturating_sub(before);
        if self.held_bytes <= self.held_bytes_max {
            return Ok(());
        }
        let mut held_bytes = 0;
        for pending in self.table_objects.values_mut().chain(&mut self.rejects) {
            pending.finish_parts().await?;
            held_bytes += pending.held_bytes();
        }
        self.held_bytes = held_bytes;
        if held_bytes > self.held_bytes_max { Err(ConversionError::TooMuchHeld) } else { Ok(()) }
    }

    fn pending(&mut self, encoded: &Encoded) -> Result<Option<&mut PendingObject>, LakeError> {
        Ok(match encoded.output {
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
        })
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
    pub(crate) async fn publish(self) -> Result<(), Unpublished> {
        let tables = self.table_objects.into_values().map(|pending| (pending, true));
        let all = tables.chain(self.rejects.map(|rejects| (rejects, false)));
        let publish = async |(pending, is_table): (PendingObject, bool)| (pending.publish().await, is_table);
        let mut published = stream::iter(all).map(publish).buffer_unordered(COMPLETIONS_IN_FLIGHT);
        let (mut outcome, mut is_any_visible) = (Ok(()), false);
        while let Some((one, is_table)) = published.next().await {
            // A request that failed for now may have been carried out, one that was refused was not.
            is_any_visible |= is_table && one.as_ref().map_or_else(LakeError::is_passing, |()| true);
            outcome = outcome.and(one);
        }
        outcome.map_err(|error| Unpublished { error, is_any_visible })
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
