//! Values of contracts as text, for people.
//! It does not judge what differs.

use std::fmt::Display;

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};

use crate::{Bound, Check, Column, ColumnSource, ColumnType, Contract, FileRule, Metric, Rule, Scalar, TableType};

/// Values of a list that are shown; a longer list may differ in the others alone.
const SHOWN_MAX: usize = 20;

/// Both sides of a change.
pub(super) type Values = (Option<String>, Option<String>);

pub(super) fn plain(old: impl Display, new: impl Display) -> Values {
    (Some(old.to_string()), Some(new.to_string()))
}

pub(super) fn option<T: Display>(old: Option<T>, new: Option<T>) -> Values {
    (old.map(|value| value.to_string()), new.map(|value| value.to_string()))
}

/// A column's type, and how its values are written or computed: `date (dd/MM/yyyy)`, `int = year(day)`.
pub(super) fn type_text(column: &Column) -> String {
    let mut text = match &column.column_type {
        ColumnType::Json => "json".to_owned(),
        ColumnType::Date(pattern) | ColumnType::Timestamp(pattern) => {
            let zone = pattern.default_zone().map(|zone| format!(", {zone}")).unwrap_or_default();
            format!("{} ({pattern}{zone})", TableType::of(&column.column_type))
        }
        ColumnType::String
        | ColumnType::Integer(_)
        | ColumnType::Double
        | ColumnType::Decimal { .. }
        | ColumnType::Boolean
        | ColumnType::Struct(_)
        | ColumnType::List(_) => TableType::of(&column.column_type).to_string(),
    };
    if let ColumnSource::Derived(expression) = &column.source {
        text = format!("{text} = {}", expression.text);
    }
    text
}

/// What a check compares with.
pub(super) fn check(check: &Check, column_type: &ColumnType) -> String {
    match check {
        Check::Enum(values) => {
            let shown = values.iter().take(SHOWN_MAX).map(|value| scalar(value, column_type)).collect::<Vec<_>>();
            let more = values.len().saturating_sub(SHOWN_MAX);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("{}{more}", shown.join(", "))
        }
        Check::Minimum(value)
        | Check::Maximum(value)
        | Check::ExclusiveMinimum(value)
        | Check::ExclusiveMaximum(value)
        | Check::MultipleOf(value) => scalar(value, column_type),
        Check::MinLength(length) | Check::MaxLength(length) => length.to_string(),
        Check::Pattern(pattern) => pattern.as_str().to_owned(),
    }
}

fn scalar(value: &Scalar, column_type: &ColumnType) -> String {
    match value {
        Scalar::String(text) => format!("{text:?}"),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Decimal(digits) => {
            let scale = if let ColumnType::Decimal { scale, .. } = column_type { *scale } else { 0 };
            decimal(*digits, scale)
        }
        Scalar::Double(number) => number.to_string(),
        Scalar::Boolean(value) => value.to_string(),
        Scalar::Date(days) => {
            let day = Date::constant(1970, 1, 1).checked_add(i64::from(*days).days());
            day.map_or_else(|_| format!("day {days}"), |day| day.to_string())
        }
        Scalar::Timestamp(micros) => {
            let epoch = Date::constant(1970, 1, 1).at(0, 0, 0, 0);
            let moment = epoch.checked_add(SignedDuration::from_micros(*micros));
            moment.map_or_else(|_| format!("{micros} µs"), |moment| moment.to_string())
        }
    }
}

/// Digits with a point before the last `scale` of them.
fn decimal(value: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - scale).unwrap_or((&digits, ""));
    let sign = if value < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// What a rule of the file counts: `nullValues of amount, percent`.
pub(super) fn metric(rule: &FileRule, contract: &Contract) -> String {
    let name = |index: &usize| contract.columns.get(*index).map_or("", |column| column.physical_name.as_str());
    let unit = if rule.is_percent { ", percent" } else { "" };
    let counted = match &rule.metric {
        Metric::RowCount => "rowCount".to_owned(),
        Metric::NullValues(column) => format!("nullValues of {}", name(column)),
        Metric::MissingValues(column, texts) => {
            let texts: Vec<String> =
                texts.iter().map(|text| text.as_ref().map_or("null".to_owned(), |text| format!("{text:?}"))).collect();
            format!("missingValues of {} ({})", name(column), texts.join(", "))
        }
        Metric::DuplicateValues(columns) => {
            format!("duplicateValues of {}", columns.iter().map(name).collect::<Vec<_>>().join(", "))
        }
        Metric::InvalidValues(column, checks) => {
            let column_type = contract.columns.get(*column).map_or(&ColumnType::String, |column| &column.column_type);
            let checks =
                checks.iter().map(|check| format!("{} {}", check.rule().name(), self::check(check, column_type)));
            format!("invalidValues of {} ({})", name(column), checks.collect::<Vec<_>>().join("; "))
        }
    };
    format!("{counted}{unit}")
}

pub(super) fn bound(bound: Bound) -> String {
    match bound {
        Bound::Is(number) => format!("mustBe {number}"),
        Bound::IsNot(number) => format!("mustNotBe {number}"),
        Bound::Above(number) => format!("mustBeGreaterThan {number}"),
        Bound::AtLeast(number) => format!("mustBeGreaterOrEqualTo {number}"),
        Bound::Below(number) => format!("mustBeLessThan {number}"),
        Bound::AtMost(number) => format!("mustBeLessOrEqualTo {number}"),
        Bound::Between(low, high) => format!("mustBeBetween {low} and {high}"),
        Bound::NotBetween(low, high) => format!("mustNotBeBetween {low} and {high}"),
    }
}

/// Where a rule of values stands on its column.
pub(super) fn rule_path(path: &str, rule: Rule) -> String {
    match rule {
        Rule::Enum | Rule::Required => format!("{path}.{rule}"),
        Rule::Fields
        | Rule::Quote
        | Rule::Encoding
        | Rule::TooLong
        | Rule::Syntax
        | Rule::UnknownColumn
        | Rule::Type
        | Rule::Unique
        | Rule::Minimum
        | Rule::Maximum
        | Rule::ExclusiveMinimum
        | Rule::ExclusiveMaximum
        | Rule::MultipleOf
        | Rule::MinLength
        | Rule::MaxLength
        | Rule::Pattern
        | Rule::TransformLogic
        | Rule::Quality(_) => format!("{path}.logicalTypeOptions.{rule}"),
    }
}
