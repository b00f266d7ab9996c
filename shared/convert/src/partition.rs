//! Which partition a row belongs to, and how that partition is written in a path (Hive style).
//! It does not know files.

use std::collections::HashMap;
use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{ArrowPrimitiveType, Date32Type, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type};
use lakegate_contract::Contract;

use crate::encode::{Dictionary, NO_PARTITION};
use crate::judgement::{FileError, FileErrorKind};

/// What Hive, Athena and Spark write for null, and for the empty text, which they cannot tell from it.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";
/// The code of null; values have theirs from 1.
const NULL_CODE: u32 = 0;
/// A step that was not taken yet.
const NOWHERE: u32 = u32::MAX;
/// Partitions that one file may have: each is a file of its own and a partition of the catalog.
pub(crate) const PARTITIONS_MAX: usize = 500;
/// Null and the empty text are two values and one partition.
const VALUES_MAX: usize = PARTITIONS_MAX + 1;
/// A folder's name on common file systems.
const SEGMENT_BYTES_MAX: usize = 255;
/// What is left of an S3 key (1,024 bytes) for partitions, between the table's prefix and the file's name.
const PATH_BYTES_MAX: usize = 700;

/// Finds each row's partition.
#[derive(Debug)]
pub(crate) struct Router {
    names: Vec<String>,
    levels: Vec<Level>,
    /// By the last level's place, the partition.
    partitions: Vec<u32>,
    /// Null and the empty text have one path, and so one partition.
    by_path: HashMap<String, u32>,
}

/// A partition column: codes of its values, and where each code leads from each place of the level above.
#[derive(Debug)]
struct Level {
    column: usize,
    codes: Option<Dictionary>,
    /// By the place above, then by code, the place here.
    steps: Vec<Vec<u32>>,
    places: u32,
}

/// Why rows cannot be routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unroutable {
    /// They belong to more partitions than [`PARTITIONS_MAX`].
    TooManyPartitions,
    /// A value is too long for a path.
    TooLongPath,
}

impl Unroutable {
    /// What is wrong with the file; the value that is too long is not told.
    pub(crate) fn error(self, contract: &Contract) -> FileError {
        let columns = contract.partition_columns.iter().map(|column| contract.path(*column));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let (kind, message) = match self {
            Self::TooManyPartitions => (
                FileErrorKind::TooManyPartitions,
                format!(
                    "the rows belong to more than {PARTITIONS_MAX} partitions ({columns}), the most that one file may have"
                ),
            ),
            Self::TooLongPath => (
                FileErrorKind::TooLongPartition,
                format!("a row's partition ({columns}) is too long for a path: 255 bytes for each value, 700 in all"),
            ),
        };
        FileError { kind, message, line: None }
    }
}

/// A partition's path, and its values as the catalog has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionKey {
    pub(crate) path: String,
    pub(crate) values: Vec<String>,
}

impl Router {
    pub(crate) fn new(contract: &Contract) -> Self {
        let name = |index: &usize| contract.columns.get(*index).map(|column| column.physical_name.clone());
        let level = |column: &usize| Level { column: *column, codes: None, steps: Vec::new(), places: 0 };
        Self {
            names: contract.partition_columns.iter().filter_map(name).collect(),
            levels: contract.partition_columns.iter().map(level).collect(),
            partitions: Vec::new(),
            by_path: HashMap::new(),
        }
    }

    /// The partition of each row; [`NO_PARTITION`] for rows that are not accepted (`accepted` is empty where all are). `open` is
    /// called for each new partition; they are numbered from 0 in the order of their first row.
    pub(crate) fn route(
        &mut self,
        arrays: &[Option<ArrayRef>],
        rows: usize,
        accepted: &[bool],
        mut open: impl FnMut(PartitionKey),
    ) -> Result<Vec<u32>, Unroutable> {
        let mut targets = vec![0; rows];
        for (target, _) in targets.iter_mut().zip(accepted).filter(|(_, accepted)| !**accepted) {
            *target = NO_PARTITION;
        }
        let keys: Vec<ArrayRef> = self.levels.iter().filter_map(|level| arrays.get(level.column)?.clone()).collect();
        for (level, key) in self.levels.iter_mut().zip(&keys) {
            level.advance(key, &mut targets)?;
        }
        for (row, target) in targets.iter_mut().enumerate().filter(|(_, target)| **target != NO_PARTITION) {
            let place = *target as usize;
            *target = match self.partitions.get(place) {
                Some(partition) if *partition != NOWHERE => *partition,
                Some(_) | None => self.partition(place, row, &keys, &mut open)?,
            };
        }
        Ok(targets)
    }

    /// The partition of a place that was not seen before.
    fn partition(
        &mut self,
        place: usize,
        row: usize,
        keys: &[ArrayRef],
        open: &mut impl FnMut(PartitionKey),
    ) -> Result<u32, Unroutable> {
        let key = partition_key(&self.names, keys, row);
        if key.path.len() > PATH_BYTES_MAX || key.path.split('/').any(|segment| segment.len() > SEGMENT_BYTES_MAX) {
            return Err(Unroutable::TooLongPath);
        }
        let next = u32::try_from(self.by_path.len()).unwrap_or(NO_PARTITION);
        let partition = *self.by_path.entry(key.path.clone()).or_insert(next);
        if partition == next {
            if self.by_path.len() > PARTITIONS_MAX {
                return Err(Unroutable::TooManyPartitions);
            }
            open(key);
        }
        if self.partitions.len() <= place {
            self.partitions.resize(place + 1, NOWHERE);
        }
        if let Some(known) = self.partitions.get_mut(place) {
            *known = partition;
        }
        Ok(partition)
    }
}

impl Level {
    /// Leads every row from its place above to its place here.
    fn advance(&mut self, key: &ArrayRef, targets: &mut [u32]) -> Result<(), Unroutable> {
        let numbers = numbers(key);
        let codes = self
            .codes
            .get_or_insert_with(|| if numbers.is_some() { Dictionary::of_numbers() } else { Dictionary::of_texts() });
        let nulls = key.nulls();
        for (row, target) in targets.iter_mut().enumerate().filter(|(_, target)| **target != NO_PARTITION) {
            let code = if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                NULL_CODE
            } else {
                let code = if let Some(numbers) = &numbers {
                    numbers.get(row).and_then(|number| codes.number_code(*number))
                } else if let Some(texts) = key.as_string_opt::<i32>() {
                    let text = texts.value(row).as_bytes();
                    codes.text_code(text, 0, text.len())
                } else {
                    let text = text_of(key, row);
                    codes.text_code(text.as_bytes(), 0, text.len())
                };
                // A value without a code is one of very many or very long ones.
                u32::from(code.ok_or(Unroutable::TooManyPartitions)?) + 1
            };
            // Every value and every place here leads to a partition at least.
            if code as usize > VALUES_MAX || self.places as usize > VALUES_MAX {
                return Err(Unroutable::TooManyPartitions);
            }
            *target = step(&mut self.steps, &mut self.places, *target, code);
        }
        Ok(())
    }
}

fn step(steps: &mut Vec<Vec<u32>>, places: &mut u32, above: u32, code: u32) -> u32 {
    let (above, code) = (above as usize, code as usize);
    if steps.len() <= above {
        steps.resize(above + 1, Vec::new());
    }
    let Some(codes) = steps.get_mut(above) else { return NOWHERE };
    if codes.len() <= code {
        codes.resize((code + 1).next_power_of_two(), NOWHERE);
    }
    let Some(place) = codes.get_mut(code) else { return NOWHERE };
    if *place == NOWHERE {
        *place = *places;
        *places += 1;
    }
    *place
}

/// The values of a column of numbers, dates or booleans as numbers that are equal where the values are.
fn numbers(array: &ArrayRef) -> Option<Vec<i64>> {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<Vec<i64>>
    where
        T::Native: Into<i64>,
    {
        Some(array.as_primitive_opt::<T>()?.values().iter().map(|value| (*value).into()).collect())
    }
    let booleans = || Some(array.as_boolean_opt()?.values().iter().map(i64::from).collect());
    of::<Int32Type>(array)
        .or_else(|| of::<Int64Type>(array))
        .or_else(|| of::<Date32Type>(array))
        .or_else(|| of::<Int16Type>(array))
        .or_else(|| of::<Int8Type>(array))
        .or_else(booleans)
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
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};

    use super::{Level, PARTITIONS_MAX, Router, Unroutable, escape};
    use crate::encode::NO_PARTITION;

    fn router() -> Router {
        let level = Level { column: 0, codes: None, steps: Vec::new(), places: 0 };
        Router { names: vec!["p".to_owned()], levels: vec![level], partitions: Vec::new(), by_path: HashMap::new() }
    }

    fn route(router: &mut Router, values: &[Option<String>], accepted: &[bool]) -> Result<Vec<u32>, Unroutable> {
        let array: ArrayRef = Arc::new(values.iter().map(Option::as_deref).collect::<StringArray>());
        router.route(&[Some(array)], values.len(), accepted, |_| {})
    }

    #[test]
    fn null_and_the_empty_text_share_a_partition_and_rejected_rows_have_none() {
        let values = [Some("a".to_owned()), None, Some(String::new()), Some("b".to_owned()), Some("a".to_owned())];
        let targets = route(&mut router(), &values, &[true, true, true, false, true]);
        assert_eq!(targets, Ok(vec![0, 1, 1, NO_PARTITION, 0]));
    }

    #[test]
    fn as_many_partitions_as_allowed_are_routed_and_one_more_is_not() {
        let values = |count: usize| (0..count).map(|value| Some(value.to_string())).collect::<Vec<_>>();
        let mut full = router();
        assert_eq!(route(&mut full, &values(PARTITIONS_MAX), &[]).unwrap().last(), Some(&499));
        assert_eq!(route(&mut full, &values(PARTITIONS_MAX + 1), &[]), Err(Unroutable::TooManyPartitions));
        // More values, and longer ones, than a dictionary takes are never taken for one another.
        let long: Vec<_> = (0..600).map(|value| Some(format!("{value}{}", "x".repeat(5000)))).collect();
        assert_eq!(route(&mut router(), &long, &[]), Err(Unroutable::TooManyPartitions));
        assert_eq!(route(&mut router(), long.get(..3).unwrap(), &[]), Err(Unroutable::TooLongPath));
    }

    #[test]
    fn values_are_escaped_as_hive_does() {
        assert_eq!(escape("Côte d'Ivoire"), "Côte d%27Ivoire");
        assert_eq!(escape("a/b=c%d:e?"), "a%2Fb%3Dc%25d%3Ae%3F");
        assert_eq!(escape("tab\tand space"), "tab%09and space");
    }
}
