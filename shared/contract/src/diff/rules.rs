//! What is asked of values, rows and files: is it more than before, or less?
//! It does not know what values are.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::values::{self, Values, bound, metric, plain, rule_path};
use super::{Changes, Class};
use crate::{Bound, Check, Column, Contract, Expression, FileRule, Key, RowRule, Rule, Scalar, Severity};

const MORE_ASKED: &str = "values that were accepted may be rejected; older files keep theirs";
const LESS_ASKED: &str =
    "values that were rejected are accepted; what older files had of them comes in when they are judged anew";
const REQUIRED: &str = "rows without a value, and files without the column, are rejected; older files keep their nulls";
const NOT_REQUIRED: &str = "rows without a value are accepted: queries may meet nulls";
const KEY_ADDED: &str = "a row whose key a row above it in the same file has is rejected; older files keep theirs";
const KEY_DROPPED: &str = "rows of one file may have the same key: queries that rely on it may count twice";
const ROW_RULE_ADDED: &str = "rows that break it are rejected; older files keep theirs";
const ROW_RULE_DROPPED: &str = "rows that broke it are accepted";
const FILE_RULE_ADDED: &str = "files that break it are rejected whole; older files keep what they have";
const FILE_RULE_DROPPED: &str = "files that broke it are published";
const WARNING: &str = "it is counted and told, and rejects nothing";

pub(super) fn required(path: &str, old: bool, new: bool, changes: &mut Changes) {
    let path = rule_path(path, Rule::Required);
    match (old, new) {
        (false, true) => changes.add(Class::Stricter, path, plain(old, new), REQUIRED),
        (true, false) => changes.add(Class::Looser, path, plain(old, new), NOT_REQUIRED),
        (true, true) | (false, false) => {}
    }
}

/// The checks of two columns of comparable types. A column has at most one of each rule.
pub(super) fn checks(path: &str, old: &Column, new: &Column, changes: &mut Changes) {
    let text = |check: Option<&Check>, column: &Column| check.map(|check| values::check(check, &column.column_type));
    let of = |column: &Column, rule: Rule| column.checks.iter().position(|check| check.rule() == rule);
    for check in old.checks.iter().chain(new.checks.iter().filter(|check| of(old, check.rule()).is_none())) {
        let rule = check.rule();
        let (old_check, new_check) = (of(old, rule), of(new, rule));
        let old_check = old_check.and_then(|index| old.checks.get(index));
        let new_check = new_check.and_then(|index| new.checks.get(index));
        let is_stricter = match (old_check, new_check) {
            (Some(one), Some(other)) => match is_stricter(one, other) {
                None => continue,
                Some(is_stricter) => is_stricter,
            },
            (None, _) => true,
            (Some(_), None) => false,
        };
        let (class, effect) = if is_stricter { (Class::Stricter, MORE_ASKED) } else { (Class::Looser, LESS_ASKED) };
        let texts = (text(old_check, old), text(new_check, new));
        changes.add(class, rule_path(path, rule), texts, effect);
    }
}

/// Whether the new check may reject what the former one, of the same rule, accepts; `None`: they are the same.
fn is_stricter(old: &Check, new: &Check) -> Option<bool> {
    let higher = |old: &Scalar, new: &Scalar| match compare(old, new) {
        Some(Ordering::Equal) => None,
        Some(Ordering::Less) | None => Some(true),
        Some(Ordering::Greater) => Some(false),
    };
    match (old, new) {
        (Check::Enum(old), Check::Enum(new)) => {
            let texts = |values: &[Scalar]| values.iter().map(|value| format!("{value:?}")).collect::<BTreeSet<_>>();
            let (old, new) = (texts(old), texts(new));
            match (new.is_superset(&old), old.is_superset(&new)) {
                (true, true) => None,
                (true, false) => Some(false),
                (false, _) => Some(true),
            }
        }
        (Check::Minimum(old), Check::Minimum(new)) | (Check::ExclusiveMinimum(old), Check::ExclusiveMinimum(new)) => {
            higher(old, new)
        }
        (Check::Maximum(old), Check::Maximum(new)) | (Check::ExclusiveMaximum(old), Check::ExclusiveMaximum(new)) => {
            higher(new, old)
        }
        (Check::MultipleOf(old), Check::MultipleOf(new)) => (old != new).then(|| !is_multiple(old, new)),
        (Check::MinLength(old), Check::MinLength(new)) => (old != new).then_some(old < new),
        (Check::MaxLength(old), Check::MaxLength(new)) => (old != new).then_some(old > new),
        (Check::Pattern(old), Check::Pattern(new)) => (old.as_str() != new.as_str()).then_some(true),
        // Two rules are never compared.
        _ => Some(true),
    }
}

/// `None` where the values are of two types.
fn compare(one: &Scalar, other: &Scalar) -> Option<Ordering> {
    match (one, other) {
        (Scalar::String(one), Scalar::String(other)) => Some(one.cmp(other)),
        (Scalar::Integer(one), Scalar::Integer(other)) | (Scalar::Timestamp(one), Scalar::Timestamp(other)) => {
            Some(one.cmp(other))
        }
        (Scalar::Decimal(one), Scalar::Decimal(other)) => Some(one.cmp(other)),
        (Scalar::Double(one), Scalar::Double(other)) => one.partial_cmp(other),
        (Scalar::Boolean(one), Scalar::Boolean(other)) => Some(one.cmp(other)),
        (Scalar::Date(one), Scalar::Date(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

/// Whether every multiple of `one` is one of `other`.
fn is_multiple(one: &Scalar, other: &Scalar) -> bool {
    match (one, other) {
        (Scalar::Integer(one), Scalar::Integer(other)) => one.checked_rem(*other) == Some(0),
        (Scalar::Decimal(one), Scalar::Decimal(other)) => one.checked_rem(*other) == Some(0),
        _ => false,
    }
}

/// Keys by the columns' names in the table. A key is implied by one over some of its columns.
pub(super) fn keys(old: &Contract, new: &Contract, changes: &mut Changes) {
    let names = |contract: &Contract, key: &Key| {
        let columns = key.columns.iter().filter_map(|index| contract.columns.get(*index));
        let mut names: Vec<String> = columns.map(|column| column.physical_name.clone()).collect();
        names.sort_unstable();
        names
    };
    let all = |contract: &Contract| contract.keys.iter().map(|key| names(contract, key)).collect::<Vec<_>>();
    let (old, new) = (all(old), all(new));
    let is_implied =
        |key: &[String], by: &[Vec<String>]| by.iter().any(|other| other.iter().all(|name| key.contains(name)));
    for key in new.iter().filter(|key| !is_implied(key, &old)) {
        changes.add(Class::Stricter, key_path(key), (None, Some(key.join(", "))), KEY_ADDED);
    }
    for key in old.iter().filter(|key| !is_implied(key, &new)) {
        changes.add(Class::Looser, key_path(key), (Some(key.join(", ")), None), KEY_DROPPED);
    }
}

fn key_path(key: &[String]) -> String {
    match key {
        [column] => format!("properties[{column}].unique"),
        _ => "properties[].primaryKey".to_owned(),
    }
}

/// Whether two expressions differ in nothing but spaces outside quotes, and read the same columns of the table: a column that came since
/// may have taken a name over.
pub(super) fn is_same_sql(one: (&Expression, &Contract), other: (&Expression, &Contract)) -> bool {
    let is_quoted = |text: &str| text.contains(['\'', '"']);
    let (text, other_text) = (&one.0.text, &other.0.text);
    let has_same_words = || text.split_whitespace().eq(other_text.split_whitespace());
    let is_same = text == other_text || (!is_quoted(text) && !is_quoted(other_text) && has_same_words());
    is_same && inputs(one.0, one.1) == inputs(other.0, other.1)
}

/// The expression, and what it reads: `quantity * price (of quantity, unit_price)`.
pub(super) fn sql_text(expression: &Expression, contract: &Contract) -> String {
    let inputs = inputs(expression, contract).join(", ");
    if inputs.is_empty() { expression.text.clone() } else { format!("{} (of {inputs})", expression.text) }
}

/// The columns that it reads, by their names in the table.
fn inputs<'c>(expression: &Expression, contract: &'c Contract) -> Vec<&'c str> {
    let columns = expression.inputs.iter().filter_map(|index| contract.columns.get(*index));
    let mut names: Vec<&str> = columns.map(|column| column.physical_name.as_str()).collect();
    names.sort_unstable();
    names
}

pub(super) fn row_rules(old: &Contract, new: &Contract, changes: &mut Changes) {
    let text = |rule: &RowRule, contract: &Contract| sql_text(&rule.broken_if, contract);
    for rule in &new.row_rules {
        let former = old.row_rules.iter().find(|former| former.name == rule.name);
        let is_changed = former.is_some_and(|former| !is_same_sql((&former.broken_if, old), (&rule.broken_if, new)));
        let severities = (former.map(|former| former.severity), Some(rule.severity));
        let texts = (former.map(|former| text(former, old)), Some(text(rule, new)));
        let effects = [ROW_RULE_ADDED, ROW_RULE_DROPPED];
        quality(&rule.name, severities, texts, is_changed.then_some(true), effects, changes);
    }
    for rule in old.row_rules.iter().filter(|rule| new.row_rules.iter().all(|other| other.name != rule.name)) {
        let effects = [ROW_RULE_ADDED, ROW_RULE_DROPPED];
        quality(&rule.name, (Some(rule.severity), None), (Some(text(rule, old)), None), None, effects, changes);
    }
}

pub(super) fn file_rules(old: &Contract, new: &Contract, changes: &mut Changes) {
    let text = |rule: &FileRule, contract: &Contract| format!("{} {}", metric(rule, contract), bound(rule.must));
    for rule in &new.file_rules {
        let former = old.file_rules.iter().find(|former| former.name == rule.name);
        let is_stricter = former.and_then(|former| {
            if metric(former, old) != metric(rule, new) {
                return Some(true);
            }
            (former.must != rule.must).then(|| !is_within(former.must, rule.must))
        });
        let severities = (former.map(|former| former.severity), Some(rule.severity));
        let texts = (former.map(|former| text(former, old)), Some(text(rule, new)));
        quality(&rule.name, severities, texts, is_stricter, [FILE_RULE_ADDED, FILE_RULE_DROPPED], changes);
    }
    for rule in old.file_rules.iter().filter(|rule| new.file_rules.iter().all(|other| other.name != rule.name)) {
        let effects = [FILE_RULE_ADDED, FILE_RULE_DROPPED];
        quality(&rule.name, (Some(rule.severity), None), (Some(text(rule, old)), None), None, effects, changes);
    }
}

/// What became of one rule of `quality`. `is_stricter`: whether it asks for more than before; `None`: for the same. `effects`: of more and
/// of less that is asked.
fn quality(
    name: &str,
    severities: (Option<Severity>, Option<Severity>),
    (old, new): Values,
    is_stricter: Option<bool>,
    [more, less]: [&'static str; 2],
    changes: &mut Changes,
) {
    let rejects = |severity: Option<Severity>| severity == Some(Severity::Error);
    let (class, effect) = match (rejects(severities.0), rejects(severities.1)) {
        (false, true) => (Class::Stricter, more),
        (true, false) => (Class::Looser, less),
        (true, true) => match is_stricter {
            Some(true) => (Class::Stricter, more),
            Some(false) => (Class::Looser, less),
            None => return,
        },
        (false, false) if severities.0 == severities.1 && is_stricter.is_none() => return,
        (false, false) => (Class::Neutral, WARNING),
    };
    let named = |text: Option<String>, severity: Option<Severity>| match severity {
        Some(Severity::Warning) => text.map(|text| format!("{text} (warning)")),
        Some(Severity::Error) | None => text,
    };
    let texts = (named(old, severities.0), named(new, severities.1));
    changes.add(class, format!("quality[{name}]"), texts, effect);
}

/// Whether every number that keeps to `inner` keeps to `outer`.
fn is_within(inner: Bound, outer: Bound) -> bool {
    match (span(inner), span(outer)) {
        (Some(inner), Some(outer)) => outer.low.is_before(inner.low) && inner.high.is_before(outer.high),
        _ => false,
    }
}

/// The lowest and the highest number that keep to a bound; `None`: they have a gap between them.
struct Span {
    low: Edge,
    high: Edge,
}

/// A number, and whether what keeps to the bound begins behind it (1), at it (0), or ends before it (-1).
#[derive(Clone, Copy)]
struct Edge(f64, i8);

impl Edge {
    fn is_before(self, other: Self) -> bool {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1)).is_le()
    }
}

const fn span(bound: Bound) -> Option<Span> {
    let (low, high) = match bound {
        Bound::Is(number) => (Edge(number, 0), Edge(number, 0)),
        Bound::Above(number) => (Edge(number, 1), Edge(f64::INFINITY, 0)),
        Bound::AtLeast(number) => (Edge(number, 0), Edge(f64::INFINITY, 0)),
        Bound::Below(number) => (Edge(f64::NEG_INFINITY, 0), Edge(number, -1)),
        Bound::AtMost(number) => (Edge(f64::NEG_INFINITY, 0), Edge(number, 0)),
        Bound::Between(low, high) => (Edge(low, 0), Edge(high, 0)),
        Bound::IsNot(_) | Bound::NotBetween(..) => return None,
    };
    Some(Span { low, high })
}
