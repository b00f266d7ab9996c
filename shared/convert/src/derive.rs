//! Derived columns: an expression over a batch's arrays, exact on integers and decimals.
//! A row whose value overflows or does not fit its column gets null here, which is told from a null operand.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int32Array, PrimitiveArray, StringArray};
use arrow::compute::date_part;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow::error::ArrowError;
use lakegate_contract::{BinaryOperator, ColumnType, DatePart, Expression, IntegerWidth, Node, Rule};

use crate::judge::Findings;

/// Computes a derived column for `rows` rows. `arrays` are the contract's columns; those that the expression reads are there.
/// A null that stands although no operand is null is a violation of `transformLogic`.
///
/// # Errors
/// The expression does not fit the arrays, which the contract's parser rules out.
pub(crate) fn column(
    expression: &Expression,
    column_type: &ColumnType,
    index: usize,
    arrays: &[Option<ArrayRef>],
    rows: usize,
    findings: &mut Findings,
) -> Result<ArrayRef, ArrowError> {
    let array = fit(Scope { arrays, rows }.node(&expression.root)?, column_type)?;
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

/// The values of a node, one per row.
enum Values {
    Text(StringArray),
    /// In units of 10^-scale; 128 bits, whatever the columns' own precision.
    Exact(Decimal128Array, u8),
    Double(Float64Array),
    /// A date, a timestamp or a boolean.
    Other(ArrayRef),
}

struct Scope<'a> {
    arrays: &'a [Option<ArrayRef>],
    rows: usize,
}

impl Scope<'_> {
    fn node(&self, node: &Node) -> Result<Values, ArrowError> {
        Ok(match node {
            Node::Column(index) => column_values(self.array(*index)?),
            Node::Text(text) => Values::Text(StringArray::from_iter_values(std::iter::repeat_n(text, self.rows))),
            Node::Number { value, scale } => Values::Exact(Decimal128Array::from_value(*value, self.rows), *scale),
            Node::Negate(inner) => match self.node(inner)? {
                Values::Exact(values, scale) => Values::Exact(values.unary_opt(i128::checked_neg), scale),
                Values::Double(values) => Values::Double(values.unary(|value: f64| -value)),
                Values::Text(_) | Values::Other(_) => return Err(mistyped()),
            },
            Node::Binary { operator, left, right } => arithmetic(*operator, self.node(left)?, self.node(right)?)?,
            Node::DatePart { part, of } => self.date_part(*part, of)?,
            Node::Lower(text) => self.map_text(text, str::to_lowercase)?,
            Node::Upper(text) => self.map_text(text, str::to_uppercase)?,
            Node::Concat(texts) => self.concat(texts)?,
        })
    }

    fn array(&self, index: usize) -> Result<&ArrayRef, ArrowError> {
        self.arrays.get(index).and_then(Option::as_ref).ok_or_else(mistyped)
    }

    fn date_part(&self, part: DatePart, of: &Node) -> Result<Values, ArrowError> {
        let part = match part {
            DatePart::Year => arrow::compute::DatePart::Year,
            DatePart::Quarter => arrow::compute::DatePart::Quarter,
            DatePart::Month => arrow::compute::DatePart::Month,
            DatePart::Day => arrow::compute::DatePart::Day,
        };
        let Values::Other(dates) = self.node(of)? else { return Err(mistyped()) };
        let numbers = date_part(&dates, part)?;
        let numbers: &Int32Array = numbers.as_primitive_opt().ok_or_else(mistyped)?;
        Ok(Values::Exact(numbers.unary(i128::from), 0))
    }

    fn text(&self, node: &Node) -> Result<StringArray, ArrowError> {
        if let Values::Text(values) = self.node(node)? { Ok(values) } else { Err(mistyped()) }
    }

    fn map_text(&self, node: &Node, change: impl Fn(&str) -> String) -> Result<Values, ArrowError> {
        Ok(Values::Text(self.text(node)?.iter().map(|text| text.map(&change)).collect()))
    }

    fn concat(&self, nodes: &[Node]) -> Result<Values, ArrowError> {
        let texts = nodes.iter().map(|node| self.text(node)).collect::<Result<Vec<_>, _>>()?;
        let row = |row: usize| {
            let parts: Option<Vec<&str>> =
                texts.iter().map(|text| text.is_valid(row).then(|| text.value(row))).collect();
            parts.map(|parts| parts.concat())
        };
        Ok(Values::Text((0..self.rows).map(row).collect()))
    }
}

fn column_values(array: &ArrayRef) -> Values {
    fn exact<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<Decimal128Array>
    where
        i128: From<T::Native>,
    {
        Some(array.as_primitive_opt::<T>()?.unary(i128::from))
    }
    let integers = exact::<Int32Type>(array)
        .or_else(|| exact::<Int64Type>(array))
        .or_else(|| exact::<Int16Type>(array))
        .or_else(|| exact::<Int8Type>(array));
    if let Some(values) = integers {
        Values::Exact(values, 0)
    } else if let (DataType::Decimal128(_, scale), Some(values)) = (array.data_type(), array.as_primitive_opt()) {
        Values::Exact(values.clone(), scale.cast_unsigned())
    } else if let Some(values) = array.as_primitive_opt::<Float64Type>() {
        Values::Double(values.clone())
    } else if let Some(values) = array.as_string_opt::<i32>() {
        Values::Text(values.clone())
    } else {
        Values::Other(Arc::clone(array))
    }
}

fn arithmetic(operator: BinaryOperator, left: Values, right: Values) -> Result<Values, ArrowError> {
    if let (Values::Exact(left, left_scale), Values::Exact(right, right_scale)) = (&left, &right) {
        return Ok(exact_arithmetic(operator, (left, *left_scale), (right, *right_scale)));
    }
    let (left, right) = (doubles(left)?, doubles(right)?);
    let compute = match operator {
        BinaryOperator::Add => |a: f64, b: f64| a + b,
        BinaryOperator::Subtract => |a: f64, b: f64| a - b,
        BinaryOperator::Multiply => |a: f64, b: f64| a * b,
    };
    Ok(Values::Double(zip(&left, &right, |a, b| Some(compute(a, b)).filter(|value| value.is_finite()))))
}

fn exact_arithmetic(
    operator: BinaryOperator,
    (left, left_scale): (&Decimal128Array, u8),
    (right, right_scale): (&Decimal128Array, u8),
) -> Values {
    if operator == BinaryOperator::Multiply {
        return Values::Exact(zip(left, right, i128::checked_mul), left_scale + right_scale);
    }
    let scale = left_scale.max(right_scale);
    let (left_factor, right_factor) = (power_of_ten(scale - left_scale), power_of_ten(scale - right_scale));
    let aligned = |a: i128, b: i128| Some((a.checked_mul(left_factor)?, b.checked_mul(right_factor)?));
    let values = if operator == BinaryOperator::Add {
        zip(left, right, |a, b| aligned(a, b).and_then(|(a, b)| a.checked_add(b)))
    } else {
        zip(left, right, |a, b| aligned(a, b).and_then(|(a, b)| a.checked_sub(b)))
    };
    Values::Exact(values, scale)
}

/// Computes row by row; null where an operand is null or `compute` has no value.
fn zip<T: ArrowPrimitiveType>(
    left: &PrimitiveArray<T>,
    right: &PrimitiveArray<T>,
    compute: impl Fn(T::Native, T::Native) -> Option<T::Native>,
) -> PrimitiveArray<T> {
    left.iter().zip(right).map(|(left, right)| compute(left?, right?)).collect()
}

fn doubles(values: Values) -> Result<Float64Array, ArrowError> {
    match values {
        Values::Double(values) => Ok(values),
        Values::Exact(values, scale) => {
            let unit = 10_f64.powi(i32::from(scale));
            #[expect(clippy::cast_precision_loss, reason = "a double is asked for")]
            Ok(values.unary(|value| value as f64 / unit))
        }
        Values::Text(_) | Values::Other(_) => Err(mistyped()),
    }
}

/// The values as the column stores them; null where one does not fit.
fn fit(values: Values, column_type: &ColumnType) -> Result<ArrayRef, ArrowError> {
    Ok(match (values, column_type) {
        (Values::Exact(values, scale), ColumnType::Decimal { precision, scale: wanted }) => {
            let limit = power_of_ten(*precision).unsigned_abs();
            let fitted = |value| rescale(value, scale, *wanted).filter(|value| value.unsigned_abs() < limit);
            let values: Decimal128Array = values.unary_opt(fitted);
            Arc::new(values.with_precision_and_scale(*precision, wanted.cast_signed())?)
        }
        (Values::Exact(values, scale), ColumnType::Integer(width)) => match width {
            IntegerWidth::I8 => whole::<Int8Type>(&values, scale),
            IntegerWidth::I16 => whole::<Int16Type>(&values, scale),
            IntegerWidth::I32 => whole::<Int32Type>(&values, scale),
            IntegerWidth::I64 => whole::<Int64Type>(&values, scale),
        },
        (values, ColumnType::Double) => {
            let finite = |value: f64| value.is_finite().then_some(value);
            Arc::new(doubles(values)?.unary_opt::<_, Float64Type>(finite))
        }
        (Values::Text(values), ColumnType::String) => Arc::new(values),
        (Values::Other(values), ColumnType::Boolean | ColumnType::Date(_) | ColumnType::Timestamp(_)) => values,
        (Values::Text(_) | Values::Exact(..) | Values::Double(_) | Values::Other(_), _) => return Err(mistyped()),
    })
}

fn whole<T: ArrowPrimitiveType>(values: &Decimal128Array, scale: u8) -> ArrayRef
where
    T::Native: TryFrom<i128>,
{
    Arc::new(values.unary_opt::<_, T>(|value| T::Native::try_from(rescale(value, scale, 0)?).ok()))
}

/// The number in units of 10^-`to` instead of 10^-`from`, rounded half away from zero.
fn rescale(value: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        return value.checked_mul(power_of_ten(to - from));
    }
    let unit = power_of_ten(from - to);
    let (quotient, rest) = (value / unit, value % unit);
    // unit is at most 10^38, so that twice the rest may overflow and half the unit is exact.
    Some(if rest.unsigned_abs() >= unit.unsigned_abs() / 2 { quotient + value.signum() } else { quotient })
}

/// `exponent` is at most 38, the digits of the widest decimal.
fn power_of_ten(exponent: u8) -> i128 {
    10_i128.saturating_pow(u32::from(exponent))
}

/// The contract's parser has typed the expression; this tells of a fault in the engine.
fn mistyped() -> ArrowError {
    ArrowError::SchemaError("an expression does not fit its columns' types".to_owned())
}

#[cfg(test)]
mod tests {
    use super::rescale;

    #[test]
    fn rounding_is_half_away_from_zero() {
        for (value, from, to, rescaled) in [
            (125, 2, 1, 13),
            (-125, 2, 1, -13),
            (124, 2, 1, 12),
            (5, 1, 0, 1),
            (4, 1, 0, 0),
            (7, 0, 2, 700),
            (0, 38, 0, 0),
        ] {
            assert_eq!(rescale(value, from, to), Some(rescaled), "{value} from {from} to {to}");
        }
        assert_eq!(rescale(i128::MAX, 0, 1), None);
    }
}
