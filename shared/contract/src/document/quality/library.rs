//! Rules of type `library`: a metric of the standard, and where it must lie.
//! It does not count.

use serde_json::Value;

use super::super::columns::{Properties, checks, is_nested};
use super::super::node::{Findings, Node, one_of};
use super::{bound, severity};
use crate::{Bound, Column, ColumnType, FileRule, Metric};

/// A metric by its name, and where it may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    RowCount,
    NullValues,
    MissingValues,
    InvalidValues,
    DuplicateValues,
}

impl Counted {
    pub(crate) const ALL: [Self; 5] =
        [Self::RowCount, Self::NullValues, Self::MissingValues, Self::InvalidValues, Self::DuplicateValues];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RowCount => "rowCount",
            Self::NullValues => "nullValues",
            Self::MissingValues => "missingValues",
            Self::InvalidValues => "invalidValues",
            Self::DuplicateValues => "duplicateValues",
        }
    }

    /// What may be said in `arguments`, on the schema object or on a column; `None` where the metric does not stand there.
    pub(crate) const fn arguments(self, is_on_column: bool) -> Option<&'static [&'static str]> {
        match (self, is_on_column) {
            (Self::RowCount, false) | (Self::NullValues | Self::DuplicateValues, true) => Some(&[]),
            (Self::DuplicateValues, false) => Some(&["properties"]),
            (Self::MissingValues, true) => Some(&["missingValues"]),
            (Self::InvalidValues, true) => Some(&["pattern", "validValues"]),
            (Self::RowCount, true) | (Self::NullValues | Self::MissingValues | Self::InvalidValues, false) => None,
        }
    }

    /// The metric that stands here under that name.
    fn of(name: &str, is_on_column: bool, node: &Node<'_>, findings: &mut Findings) -> Option<Self> {
        let stands_here = |metric: &Self| metric.arguments(is_on_column).is_some();
        let known = Self::ALL.into_iter().find(|metric| metric.name() == name && stands_here(metric));
        if known.is_none() {
            let here: Vec<&str> = Self::ALL.into_iter().filter(stands_here).map(Self::name).collect();
            let elsewhere =
                if is_on_column { "rowCount stands on the schema object" } else { "others stand on a column" };
            node.refuse(format!("{}; {elsewhere}", one_of(&here)), findings);
        }
        known
    }
}

/// The rule under the name that its metric gives it: `nullValues of customer_id`.
pub(super) fn file_rule(
    check: &Node<'_>,
    column: Option<usize>,
    properties: &Properties<'_>,
    findings: &mut Findings,
) -> Option<FileRule> {
    let severity = severity(check, findings);
    let named = metric_name(check, findings);
    let is_percent = is_percent(check, named.as_ref(), findings);
    if let Some(query) = check.field("query") {
        findings.problem(&query.path, "a query of a rule of type library", "type: sql, or no query");
    }
    let Named { name, is_old, node } = named?;
    let must = match name {
        // As version 3.0 had it: the check is that there are none.
        "nullValues" if is_old && bound::operators(check).is_empty() => Some(Bound::Is(0.0)),
        _ => bound::bound(check, is_percent, findings),
    };
    let subject = column.and_then(|index| Some((index, properties.columns.get(index)?)));
    let metric = match subject {
        Some((index, column)) => column_metric(name, &node, check, (index, column), findings)?,
        None => table_metric(name, &node, check, properties, findings)?,
    };
    let columns = match &metric {
        Metric::RowCount => Vec::new(),
        Metric::NullValues(index) | Metric::MissingValues(index, _) | Metric::InvalidValues(index, _) => vec![*index],
        Metric::DuplicateValues(columns) => columns.clone(),
    };
    let columns: Vec<&str> =
        columns.iter().filter_map(|index| Some(properties.columns.get(*index)?.name.as_str())).collect();
    let name = if columns.is_empty() { name.to_owned() } else { format!("{name} of {}", columns.join(", ")) };
    Some(FileRule { name, severity: severity?, metric, is_percent, must: must? })
}

/// A metric by the standard's present name, and where it stands.
struct Named<'a> {
    name: &'a str,
    is_old: bool,
    node: Node<'a>,
}

/// `metric`, or `rule`, which is its name in version 3.0.
fn metric_name<'a>(check: &Node<'a>, findings: &mut Findings) -> Option<Named<'a>> {
    let (metric, rule) = (check.field("metric"), check.field("rule"));
    if let (Some(_), Some(rule)) = (&metric, &rule) {
        findings.problem(&rule.path, "a rule beside a metric", "metric only: rule is its old name");
        return None;
    }
    let is_old = metric.is_none();
    let Some(node) = metric.or(rule) else {
        findings.problem(&check.child("metric"), "nothing", "the metric of a rule of type library");
        return None;
    };
    let Some(name) = node.value.as_str() else {
        node.refuse("the name of a metric", findings);
        return None;
    };
    let name = match name {
        "duplicateCount" if is_old => "duplicateValues",
        "nullCheck" if is_old => "nullValues",
        name => name,
    };
    Some(Named { name, is_old, node })
}

fn is_percent(check: &Node<'_>, named: Option<&Named<'_>>, findings: &mut Findings) -> bool {
    let Some(unit) = check.field("unit") else { return false };
    let is_percent = unit.choice(&[("rows", false), ("percent", true)], findings).unwrap_or(false);
    if is_percent && named.is_some_and(|named| named.name == "rowCount") {
        unit.refuse("rows: the rows are all there is", findings);
        return false;
    }
    is_percent
}

fn table_metric(
    name: &str,
    node: &Node<'_>,
    check: &Node<'_>,
    properties: &Properties<'_>,
    findings: &mut Findings,
) -> Option<Metric> {
    let counted = Counted::of(name, false, node, findings)?;
    let arguments = arguments(check, counted.arguments(false).unwrap_or_default(), findings)?;
    match counted {
        Counted::RowCount => Some(Metric::RowCount),
        Counted::DuplicateValues => {
            let Some(list) = arguments.and_then(|arguments| arguments.field("properties")) else {
                let path = format!("{}.properties", check.child("arguments"));
                findings.problem(&path, "nothing", "a list of columns");
                return None;
            };
            key_columns(&list, properties, findings).map(Metric::DuplicateValues)
        }
        Counted::NullValues | Counted::MissingValues | Counted::InvalidValues => None,
    }
}

fn key_columns(list: &Node<'_>, properties: &Properties<'_>, findings: &mut Findings) -> Option<Vec<usize>> {
    let items = list.items("a list of columns", findings)?;
    if items.is_empty() {
        list.refuse("at least one column", findings);
        return None;
    }
    let mut columns = Vec::with_capacity(items.len());
    for item in &items {
        let name = item.text("the name of a column", findings)?;
        let is_named = |column: &Column| column.name == name || column.physical_name == name;
        let Some(index) = properties.columns.iter().position(is_named) else {
            if !properties.names_broken(&name) {
                item.refuse("the name of a column", findings);
            }
            return None;
        };
        if columns.contains(&index) {
            item.refuse("each column once", findings);
            return None;
        }
        if properties.columns.get(index).is_some_and(|column| is_nested(&column.column_type)) {
            item.refuse("a column whose values can be compared, which objects and arrays cannot", findings);
            return None;
        }
        columns.push(index);
    }
    Some(columns)
}

fn column_metric(
    name: &str,
    node: &Node<'_>,
    check: &Node<'_>,
    (index, column): (usize, &Column),
    findings: &mut Findings,
) -> Option<Metric> {
    if is_nested(&column.column_type) && matches!(name, "missingValues" | "invalidValues" | "duplicateValues") {
        node.refuse("nullValues: objects and arrays are not compared", findings);
        return None;
    }
    if name == "missingValues" && !column.is_in_file() {
        node.refuse("a metric that needs no text of the file, which a derived column has not", findings);
        return None;
    }
    // Version 3.0 does not say whether the valid values are counted or all others.
    if name == "validValues" {
        node.refuse("metric: invalidValues with arguments: {validValues: […]}", findings);
        return None;
    }
    let counted = Counted::of(name, true, node, findings)?;
    let arguments = arguments(check, counted.arguments(true).unwrap_or_default(), findings)?;
    match counted {
        Counted::NullValues => Some(Metric::NullValues(index)),
        Counted::DuplicateValues => Some(Metric::DuplicateValues(vec![index])),
        Counted::MissingValues => {
            missing_texts(check, arguments.as_ref(), findings).map(|texts| Metric::MissingValues(index, texts))
        }
        Counted::InvalidValues => {
            let checks = invalid_checks(check, arguments.as_ref(), column, findings);
            checks.map(|checks| Metric::InvalidValues(index, checks))
        }
        Counted::RowCount => None,
    }
}

/// The texts of the argument `missingValues`, `None` for null.
fn missing_texts(
    check: &Node<'_>,
    arguments: Option<&Node<'_>>,
    findings: &mut Findings,
) -> Option<Vec<Option<String>>> {
    let Some(list) = arguments.and_then(|arguments| arguments.field("missingValues")) else {
        let path = format!("{}.missingValues", check.child("arguments"));
        findings.problem(&path, "nothing", "a list of texts that count as missing, or null");
        return None;
    };
    let mut texts = Vec::new();
    for item in list.items("a list of texts that count as missing, or null", findings)? {
        match item.value {
            Value::Null => texts.push(None),
            Value::String(text) => texts.push(Some(text.clone())),
            Value::Number(_) | Value::Bool(_) => texts.push(Some(item.value.to_string())),
            Value::Array(_) | Value::Object(_) => item.refuse("a text or null", findings),
        }
    }
    if texts.is_empty() {
        list.refuse("at least one text, or null", findings);
        return None;
    }
    Some(texts)
}

fn invalid_checks(
    check: &Node<'_>,
    arguments: Option<&Node<'_>>,
    column: &Column,
    findings: &mut Findings,
) -> Option<Vec<crate::Check>> {
    let argument = |name: &str| arguments.and_then(|arguments| arguments.field(name));
    let (list, pattern) = (argument("validValues"), argument("pattern"));
    if list.is_none() && pattern.is_none() {
        let expected = "validValues, pattern or both; a column's own rules need no check";
        findings.problem(&check.child("arguments"), "neither", expected);
        return None;
    }
    let mut wanted = Vec::new();
    if let Some(list) = list {
        wanted.push(checks::valid_values(&list, &column.column_type, findings)?);
    }
    if let Some(pattern) = pattern {
        if !matches!(column.column_type, ColumnType::String) {
            pattern.refuse("no pattern on a column that is not text", findings);
            return None;
        }
        wanted.push(checks::pattern(&pattern, findings)?);
    }
    Some(wanted)
}

/// The check's arguments, of which `known` are the metric's; `None` where they are wrong.
#[expect(clippy::option_option, reason = "none is not the same as wrong ones")]
fn arguments<'a>(check: &Node<'a>, known: &[&str], findings: &mut Findings) -> Option<Option<Node<'a>>> {
    // Version 3.0 has the valid values beside the rule.
    if let Some(values) = check.field("validValues") {
        values.refuse("metric: invalidValues with arguments: {validValues: […]}", findings);
        return None;
    }
    let Some(arguments) = check.field("arguments") else { return Some(None) };
    arguments.object("an object of arguments", findings)?;
    arguments.refuse_unknown_keys("the arguments of this metric", known, findings);
    Some(Some(arguments))
}
