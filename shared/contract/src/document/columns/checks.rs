//! A column's checks: `enum` and `logicalTypeOptions`.
//! It does not judge, and does not know how a value is read.

use regex::Regex;
use serde_json::Value;

use super::super::node::{Findings, Node, describe};
use super::types::text_length;
use super::values::{Exactness, value, value_or_neighbours};
use crate::{Check, ColumnType, Scalar};

/// What the standard lets ask of objects and arrays.
const NESTED_OPTIONS: [&str; 6] = ["maxItems", "maxProperties", "minItems", "minProperties", "required", "uniqueItems"];

pub(super) fn checks(node: &Node<'_>, column_type: &ColumnType, findings: &mut Findings) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(list) = node.field("enum") {
        checks.extend(enumeration(&list, column_type, findings));
    }
    let options = node.field("logicalTypeOptions");
    let options = options.filter(|options| options.object("an object of options", findings).is_some());
    if let Some(options) = &options {
        options.refuse_unknown_keys(
            &format!("the options of {}", type_name(column_type)),
            known_options(column_type),
            findings,
        );
        for key in known_options(column_type) {
            let option = options.field(key);
            checks.extend(option.and_then(|option| option_check(options, key, &option, column_type, findings)));
        }
    }
    limit_length(node, column_type, &mut checks);
    if let Some(options) = options {
        refuse_unsatisfiable(&options, &checks, findings);
    }
    checks
}

/// Of the length that `VARCHAR(n)` says and the option `maxLength` the smaller one holds.
fn limit_length(node: &Node<'_>, column_type: &ColumnType, checks: &mut Vec<Check>) {
    let declared = node.value.get("physicalType").and_then(Value::as_str);
    let declared = declared.filter(|_| matches!(column_type, ColumnType::String));
    let Some(length) = declared.and_then(|text| text_length(&text.to_ascii_uppercase())) else { return };
    let said = checks.iter_mut().find_map(|check| if let Check::MaxLength(said) = check { Some(said) } else { None });
    match said {
        Some(said) => *said = length.min(*said),
        None => checks.push(Check::MaxLength(length)),
    }
}

fn known_options(column_type: &ColumnType) -> &'static [&'static str] {
    match column_type {
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
    }
}

fn option_check(
    options: &Node<'_>,
    key: &str,
    option: &Node<'_>,
    column_type: &ColumnType,
    findings: &mut Findings,
) -> Option<Check> {
    match key {
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
                let expected = format!("no {key}, which is not enforced (required: true on a property or on items is)");
                option.refuse(expected, findings);
            }
            None
        }
        "minLength" => length(option, findings).map(Check::MinLength),
        "maxLength" => length(option, findings).map(Check::MaxLength),
        "pattern" => pattern(option, findings),
        key if option.value.is_boolean() && key.starts_with("exclusive") => {
            refuse_flag_without_bound(options, option, key, findings);
            None
        }
        "minimum" if is_flag(options, "exclusiveMinimum") => bound("exclusiveMinimum", option, column_type, findings),
        "maximum" if is_flag(options, "exclusiveMaximum") => bound("exclusiveMaximum", option, column_type, findings),
        key => bound(key, option, column_type, findings),
    }
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

/// Bounds without a value between them would reject every row.
fn refuse_unsatisfiable(options: &Node<'_>, checks: &[Check], findings: &mut Findings) {
    let limits: Vec<Limit> = checks.iter().filter_map(Limit::of).collect();
    for lower in limits.iter().filter(|limit| limit.is_lower) {
        for upper in limits.iter().filter(|limit| !limit.is_lower) {
            let found = if lower.value.is_above(upper.value, 0) {
                "a minimum above the maximum"
            } else if lower.value.is_above(upper.value, i128::from(lower.excludes) + i128::from(upper.excludes)) {
                "bounds with no value between them"
            } else {
                continue;
            };
            return findings.problem(&options.path, found, "bounds that some value can keep");
        }
    }
}

/// One end of what a column's checks let pass.
struct Limit {
    value: LimitValue,
    is_lower: bool,
    /// The value itself does not pass.
    excludes: bool,
}

#[derive(Clone, Copy)]
enum LimitValue {
    /// In the smallest unit that the column has: days, microseconds, units of a decimal's scale, characters.
    Whole(i128),
    Double(f64),
}

impl Limit {
    fn of(check: &Check) -> Option<Self> {
        let (scalar, is_lower, excludes) = match check {
            Check::Minimum(bound) => (bound, true, false),
            Check::ExclusiveMinimum(bound) => (bound, true, true),
            Check::Maximum(bound) => (bound, false, false),
            Check::ExclusiveMaximum(bound) => (bound, false, true),
            Check::MinLength(length) | Check::MaxLength(length) => {
                let is_lower = matches!(check, Check::MinLength(_));
                return Some(Self { value: LimitValue::Whole(i128::from(*length)), is_lower, excludes: false });
            }
            Check::Enum(_) | Check::MultipleOf(_) | Check::Pattern(_) => return None,
        };
        let value = match scalar {
            Scalar::Integer(value) | Scalar::Timestamp(value) => LimitValue::Whole(i128::from(*value)),
            Scalar::Date(value) => LimitValue::Whole(i128::from(*value)),
            Scalar::Decimal(value) => LimitValue::Whole(*value),
            Scalar::Double(value) => LimitValue::Double(*value),
            Scalar::String(_) | Scalar::Boolean(_) => return None,
        };
        Some(Self { value, is_lower, excludes })
    }
}

impl LimitValue {
    /// Whether nothing lies from this value to the other one, of which `excluded` ends do not count.
    fn is_above(self, other: Self, excluded: i128) -> bool {
        match (self, other) {
            (Self::Whole(lower), Self::Whole(upper)) => lower.saturating_add(excluded) > upper,
            (Self::Double(lower), Self::Double(upper)) => lower > upper || (excluded > 0 && lower >= upper),
            (Self::Whole(_), Self::Double(_)) | (Self::Double(_), Self::Whole(_)) => false,
        }
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
            Some(node) => values.extend(value(&node, column_type, findings)),
            None if item.value.is_object() => item.refuse("an object with a value", findings),
            None => item.refuse(format!("{{value: {}}}", describe(item.value)), findings),
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
    Some(Check::Enum(items.iter().filter_map(|item| value(item, column_type, findings)).collect()))
}

fn bound(key: &str, option: &Node<'_>, column_type: &ColumnType, findings: &mut Findings) -> Option<Check> {
    let value = value_or_neighbours(option, column_type, findings)?;
    note_bound_beyond_type(key, &value, option, column_type, findings);
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

/// A bound beyond the whole numbers that the column can have says nothing, or that no row is right.
fn note_bound_beyond_type(
    key: &str,
    value: &Exactness,
    option: &Node<'_>,
    column_type: &ColumnType,
    findings: &mut Findings,
) {
    let (ColumnType::Integer(width), Exactness::Exact(Scalar::Integer(bound))) = (column_type, value) else { return };
    let (least, most) = width.range();
    let is_upper = key.to_ascii_lowercase().ends_with("maximum");
    let is_lower = key.to_ascii_lowercase().ends_with("minimum");
    let effect = match *bound {
        bound if bound > most && is_upper || bound < least && is_lower => "never breaks",
        bound if bound < least && is_upper || bound > most && is_lower => "every value breaks it",
        _ => return,
    };
    option.note(format!("{effect}: the column's type has whole numbers from {least} to {most}"), findings);
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
