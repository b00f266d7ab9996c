//! The outputs of one conversion on their way: begun with their first bytes, held in memory only in part, and all of them invisible.
//! It must not know what becomes of them.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use lakegate_contract::Contract;
use lakegate_convert::{Judgement, Output, Partition};
use lakegate_lake::objects::Objects;
use lakegate_lake::read::OpenObject;
use lakegate_lake::upload::{LeftObject, PendingObject};
use lakegate_lake::{LakeError, layout, ledger};
use serde::{Deserialize, Serialize};

use crate::conversion::{ConversionError, Encoded};
use crate::outputs::{Outputs, abort};

/// The outputs of one conversion.
pub(crate) struct Uploads<'a> {
    objects: &'a Objects,
    lake_bucket: &'a str,
    table: &'a str,
    source_name: String,
    /// The object's version, else its entity tag, and its contract's: what is refused under another contract leaves the rejects of the
    /// rows that stand.
    version: Option<String>,
    /// The range of the object that they are of: they are left to whoever has all of them.
    range: Option<usize>,
    table_objects: BTreeMap<usize, PendingObject>,
    rejects: Option<PendingObject>,
    /// What all outputs have in memory.
    held_bytes: usize,
    /// Most that they may have.
    held_bytes_max: usize,
}

/// What the conversion of a range left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    /// The table's files.
    pub(crate) table: Vec<LeftOutput>,
    /// The file of rejected rows.
    pub(crate) rejects: Option<LeftObject>,
}

/// A file of the table that is not visible yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOutput {
    /// The partition's path.
    partition: String,
    /// Rows in the file.
    rows: u64,
    #[serde(flatten)]
    object: LeftObject,
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
            range: None,
            table_objects: BTreeMap::new(),
            rejects: None,
            held_bytes: 0,
            held_bytes_max,
        }
    }

    /// The same, of one range of the object alone.
    pub(crate) fn of_range(self, range: usize) -> Self {
        Self { range: Some(range), ..self }
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
                    let number = self.range.map(|range| format!("-{range}")).unwrap_or_default();
                    let name = format!("{}{number}", self.source_name);
                    let path = layout::rejects_object(self.table, &name, self.version.as_deref());
                    self.rejects = Some(self.begin(&path)?);
                }
                self.rejects.as_mut()
            }
            Output::Table(index) => {
                if !self.table_objects.contains_key(&index) {
                    // One file per partition and range, so of a file that is converted as a whole always the first: a new version
                    // replaces it in one step.
                    let number = self.range.unwrap_or_default();
                    let path = layout::table_object(self.table, &encoded.partition, &self.source_name, number);
                    let pending = self.begin(&path)?;
                    self.table_objects.insert(index, pending);
                }
                self.table_objects.get_mut(&index)
            }
        })
    }

    fn begin(&self, path: &str) -> Result<PendingObject, LakeError> {
        match self.range {
            None => PendingObject::new(self.objects, self.lake_bucket, path),
            Some(_) => PendingObject::to_be_left(self.objects, self.lake_bucket, path, mark()),
        }
    }

    /// The outputs, all written, to be published or given up.
    pub(crate) fn into_outputs(self, judgement: &Judgement) -> Outputs {
        let output = |(index, pending): (usize, PendingObject)| {
            let partition = judgement.partitions.get(index);
            (partition.map(|partition| output_of(partition, pending.key())), pending)
        };
        Outputs::new(self.table_objects.into_iter().map(output).collect(), self.rejects.into_iter().collect())
    }

    /// Leaves the outputs to another process. `partitions` by the index of their outputs.
    ///
    /// # Errors
    ///
    /// What S3 refused; then all outputs are given up.
    pub(crate) async fn leave(mut self, partitions: &[Partition]) -> Result<Left, LakeError> {
        let mut left = Left::default();
        let mut outcome = Ok(());
        for (index, pending) in std::mem::take(&mut self.table_objects) {
            // Of a range that shows why the file is rejected, the table's outputs are not whole.
            let Some(partition) = partitions.get(index).filter(|_| outcome.is_ok()) else {
                abort(pending).await;
                continue;
            };
            match pending.leave().await {
                Ok(object) => {
                    let (partition, rows) = (partition.path.clone(), partition.rows);
                    left.table.push(LeftOutput { partition, rows, object });
                }
                Err(error) => outcome = Err(error),
            }
        }
        match self.rejects.take() {
            Some(pending) if outcome.is_ok() => match pending.leave().await {
                Ok(object) => left.rejects = Some(object),
                Err(error) => outcome = Err(error),
            },
            Some(pending) => abort(pending).await,
            None => {}
        }
        if let Err(error) = outcome {
            left.outputs(self.objects, self.lake_bucket)?.abort().await;
            return Err(error);
        }
        Ok(left)
    }

    /// Gives every output up.
    pub(crate) async fn abort(self) {
        for pending in self.table_objects.into_values().chain(self.rejects) {
            abort(pending).await;
        }
    }
}

impl Left {
    /// How many files there are.
    pub(crate) fn files(&self) -> usize {
        self.table.len() + usize::from(self.rejects.is_some())
    }

    /// The outputs, as whoever has them all goes on with them.
    pub(crate) fn outputs(&self, objects: &Objects, lake_bucket: &str) -> Result<Outputs, LakeError> {
        let mut table = Vec::with_capacity(self.table.len());
        for LeftOutput { partition, rows, object } in &self.table {
            let (path, partition) = (object.path.clone(), partition.clone());
            let output = ledger::Output { path, partition, rows: *rows, bytes: object.bytes };
            table.push((Some(output), PendingObject::of_left(objects, lake_bucket, object)?));
        }
        let mut rejects = Vec::new();
        if let Some(object) = &self.rejects {
            rejects.push(PendingObject::of_left(objects, lake_bucket, object)?);
        }
        Ok(Outputs::new(table, rejects).left())
    }
}

fn output_of(partition: &Partition, path: &str) -> ledger::Output {
    ledger::Output {
        path: path.to_owned(),
        partition: partition.path.clone(),
        rows: partition.rows,
        bytes: partition.bytes,
    }
}

/// A text that no other upload has.
fn mark() -> String {
    // The keys of every RandomState differ, and the first ones come from the operating system.
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random())
}
