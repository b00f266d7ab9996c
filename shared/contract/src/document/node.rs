//! Walking a document: where we are, what stands there, and what is wrong with it.
//! It does not know what a contract means.

use serde_json::Value;

use crate::problem::nearest;
use crate::{Note, Problem};

/// What was found wrong, and what was found not to be enforced.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) notes: Vec<Note>,
}

impl Findings {
    pub(super) fn problem(&mut self, path: &str, found: impl Into<String>, expected: impl Into<String>) {
        self.problems.push(Problem::new(path, found, expected));
    }
}

/// A value of the document and the path to it.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    pub(super) path: String,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    /// The path of a key below this node, whether it is there or not.
    pub(super) fn child(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn field(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Self { value, path: self.child(key) })
    }

    pub(super) fn note(&self, text: impl Into<String>, findings: &mut Findings) {
        findings.notes.push(Note { path: self.path.clone(), text: text.into(), line: None });
    }

    pub(super) fn refuse(&self, expected: impl Into<String>, findings: &mut Findings) {
        findings.problem(&self.path, describe(self.value), expected);
    }

    pub(super) fn object(&self, expected: &str, findings: &mut Findings) -> Option<()> {
        if self.value.is_object() {
            return Some(());
        }
        if self.path.is_empty() && self.value.is_string() {
            // Most likely a file of data, of which nothing is to be shown.
            findings.problem(&self.path, "text that is no object", expected);
            return None;
        }
        self.refuse(expected, findings);
        None
    }

    /// A list's items, each under its own name where it has one: `properties[quantity]` is easier found than `properties[17]`.
    pub(super) fn items(&self, expected: &str, findings: &mut Findings) -> Option<Vec<Self>> {
        let Some(items) = self.value.as_array() else {
            self.refuse(expected, findings);
            return None;
        };
        let node = |(index, value): (usize, &'a Value)| Self {
            value,
            path: format!("{}[{}]", self.path, label(index, value)),
        };
        Some(items.iter().enumerate().map(node).collect())
    }

    pub(super) fn text(&self, expected: &str, findings: &mut Findings) -> Option<String> {
        let text = self.value.as_str();
        match self.value {
            Value::String(_) => {}
            // `version: 1.0` is a number.
            Value::Number(_) | Value::Bool(_) => self.refuse(format!("{expected} (as text, in quotes)"), findings),
            Value::Null | Value::Array(_) | Value::Object(_) => self.refuse(expected, findings),
        }
        text.map(str::to_owned)
    }

    pub(super) fn optional_text(&self, key: &str, findings: &mut Findings) -> Option<String> {
        self.field(key)?.text("text", findings)
    }

    pub(super) fn required_text(&self, key: &str, expected: &str, findings: &mut Findings) -> Option<String> {
        if let Some(node) = self.field(key) {
            return node.text(expected, findings);
        }
        findings.problem(&self.child(key), "nothing", expected);
        None
    }

    /// What a text stands for, if it is one of `choices`; anything else is refused.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)], findings: &mut Findings) -> Option<T> {
        let text = self.value.as_str();
        let choice = choices.iter().find(|(name, _)| Some(*name) == text).map(|(_, choice)| *choice);
        if choice.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.refuse(one_of(&names), findings);
        }
        choice
    }

    /// True or false; anything else is refused.
    pub(super) fn boolean(&self, findings: &mut Findings) -> Option<bool> {
        let boolean = self.value.as_bool();
        if boolean.is_none() {
            self.refuse("true or false", findings);
        }
        boolean
    }

    /// A flag that is false where it is absent.
    pub(super) fn flag(&self, key: &str, findings: &mut Findings) -> bool {
        self.field(key).and_then(|node| node.boolean(findings)).unwrap_or(false)
    }

    /// Refuses a text other than the given ones; an absent key is fine.
    pub(super) fn expect_text_in(&self, key: &str, texts: &[&str], findings: &mut Findings) {
        if let Some(node) = self.field(key)
            && !node.value.as_str().is_some_and(|text| texts.contains(&text))
        {
            node.refuse(one_of(texts), findings);
        }
    }

    /// Refuses keys other than `known`, which are those of `what`.
    pub(super) fn refuse_unknown_keys(&self, what: &str, known: &[&str], findings: &mut Findings) {
        self.refuse_unknown_keys_of(what, known, ("", &[]), findings);
    }

    /// The same, where `inner` are keys of an object within this one that are easily taken for its own.
    pub(super) fn refuse_unknown_keys_of(
        &self,
        what: &str,
        known: &[&str],
        inner: (&str, &[&str]),
        findings: &mut Findings,
    ) {
        let Some(object) = self.value.as_object() else { return };
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            if inner.1.contains(&key.as_str()) {
                findings.problem(&self.child(key), "a key in the wrong place", format!("it in {}", inner.0));
                continue;
            }
            let expected = match nearest(key, known.iter().copied()) {
                Some(near) => format!("a key of {what} (did you mean {near}?)"),
                None if known.is_empty() => format!("no key: {what} have none"),
                None if known.len() <= FEW_KEYS => format!("a key of {what}: {}", known.join(", ")),
                None => format!("a key of {what}"),
            };
            findings.problem(&self.child(key), "an unknown key", expected);
        }
    }

    /// Refuses the custom property of this value, whose name is none of `known`.
    pub(super) fn refuse_property(&self, name: &str, known: &str, findings: &mut Findings) {
        let names = known.split([',', ' ']).filter(|word| !word.is_empty() && *word != "or");
        let expected = match nearest(name, names) {
            Some(near) => format!("one that there is (did you mean {near}?)"),
            None => known.to_owned(),
        };
        let path = self.path.strip_suffix(".value").unwrap_or(&self.path);
        findings.problem(path, format!("the unknown property {name}"), expected);
    }

    /// The `customProperties` of vendor `lakegate`: name and value. Other vendors' are theirs.
    pub(super) fn lakegate_properties(&self, findings: &mut Findings) -> Vec<(String, Self)> {
        let Some(list) = self.field("customProperties") else { return Vec::new() };
        let mut properties: Vec<(String, Self)> = Vec::new();
        for item in list.items("a list of custom properties", findings).unwrap_or_default() {
            if item.value.get("vendor").and_then(Value::as_str) != Some("lakegate") {
                item.note("not read: Lakegate reads custom properties of vendor: lakegate", findings);
                continue;
            }
            let name = item.required_text("property", "the property's name", findings);
            let value = item.value.get("value");
            let (Some(name), Some(value)) = (name, value) else {
                findings.problem(&item.child("value"), "nothing", "the property's value");
                continue;
            };
            if properties.iter().any(|(other, _)| *other == name) {
                findings.problem(&item.path, "the property a second time", "each property once");
            }
            properties.push((name, Self { value, path: item.child("value") }));
        }
        properties
    }
}

/// How a path calls an item of a list.
pub(super) fn label(index: usize, item: &Value) -> String {
    let name = ["name", "property", "server"].iter().find_map(|key| item.get(key)?.as_str());
    name.map_or_else(|| index.to_string(), str::to_owned)
}

/// A value as an error shows it: short, and its type visible.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.chars().count() > SHOWN_CHARS_MAX => {
            format!("{:?}…", text.chars().take(SHOWN_CHARS_MAX).collect::<String>())
        }
        Value::String(text) => format!("{text:?}"),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn one_of(names: &[&str]) -> String {
    match names.split_last() {
        Some((only, [])) => (*only).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// So much of a text is shown in an error.
const SHOWN_CHARS_MAX: usize = 200;
/// So many keys are listed in an error.
const FEW_KEYS: usize = 8;
