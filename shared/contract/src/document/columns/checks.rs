//! A column's checks: `enum` and `logicalTypeOptions`, their bounds read as values of the column's type.
//! It does not judge.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

use super::super::node::{Findings, Node};
use super::types::text_length;
use crate::value::{parse_boolean, parse_decimal, parse_double, parse_integer};
use crate::{Check, ColumnType, Scalar};

/// Digits of the widest decimal.
const MAX_DIGITS: u8 = 38;
/// What the standard lets ask of objects and arrays.
const NESTED_OPTIONS: [&str; 6] = ["maxItems", "maxProperties", "minItems", "minProperties", "required", "uniqueItems"];

pub(super) fn checks(node: &Node<'_>, column_type: &ColumnType, findings: &mut Findings) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(list) = node.field("enum") {
        checks.extend(enumeration(&list, column_type, findings));
    }
    if let Some(options) = node.field("logicalTypeOptions")
        && options.object("an object of options", findings).is_some()
    {
        option_checks(&options, column_type, &mut checks, findings);
    }
    let declared = node.value.get("physicalType").and_then(Value::as_str);
    let declared = declared.filter(|_| matches!(column_type, ColumnType::String));
    if let Some(length) = declared.and_then(|text| text_length(&text.to_ascii_uppercase()))
        && !checks.iter().any(|check| matches!(check, Check::MaxLength(_)))
    {
        checks.push(Check::MaxLength(length));
    }
    checks
}

fn option_checks(options: &Node<'_>, column_type: &ColumnType, checks: &mut Vec<Check>, findings: &mut Findings) {
    let known: &[&str] = match column_type {
        ColumnType::String => &["format", "maxLength", "minLength", "pattern"],
        ColumnType::Integer(_) | ColumnType::Decimal { .. } => {
            &["exclusiveMaximum", "exclusiveMinimum", "format", "maximum", "minimum", "multipleOf"]
        }
        ColumnType::Boolean => &[],
        ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => &NESTED_OPTIONS,
        ColumnType::Double | ColumnType::Date(_) => {
            &["exclusiveMaximum", "exclusiveMinimum", "format", "maximum", "minimum"]
        }
        ColumnType::Timestamp(_) => {
            &["defaultTimezone", "exclusiveMaximum", "exclusiveMinimum", "format", "maximum", "minimum", "timezone"]
        }
    };
    options.refuse_unknown_keys(&format!("the options of {}", type_name(column_type)), known, findings);
    for key in known {
        let Some(option) = options.field(key) else { continue };
        let check = match *key {
            "format" => {
                if matches!(column_type, ColumnType::String) {
                    option.note("not enforced: the format of a text; a pattern is", findings);
                }
                None
            }
            // The pattern of the type has them already.
            "defaultTimezone" | "timezone" => None,
            key if NESTED_OPTIONS.contains(&key) => {
                // What asks nothing is the standard's default.
                if option.value.as_bool() != Some(false) && option.value.as_u64() != Some(0) {
                    let expected =
                        format!("no {key}, which is not enforced (required: true on a property or on items is)");
                    option.refuse(expected, findings);
                }
                None
            }
            "minLength" => length(&option, findings).map(Check::MinLength),
            "maxLength" => length(&option, findings).map(Check::MaxLength),
            "pattern" => pattern(&option, findings),
            key if option.value.is_boolean() && key.starts_with("exclusive") => {
                refuse_flag_without_bound(options, &option, key, findings);
                None
            }
            "minimum" if is_flag(options, "exclusiveMinimum") => {
                bound("exclusiveMinimum", &option, column_type, findings)
            }
            "maximum" if is_flag(options, "exclusiveMaximum") => {
                bound("exclusiveMaximum", &option, column_type, findings)
            }
            key => bound(key, &option, column_type, findings),
        };
        checks.extend(check);
    }
    refuse_unsatisfiable(options, checks, findings);
}

/// Version 3.0 of the standard has flags that make `minimum` and `maximum` exclusive; later ones have bounds of these names.
fn is_flag(options: &Node<'_>, key: &str) -> bool {
    options.value.get(key).and_then(Value::as_bool) == Some(true)
}

fn refuse_flag_without_bound(options: &Node<'_>, flag: &Node<'_>, key: &str, findings: &mut Findings) {
    let bound = if key == "exclusiveMinimum" { "minimum" } else { "maximum" };
    if is_flag(options, key) && options.field(bound).is_none() {
        flag.refuse(format!("a {bound} beside it, or the bound itself"), findings);
    }
}

/// A minimum above the maximum would reject every row.
fn refuse_unsatisfiable(options: &Node<'_>, checks: &[Check], findings: &mut Findings) {
    let bounds = |is_lower: bool| {
        checks.iter().find_map(|check| match check {
            Check::Minimum(bound) | Check::ExclusiveMinimum(bound) => is_lower.then(|| bound.clone()),
            Check::Maximum(bound) | Check::ExclusiveMaximum(bound) => (!is_lower).then(|| bound.clone()),
            Check::MinLength(length) => is_lower.then(|| Scalar::Decimal(i128::from(*length))),
            Check::MaxLength(length) => (!is_lower).then(|| Scalar::Decimal(i128::from(*length))),
            Check::Enum(_) | Check::MultipleOf(_) | Check::Pattern(_) => None,
        })
    };
    let (Some(lower), Some(upper)) = (bounds(true), bounds(false)) else { return };
    let is_above = match (lower, upper) {
        (Scalar::Integer(lower), Scalar::Integer(upper)) | (Scalar::Timestamp(lower), Scalar::Timestamp(upper)) => {
            lower > upper
        }
        (Scalar::Decimal(lower), Scalar::Decimal(upper)) => lower > upper,
        (Scalar::Double(lower), Scalar::Double(upper)) => lower > upper,
        (Scalar::Date(lower), Scalar::Date(upper)) => lower > upper,
        _ => false,
    };
    if is_above {
        findings.problem(&options.path, "a minimum above the maximum", "bounds that some value can keep");
    }
}

fn type_name(column_type: &ColumnType) -> &'static str {
    match column_type {
        ColumnType::String => "strings",
        ColumnType::Integer(_) => "integers",
        ColumnType::Decimal { .. } | ColumnType::Double => "numbers",
        ColumnType::Boolean => "booleans",
        ColumnType::Date(_) => "dates",
        ColumnType::Timestamp(_) => "timestamps",
        ColumnType::Json => "JSON",
        ColumnType::Struct(_) => "objects",
        ColumnType::List(_) => "arrays",
    }
}

fn length(option: &Node<'_>, findings: &mut Findings) -> Option<u64> {
    let length = option.value.as_u64();
    if length.is_none() {
        option.refuse("a number of characters, 0 or more", findings);
    }
    length
}

pub(in super::super) fn pattern(option: &Node<'_>, findings: &mut Findings) -> Option<Check> {
    let text = option.text("a regular expression", findings)?;
    match Regex::new(&text) {
        Ok(regex) => Some(Check::Pattern(regex)),
        Err(error) => {
            // The last line of the regex crate's message is the reason; the lines above draw the place.
            let reason = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            findings.problem(
                &option.path,
                format!("{text:?} ({reason})"),
                "a regular expression without look-around and back-references",
            );
            None
        }
    }
}

fn enumeration(list: &Node<'_>, column_type: &ColumnType, findings: &mut Findings) -> Option<Check> {
    let items = list.items("a list of {value: …}", findings)?;
    let mut values = Vec::with_capacity(items.len());
    for item in &items {
        match item.field("value") {
            Some(value) => values.extend(value_of(&value, column_type, findings)),
            None => item.refuse("an object with a value", findings),
        }
    }
    if items.is_empty() {
        list.refuse("at least one value", findings);
    }
    Some(Check::Enum(values))
}

/// A plain list of values, as the argument `validValues` has it.
pub(in super::super) fn valid_values(
    list: &Node<'_>,
    column_type: &ColumnType,
    findings: &mut Findings,
) -> Option<Check> {
    let items = list.items("a list of values", findings)?;
    if items.is_empty() {
        list.refuse("at least one value", findings);
    }
    Some(Check::Enum(items.iter().filter_map(|item| value_of(item, column_type, findings)).collect()))
}

fn value_of(node: &Node<'_>, column_type: &ColumnType, findings: &mut Findings) -> Option<Scalar> {
    match scalar(node.value, column_type) {
        Some(Exactness::Exact(scalar)) => Some(scalar),
        Some(Exactness::Between(..)) | None => {
            node.refuse(expected(column_type), findings);
            None
        }
    }
}

fn bound(key: &str, option: &Node<'_>, column_type: &ColumnType, findings: &mut Findings) -> Option<Check> {
    let Some(value) = scalar(option.value, column_type) else {
        option.refuse(expected(column_type), findings);
        return None;
    };
    // A bound between two values of the column (0.295 where the scale is 2) is moved to the value that judges alike.
    let below = |value: Exactness| match value {
        Exactness::Exact(value) | Exactness::Between(value, _) => value,
    };
    let above = |value: Exactness| match value {
        Exactness::Exact(value) | Exactness::Between(_, value) => value,
    };
    Some(match key {
        "minimum" => Check::Minimum(above(value)),
        "maximum" => Check::Maximum(below(value)),
        "exclusiveMinimum" => Check::ExclusiveMinimum(below(value)),
        "exclusiveMaximum" => Check::ExclusiveMaximum(above(value)),
        _ => return multiple_of(value, option, findings),
    })
}

fn multiple_of(value: Exactness, option: &Node<'_>, findings: &mut Findings) -> Option<Check> {
    match value {
        Exactness::Exact(value @ (Scalar::Integer(1..) | Scalar::Decimal(1..))) => Some(Check::MultipleOf(value)),
        Exactness::Exact(_) | Exactness::Between(..) => {
            option.refuse("a number above 0 with no more digits behind the point than the column", findings);
            None
        }
    }
}

/// A value of the column, or the two neighbours between which it lies.
enum Exactness {
    Exact(Scalar),
    Between(Scalar, Scalar),
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
    let text = if text.contains(['e', 'E']) { format!("{}", text.parse::<f64>().ok()?) } else { text.to_owned() };
    if let Some(value) = parse_decimal(text.as_bytes(), MAX_DIGITS, scale) {
        return Some(Exactness::Exact(Scalar::Decimal(value)));
    }
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
