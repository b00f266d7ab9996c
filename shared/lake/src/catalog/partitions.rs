//! Partitions in the catalog: registered when they get their first file, and always with their table's columns.
//! It must not know where files are; a partition is its values and its place below the table's.
//!
//! A partition has columns of its own. Athena compares them with the table's, and reads the partition's files in them: a file of 64-bit
//! numbers in a partition that says `int` is an error, and Hive shows null in a column that the partition does not have.

use std::future::Future;

use aws_sdk_glue::operation::batch_get_partition::BatchGetPartitionError;
use aws_sdk_glue::types::{
    BatchUpdatePartitionRequestEntry, ErrorDetail, Partition, PartitionInput, PartitionValueList,
};

use super::columns::{are_same, merged};
use super::definition::{catalog_columns, glue_columns};
use super::{ATTEMPTS, Catalog, CatalogColumn, CatalogPartition, FIRST_PAUSE, TableDefinition, locked};
use crate::LakeError;
use crate::error::{PASSING_CODES, from_sdk_without_message};

/// Partitions of one `BatchCreatePartition` or `BatchUpdatePartition` call (Glue API).
pub const PARTITIONS_MAX: usize = 100;
/// Partitions that a warm process remembers, of all tables: some megabytes of names.
const KNOWN_MAX: usize = 50_000;
/// Partitions of one `GetPartitions` answer (Glue API).
const PAGE_MAX: i32 = 1000;

impl Catalog {
    /// Registers partitions, 100 to a call. One that is there already is brought to the table's columns, should it have others: a
    /// process that still knows a former contract may have made it.
    ///
    /// # Errors
    ///
    /// What Glue refused, for a call as a whole or for one partition.
    pub async fn register_partitions(
        &self,
        table: &TableDefinition,
        partitions: &[CatalogPartition],
    ) -> Result<(), LakeError> {
        let name_of = |partition: &CatalogPartition| (table.name.clone(), partition.values.clone());
        let mut new: Vec<&CatalogPartition> = Vec::new();
        {
            let known = locked(&self.known_partitions);
            new.extend(partitions.iter().filter(|partition| !known.contains(&name_of(partition))));
        }
        let columns = self.columns_of(table);
        for batch in new.chunks(PARTITIONS_MAX) {
            let missing = Box::pin(self.align_existing(table, &columns, batch)).await?;
            let taken = Box::pin(self.create_partitions(table, &columns, &missing)).await?;
            Box::pin(self.align_existing(table, &columns, &taken)).await?;
            let mut known = locked(&self.known_partitions);
            if known.len() + batch.len() > KNOWN_MAX {
                // To ask again costs a call or two per hundred partitions.
                known.clear();
            }
            known.extend(batch.iter().map(|partition| name_of(partition)));
        }
        Ok(())
    }

    /// Gives every partition of the table its columns.
    pub(super) async fn align_all_partitions(
        &self,
        table: &TableDefinition,
        columns: &[CatalogColumn],
    ) -> Result<(), LakeError> {
        let mut token = None;
        loop {
            let page = with_retries(async || {
                let request = self.glue.get_partitions().database_name(&self.database).table_name(&table.name);
                let answer = request.max_results(PAGE_MAX).set_next_token(token.clone()).send().await;
                answer.map_err(|error| from_sdk_without_message("GetPartitions", self.resource(table), &error))
            })
            .await?;
            self.align(table, columns, page.partitions()).await?;
            token = page.next_token;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    /// Gives those of the partitions that exist the table's columns, and says which ones do not exist.
    async fn align_existing<'p>(
        &self,
        table: &TableDefinition,
        columns: &[CatalogColumn],
        partitions: &[&'p CatalogPartition],
    ) -> Result<Vec<&'p CatalogPartition>, LakeError> {
        const OPERATION: &str = "BatchGetPartition";
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let mut wanted = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let values = PartitionValueList::builder().set_values(Some(partition.values.clone())).build();
            wanted.push(self.built(OPERATION, table, values)?);
        }
        let found = with_retries(async || {
            let request = self.glue.batch_get_partition().database_name(&self.database).table_name(&table.name);
            match request.set_partitions_to_get(Some(wanted.clone())).send().await {
                Ok(answer) => Ok(answer.partitions.unwrap_or_default()),
                // Should the table be gone, creating them says so.
                Err(error)
                    if error.as_service_error().is_some_and(BatchGetPartitionError::is_entity_not_found_exception) =>
                {
                    Ok(Vec::new())
                }
                Err(error) => Err(from_sdk_without_message(OPERATION, self.resource(table), &error)),
            }
        })
        .await?;
        self.align(table, columns, &found).await?;
        let is_missing = |partition: &CatalogPartition| !found.iter().any(|other| other.values() == partition.values);
        Ok(partitions.iter().copied().filter(|partition| is_missing(partition)).collect())
    }

    /// Gives the partitions the columns that they lack. What they have beyond the table's stays: a later contract's process put it there.
    async fn align(
        &self,
        table: &TableDefinition,
        columns: &[CatalogColumn],
        partitions: &[Partition],
    ) -> Result<(), LakeError> {
        const OPERATION: &str = "BatchUpdatePartition";
        let mut entries = Vec::new();
        for partition in partitions {
            let Some(input) = aligned(partition, columns) else { continue };
            let entry = BatchUpdatePartitionRequestEntry::builder()
                .set_partition_value_list(Some(partition.values().to_vec()))
                .partition_input(input);
            entries.push(self.built(OPERATION, table, entry.build())?);
        }
        for batch in entries.chunks(PARTITIONS_MAX) {
            with_retries(async || {
                let request = self.glue.batch_update_partition().database_name(&self.database).table_name(&table.name);
                let answer = request.set_entries(Some(batch.to_vec())).send().await;
                let answer =
                    answer.map_err(|error| from_sdk_without_message(OPERATION, self.resource(table), &error))?;
                for error in answer.errors() {
                    // One that somebody removed meanwhile needs no columns.
                    self.judge(OPERATION, table, error.error_detail(), "EntityNotFoundException")?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Creates partitions, and says which ones were there already.
    async fn create_partitions<'p>(
        &self,
        table: &TableDefinition,
        columns: &[CatalogColumn],
        batch: &[&'p CatalogPartition],
    ) -> Result<Vec<&'p CatalogPartition>, LakeError> {
        const OPERATION: &str = "BatchCreatePartition";
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let input = |partition: &&CatalogPartition| table.partition_input(partition, columns);
        let inputs: Vec<PartitionInput> = batch.iter().map(input).collect();
        with_retries(async || {
            let request = self.glue.batch_create_partition().database_name(&self.database).table_name(&table.name);
            let answer = request.set_partition_input_list(Some(inputs.clone())).send().await;
            let answer = answer.map_err(|error| from_sdk_without_message(OPERATION, self.resource(table), &error))?;
            let mut taken = Vec::new();
            for error in answer.errors() {
                self.judge(OPERATION, table, error.error_detail(), "AlreadyExistsException")?;
                taken.extend(batch.iter().copied().filter(|partition| partition.values == error.partition_values()));
            }
            Ok(taken)
        })
        .await
    }

    /// What Glue says of one partition, unless it is of the harmless code.
    fn judge(
        &self,
        operation: &'static str,
        table: &TableDefinition,
        detail: Option<&ErrorDetail>,
        harmless: &str,
    ) -> Result<(), LakeError> {
        let code = detail.and_then(ErrorDetail::error_code).unwrap_or("an error without a code");
        if code == harmless {
            return Ok(());
        }
        let resource = self.resource(table);
        // Glue's message may quote the partition's values, which are cells: only its code is passed on.
        let source = code.to_owned().into();
        Err(if PASSING_CODES.contains(&code) {
            LakeError::Passing { operation, resource, source }
        } else {
            LakeError::Refused { operation, resource, source }
        })
    }
}

/// The partition with the table's columns, and otherwise as it is; `None`: it has them.
fn aligned(partition: &Partition, columns: &[CatalogColumn]) -> Option<PartitionInput> {
    let mut storage = partition.storage_descriptor()?.clone();
    let found = catalog_columns(storage.columns());
    // Columns of other types are somebody else's word for files that are ours.
    let wanted = merged("", &found, columns).unwrap_or_else(|_| columns.to_vec());
    if are_same(&wanted, &found) {
        return None;
    }
    storage.columns = Some(glue_columns(&wanted));
    let input = PartitionInput::builder()
        .set_values(partition.values.clone())
        .storage_descriptor(storage)
        .set_parameters(partition.parameters.clone())
        .set_last_access_time(partition.last_access_time)
        .set_last_analyzed_time(partition.last_analyzed_time);
    Some(input.build())
}

/// Calls again what failed for now, a few times.
async fn with_retries<T, F>(call: impl Fn() -> F) -> Result<T, LakeError>
where
    F: Future<Output = Result<T, LakeError>>,
{
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        match call().await {
            Err(error) if error.is_passing() && attempt < ATTEMPTS => tokio::time::sleep(pause).await,
            outcome => return outcome,
        }
        pause *= 2;
        attempt += 1;
    }
}
