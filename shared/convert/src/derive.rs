//! Derived columns: an expression over a batch's arrays, by Arrow's kernels, exact on integers and decimals.
//! A row whose value overflows or does not fit its column gets null here, which the caller tells from a null operand.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, StringArray, StringBuilder};
use arrow::compute::kernels::numeric;
use arrow::compute::{CastOptions, cast, cast_with_options, concat, date_part};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Float64Type};
use arrow::error::ArrowError;
use lakegate_contract::{BinaryOperator, ColumnType, DatePart, Expression, Node, Rule};

use crate::batch::Findings;
use crate::schema::data_type;

/// A value that does not fit is null, not an error.
const SAFE: CastOptions<'static> =
    CastOptions { safe: true, format_options: arrow::util::display::FormatOptions::new() };

/// Computes a derived column for `rows` rows. `arrays` are the contract's columns; those that the expression reads are there.
/// A null that stands although no operand is null is a violation of `transformLogic`.
pub(crate) fn column(
    expression: &Expression,
    column_type: &ColumnType,
    index: usize,
    arrays: &[Option<ArrayRef>],
    rows: usize,
    findings: &mut Findings,
) -> Result<ArrayRef, ArrowError> {
    let array = evaluate(expression, column_type, arrays, rows)?;
    if array.null_count() > 0 {
        let inputs: Vec<&ArrayRef> =
            expression.inputs.iter().filter_map(|input| arrays.get(*input)?.as_ref()).collect();
        for row in (0..rows).filter(|row| array.is_null(*row)) {
            if inputs.iter().all(|input| input.is_valid(row)) {
                findings.add(row, index, Rule::TransformLogic);
            }
        }
    }
    Ok(array)
}

fn evaluate(
    expression: &Expression,
    column_type: &ColumnType,
    arrays: &[Option<ArrayRef>],
    rows: usize,
) -> Result<ArrayRef, ArrowError> {
    match typed(expression, column_type, arrays, rows) {
        // One row's overflow fails a whole kernel: then each row is computed alone, which is slow and rare.
        Err(ArrowError::ArithmeticOverflow(_) | ArrowError::ComputeError(_) | ArrowError::InvalidArgumentError(_))
            if rows > 1 =>
        {
            let mut parts = Vec::with_capacity(rows);
            for row in 0..rows {
                let one: Vec<_> = arrays.iter().map(|array| Some(array.as_ref()?.slice(row, 1))).collect();
                parts.push(evaluate(expression, column_type, &one, 1)?);
            }
            concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())
        }
        Err(ArrowError::ArithmeticOverflow(_)) => Ok(arrow::array::new_null_array(&data_type(column_type), rows)),
        result => result,
    }
}

fn typed(
    expression: &Expression,
    column_type: &ColumnType,
    arrays: &[Option<ArrayRef>],
    rows: usize,
) -> Result<ArrayRef, ArrowError> {
    let value = Scope { arrays, rows }.node(&expression.root)?;
    let wanted = data_type(column_type);
    match (value.data_type(), column_type) {
        (have, _) if *have == wanted => Ok(finite(value)),
        // Arrow cuts a decimal's fraction on the way to an integer; we round, as everywhere.
        (DataType::Decimal128(..), ColumnType::Integer(_)) => {
            let whole = cast_with_options(&value, &DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0), &SAFE)?;
            cast_with_options(&whole, &wanted, &SAFE)
        }
        _ => cast_with_options(&value, &wanted, &SAFE),
    }
}

/// Infinity and NaN are no numbers that we store: overflow in binary64 is overflow.
fn finite(value: ArrayRef) -> ArrayRef {
    match value.as_primitive_opt::<Float64Type>() {
        Some(doubles) if doubles.values().iter().any(|value| !value.is_finite()) => {
            Arc::new(doubles.unary_opt::<_, Float64Type>(|value| value.is_finite().then_some(value)))
        }
        Some(_) | None => value,
    }
}

struct Scope<'a> {
    arrays: &'a [Option<ArrayRef>],
    rows: usize,
}

impl Scope<'_> {
    fn node(&self, node: &Node) -> Result<ArrayRef, ArrowError> {
        match node {
            Node::Column(index) => self.column(*index),
            Node::Text(text) => Ok(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, self.rows)))),
            Node::Number { value, scale } => {
                let values = Decimal128Array::from_value(*value, self.rows);
                Ok(Arc::new(values.with_precision_and_scale(DECIMAL128_MAX_PRECISION, scale.cast_signed())?))
            }
            Node::Negate(inner) => numeric::neg(self.node(inner)?.as_ref()),
            Node::Binary { operator, left, right } => arithmetic(*operator, &self.node(left)?, &self.node(right)?),
            Node::DatePart { part, of } => self.date_part(*part, of),
            Node::Lower(text) => self.map_text(text, str::to_lowercase),
            Node::Upper(text) => self.map_text(text, str::to_uppercase),
            Node::Concat(texts) => self.concat(texts),
        }
    }

    /// The column, integers as decimals, so that arithmetic is exact and wide.
    fn column(&self, index: usize) -> Result<ArrayRef, ArrowError> {
        let Some(array) = self.arrays.get(index).and_then(Option::as_ref) else {
            return Err(ArrowError::SchemaError(format!("column {index} is read before it is computed")));
        };
        let have = array.data_type();
        if *have == DataType::Int64 {
            cast(array, &DataType::Decimal128(19, 0))
        } else if have.is_integer() {
            cast(array, &DataType::Decimal128(10, 0))
        } else {
            Ok(Arc::clone(array))
        }
    }

    fn date_part(&self, part: DatePart, of: &Node) -> Result<ArrayRef, ArrowError> {
        let part = match part {
            DatePart::Year => arrow::compute::DatePart::Year,
            DatePart::Quarter => arrow::compute::DatePart::Quarter,
            DatePart::Month => arrow::compute::DatePart::Month,
            DatePart::Day => arrow::compute::DatePart::Day,
        };
        let number = date_part(self.node(of)?.as_ref(), part)?;
        cast(&number, &DataType::Decimal128(10, 0))
    }

    fn map_text(&self, text: &Node, change: impl Fn(&str) -> String) -> Result<ArrayRef, ArrowError> {
        let array = self.node(text)?;
        let changed: StringArray = array.as_string::<i32>().iter().map(|text| text.map(&change)).collect();
        Ok(Arc::new(changed))
    }

    fn concat(&self, texts: &[Node]) -> Result<ArrayRef, ArrowError> {
        let arrays = texts.iter().map(|text| self.node(text)).collect::<Result<Vec<_>, _>>()?;
        let mut builder = StringBuilder::new();
        for row in 0..self.rows {
            if arrays.iter().any(|array| array.is_null(row)) {
                builder.append_null();
                continue;
            }
            let parts: Vec<&str> = arrays.iter().map(|array| array.as_string::<i32>().value(row)).collect();
            builder.append_value(parts.concat());
        }
        Ok(Arc::new(builder.finish()))
    }
}

fn arithmetic(operator: BinaryOperator, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let is_double = |array: &ArrayRef| *array.data_type() == DataType::Float64;
    let (left, right) = if is_double(left) || is_double(right) {
        (cast(left, &DataType::Float64)?, cast(right, &DataType::Float64)?)
    } else {
        (Arc::clone(left), Arc::clone(right))
    };
    match operator {
        BinaryOperator::Add => numeric::add(&left, &right),
        BinaryOperator::Subtract => numeric::sub(&left, &right),
        BinaryOperator::Multiply => numeric::mul(&left, &right),
    }
}
