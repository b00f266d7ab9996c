//! What a contract asks of the values of one column: `required` and the checks, over a typed array.
//! It does not know where values come from, and leaves out values that already broke a rule.

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use lakegate_contract::{Check, Column, ColumnType, IntegerWidth, Parts, Rule, Scalar};

use crate::judge::Findings;

/// Judges column `index` and what is nested in it. `is_exempt` rows are left out: what they lack follows from another column's violation.
pub(crate) fn column(
    array: &ArrayRef,
    column: &Column,
    index: usize,
    is_exempt: impl Fn(&Findings, usize) -> bool,
    findings: &mut Findings,
) {
    judge_values(array, column, index, &Scope { row_of: &Some, is_exempt: &is_exempt }, findings);
}

/// To which rows an array's values belong.
struct Scope<'a> {
    /// The row of a value; `None` where there is no value because the object or list around it is null.
    row_of: &'a dyn Fn(usize) -> Option<usize>,
    is_exempt: &'a dyn Fn(&Findings, usize) -> bool,
}

fn judge_values(array: &ArrayRef, column: &Column, id: usize, scope: &Scope<'_>, findings: &mut Findings) {
    if column.required && array.null_count() > 0 {
        for row in (0..array.len()).filter(|value| array.is_null(*value)).filter_map(scope.row_of) {
            if !findings.is_broken(row, id) && !(scope.is_exempt)(findings, row) {
                findings.add(row, id, Rule::Required);
            }
        }
    }
    for check in &column.checks {
        let mut broken = Vec::new();
        failing(array, &column.column_type, check, &mut broken);
        for row in broken.into_iter().filter_map(scope.row_of) {
            if !(scope.is_exempt)(findings, row) {
                findings.add(row, id, check.rule());
            }
        }
    }
    match column.column_type.parts() {
        Parts::Fields(fields) => judge_fields(array, fields, scope, findings),
        Parts::Item(item) => judge_items(array, item, scope, findings),
        Parts::None => {}
    }
}

fn judge_fields(array: &ArrayRef, fields: &[Column], scope: &Scope<'_>, findings: &mut Findings) {
    let Some(array) = array.as_struct_opt() else { return };
    let row_of = |value: usize| if array.is_valid(value) { (scope.row_of)(value) } else { None };
    for (values, field) in array.columns().iter().zip(fields) {
        judge_values(values, field, field.id, &Scope { row_of: &row_of, is_exempt: scope.is_exempt }, findings);
    }
}

fn judge_items(array: &ArrayRef, item: &Column, scope: &Scope<'_>, findings: &mut Findings) {
    let Some(array) = array.as_list_opt::<i32>() else { return };
    let rows = array.offsets().lengths().enumerate();
    let rows: Vec<Option<usize>> =
        rows.flat_map(|(list, items)| std::iter::repeat_n((scope.row_of)(list), items)).collect();
    let row_of = |value: usize| rows.get(value).copied().flatten();
    judge_values(array.values(), item, item.id, &Scope { row_of: &row_of, is_exempt: scope.is_exempt }, findings);
}

/// Adds the rows whose value is not null and fails the check.
pub(crate) fn failing(array: &ArrayRef, column_type: &ColumnType, check: &Check, broken: &mut Vec<usize>) {
    match column_type {
        ColumnType::String => strings(array, check, broken),
        ColumnType::Integer(IntegerWidth::I8) => numbers::<Int8Type, i64>(array, check, integer, broken),
        ColumnType::Integer(IntegerWidth::I16) => numbers::<Int16Type, i64>(array, check, integer, broken),
        ColumnType::Integer(IntegerWidth::I32) => numbers::<Int32Type, i64>(array, check, integer, broken),
        ColumnType::Integer(IntegerWidth::I64) => numbers::<Int64Type, i64>(array, check, integer, broken),
        ColumnType::Decimal { .. } => numbers::<Decimal128Type, i128>(array, check, decimal, broken),
        ColumnType::Double => numbers::<Float64Type, f64>(array, check, double, broken),
        ColumnType::Date(_) => numbers::<Date32Type, i64>(array, check, date, broken),
        ColumnType::Timestamp(_) => numbers::<TimestampMicrosecondType, i64>(array, check, timestamp, broken),
        ColumnType::Boolean => booleans(array, check, broken),
        // The contract's parser lets no check stand on them.
        ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => {}
    }
}

fn strings(array: &ArrayRef, check: &Check, broken: &mut Vec<usize>) {
    let Some(array) = array.as_string_opt::<i32>() else { return };
    let values = || (0..array.len()).zip(array.iter()).filter_map(|(row, text)| Some((row, text?)));
    match check {
        Check::Enum(known) => {
            let known: Vec<(u64, &str)> = known.iter().filter_map(text).map(|text| (prefix(text), text)).collect();
            let is_known = |text: &str| {
                let prefix = prefix(text);
                // Up to eight bytes the prefix and the length are the text.
                known.iter().any(|(other, known)| {
                    *other == prefix && known.len() == text.len() && (text.len() <= 8 || *known == text)
                })
            };
            broken.extend(values().filter(|(_, text)| !is_known(text)).map(|(row, _)| row));
        }
        Check::MinLength(min) => {
            broken.extend(values().filter(|(_, text)| (text.chars().count() as u64) < *min).map(|(row, _)| row));
        }
        Check::MaxLength(max) => {
            // A text has at most as many characters as bytes, and most texts settle it so.
            let is_longer = |text: &str| text.len() as u64 > *max && text.chars().count() as u64 > *max;
            broken.extend(values().filter(|(_, text)| is_longer(text)).map(|(row, _)| row));
        }
        Check::Pattern(regex) => broken.extend(values().filter(|(_, text)| !regex.is_match(text)).map(|(row, _)| row)),
        // The contract's parser lets no other check stand on a text.
        Check::Minimum(_)
        | Check::Maximum(_)
        | Check::ExclusiveMinimum(_)
        | Check::ExclusiveMaximum(_)
        | Check::MultipleOf(_) => {}
    }
}

/// The text's first eight bytes, filled up with zeros.
#[inline]
fn prefix(text: &str) -> u64 {
    let bytes = text.as_bytes();
    bytes.first_chunk::<8>().map_or_else(
        || bytes.iter().rev().fold(0, |prefix, byte| prefix << 8 | u64::from(*byte)),
        |first| u64::from_le_bytes(*first),
    )
}

fn booleans(array: &ArrayRef, check: &Check, broken: &mut Vec<usize>) {
    let (Some(array), Check::Enum(known)) = (array.as_boolean_opt(), check) else { return };
    let values = (0..array.len()).zip(array.iter()).filter_map(|(row, value)| Some((row, Scalar::Boolean(value?))));
    broken.extend(values.filter(|(_, value)| !known.contains(value)).map(|(row, _)| row));
}

/// Compares in `B`, the bound's type, which holds every value of the array.
fn numbers<T, B>(array: &ArrayRef, check: &Check, bound: impl Fn(&Scalar) -> Option<B>, broken: &mut Vec<usize>)
where
    T: ArrowPrimitiveType,
    B: Copy + PartialOrd + From<T::Native> + Remainder,
{
    let Some(array) = array.as_primitive_opt::<T>() else { return };
    match check {
        Check::Enum(known) => {
            let known: Vec<B> = known.iter().filter_map(bound).collect();
            collect(array, |value| known.contains(&value), broken);
        }
        Check::Minimum(min) => {
            if let Some(min) = bound(min) {
                collect(array, |value: B| value >= min, broken);
            }
        }
        Check::Maximum(max) => {
            if let Some(max) = bound(max) {
                collect(array, |value: B| value <= max, broken);
            }
        }
        Check::ExclusiveMinimum(min) => {
            if let Some(min) = bound(min) {
                collect(array, |value: B| value > min, broken);
            }
        }
        Check::ExclusiveMaximum(max) => {
            if let Some(max) = bound(max) {
                collect(array, |value: B| value < max, broken);
            }
        }
        Check::MultipleOf(of) => {
            if let Some(of) = bound(of) {
                collect(array, |value: B| value.divides_by(of), broken);
            }
        }
        // The contract's parser lets no other check stand on a number.
        Check::MinLength(_) | Check::MaxLength(_) | Check::Pattern(_) => {}
    }
}

fn collect<T, B>(array: &PrimitiveArray<T>, is_good: impl Fn(B) -> bool, broken: &mut Vec<usize>)
where
    T: ArrowPrimitiveType,
    B: From<T::Native>,
{
    let is_bad = |value: T::Native| !is_good(B::from(value));
    // Most batches have none, which is soon known when no step hangs on a value.
    if array.values().iter().fold(false, |any, value| any | is_bad(*value)) {
        let bad = array.values().iter().enumerate().filter(|(_, value)| is_bad(**value));
        broken.extend(bad.map(|(row, _)| row).filter(|row| array.is_valid(*row)));
    }
}

trait Remainder {
    fn divides_by(self, of: Self) -> bool;
}

impl Remainder for i64 {
    fn divides_by(self, of: Self) -> bool {
        self.checked_rem(of) == Some(0)
    }
}

impl Remainder for i128 {
    fn divides_by(self, of: Self) -> bool {
        self.checked_rem(of) == Some(0)
    }
}

impl Remainder for f64 {
    /// Refused by the contract's parser: binary floating point has no honest remainder.
    fn divides_by(self, _: Self) -> bool {
        true
    }
}

macro_rules! scalar_of {
    ($name:ident, $variant:ident, $type:ty) => {
        fn $name(scalar: &Scalar) -> Option<$type> {
            if let Scalar::$variant(value) = scalar { Some((*value).into()) } else { None }
        }
    };
}

scalar_of!(integer, Integer, i64);
scalar_of!(decimal, Decimal, i128);
scalar_of!(double, Double, f64);
scalar_of!(date, Date, i64);
scalar_of!(timestamp, Timestamp, i64);

fn text(scalar: &Scalar) -> Option<&str> {
    if let Scalar::String(text) = scalar { Some(text) } else { None }
}
