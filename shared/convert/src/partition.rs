//! Which partition a row belongs to, and how that partition is written in a path (Hive style).
//! It does not know files.

use std::collections::HashMap;
use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{ArrowPrimitiveType, Date32Type, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use lakegate_contract::Contract;

use crate::schema::data_type;

/// What Hive, Athena and Spark write for null, and for the empty text, which they cannot tell from it.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// Finds each row's partition.
#[derive(Debug)]
pub(crate) struct Router {
    names: Vec<String>,
    columns: Vec<usize>,
    converter: Option<RowConverter>,
    known: HashMap<Box<[u8]>, usize>,
    /// Null and the empty text have one path, and so one partition.
    by_path: HashMap<String, usize>,
}

/// A partition's path, and its values as the catalog has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionKey {
    pub(crate) path: String,
    pub(crate) values: Vec<String>,
}

impl Router {
    pub(crate) fn new(contract: &Contract) -> Result<Self, ArrowError> {
        let columns: Vec<_> =
            contract.partition_columns.iter().filter_map(|index| contract.columns.get(*index)).collect();
        let sort_fields: Vec<_> = columns.iter().map(|column| SortField::new(data_type(&column.column_type))).collect();
        Ok(Self {
            names: columns.iter().map(|column| column.physical_name.clone()).collect(),
            columns: contract.partition_columns.clone(),
            converter: if columns.is_empty() { None } else { Some(RowConverter::new(sort_fields)?) },
            known: HashMap::new(),
            by_path: HashMap::new(),
        })
    }

    /// The rows of each partition that the batch touches, in ascending order of partition; `open` is called for each new one and
    /// numbers them from 0 in the order of their first row.
    pub(crate) fn route(
        &mut self,
        arrays: &[Option<ArrayRef>],
        rows: usize,
        mut open: impl FnMut(PartitionKey),
    ) -> Result<Vec<(usize, Vec<u32>)>, ArrowError> {
        let Some(converter) = &mut self.converter else {
            if self.by_path.insert(String::new(), 0).is_none() {
                open(PartitionKey { path: String::new(), values: Vec::new() });
            }
            return Ok(vec![(0, (0..).take(rows).collect())]);
        };
        let keys: Vec<ArrayRef> = self.columns.iter().filter_map(|index| arrays.get(*index)?.clone()).collect();
        let encoded = converter.convert_columns(&keys)?;
        let mut touched: Vec<Vec<u32>> = vec![Vec::new(); self.by_path.len()];
        // Files are mostly in some order: the row before often has the same partition.
        let mut last: Option<(&[u8], usize)> = None;
        for (row, number) in (0..rows).zip(0_u32..) {
            let encoded_row = encoded.row(row);
            let key = encoded_row.data();
            let seen = last.filter(|(bytes, _)| *bytes == key).map(|(_, partition)| partition);
            let partition = if let Some(partition) = seen.or_else(|| self.known.get(key).copied()) {
                partition
            } else {
                let partition_key = partition_key(&self.names, &keys, row);
                let next = self.by_path.len();
                let partition = *self.by_path.entry(partition_key.path.clone()).or_insert(next);
                if partition == next {
                    touched.push(Vec::new());
                    open(partition_key);
                }
                self.known.insert(key.into(), partition);
                partition
            };
            last = Some((key, partition));
            if let Some(list) = touched.get_mut(partition) {
                list.push(number);
            }
        }
        Ok(touched.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()).collect())
    }
}

fn partition_key(names: &[String], keys: &[ArrayRef], row: usize) -> PartitionKey {
    let mut values = Vec::with_capacity(keys.len());
    for key in keys {
        let text = if key.is_null(row) { String::new() } else { text_of(key, row) };
        values.push(if text.is_empty() { NULL_PARTITION.to_owned() } else { text });
    }
    let segments = names.iter().zip(&values).map(|(name, value)| format!("{name}={}", escape(value)));
    PartitionKey { path: segments.collect::<Vec<_>>().join("/"), values }
}

/// A value as Hive writes it: numbers in decimal, dates in ISO 8601, `true` and `false`.
fn text_of(array: &ArrayRef, row: usize) -> String {
    fn number<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> Option<String>
    where
        T::Native: ToString,
    {
        Some(array.as_primitive_opt::<T>()?.value(row).to_string())
    }
    let text = || Some(array.as_string_opt::<i32>()?.value(row).to_owned());
    let boolean = || Some(array.as_boolean_opt()?.value(row).to_string());
    let date = || Some(array.as_primitive_opt::<Date32Type>()?.value_as_date(row)?.to_string());
    let decimal = || Some(array.as_primitive_opt::<Decimal128Type>()?.value_as_string(row));
    let integer = || {
        number::<Int32Type>(array, row)
            .or_else(|| number::<Int64Type>(array, row))
            .or_else(|| number::<Int16Type>(array, row))
            .or_else(|| number::<Int8Type>(array, row))
    };
    // The contract's parser lets no other type be a partition column.
    text().or_else(integer).or_else(date).or_else(decimal).or_else(boolean).unwrap_or_default()
}

/// Percent-encodes what Hive does (`FileUtils.escapePathName`), so that Athena, Spark and DuckDB read the value back.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_ascii_control() || "\"#%'*/:=?\\{[]^".contains(c) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{:02X}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn values_are_escaped_as_hive_does() {
        assert_eq!(escape("Côte d'Ivoire"), "Côte d%27Ivoire");
        assert_eq!(escape("a/b=c%d:e?"), "a%2Fb%3Dc%25d%3Ae%3F");
        assert_eq!(escape("tab\tand space"), "tab%09and space");
    }
}
