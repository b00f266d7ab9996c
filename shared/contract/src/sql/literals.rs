//! Literals and the names of types.
//! It does not know columns.

use sqlparser::ast::{DataType, ExactNumberInfo, Expr, TimezoneInfo, TypedString, UnaryOperator, Value};

use super::MAX_DIGITS;
use super::kind::{Kind, Typed};
use crate::temporal::TemporalPattern;
use crate::value::{parse_decimal, parse_double};
use crate::{CastTo, Constant, IntegerWidth, Node, ValueKind};

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sqlparser knows some twenty literals; the point is to refuse all but a few"
)]
pub(super) fn literal(value: &Value) -> Result<Typed, String> {
    match value {
        Value::SingleQuotedString(text) => Ok(constant(Constant::Text(text.clone()), Kind::Text)),
        Value::Boolean(value) => Ok(constant(Constant::Boolean(*value), Kind::Boolean)),
        Value::Null => Ok(null()),
        Value::Number(text, false) => number(text).ok_or_else(|| format!("the number {text}")),
        other => Err(format!("the literal {other}")),
    }
}

fn number(text: &str) -> Option<Typed> {
    if text.contains(['e', 'E']) {
        return Some(constant(Constant::Double(parse_double(text.as_bytes())?), Kind::Double));
    }
    let Some((_, behind)) = text.split_once('.') else {
        let value = parse_decimal(text.as_bytes(), MAX_DIGITS, 0)?;
        return Some(constant(Constant::Number { value, scale: 0 }, Kind::Integer));
    };
    let scale = u8::try_from(behind.len()).ok().filter(|scale| *scale <= MAX_DIGITS)?;
    let value = parse_decimal(text.as_bytes(), MAX_DIGITS, scale)?;
    Some(constant(Constant::Number { value, scale }, Kind::Decimal { scale }))
}

/// `NULL`; what it stands for is known where it stands.
pub(super) fn null() -> Typed {
    constant(Constant::Null(ValueKind::Boolean), Kind::Null)
}

fn constant(constant: Constant, kind: Kind) -> Typed {
    Typed::new(Node::Constant(constant), kind)
}

/// `DATE '2025-01-31'` and `TIMESTAMP '2025-01-31 10:00:00'`.
#[expect(clippy::wildcard_enum_match_arm, reason = "the point is to refuse all types but two")]
pub(super) fn typed_literal(typed: &TypedString) -> Result<Typed, String> {
    let refused = || format!("`{typed}`");
    let Value::SingleQuotedString(text) = &typed.value.value else { return Err(refused()) };
    let day = || TemporalPattern::iso_date().parse_date(text.as_bytes());
    match typed.data_type {
        DataType::Date => {
            let days = day().ok_or_else(|| format!("{typed}, which is no date written DATE '2025-01-31'"))?;
            Ok(constant(Constant::Date(days), Kind::Date))
        }
        DataType::Timestamp(None, TimezoneInfo::None) => {
            const MICROS_PER_DAY: i64 = 86_400_000_000;
            let moment = TemporalPattern::iso_timestamp().parse_timestamp(text.as_bytes());
            let micros = moment
                .or_else(|| i64::from(day()?).checked_mul(MICROS_PER_DAY))
                .ok_or_else(|| format!("{typed}, which is no timestamp written TIMESTAMP '2025-01-31 10:00:00'"))?;
            Ok(constant(Constant::Timestamp(micros), Kind::Timestamp))
        }
        _ => Err(refused()),
    }
}

/// The text of a literal in quotes.
pub(super) fn text_of(sql: &Expr) -> Option<&str> {
    let Expr::Value(value) = sql else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    Some(text)
}

/// A whole number as it is written, with its sign.
pub(super) fn integer_of(sql: &Expr) -> Option<i64> {
    if let Expr::UnaryOp { op: UnaryOperator::Minus, expr } = sql {
        return integer_of(expr)?.checked_neg();
    }
    let Expr::Value(value) = sql else { return None };
    let Value::Number(text, false) = &value.value else { return None };
    text.parse().ok()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sqlparser knows a hundred types; the point is to refuse all but a few"
)]
pub(super) fn cast_type(data_type: &DataType) -> Result<CastTo, String> {
    Ok(match data_type {
        DataType::Varchar(None) | DataType::Text | DataType::String(None) => CastTo::Text,
        DataType::TinyInt(None) => CastTo::Integer(IntegerWidth::I8),
        DataType::SmallInt(None) => CastTo::Integer(IntegerWidth::I16),
        DataType::Int(None) | DataType::Integer(None) => CastTo::Integer(IntegerWidth::I32),
        DataType::BigInt(None) => CastTo::Integer(IntegerWidth::I64),
        DataType::Double(ExactNumberInfo::None) | DataType::DoublePrecision => CastTo::Double,
        DataType::Boolean | DataType::Bool => CastTo::Boolean,
        DataType::Date => CastTo::Date,
        DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => CastTo::Timestamp,
        DataType::Decimal(info) | DataType::Numeric(info) => {
            let (precision, scale) = match info {
                ExactNumberInfo::None => return Err(format!("CAST to {data_type} without digits, as in (18,2)")),
                ExactNumberInfo::Precision(precision) => (*precision, 0),
                ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
            };
            let refused = || format!("CAST to {data_type}: 1 to {MAX_DIGITS} digits, and not more behind the point");
            let precision = u8::try_from(precision).ok().filter(|digits| (1..=MAX_DIGITS).contains(digits));
            let (Some(precision), Ok(scale)) = (precision, u8::try_from(scale)) else { return Err(refused()) };
            if scale > precision {
                return Err(refused());
            }
            CastTo::Decimal { precision, scale }
        }
        other => return Err(format!("CAST to {other}")),
    })
}
