//! A contract's columns as Arrow has them, which decides the Parquet types: those that every engine reads alike
//! (INT32/64, BOOLEAN, DOUBLE, UTF8, DATE, TIMESTAMP in microseconds, DECIMAL up to 38 digits).

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use lakegate_contract::{Column, ColumnType, Contract, IntegerWidth};

/// The schema of the table's Parquet files: every column that does not stand in the path, by its physical name, in the contract's order.
///
/// All columns may be null: a contract that later drops `required` changes no file.
#[must_use]
pub fn table_schema(contract: &Contract) -> SchemaRef {
    let in_file = contract.columns.iter().enumerate().filter(|(index, _)| !contract.is_partition_column(*index));
    let fields = in_file.map(|(_, column)| field(column));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

pub(crate) fn field(column: &Column) -> Field {
    Field::new(&column.physical_name, data_type(&column.column_type), true)
}

pub(crate) fn data_type(column_type: &ColumnType) -> DataType {
    match column_type {
        ColumnType::String | ColumnType::Json => DataType::Utf8,
        ColumnType::Integer(IntegerWidth::I8) => DataType::Int8,
        ColumnType::Integer(IntegerWidth::I16) => DataType::Int16,
        ColumnType::Integer(IntegerWidth::I32) => DataType::Int32,
        ColumnType::Integer(IntegerWidth::I64) => DataType::Int64,
        ColumnType::Double => DataType::Float64,
        // Parquet's and Arrow's scale is signed; ours is at most 38.
        ColumnType::Decimal { precision, scale } => DataType::Decimal128(*precision, scale.cast_signed()),
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date(_) => DataType::Date32,
        ColumnType::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        // Hive's and Spark's name for the items; the standard asks for `element`.
        ColumnType::List(item) => DataType::List(Arc::new(field(item))),
    }
}
