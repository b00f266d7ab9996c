//! Values of a column as a contract writes them: bounds and what a column may have, read as its cells are.
//! It does not know what is asked of them.

use std::cmp::Ordering;

use serde_json::Value;

use super::super::digits::{DOUBLE_DIGITS, may_have_lost_digits};
use super::super::node::{Findings, Node};
use crate::value::{decimal_with_exponent, parse_boolean, parse_decimal, parse_double, parse_integer};
use crate::{ColumnType, Scalar};

/// Digits of the widest decimal.
const MAX_DIGITS: u8 = 38;
/// What is asked for where digits may have been lost.
const AS_TEXT: &str = "the number as text, in quotes: without them it keeps 15 digits";

/// A value of the column, or the two neighbours between which it lies.
pub(super) enum Exactness {
    Exact(Scalar),
    Between(Scalar, Scalar),
}

/// A value that the column can have; anything else is refused.
pub(super) fn value(node: &Node<'_>, column_type: &ColumnType, findings: &mut Findings) -> Option<Scalar> {
    match value_or_neighbours(node, column_type, findings)? {
        Exactness::Exact(scalar) => Some(scalar),
        Exactness::Between(..) => {
            node.refuse(expected(column_type), findings);
            None
        }
    }
}

/// A value of the column's kind, which may have more digits behind the point than the column; anything else is refused.
pub(super) fn value_or_neighbours(
    node: &Node<'_>,
    column_type: &ColumnType,
    findings: &mut Findings,
) -> Option<Exactness> {
    if lost_digits(node.value, column_type) {
        node.refuse(AS_TEXT, findings);
        return None;
    }
    let value = scalar(node.value, column_type);
    if value.is_none() {
        node.refuse(expected(column_type), findings);
    }
    value
}

fn expected(column_type: &ColumnType) -> String {
    match column_type {
        ColumnType::String => "text".to_owned(),
        ColumnType::Integer(_) => "a whole number of 64 bits".to_owned(),
        ColumnType::Double => "a number".to_owned(),
        ColumnType::Decimal { precision, scale } => format!("a number that fits DECIMAL({precision},{scale})"),
        ColumnType::Boolean => "true or false".to_owned(),
        ColumnType::Date(pattern) => format!("a date as text, written {pattern}"),
        ColumnType::Timestamp(pattern) => format!("a timestamp as text, written {pattern}"),
        ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => {
            "no value of an object or an array: they are not compared".to_owned()
        }
    }
}

/// Whether a number of an exact column may have had more digits in the document than the binary floating point that it was read as keeps.
/// Whole numbers of 64 bits are read as what they are.
fn lost_digits(value: &Value, column_type: &ColumnType) -> bool {
    let is_exact = matches!(column_type, ColumnType::Integer(_) | ColumnType::Decimal { .. });
    is_exact && value.is_f64() && value.as_f64().is_some_and(may_have_lost_digits)
}

/// Reads a bound as a cell is read. Numbers may be written as text, which keeps the digits that binary floating point would lose.
fn scalar(value: &Value, column_type: &ColumnType) -> Option<Exactness> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    let bytes = text.as_bytes();
    let scalar = match column_type {
        ColumnType::String => return value.as_str().map(|text| Exactness::Exact(Scalar::String(text.to_owned()))),
        ColumnType::Integer(_) => return whole(bytes),
        ColumnType::Decimal { scale, .. } => return decimal(&text, *scale),
        ColumnType::Double => Scalar::Double(parse_double(bytes)?),
        ColumnType::Boolean => Scalar::Boolean(parse_boolean(bytes)?),
        ColumnType::Date(pattern) => Scalar::Date(pattern.parse_date(bytes)?),
        ColumnType::Timestamp(pattern) => Scalar::Timestamp(pattern.parse_timestamp(bytes)?),
        ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => return None,
    };
    Some(Exactness::Exact(scalar))
}

fn whole(text: &[u8]) -> Option<Exactness> {
    if let Some(value) = parse_integer(text) {
        return Some(Exactness::Exact(Scalar::Integer(value)));
    }
    let integer = |scalar| match scalar {
        Scalar::Decimal(value) => i64::try_from(value).ok().map(Scalar::Integer),
        Scalar::String(_)
        | Scalar::Integer(_)
        | Scalar::Double(_)
        | Scalar::Boolean(_)
        | Scalar::Date(_)
        | Scalar::Timestamp(_) => None,
    };
    match decimal(std::str::from_utf8(text).ok()?, 0)? {
        Exactness::Exact(value) => Some(Exactness::Exact(integer(value)?)),
        Exactness::Between(below, above) => Some(Exactness::Between(integer(below)?, integer(above)?)),
    }
}

fn decimal(text: &str, scale: u8) -> Option<Exactness> {
    // 1e6 is how some writers put a large bound; serde_json prints some numbers so.
    if let Some(value) = decimal_with_exponent(text.as_bytes(), MAX_DIGITS, scale) {
        return Some(Exactness::Exact(Scalar::Decimal(value)));
    }
    // A bound between two values.
    let text = match text.split_once(['e', 'E']) {
        Some((digits, _)) if digits.len() > DOUBLE_DIGITS => return None,
        Some(_) => format!("{}", text.parse::<f64>().ok()?),
        None => text.to_owned(),
    };
    let (head, behind) = text.split_once('.')?;
    let kept = behind.get(..usize::from(scale))?;
    if !behind.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let towards_zero = parse_decimal(format!("{head}.{kept}0").as_bytes(), MAX_DIGITS, scale)?;
    let (below, above) = match (text.starts_with('-'), towards_zero.cmp(&0)) {
        (true, Ordering::Less | Ordering::Equal) => (towards_zero - 1, towards_zero),
        _ => (towards_zero, towards_zero + 1),
    };
    Some(Exactness::Between(Scalar::Decimal(below), Scalar::Decimal(above)))
}
