//! Tables and partitions in the Glue Data Catalog, brought up to date at once and without a crawler.
//! It must not know where a table's definition comes from; that is in `definition`.

mod columns;
mod definition;
mod partitions;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_glue::Client;
use aws_sdk_glue::operation::create_table::CreateTableError;
use aws_sdk_glue::operation::get_table::GetTableError;
use aws_sdk_glue::operation::update_table::UpdateTableError;
use aws_sdk_glue::types::{StorageDescriptor, Table};

use crate::LakeError;
use crate::error::from_sdk;
use columns::{are_same, digest, merged};
use definition::catalog_columns;

pub use definition::{CatalogColumn, CatalogPartition, TableDefinition, glue_type};
pub use partitions::PARTITIONS_MAX;
pub use reading::TableColumns;

/// The table's parameter that says for which columns all its partitions were brought up to date: [`digest`] of them.
const ALIGNED: &str = "lakegate.partition_columns";
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
    known_tables: Mutex<BTreeMap<String, KnownTable>>,
    known_partitions: Mutex<BTreeSet<(String, Vec<String>)>>,
}

/// A table as it was asked for, and the columns that it has since: also those of other contracts, before and after.
#[derive(Debug)]
struct KnownTable {
    wanted: TableDefinition,
    columns: Vec<CatalogColumn>,
}

enum Step {
    /// The table is as it should be, with these columns.
    Done(Vec<CatalogColumn>),
    /// The table was written, and its partitions are next.
    Written,
    /// Somebody else was faster, or the service was not available.
    Again(LakeError),
}

impl Catalog {
    /// A database that exists.
    #[must_use]
    pub fn new(glue: Client, database: String) -> Self {
        Self { glue, database, known_tables: Mutex::default(), known_partitions: Mutex::default() }
    }

    /// Creates the table, or gives it the columns that it lacks, and then all its partitions; otherwise leaves it as it is.
    ///
    /// Columns are added at the end and widened, never dropped, moved or narrowed, so that the files of every contract that the table
    /// has had are read. That its partitions follow is noted on the table itself: who dies before they all did leaves
    /// it to the next one.
    ///
    /// Two processes may do so at once: whoever loses reads the table again and compares anew, a few times. A table
    /// at another location, or partitioned by other columns, is somebody else's: that is an error.
    ///
    /// # Errors
    ///
    /// What Glue refused, a race that was lost every time, a table that is not ours, or one whose files cannot be read together with
    /// the new ones ([`LakeError::IncompatibleTable`]).
    pub async fn ensure_table(&self, wanted: &TableDefinition) -> Result<(), LakeError> {
        if locked(&self.known_tables).get(&wanted.name).is_some_and(|known| known.wanted == *wanted) {
            return Ok(());
        }
        let mut pause = FIRST_PAUSE;
        let (mut attempt, mut is_told) = (1, false);
        let columns = loop {
            // Boxed, because the SDK's calls make futures of many kilobytes.
            let step = match Box::pin(self.get_table(wanted)).await? {
                None => Box::pin(self.create_table(wanted)).await?,
                Some(found) => Box::pin(self.update_table(wanted, &found, is_told)).await?,
            };
            match step {
                Step::Done(columns) => break columns,
                Step::Written => is_told = true,
                Step::Again(error) if attempt == ATTEMPTS => return Err(error),
                Step::Again(_) => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    attempt += 1;
                }
            }
        };
        locked(&self.known_tables).insert(wanted.name.clone(), KnownTable { wanted: wanted.clone(), columns });
        Ok(())
    }

    /// The columns that the table has, as far as this process knows.
    fn columns_of(&self, table: &TableDefinition) -> Vec<CatalogColumn> {
        let known = locked(&self.known_tables);
        known.get(&table.name).map_or_else(|| table.columns.clone(), |known| known.columns.clone())
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
        let input =
            self.built("CreateTable", wanted, wanted.table_input(&wanted.columns, Some(&digest(&wanted.columns))))?;
        let answer = self.glue.create_table().database_name(&self.database).table_input(input).send().await;
        let Err(error) = answer else {
            return Ok(Step::Done(wanted.columns.clone()));
        };
        let raced = error.as_service_error().is_some_and(CreateTableError::is_already_exists_exception);
        let error = from_sdk("CreateTable", self.resource(wanted), &error);
        if raced || error.is_passing() { Ok(Step::Again(error)) } else { Err(error) }
    }

    /// `is_told`: descriptions and comments were written before, and whatever became of them is not written again.
    async fn update_table(&self, wanted: &TableDefinition, found: &Table, is_told: bool) -> Result<Step, LakeError> {
        let resource = self.resource(wanted);
        wanted.check_compatible(&resource, found)?;
        let found_columns =
            catalog_columns(found.storage_descriptor().map(StorageDescriptor::columns).unwrap_or_default());
        let columns = merged(&resource, &found_columns, &wanted.columns)?;
        let has_columns = are_same(&columns, &found_columns);
        let is_aligned = wanted.partition_keys.is_empty()
            || found.parameters().and_then(|parameters| parameters.get(ALIGNED)) == Some(&digest(&columns));
        if !has_columns || !(is_told || (wanted.is_described(found) && columns == found_columns)) {
            // The table first: a partition may be narrower than its table, and not wider.
            let aligned = (is_aligned && has_columns).then(|| digest(&columns));
            return self.write_table(wanted, found, &columns, aligned.as_deref()).await;
        }
        if is_aligned {
            return Ok(Step::Done(columns));
        }
        self.align_all_partitions(wanted, &columns).await?;
        self.write_table(wanted, found, &columns, Some(&digest(&columns))).await
    }

    /// Writes the table over the one that was found, unless somebody else did meanwhile. `aligned`: the columns that all partitions have.
    async fn write_table(
        &self,
        wanted: &TableDefinition,
        found: &Table,
        columns: &[CatalogColumn],
        aligned: Option<&str>,
    ) -> Result<Step, LakeError> {
        let input = self.built("UpdateTable", wanted, wanted.table_input_over(found, columns, aligned))?;
        let answer = self
            .glue
            .update_table()
            .database_name(&self.database)
            .table_input(input)
            .set_version_id(found.version_id.clone())
            .send()
            .await;
        let Err(error) = answer else {
            let is_done = aligned.is_some() || wanted.partition_keys.is_empty();
            return Ok(if is_done { Step::Done(columns.to_vec()) } else { Step::Written });
        };
        let raced = error.as_service_error().is_some_and(UpdateTableError::is_concurrent_modification_exception);
        let error = from_sdk("UpdateTable", self.resource(wanted), &error);
        if raced || error.is_passing() { Ok(Step::Again(error)) } else { Err(error) }
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
