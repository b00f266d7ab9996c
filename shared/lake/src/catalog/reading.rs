//! Tables as whoever reads them finds them: their columns, and which there are.
//! It must not change anything.

use aws_sdk_glue::operation::get_table::GetTableError;
use aws_sdk_glue::types::{StorageDescriptor, Table};

use super::definition::catalog_columns;
use super::{Catalog, CatalogColumn};
use crate::LakeError;
use crate::error::from_sdk;

/// A table's columns, in the order in which a query gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumns {
    /// The table's name.
    pub name: String,
    /// Those that stand in the files.
    pub columns: Vec<CatalogColumn>,
    /// Those that stand in the path.
    pub partition_keys: Vec<CatalogColumn>,
}

impl Catalog {
    /// A table's columns; `None` where there is no such table.
    ///
    /// # Errors
    ///
    /// What Glue refused.
    pub async fn table(&self, name: &str) -> Result<Option<TableColumns>, LakeError> {
        match self.glue.get_table().database_name(&self.database).name(name).send().await {
            Ok(answer) => Ok(answer.table.as_ref().map(columns)),
            Err(error) if error.as_service_error().is_some_and(GetTableError::is_entity_not_found_exception) => {
                Ok(None)
            }
            Err(error) => Err(from_sdk("GetTable", format!("{}.{name}", self.database), &error)),
        }
    }

    /// The tables whose files lie under a location, by name.
    ///
    /// # Errors
    ///
    /// What Glue refused.
    pub async fn tables_under(&self, location: &str) -> Result<Vec<TableColumns>, LakeError> {
        let mut tables = Vec::new();
        let mut next = None;
        loop {
            let request = self.glue.get_tables().database_name(&self.database).set_next_token(next);
            let answer = request.send().await.map_err(|error| from_sdk("GetTables", &self.database, &error))?;
            let is_ours = |table: &&Table| {
                table
                    .storage_descriptor()
                    .and_then(StorageDescriptor::location)
                    .is_some_and(|found| found.starts_with(location))
            };
            tables.extend(answer.table_list().iter().filter(is_ours).map(columns));
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        tables.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(tables)
    }
}

fn columns(table: &Table) -> TableColumns {
    TableColumns {
        name: table.name().to_owned(),
        columns: catalog_columns(table.storage_descriptor().map(StorageDescriptor::columns).unwrap_or_default()),
        partition_keys: catalog_columns(table.partition_keys()),
    }
}
