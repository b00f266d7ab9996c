//! The properties of a source that have parts: parameters, headers, pagination, marks, the secret.
//! It does not know the server around them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::node::{Findings, Node, describe};
use crate::{ApiSource, Incremental, JsonPointer, MarkType, Pagination, SecretPlace, SecretUse};

const PAGINATIONS: [(&str, Kind); 6] = [
    ("none", Kind::None),
    ("page", Kind::Page),
    ("offset", Kind::Offset),
    ("cursor", Kind::Cursor),
    ("url", Kind::Url),
    ("link", Kind::Link),
];
const MARKS: [(&str, MarkType); 3] =
    [("timestamp", MarkType::Timestamp), ("number", MarkType::Number), ("text", MarkType::Text)];
/// Headers by which somebody shows who they are: no word of a contract, which many may read.
const SECRET_HEADERS: [&str; 5] = ["authorization", "cookie", "proxy-authorization", "x-api-key", "api-key"];
/// Headers that belong to the connection.
const OWN_HEADERS: [&str; 8] =
    ["accept-encoding", "connection", "content-length", "expect", "host", "range", "te", "transfer-encoding"];

/// A pagination by its word.
#[derive(Debug, Clone, Copy)]
enum Kind {
    None,
    Page,
    Offset,
    Cursor,
    Url,
    Link,
}

pub(super) fn pointer(node: &Node<'_>, findings: &mut Findings) -> Option<JsonPointer> {
    const EXPECTED: &str = "a JSON pointer such as /data/items";
    let pointer = JsonPointer::parse(&node.text(EXPECTED, findings)?);
    if pointer.is_none() {
        node.refuse(EXPECTED, findings);
    }
    pointer
}

fn required_pointer(node: &Node<'_>, key: &str, findings: &mut Findings) -> Option<JsonPointer> {
    let Some(child) = node.field(key) else {
        findings.problem(&node.child(key), "nothing", "a JSON pointer such as /data/items");
        return None;
    };
    let pointer = pointer(&child, findings)?;
    if pointer.tokens().is_empty() {
        child.refuse("a JSON pointer to a part, such as /updated_at", findings);
        return None;
    }
    Some(pointer)
}

/// Names and what they stand for, as texts.
fn texts<'a>(node: &Node<'a>, what: &str, findings: &mut Findings) -> Vec<(&'a str, String, String)> {
    let Some(object) = node.value.as_object() else {
        node.refuse(format!("an object: {what} and their values"), findings);
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, value) in object {
        let text = match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
            Value::Number(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        match text {
            Some(text) => found.push((name.as_str(), text, node.child(name))),
            None => findings.problem(&node.child(name), describe(value), "text, in quotes"),
        }
    }
    found.sort();
    found
}

pub(super) fn parameters(node: &Node<'_>, findings: &mut Findings) -> Vec<(String, String)> {
    let found = texts(node, "parameters", findings);
    found.into_iter().map(|(name, text, _)| (name.to_owned(), text)).collect()
}

pub(super) fn headers(node: &Node<'_>, findings: &mut Findings) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, text, path) in texts(node, "headers", findings) {
        if SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            findings.problem(&path, "a header for credentials", "none in a contract: the property secret names them");
        } else if !is_header(name) || OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            findings.problem(&path, "a header that cannot be set", "another name");
        } else if !text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
            findings.problem(&path, describe(&Value::String(text)), "printable ASCII");
        } else {
            headers.push((name.to_owned(), text));
        }
    }
    headers
}

/// A token of RFC 9110.
fn is_header(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

pub(super) fn pagination(node: &Node<'_>, findings: &mut Findings) -> Option<Pagination> {
    node.object("an object with a type, such as {type: page, parameter: page}", findings)?;
    let Some(kind) = node.field("type") else {
        findings.problem(&node.child("type"), "nothing", "none, page, offset, cursor, url or link");
        return None;
    };
    let kind = kind.choice(&PAGINATIONS, findings)?;
    let keys: &[&str] = match kind {
        Kind::None | Kind::Link => &["type"],
        Kind::Page => &["first", "parameter", "type"],
        Kind::Offset => &["parameter", "type"],
        Kind::Cursor => &["next", "parameter", "type"],
        Kind::Url => &["next", "type"],
    };
    node.refuse_unknown_keys("this pagination", keys, findings);
    let parameter = |findings: &mut Findings| node.required_text("parameter", "the parameter's name", findings);
    Some(match kind {
        Kind::None => Pagination::None,
        Kind::Link => Pagination::Link,
        Kind::Page => Pagination::Page { parameter: parameter(findings)?, first: first(node, findings)? },
        Kind::Offset => Pagination::Offset { parameter: parameter(findings)? },
        Kind::Cursor => {
            let (parameter, next) = (parameter(findings), required_pointer(node, "next", findings));
            Pagination::Cursor { parameter: parameter?, next: next? }
        }
        Kind::Url => Pagination::Url { next: required_pointer(node, "next", findings)? },
    })
}

fn first(node: &Node<'_>, findings: &mut Findings) -> Option<u64> {
    let Some(node) = node.field("first") else { return Some(1) };
    let first = node.value.as_u64().filter(|first| *first <= 1);
    if first.is_none() {
        node.refuse("0 or 1", findings);
    }
    first
}

pub(super) fn incremental(node: &Node<'_>, findings: &mut Findings) -> Option<Incremental> {
    node.object("an object with field, type and parameter", findings)?;
    node.refuse_unknown_keys("incremental", &["field", "initial", "parameter", "type"], findings);
    let field = required_pointer(node, "field", findings);
    let kind = node.field("type");
    if kind.is_none() {
        findings.problem(&node.child("type"), "nothing", "timestamp, number or text");
    }
    let mark = kind.and_then(|kind| kind.choice(&MARKS, findings));
    let parameter = node.required_text("parameter", "the parameter's name", findings);
    let initial = match node.field("initial") {
        // A number's text is what a record's number is compared with.
        Some(initial) if initial.value.is_u64() => Some(initial.value.to_string()),
        Some(initial) => Some(initial.text("the first time's value", findings)?),
        None => None,
    };
    Some(Incremental { field: field?, mark: mark?, parameter: parameter?, initial })
}

pub(super) fn secret(node: &Node<'_>, findings: &mut Findings) -> Option<SecretUse> {
    node.object("an object with name, and header or parameter", findings)?;
    node.refuse_unknown_keys("a secret", &["before", "header", "key", "name", "parameter"], findings);
    let name = node.required_text("name", "the secret's name or ARN in Secrets Manager", findings);
    let key = node.optional_text("key", findings);
    let before = node.optional_text("before", findings).unwrap_or_default();
    let (header, parameter) = (node.optional_text("header", findings), node.optional_text("parameter", findings));
    let place = match (header, parameter) {
        (Some(header), None) if is_header(&header) => SecretPlace::Header(header),
        (None, Some(parameter)) => SecretPlace::Parameter(parameter),
        (Some(_), None) => {
            findings.problem(&node.child("header"), "a header that cannot be set", "another name");
            return None;
        }
        (Some(_), Some(_)) => {
            findings.problem(&node.path, "both header and parameter", "one of them: where the secret goes");
            return None;
        }
        (None, None) => {
            findings.problem(&node.path, "neither header nor parameter", "one of them: where the secret goes");
            return None;
        }
    };
    Some(SecretUse { name: name?, key, place, before })
}

/// Each parameter is sent once, and each header.
pub(super) fn refuse_second_uses(server: &Node<'_>, source: &ApiSource, findings: &mut Findings) {
    let pages = match &source.pagination {
        Pagination::Page { parameter, .. }
        | Pagination::Offset { parameter }
        | Pagination::Cursor { parameter, .. } => Some(parameter),
        Pagination::None | Pagination::Url { .. } | Pagination::Link => None,
    };
    let (header, parameter) = match source.secret.as_ref().map(|secret| &secret.place) {
        Some(SecretPlace::Header(name)) => (Some(name), None),
        Some(SecretPlace::Parameter(name)) => (None, Some(name)),
        None => (None, None),
    };
    let marks = source.incremental.as_ref().map(|incremental| &incremental.parameter);
    let fixed = source.parameters.iter().map(|(name, _)| name);
    let path = server.child("customProperties");
    let mut seen = BTreeSet::new();
    for name in fixed.chain(pages).chain(marks).chain(parameter) {
        if !seen.insert(name) {
            findings.problem(&path, format!("the parameter {name} a second time"), "each parameter once");
        }
    }
    let mut seen = BTreeSet::new();
    for name in source.headers.iter().map(|(name, _)| name).chain(header) {
        if !seen.insert(name.to_ascii_lowercase()) {
            findings.problem(&path, format!("the header {name} a second time"), "each header once");
        }
    }
}
