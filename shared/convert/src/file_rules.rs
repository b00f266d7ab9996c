//! Rules of the file as a whole: what is counted over its accepted rows, and whether the number lies where it must.
//! It does not know how rows are judged.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use lakegate_contract::value::{parse_boolean, parse_decimal, parse_double, parse_integer};
use lakegate_contract::{
    Bound, Column, ColumnType, Contract, FileRule, IntegerWidth, Metric, Scalar, Severity, Violations,
};

use crate::check;
use crate::judgement::{FileError, FileErrorKind};
use crate::seen::Seen;
use crate::unique::{KeyHashes, RowHashes};

/// What is counted of a file, per file rule of its contract.
#[derive(Debug)]
pub(crate) struct FileRules {
    counters: Vec<Counter>,
}

#[derive(Debug)]
struct Counter {
    rows: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Rows,
    Nulls(usize),
    /// Nulls and these values.
    Missing(usize, Vec<Scalar>),
    Duplicates(Seen),
    Invalid(usize),
}

impl FileRules {
    pub(crate) fn new(contract: &Contract) -> Self {
        let kind = |metric: &Metric| match metric {
            Metric::RowCount => Kind::Rows,
            Metric::NullValues(column) => Kind::Nulls(*column),
            Metric::MissingValues(column, texts) => {
                let column_type = contract.columns.get(*column).map(|column| &column.column_type);
                let texts = texts.iter().flatten();
                Kind::Missing(*column, texts.filter_map(|text| scalar(column_type?, text)).collect())
            }
            Metric::DuplicateValues(_) => Kind::Duplicates(Seen::new()),
            Metric::InvalidValues(column, _) => Kind::Invalid(*column),
        };
        Self {
            counters: contract.file_rules.iter().map(|rule| Counter { rows: 0, kind: kind(&rule.metric) }).collect(),
        }
    }

    /// With what was counted elsewhere, in the contract's order.
    pub(crate) fn counted(contract: &Contract, rows: &[u64]) -> Self {
        let mut rules = Self::new(contract);
        rules.counters.iter_mut().zip(rows).for_each(|(counter, rows)| counter.rows = *rows);
        rules
    }

    /// What was counted, in the contract's order.
    pub(crate) fn rows(&self) -> Vec<u64> {
        self.counters.iter().map(|counter| counter.rows).collect()
    }

    /// The rules that the file breaks, all in one line.
    pub(crate) fn error(&self, contract: &Contract, accepted_rows: u64) -> Option<FileError> {
        let broken = self.broken(contract, accepted_rows);
        let errors = broken.filter(|(rule, ..)| rule.severity == Severity::Error).map(|(_, _, sentence)| sentence);
        let message = errors.collect::<Vec<_>>().join("; ");
        if message.is_empty() { None } else { Some(FileError { kind: FileErrorKind::FileRule, message, line: None }) }
    }

    /// Adds the rules that the file breaks and that only warn.
    pub(crate) fn warn(&self, contract: &Contract, accepted_rows: u64, warnings: &mut Violations) {
        let broken = self.broken(contract, accepted_rows);
        for (rule, rows, _) in broken.filter(|(rule, ..)| rule.severity == Severity::Warning) {
            warnings.entry(String::new()).or_default().insert(rule.name.clone(), rows.max(1));
        }
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        let seen = |counter: &Counter| if let Kind::Duplicates(seen) = &counter.kind { seen.bytes() } else { 0 };
        self.counters.iter().map(seen).sum()
    }

    /// Counts the accepted rows of a batch: `arrays` has these rows only, `hashes` all candidate rows, of which `accepted` are accepted.
    pub(crate) fn count(
        &mut self,
        contract: &Contract,
        arrays: &[Option<ArrayRef>],
        hashes: &RowHashes,
        accepted: &(impl Iterator<Item = usize> + Clone),
    ) {
        for (number, (counter, rule)) in self.counters.iter_mut().zip(&contract.file_rules).enumerate() {
            let array = |column: usize| arrays.get(column).and_then(Option::as_ref);
            let found = match &mut counter.kind {
                Kind::Rows => accepted.clone().count(),
                Kind::Nulls(column) => array(*column).map_or(0, Array::logical_null_count),
                Kind::Missing(column, known) => array(*column).map_or(0, |array| missing(array, known)),
                Kind::Duplicates(seen) => {
                    let of_key = hashes.metrics.get(number).and_then(Option::as_ref);
                    of_key.map_or(0, |of_key| duplicates(seen, of_key, accepted.clone()))
                }
                Kind::Invalid(column) => {
                    let column = contract.columns.get(*column).zip(array(*column));
                    column.map_or(0, |(column, array)| invalid(array, column, rule))
                }
            };
            counter.rows += found as u64;
        }
    }

    /// The rules that the file breaks: the rows counted, and a sentence that says what is and what must be.
    fn broken<'c>(
        &self,
        contract: &'c Contract,
        accepted_rows: u64,
    ) -> impl Iterator<Item = (&'c FileRule, u64, String)> {
        let judge = move |(counter, rule): (&Counter, &'c FileRule)| {
            #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^52")]
            let (rows, all) = (counter.rows as f64, accepted_rows as f64);
            let number = match (rule.is_percent, accepted_rows) {
                (false, _) => rows,
                (true, 0) => 0.0,
                (true, _) => rows * 100.0 / all,
            };
            (!holds(rule.must, number)).then(|| (rule, counter.rows, sentence(contract, rule, number, counter.rows)))
        };
        self.counters.iter().zip(&contract.file_rules).filter_map(judge).collect::<Vec<_>>().into_iter()
    }
}

fn missing(array: &ArrayRef, known: &[Scalar]) -> usize {
    let nulls = array.logical_null_count();
    if known.is_empty() {
        return nulls;
    }
    nulls
        + (0..array.len())
            .filter(|row| array.is_valid(*row) && known.iter().any(|value| is(array, *row, value)))
            .count()
}

fn is(array: &ArrayRef, row: usize, value: &Scalar) -> bool {
    match value {
        Scalar::String(text) => array.as_string_opt::<i32>().is_some_and(|array| array.value(row) == text),
        Scalar::Integer(value) => {
            let i8 = || array.as_primitive_opt::<Int8Type>().map(|array| array.value(row).into());
            let i16 = || array.as_primitive_opt::<Int16Type>().map(|array| array.value(row).into());
            let i32 = || array.as_primitive_opt::<Int32Type>().map(|array| array.value(row).into());
            let i64 = array.as_primitive_opt::<Int64Type>().map(|array| array.value(row));
            i64.or_else(i32).or_else(i16).or_else(i8) == Some(*value)
        }
        Scalar::Decimal(value) => {
            array.as_primitive_opt::<Decimal128Type>().map(|array| array.value(row)) == Some(*value)
        }
        Scalar::Double(value) => array.as_primitive_opt::<Float64Type>().map(|array| array.value(row)) == Some(*value),
        Scalar::Boolean(value) => array.as_boolean_opt().map(|array| array.value(row)) == Some(*value),
        Scalar::Date(value) => array.as_primitive_opt::<Date32Type>().map(|array| array.value(row)) == Some(*value),
        Scalar::Timestamp(value) => {
            array.as_primitive_opt::<TimestampMicrosecondType>().map(|array| array.value(row)) == Some(*value)
        }
    }
}

/// A text as the column reads it. One that it cannot read is in no accepted row.
fn scalar(column_type: &ColumnType, text: &str) -> Option<Scalar> {
    let bytes = text.as_bytes();
    match column_type {
        ColumnType::String | ColumnType::Json => Some(Scalar::String(text.to_owned())),
        ColumnType::Integer(IntegerWidth::I8 | IntegerWidth::I16 | IntegerWidth::I32 | IntegerWidth::I64) => {
            parse_integer(bytes).map(Scalar::Integer)
        }
        ColumnType::Double => parse_double(bytes).map(Scalar::Double),
        ColumnType::Decimal { precision, scale } => parse_decimal(bytes, *precision, *scale).map(Scalar::Decimal),
        ColumnType::Boolean => parse_boolean(bytes).map(Scalar::Boolean),
        ColumnType::Date(pattern) => pattern.parse_date(bytes).map(Scalar::Date),
        ColumnType::Timestamp(pattern) => pattern.parse_timestamp(bytes).map(Scalar::Timestamp),
        ColumnType::Struct(_) | ColumnType::List(_) => None,
    }
}

fn duplicates(seen: &mut Seen, of_key: &KeyHashes, accepted: impl Iterator<Item = usize>) -> usize {
    accepted.filter(|row| of_key.of_row(*row).is_some_and(|hash| !seen.insert(hash))).count()
}

fn invalid(array: &ArrayRef, column: &Column, rule: &FileRule) -> usize {
    let Metric::InvalidValues(_, checks) = &rule.metric else { return 0 };
    let mut rows: Vec<usize> = Vec::new();
    for of_check in checks {
        check::failing(array, &column.column_type, of_check, &mut rows);
    }
    rows.sort_unstable();
    rows.dedup();
    rows.len()
}

#[expect(clippy::float_cmp, reason = "a count is a whole number, and a percentage is compared as the contract says")]
fn holds(bound: Bound, number: f64) -> bool {
    match bound {
        Bound::Is(wanted) => number == wanted,
        Bound::IsNot(wanted) => number != wanted,
        Bound::Above(limit) => number > limit,
        Bound::AtLeast(limit) => number >= limit,
        Bound::Below(limit) => number < limit,
        Bound::AtMost(limit) => number <= limit,
        Bound::Between(low, high) => (low..=high).contains(&number),
        Bound::NotBetween(low, high) => !(low..=high).contains(&number),
    }
}

fn sentence(contract: &Contract, rule: &FileRule, number: f64, rows: u64) -> String {
    let unit = if rule.is_percent { " %" } else { "" };
    let must = match rule.must {
        Bound::Is(wanted) => format!("{wanted}{unit}"),
        Bound::IsNot(wanted) => format!("another number than {wanted}{unit}"),
        Bound::Above(limit) => format!("above {limit}{unit}"),
        Bound::AtLeast(limit) => format!("at least {limit}{unit}"),
        Bound::Below(limit) => format!("below {limit}{unit}"),
        Bound::AtMost(limit) => format!("at most {limit}{unit}"),
        Bound::Between(low, high) => format!("{low} to {high}{unit}"),
        Bound::NotBetween(low, high) => format!("outside of {low} to {high}{unit}"),
    };
    let name = |column: usize| contract.path(column);
    let what = match &rule.metric {
        Metric::RowCount => "accepted rows".to_owned(),
        Metric::NullValues(column) => format!("accepted rows without value in {}", name(*column)),
        Metric::MissingValues(column, _) => format!("accepted rows with a missing value in {}", name(*column)),
        Metric::InvalidValues(column, _) => format!("accepted rows with an invalid value in {}", name(*column)),
        Metric::DuplicateValues(columns) => {
            let names: Vec<&str> = columns.iter().map(|column| name(*column)).collect();
            format!("accepted rows with the {} of a row above", names.join(", "))
        }
    };
    let percent = if rule.is_percent { format!(" ({number:.2} %)") } else { String::new() };
    format!("{}: {rows} {what}{percent}, and it must be {must}", rule.name)
}
