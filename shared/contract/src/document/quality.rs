//! `quality` of the schema object and of its columns: rules for rows (type `sql`) and for the file (type `library`).
//! It does not judge.

pub(crate) mod bound;
pub(crate) mod library;

use serde_json::Value;

use super::columns::Properties;
use super::node::{Findings, Node};
use crate::{FileRule, RowRule, Rule, Severity, sql};

const CHECK_KEYS: [&str; 28] = [
    "arguments",
    "authoritativeDefinitions",
    "businessImpact",
    "context",
    "customProperties",
    "description",
    "dimension",
    "id",
    "method",
    "metric",
    "mustBe",
    "mustBeBetween",
    "mustBeGreaterOrEqualTo",
    "mustBeGreaterThan",
    "mustBeLessOrEqualTo",
    "mustBeLessThan",
    "mustNotBe",
    "mustNotBeBetween",
    "name",
    "query",
    "rule",
    "schedule",
    "scheduler",
    "severity",
    "tags",
    "type",
    "unit",
    "validValues",
];
const TYPES: &str = "sql, library, text or custom";
/// Rules are numbered in 16 bits, and every row rule is evaluated for every row.
const MAX_RULES: usize = 1000;
/// What stands for the column in the queries of the standard's examples, with or without `$` before it.
const COLUMN_PLACEHOLDERS: [&str; 2] = ["{property}", "{column}"];
/// A name is a label of counts and stands in alerts.
const MAX_NAME_CHARS: usize = 128;

/// The rules that `quality` states.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) of_rows: Vec<RowRule>,
    pub(super) of_file: Vec<FileRule>,
}

/// A check of the document, and the column on which it stands.
struct Check<'a> {
    node: Node<'a>,
    column: Option<usize>,
}

/// The schema object's rules, then those of its columns.
pub(super) fn rules(
    object: &Node<'_>,
    properties: &Properties<'_>,
    table: Option<&str>,
    findings: &mut Findings,
) -> Rules {
    let mut checks = checks(object, None, findings);
    for (index, node) in properties.nodes.iter().enumerate() {
        checks.extend(self::checks(node, Some(index), findings));
    }
    if let Some(check) = checks.get(MAX_RULES) {
        findings.problem(&check.node.path, format!("{} rules", checks.len()), format!("at most {MAX_RULES}"));
    }
    let mut names = given_names(&checks, findings);
    let object_name = object.value.get("name").and_then(Value::as_str);
    let table_names: Vec<&str> = object_name.into_iter().chain(table).collect();
    let mut rules = Rules::default();
    for check in &checks {
        check.node.refuse_unknown_keys("a quality check", &CHECK_KEYS, findings);
        note_what_is_not_enforced(&check.node, findings);
        match kind(&check.node) {
            Some("sql") => rules.of_rows.extend(row_rule(check, properties, &table_names, findings)),
            Some("library") => {
                let rule = library::file_rule(&check.node, check.column, properties, findings);
                rules.of_file.extend(rule.map(|rule| named(rule, &check.node, &mut names)));
            }
            Some(_) | None => {}
        }
    }
    rules
}

/// Nested values are judged by their columns' rules only.
pub(super) fn refuse_on_nested(node: &Node<'_>, findings: &mut Findings) {
    for check in checks(node, None, findings) {
        check.node.refuse("a rule on a column of the table: on a nested value it is not enforced", findings);
    }
}

/// The checks of `quality` that are enforced; others are noted, or refused.
fn checks<'a>(node: &Node<'a>, column: Option<usize>, findings: &mut Findings) -> Vec<Check<'a>> {
    let Some(quality) = node.field("quality") else { return Vec::new() };
    let mut checks = Vec::new();
    for node in quality.items("a list of quality checks", findings).unwrap_or_default() {
        if node.object("a quality check (an object with a type)", findings).is_none() {
            continue;
        }
        match kind(&node) {
            Some("sql" | "library") => checks.push(Check { node, column }),
            Some("text" | "custom") => {
                node.note("not enforced: a quality check for people or other tools", findings);
            }
            Some(other) => findings.problem(&node.child("type"), format!("{other:?}"), TYPES),
            None => match node.field("type") {
                Some(other) => other.refuse(TYPES, findings),
                None => findings.problem(&node.child("type"), "nothing", TYPES),
            },
        }
    }
    checks
}

/// The check's type. A metric makes it one of the library.
fn kind<'a>(check: &Node<'a>) -> Option<&'a str> {
    match check.value.get("type").filter(|kind| !kind.is_null()) {
        Some(kind) => kind.as_str(),
        None => ["metric", "rule"].iter().any(|key| check.field(key).is_some()).then_some("library"),
    }
}

fn note_what_is_not_enforced(check: &Node<'_>, findings: &mut Findings) {
    if let Some(schedule) = check.field("schedule").or_else(|| check.field("scheduler")) {
        schedule.note("not used: every file is judged when it arrives", findings);
    }
    for (name, value) in check.lakegate_properties(findings) {
        let found = format!("the unknown property {name}");
        findings.problem(&value.path, found, "no property of vendor lakegate on a quality check");
    }
}

/// The names that the document gives to rules. No two rules may have one, because counts are kept by name.
fn given_names(checks: &[Check<'_>], findings: &mut Findings) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for check in checks {
        let Some(node) = check.node.field("name") else { continue };
        let Some(name) = node.text("the rule's name", findings) else { continue };
        let is_printable = !name.trim().is_empty() && !name.chars().any(char::is_control);
        if !is_printable || name.chars().count() > MAX_NAME_CHARS {
            node.refuse(format!("a name of 1 to {MAX_NAME_CHARS} characters"), findings);
        } else if Rule::BUILT_IN.iter().any(|rule| rule.name() == name) {
            node.refuse("another name: this is a rule of every contract", findings);
        } else if names.contains(&name) {
            node.refuse("a name that no other rule has", findings);
        }
        names.push(name);
    }
    names
}

/// The rule under its given name, or under the derived one that it has, numbered where another rule has that.
fn named(mut rule: FileRule, check: &Node<'_>, names: &mut Vec<String>) -> FileRule {
    if let Some(name) = check.value.get("name").and_then(Value::as_str) {
        name.clone_into(&mut rule.name);
        return rule;
    }
    let derived = rule.name.clone();
    let mut number = 2;
    while names.contains(&rule.name) {
        rule.name = format!("{derived} ({number})");
        number += 1;
    }
    names.push(rule.name.clone());
    rule
}

fn severity(check: &Node<'_>, findings: &mut Findings) -> Option<Severity> {
    let Some(node) = check.field("severity") else { return Some(Severity::Error) };
    let text = node.value.as_str().unwrap_or_default().to_ascii_lowercase();
    match text.as_str() {
        "error" => Some(Severity::Error),
        "warning" => Some(Severity::Warning),
        "info" => {
            node.note("read as warning: what breaks the rule is counted and told, and nothing else", findings);
            Some(Severity::Warning)
        }
        _ => {
            node.refuse("error, warning or info", findings);
            None
        }
    }
}

fn row_rule(
    check: &Check<'_>,
    properties: &Properties<'_>,
    table_names: &[&str],
    findings: &mut Findings,
) -> Option<RowRule> {
    let Check { node, column } = check;
    let name = node.required_text("name", "the name under which broken rows are counted", findings);
    let severity = severity(node, findings);
    counts_rows_that_must_not_be(node, findings);
    for key in ["arguments", "metric", "rule", "validValues"] {
        if let Some(node) = node.field(key) {
            findings.problem(&node.path, format!("the {key} of a rule of type sql"), "a query only");
        }
    }
    let query = node.required_text("query", "SELECT COUNT(*) FROM <object> WHERE <predicate>", findings)?;
    let column_name = column.and_then(|index| properties.columns.get(index)).map(|column| column.name.as_str());
    let filled = filled(&query, column_name);
    if column.is_none() && COLUMN_PLACEHOLDERS.iter().any(|placeholder| filled.contains(placeholder)) {
        let found = "a placeholder of a column in a rule of the table";
        findings.problem(&node.child("query"), found, "the column's name, or the rule on the column");
        return None;
    }
    let visible: Vec<_> = properties.columns.iter().enumerate().take(properties.nodes.len()).collect();
    match sql::parse_predicate(&filled, table_names, &visible) {
        Ok(broken_if) => Some(RowRule { name: name?, column: *column, severity: severity?, broken_if }),
        // A rule over a column that is itself wrong says nothing new, and without a table's name no query is right.
        Err(_) if properties.names_broken(&filled) || table_names.is_empty() => None,
        Err(refused) => {
            let expected = match refused.part {
                sql::Part::Query => {
                    "SELECT COUNT(*) FROM <object> WHERE <predicate>, a row of which is a row that breaks the rule"
                }
                sql::Part::Predicate => "a predicate as docs/contracts.md has them under SQL",
            };
            findings.problem(&node.child("query"), refused.found, expected);
            None
        }
    }
}

/// A row rule counts the rows that break it, of which there must be none.
fn counts_rows_that_must_not_be(check: &Node<'_>, findings: &mut Findings) {
    let operators = bound::operators(check);
    let is_zero = |node: &Node<'_>| node.path.ends_with(".mustBe") && node.value.as_f64() == Some(0.0);
    if !matches!(operators.as_slice(), [only] if is_zero(only)) {
        let (path, found) = match operators.as_slice() {
            [] => (check.child("mustBe"), "nothing".to_owned()),
            [only] => (only.path.clone(), super::node::describe(only.value)),
            _ => (check.path.clone(), "several must… operators".to_owned()),
        };
        let expected = "mustBe: 0, and a query that counts the rows which break the rule";
        findings.problem(&path, found, expected);
    }
    if let Some(unit) = check.field("unit").filter(|unit| unit.value.as_str() != Some("rows")) {
        unit.refuse("rows", findings);
    }
}

/// The query with the column's name where the standard's placeholder stands for it, outside of quoted texts.
fn filled(query: &str, column: Option<&str>) -> String {
    let Some(column) = column else { return query.to_owned() };
    let quoted = format!("\"{}\"", column.replace('"', "\"\""));
    let fill = |(number, piece): (usize, &str)| {
        // Every other piece between quotes is a text; a quote within one is doubled, which makes a piece of no length.
        if number % 2 == 1 {
            return piece.to_owned();
        }
        let fill_one = |text: String, name: &str| text.replace(&format!("${name}"), &quoted).replace(name, &quoted);
        COLUMN_PLACEHOLDERS.into_iter().fold(piece.to_owned(), fill_one)
    };
    query.split('\'').enumerate().map(fill).collect::<Vec<_>>().join("'")
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn the_column_stands_where_its_placeholder_stood_outside_of_texts() {
        let query = "SELECT COUNT(*) FROM ${object} WHERE ${property} = '{property}''' OR {column} IS NULL";
        let expected = "SELECT COUNT(*) FROM ${object} WHERE \"a\"\"b\" = '{property}''' OR \"a\"\"b\" IS NULL";
        assert_eq!(filled(query, Some("a\"b")), expected);
        assert_eq!(filled(query, None), query);
    }
}
