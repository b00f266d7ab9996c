//! Expressions over a batch's arrays: derived columns, and the predicates of row rules. Exact on integers and decimals; a row whose
//! value overflows, divides by zero or does not fit is told from one that is null. It does not know SQL's text, nor other batches.

mod casts;
mod cells;
mod dates;
mod logic;
mod numbers;
mod scope;
mod texts;
mod unary;
mod vector;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, Float64Array, PrimitiveArray, StringArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use lakegate_contract::{ColumnType, Expression, IntegerWidth, Rule};

use self::cells::{Cells, Numbers};
use self::scope::Scope;
use self::vector::{Data, Vector};
use crate::judge::Findings;

/// Computes a derived column for `rows` rows. `arrays` are the contract's columns; those that the expression reads are there.
/// A row without result breaks `transformLogic`, unless one of the columns that it reads has broken a rule in that row.
///
/// # Errors
/// The expression does not fit the arrays, which the contract's parser rules out, or makes texts too long for a batch.
pub(crate) fn column(
    expression: &Expression,
    column_type: &ColumnType,
    index: usize,
    arrays: &[Option<ArrayRef>],
    rows: usize,
    findings: &mut Findings,
) -> Result<ArrayRef, ArrowError> {
    let scope = Scope { arrays, rows };
    let values = scope.fitted(scope.node(&expression.root)?, column_type)?;
    if let Some(undefined) = &values.undefined {
        for row in undefined.set_indices() {
            if !expression.inputs.iter().any(|input| findings.is_broken(row, *input)) {
                findings.add(row, index, Rule::TransformLogic);
            }
        }
    }
    array(values, column_type, rows)
}

/// The rows in which a predicate is true, or has no result; null is neither.
///
/// # Errors
/// As of [`column`].
pub(crate) fn true_or_undefined(
    expression: &Expression,
    arrays: &[Option<ArrayRef>],
    rows: usize,
) -> Result<BooleanBuffer, ArrowError> {
    let (is_true, undefined) = logic::outcome(&Scope { arrays, rows }.node(&expression.root)?)?;
    Ok(undefined.map_or_else(|| is_true.clone(), |undefined| &is_true | &undefined))
}

/// The values as the column stores them, which they fit; null where there is none.
fn array(values: Vector, column_type: &ColumnType, rows: usize) -> Result<ArrayRef, ArrowError> {
    let nulls = values.valid().filter(|valid| valid.null_count() > 0);
    Ok(match (values.data, column_type) {
        (Data::Exact(Numbers::Narrow(cells), _), ColumnType::Integer(width)) => match width {
            IntegerWidth::I8 => whole::<Int8Type>(&cells, nulls, rows),
            IntegerWidth::I16 => whole::<Int16Type>(&cells, nulls, rows),
            IntegerWidth::I32 => whole::<Int32Type>(&cells, nulls, rows),
            IntegerWidth::I64 => Arc::new(PrimitiveArray::<Int64Type>::new(cells.into_values(rows), nulls)),
        },
        (Data::Exact(Numbers::Wide(cells), _), ColumnType::Integer(_)) => {
            // Some row does not fit, and has no value.
            let cells = cells.map(|value| i64::try_from(value).unwrap_or_default());
            let values = Vector { data: Data::Exact(Numbers::Narrow(cells), 0), nulls, undefined: None };
            return array(values, column_type, rows);
        }
        (Data::Exact(numbers, _), ColumnType::Decimal { precision, scale }) => {
            let array = Decimal128Array::new(numbers.widened().into_values(rows), nulls);
            Arc::new(array.with_precision_and_scale(*precision, scale.cast_signed())?)
        }
        (Data::Double(cells), ColumnType::Double) => Arc::new(Float64Array::new(cells.into_values(rows), nulls)),
        (Data::Text(texts), ColumnType::String) => {
            let (offsets, bytes, _) = logic::text_array(texts, rows).into_parts();
            Arc::new(StringArray::try_new(offsets, bytes, nulls)?)
        }
        (Data::Boolean(bits), ColumnType::Boolean) => Arc::new(BooleanArray::new(bits, nulls)),
        (Data::Date(cells), ColumnType::Date(_)) => {
            Arc::new(PrimitiveArray::<Date32Type>::new(cells.into_values(rows), nulls))
        }
        (Data::Timestamp(cells), ColumnType::Timestamp(_)) => {
            Arc::new(PrimitiveArray::<TimestampMicrosecondType>::new(cells.into_values(rows), nulls))
        }
        _ => return Err(mistyped()),
    })
}

/// Numbers that fit, but for those of rows without value.
fn whole<T: ArrowPrimitiveType>(cells: &Cells<i64>, nulls: Option<NullBuffer>, rows: usize) -> ArrayRef
where
    T::Native: TryFrom<i64>,
{
    let cells = cells.map(|value| T::Native::try_from(value).unwrap_or_default());
    Arc::new(PrimitiveArray::<T>::new(cells.into_values(rows), nulls))
}

/// The contract's parser has typed the expression; this tells of a fault in the engine.
fn mistyped() -> ArrowError {
    ArrowError::SchemaError("an expression does not fit its columns' types".to_owned())
}

#[cfg(test)]
mod tests;
