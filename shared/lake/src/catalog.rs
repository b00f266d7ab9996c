//! Tables and partitions in the Glue Data Catalog, brought up to date at once and without a crawler.
//! It must not know where a table's definition comes from; that is in `definition`.

mod definition;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_glue::Client;
use aws_sdk_glue::operation::create_table::CreateTableError;
use aws_sdk_glue::operation::get_table::GetTableError;
use aws_sdk_glue::operation::update_table::UpdateTableError;
use aws_sdk_glue::types::{PartitionError, PartitionInput, Table};

use crate::LakeError;
use crate::error::{PASSING_CODES, from_sdk};

pub use definition::{CatalogColumn, CatalogPartition, TableDefinition, glue_type};

/// Partitions of one `BatchCreatePartition` call (Glue API).
pub const PARTITIONS_MAX: usize = 100;
/// Times that a table is read, compared and written before a race counts as trouble.
const ATTEMPTS: u32 = 6;
/// Pause after the first lost race; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// One database of the catalog. It remembers what it has seen to be there, so that a warm process makes no call for a
/// table and partitions that it registered itself: whoever drops a table by hand waits for a cold start.
#[derive(Debug)]
pub struct Catalog {
    glue: Client,
    database: String,
    known_tables: Mutex<BTreeMap<String, TableDefinition>>,
    known_partitions: Mutex<BTreeSet<(String, Vec<String>)>>,
}

enum Step {
    Done,
    Again(LakeError),
}

impl Catalog {
    /// A database that exists.
    #[must_use]
    pub fn new(glue: Client, database: String) -> Self {
        Self { glue, database, known_tables: Mutex::default(), known_partitions: Mutex::default() }
    }

    /// Creates the table, or changes its columns if they differ; otherwise leaves it as it is.
    ///
    /// Two processes may do so at once: whoever loses reads the table again and compares anew, a few times. A table
    /// at another location, or partitioned by other columns, is somebody else's: that is an error.
    ///
    /// # Errors
    ///
    /// What Glue refused, a race that was lost every time, or a table that is not ours.
    pub async fn ensure_table(&self, wanted: &TableDefinition) -> Result<(), LakeError> {
        if locked(&self.known_tables).get(&wanted.name) == Some(wanted) {
            return Ok(());
        }
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            // Boxed, because the SDK's calls make futures of many kilobytes.
            let step = match Box::pin(self.get_table(wanted)).await? {
                None => Box::pin(self.create_table(wanted)).await?,
                Some(found) => Box::pin(self.update_table(wanted, &found)).await?,
            };
            match step {
                Step::Done => break,
                Step::Again(error) if attempt == ATTEMPTS => return Err(error),
                Step::Again(_) => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
        locked(&self.known_tables).insert(wanted.name.clone(), wanted.clone());
        Ok(())
    }

    /// Registers partitions, 100 to a call; one that is there already is left as it is.
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
        for batch in new.chunks(PARTITIONS_MAX) {
            self.create_partitions(table, batch).await?;
            locked(&self.known_partitions).extend(batch.iter().map(|partition| name_of(partition)));
        }
        Ok(())
    }

    async fn get_table(&self, wanted: &TableDefinition) -> Result<Option<Table>, LakeError> {
        let answer = self.glue.get_table().database_name(&self.database).name(&wanted.name).send().await;
        match answer {
            Ok(answer) => Ok(answer.table),
            // A missing database has the same code and a table cannot be created in it: CreateTable will say so.
            Err(error) if error.as_service_error().is_some_and(GetTableError::is_entity_not_found_exception) => {
                Ok(None)
            }
            Err(error) => Err(from_sdk("GetTable", self.resource(wanted), &error)),
        }
    }

    async fn create_table(&self, wanted: &TableDefinition) -> Result<Step, LakeError> {
        let input = self.built("CreateTable", wanted, wanted.table_input())?;
        let answer = self.glue.create_table().database_name(&self.database).table_input(input).send().await;
        let Err(error) = answer else {
            return Ok(Step::Done);
        };
        let raced = error.as_service_error().is_some_and(CreateTableError::is_already_exists_exception);
        let error = from_sdk("CreateTable", self.resource(wanted), &error);
        if raced || error.is_passing() { Ok(Step::Again(error)) } else { Err(error) }
    }

    async fn update_table(&self, wanted: &TableDefinition, found: &Table) -> Result<Step, LakeError> {
        wanted.check_compatible(&self.resource(wanted), found)?;
        if wanted.has_same_columns(found) {
            return Ok(Step::Done);
        }
        let input = self.built("UpdateTable", wanted, wanted.table_input_over(found))?;
        let answer = self
            .glue
            .update_table()
            .database_name(&self.database)
            .table_input(input)
            .set_version_id(found.version_id.clone())
            .send()
            .await;
        let Err(error) = answer else {
            return Ok(Step::Done);
        };
        let raced = error.as_service_error().is_some_and(UpdateTableError::is_concurrent_modification_exception);
        let error = from_sdk("UpdateTable", self.resource(wanted), &error);
        if raced || error.is_passing() { Ok(Step::Again(error)) } else { Err(error) }
    }

    async fn create_partitions(&self, table: &TableDefinition, batch: &[&CatalogPartition]) -> Result<(), LakeError> {
        const OPERATION: &str = "BatchCreatePartition";
        let inputs: Vec<PartitionInput> = batch.iter().map(|partition| table.partition_input(partition)).collect();
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            let answer = self
                .glue
                .batch_create_partition()
                .database_name(&self.database)
                .table_name(&table.name)
                .set_partition_input_list(Some(inputs.clone()))
                .send()
                .await;
            let outcome = match answer {
                Ok(answer) => self.judge_partition_errors(table, answer.errors()),
                Err(error) => Err(from_sdk(OPERATION, self.resource(table), &error)),
            };
            match outcome {
                Err(error) if error.is_passing() && attempt < ATTEMPTS => tokio::time::sleep(pause).await,
                other => return other,
            }
            pause *= 2;
        }
        Ok(())
    }

    fn judge_partition_errors(&self, table: &TableDefinition, errors: &[PartitionError]) -> Result<(), LakeError> {
        for error in errors {
            let detail = error.error_detail();
            let code = detail.and_then(|detail| detail.error_code()).unwrap_or("an error without a code");
            if code == "AlreadyExistsException" {
                continue;
            }
            let (operation, resource) = ("BatchCreatePartition", self.resource(table));
            // Glue's message may quote the partition's values, which are cells: only its code is passed on.
            let source = code.to_owned().into();
            return Err(if PASSING_CODES.contains(&code) {
                LakeError::Passing { operation, resource, source }
            } else {
                LakeError::Refused { operation, resource, source }
            });
        }
        Ok(())
    }

    fn built<T>(
        &self,
        operation: &'static str,
        table: &TableDefinition,
        input: Result<T, aws_sdk_glue::error::BuildError>,
    ) -> Result<T, LakeError> {
        input.map_err(|error| LakeError::Refused { operation, resource: self.resource(table), source: error.into() })
    }

    fn resource(&self, table: &TableDefinition) -> String {
        format!("{}.{}", self.database, table.name)
    }
}

/// A panic elsewhere cannot leave what is remembered half-written.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
