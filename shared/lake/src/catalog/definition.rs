//! What a table should be in the catalog, and how that is said to Glue.
//! Pure; it must not make a call.

use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::types::{Column, PartitionInput, SerDeInfo, StorageDescriptor, Table, TableInput};
use lakegate_contract::{ColumnType, Contract, TableType};

use super::ALIGNED;
use crate::layout::{self, REJECTS_PARTITION_COLUMN, REJECTS_PREFIX, REJECTS_TABLE};
use crate::{LakeError, one_line};

const INPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const OUTPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";
const SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
/// The columns of a file of rejected rows.
const REJECTS_COLUMNS: [(&str, &str); 9] = [
    ("source_bucket", "string"),
    ("source_key", "string"),
    ("source_version", "string"),
    ("contract_version", "string"),
    ("row_number", "bigint"),
    ("line", "bigint"),
    ("byte_offset", "bigint"),
    ("raw", "string"),
    ("violations", "array<struct<column:string,rule:string,message:string>>"),
];
/// Longest comment of a column (Glue API, `CommentString`).
const COMMENT_MAX_BYTES: usize = 255;
/// Longest description of a table (Glue API, `DescriptionString`).
const DESCRIPTION_MAX_BYTES: usize = 2048;

/// A table as the catalog should have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDefinition {
    /// Its name, lower case.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// `s3://bucket/prefix/`.
    pub location: String,
    /// The columns that stand in the files, in their order.
    pub columns: Vec<CatalogColumn>,
    /// The columns that stand in the path, in its order.
    pub partition_keys: Vec<CatalogColumn>,
}

/// A column as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogColumn {
    /// Its name, lower case.
    pub name: String,
    /// Its type in Hive's spelling, `decimal(12,2)`.
    pub type_name: String,
    /// For people.
    pub comment: Option<String>,
}

/// A partition as the catalog should have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CatalogPartition {
    /// One value per partition key, as text; a null is [`layout::HIVE_NULL`].
    pub values: Vec<String>,
    /// `year=2025/month=09`, below the table's location.
    pub path: String,
}

impl TableDefinition {
    /// The table that a contract describes.
    #[must_use]
    pub fn of_contract(lake_bucket: &str, contract: &Contract) -> Self {
        let column = |index: usize| {
            let column = contract.columns.get(index)?;
            Some(CatalogColumn {
                name: column.physical_name.clone(),
                type_name: glue_type(&column.column_type),
                comment: column.description.as_deref().and_then(|text| shortened(text, COMMENT_MAX_BYTES)),
            })
        };
        let in_files = (0..contract.columns.len()).filter(|index| !contract.is_partition_column(*index));
        Self {
            name: contract.table.clone(),
            description: contract.description.as_deref().and_then(|text| shortened(text, DESCRIPTION_MAX_BYTES)),
            location: layout::url(lake_bucket, &layout::table_prefix(&contract.table)),
            columns: in_files.filter_map(column).collect(),
            partition_keys: contract.partition_columns.iter().copied().filter_map(column).collect(),
        }
    }

    /// The table of rejected rows, as the conversion writes them.
    #[must_use]
    pub fn of_rejects(lake_bucket: &str) -> Self {
        let columns = REJECTS_COLUMNS.iter().map(|(name, type_name)| CatalogColumn {
            name: (*name).to_owned(),
            type_name: (*type_name).to_owned(),
            comment: None,
        });
        Self {
            name: REJECTS_TABLE.to_owned(),
            description: Some(
                "Rows that break their contract, as they stood in their file, with every reason".to_owned(),
            ),
            location: layout::url(lake_bucket, REJECTS_PREFIX),
            columns: columns.collect(),
            partition_keys: vec![CatalogColumn {
                name: REJECTS_PARTITION_COLUMN.to_owned(),
                type_name: "string".to_owned(),
                comment: Some("The table that the row was meant for".to_owned()),
            }],
        }
    }

    /// The partition of the table of rejected rows that belongs to a table.
    #[must_use]
    pub fn rejects_partition(table: &str) -> CatalogPartition {
        CatalogPartition { values: vec![table.to_owned()], path: format!("{REJECTS_PARTITION_COLUMN}={table}") }
    }

    /// The table with these columns. `aligned`: the digest of the columns that all its partitions have.
    pub(super) fn table_input(
        &self,
        columns: &[CatalogColumn],
        aligned: Option<&str>,
    ) -> Result<TableInput, BuildError> {
        let mut builder = TableInput::builder();
        if let Some(aligned) = aligned {
            builder = builder.parameters(ALIGNED, aligned);
        }
        builder
            .name(&self.name)
            .set_description(self.description.clone())
            .table_type("EXTERNAL_TABLE")
            .parameters("EXTERNAL", "TRUE")
            .parameters("classification", "parquet")
            .storage_descriptor(storage(&self.location, columns))
            .set_partition_keys(Some(glue_columns(&self.partition_keys)))
            .build()
    }

    /// The table with these columns, and otherwise as somebody may have amended it.
    pub(super) fn table_input_over(
        &self,
        found: &Table,
        columns: &[CatalogColumn],
        aligned: Option<&str>,
    ) -> Result<TableInput, BuildError> {
        let mut input = self.table_input(columns, aligned)?;
        for (name, value) in found.parameters.iter().flatten() {
            input.parameters.get_or_insert_default().entry(name.clone()).or_insert_with(|| value.clone());
        }
        input.owner.clone_from(&found.owner);
        input.retention = found.retention;
        if input.description.is_none() {
            input.description.clone_from(&found.description);
        }
        Ok(input)
    }

    pub(super) fn partition_input(&self, partition: &CatalogPartition, columns: &[CatalogColumn]) -> PartitionInput {
        PartitionInput::builder()
            .set_values(Some(partition.values.clone()))
            .storage_descriptor(storage(&format!("{}{}/", self.location, partition.path), columns))
            .parameters("classification", "parquet")
            .build()
    }

    /// Whether the table is told to people as it should be, its columns aside.
    pub(super) fn is_described(&self, found: &Table) -> bool {
        let has_description = self.description.is_none() || self.description.as_deref() == found.description();
        has_description && self.partition_keys == catalog_columns(found.partition_keys())
    }

    /// A table that holds other files, or is cut along other columns, cannot be turned into ours without losing rows.
    pub(super) fn check_compatible(&self, table: &str, found: &Table) -> Result<(), LakeError> {
        let location = found.storage_descriptor().and_then(|storage| storage.location()).unwrap_or_default();
        if location.trim_end_matches('/') != self.location.trim_end_matches('/') {
            return Err(LakeError::TableElsewhere {
                table: table.to_owned(),
                found: location.to_owned(),
                expected: self.location.clone(),
            });
        }
        let shape = |columns: &[CatalogColumn]| {
            columns.iter().map(|column| format!("{} {}", column.name, column.type_name)).collect::<Vec<_>>().join(", ")
        };
        let (found, expected) = (shape(&catalog_columns(found.partition_keys())), shape(&self.partition_keys));
        if found == expected {
            return Ok(());
        }
        Err(LakeError::PartitionKeysDiffer { table: table.to_owned(), found, expected })
    }
}

fn storage(location: &str, columns: &[CatalogColumn]) -> StorageDescriptor {
    StorageDescriptor::builder()
        .set_columns(Some(glue_columns(columns)))
        .location(location)
        .input_format(INPUT_FORMAT)
        .output_format(OUTPUT_FORMAT)
        .serde_info(SerDeInfo::builder().serialization_library(SERDE).parameters("serialization.format", "1").build())
        .parameters("classification", "parquet")
        .build()
}

/// A column's type as Glue, Hive and Athena spell it.
#[must_use]
pub fn glue_type(column_type: &ColumnType) -> String {
    TableType::of(column_type).to_string()
}

pub(super) fn glue_columns(columns: &[CatalogColumn]) -> Vec<Column> {
    let mut built = Vec::with_capacity(columns.len());
    for column in columns {
        let builder = Column::builder().name(&column.name).r#type(&column.type_name);
        // The name is set, which is all that the builder asks for.
        built.extend(builder.set_comment(column.comment.clone()).build());
    }
    built
}

pub(super) fn catalog_columns(columns: &[Column]) -> Vec<CatalogColumn> {
    columns
        .iter()
        .map(|column| CatalogColumn {
            name: column.name().to_owned(),
            type_name: column.r#type().unwrap_or_default().to_ascii_lowercase(),
            comment: column.comment().filter(|comment| !comment.is_empty()).map(str::to_owned),
        })
        .collect()
}

/// Glue takes one line of so many bytes, and of nothing makes nothing.
fn shortened(text: &str, max_bytes: usize) -> Option<String> {
    let mut line = one_line(text);
    while line.len() > max_bytes {
        line.pop();
    }
    Some(line).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_found(input: &TableInput) -> Table {
        Table::builder()
            .name(input.name())
            .set_description(input.description.clone())
            .set_storage_descriptor(input.storage_descriptor.clone())
            .set_partition_keys(input.partition_keys.clone())
            .parameters("owner_team", "sales")
            .parameters("classification", "csv")
            .build()
            .unwrap()
    }

    #[test]
    fn a_table_is_recognised_as_its_own_and_keeps_what_others_added() {
        let table = TableDefinition::of_rejects("lake-1");
        let input = table.table_input(&table.columns, Some("0f")).unwrap();
        let found = as_found(&input);
        assert!(table.is_described(&found));
        table.check_compatible("db.rejects", &found).unwrap();
        let amended = table.table_input_over(&found, &table.columns, None).unwrap();
        let parameters = amended.parameters().unwrap();
        assert_eq!((parameters["owner_team"].as_str(), parameters["classification"].as_str()), ("sales", "parquet"));
        assert_eq!(amended.parameters().unwrap().get(ALIGNED), None);
        assert_eq!(input.parameters().unwrap()[ALIGNED], "0f");
    }

    #[test]
    fn the_template_defines_the_table_of_rejects_to_the_letter_as_the_code_does() {
        let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
        let template = std::fs::read_to_string(template).unwrap();
        let found = template.split("  RejectsTable:").nth(1).unwrap().split("\n\n").next().unwrap();
        let (_, found) = found.split_once("\n        Name: ").unwrap();
        // Without the digest: the functions look at the partitions, whatever made or changed the table, and note it then.
        let table = TableDefinition::of_rejects("${LakeBucket}");
        assert_eq!(
            format!("        Name: {found}\n"),
            in_the_template(&table.table_input(&table.columns, None).unwrap())
        );
    }

    fn in_the_template(input: &TableInput) -> String {
        let storage = input.storage_descriptor().unwrap();
        let serde = storage.serde_info().unwrap();
        let columns = |columns: &[Column]| -> String {
            let column = |column: &Column| {
                let (name, kind) = (column.name(), column.r#type().unwrap());
                let kind = if kind.contains(',') { format!("\"{kind}\"") } else { kind.to_owned() };
                let comment = column.comment().map(|comment| format!(", Comment: {comment}")).unwrap_or_default();
                format!("            - {{ Name: {name}, Type: {kind}{comment} }}\n")
            };
            columns.iter().map(column).collect()
        };
        assert_eq!(input.parameters().unwrap().len(), 2, "{input:?}");
        format!(
            "        Name: {}
        Description: {}
        TableType: {}
        Parameters: {{ classification: {}, EXTERNAL: \"{}\" }}
        StorageDescriptor:
          Location: !Sub {}
          InputFormat: {}
          OutputFormat: {}
          SerdeInfo:
            SerializationLibrary: {}
            Parameters: {{ serialization.format: \"{}\" }}
          Parameters: {{ classification: {} }}
          Columns:
{}        PartitionKeys:
{}",
            input.name(),
            input.description().unwrap(),
            input.table_type().unwrap(),
            input.parameters().unwrap()["classification"],
            input.parameters().unwrap()["EXTERNAL"],
            storage.location().unwrap(),
            storage.input_format().unwrap(),
            storage.output_format().unwrap(),
            serde.serialization_library().unwrap(),
            serde.parameters().unwrap()["serialization.format"],
            storage.parameters().unwrap()["classification"],
            columns(storage.columns()),
            columns(input.partition_keys()).replace("            -", "          -"),
        )
    }

    #[test]
    fn a_table_with_other_partition_keys_or_at_another_place_is_not_changed() {
        let mut table = TableDefinition::of_rejects("lake-1");
        let found = as_found(&table.table_input(&table.columns, None).unwrap());
        table.columns.pop();
        table.check_compatible("db.rejects", &found).unwrap();
        table.partition_keys.pop();
        insta::assert_snapshot!(table.check_compatible("db.rejects", &found).unwrap_err(), @"table db.rejects is partitioned by (dataset string), the contract asks for ()");
        table.location = "s3://another/rejects/".to_owned();
        insta::assert_snapshot!(table.check_compatible("db.rejects", &found).unwrap_err(), @"table db.rejects lies at s3://lake-1/rejects/, not at s3://another/rejects/");
    }

    #[test]
    fn a_table_is_described_anew_where_the_contract_says_something_else() {
        let mut table = TableDefinition::of_rejects("lake-1");
        let found = as_found(&table.table_input(&table.columns, None).unwrap());
        table.description = None;
        assert!(table.is_described(&found));
        table.description = Some("other".to_owned());
        assert!(!table.is_described(&found));
    }

    #[test]
    fn a_partition_lies_below_its_table() {
        let table = TableDefinition::of_rejects("lake-1");
        let input = table.partition_input(&TableDefinition::rejects_partition("orders"), &table.columns);
        assert_eq!(input.values(), ["orders"]);
        let location = input.storage_descriptor().unwrap().location().unwrap();
        assert_eq!(location, "s3://lake-1/rejects/dataset=orders/");
    }

    #[test]
    fn every_type_has_its_spelling_in_the_catalog() {
        assert_eq!(glue_type(&ColumnType::Decimal { precision: 12, scale: 2 }), "decimal(12,2)");
        assert_eq!(glue_type(&ColumnType::Integer(lakegate_contract::IntegerWidth::I16)), "smallint");
    }

    #[test]
    fn a_long_comment_is_cut_between_characters() {
        assert_eq!(shortened(&"é".repeat(200), 255).unwrap().len(), 254);
        assert_eq!(shortened(" \n", 255), None);
    }
}
