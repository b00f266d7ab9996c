//! Where files are fetched from: what the next run asks, and which rows would stand twice.
//! It does not know how an API is asked.

use super::values::{Values, option, plain};
use super::{Changes, Class};
use crate::{ApiSource, Incremental, MarkType, Pagination, SecretPlace, SecretUse};

const BEGINS: &str = "the next run of the schedule fetches from there; files that are dropped are taken in as before";
const ENDS: &str = "nothing is fetched any more; what was fetched stays";
const ASKS: &str = "the next run asks so; what was fetched stays";
const ASKS_ELSEWHERE: &str =
    "the next run asks there, from the mark on that was reached before; what was fetched stays";
const OTHER_KEYS: &str = "what is fetched from now on gets other keys; what was fetched stays under the former ones";
const TWICE: &str = "everything is fetched into a file of another key, and its rows stand beside those of the former file until that is removed";
const ALL_AGAIN: &str = "everything is fetched again into the first run's file, and its rows stand beside those of the later files until these are removed";
const ONLY_NEW: &str = "the next run fetches what is new from the initial mark on, and its file takes the place of the one that had everything";
const FROM_ALL: &str = "the next run fetches everything once more, the later ones what is new";
const OTHER_FIELD: &str = "the mark that was reached is one of another field: runs fail until the document under fetch/ of this dataset is deleted, after which everything is fetched again";

pub(super) fn source(old: Option<&ApiSource>, new: Option<&ApiSource>, changes: &mut Changes) {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (old, new) => {
            let effect = if new.is_some() { BEGINS } else { ENDS };
            let url = |source: Option<&ApiSource>| source.map(|source| source.url.clone());
            if old.is_some() || new.is_some() {
                changes.add(Class::Neutral, "servers[source]", (url(old), url(new)), effect);
            }
            return;
        }
    };
    if old.url != new.url {
        let effect = if new.incremental.is_some() { ASKS_ELSEWHERE } else { ASKS };
        changes.add(Class::Neutral, "servers[source].location", plain(&old.url, &new.url), effect);
    }
    let mut property = |class, name: &str, values: Values, effect| {
        if values.0 != values.1 {
            changes.add(class, format!("servers[source].customProperties[{name}]"), values, effect);
        }
    };
    let is_new_only = old.incremental.is_some() && new.incremental.is_some();
    let (class, effect) = if is_new_only { (Class::Neutral, OTHER_KEYS) } else { (Class::Breaking, TWICE) };
    property(class, "prefix", plain(&old.prefix, &new.prefix), effect);
    let records = |source: &ApiSource| format!("{:?}", source.records.as_str());
    property(Class::Neutral, "records", plain(records(old), records(new)), ASKS);
    property(Class::Neutral, "parameters", option(pairs(&old.parameters), pairs(&new.parameters)), ASKS);
    property(Class::Neutral, "headers", option(pairs(&old.headers), pairs(&new.headers)), ASKS);
    property(Class::Neutral, "pagination", plain(pagination(&old.pagination), pagination(&new.pagination)), ASKS);
    let (class, effect) = incremental_effect(old.incremental.as_ref(), new.incremental.as_ref());
    let marks = |source: &ApiSource| source.incremental.as_ref().map(incremental);
    property(class, "incremental", option(marks(old), marks(new)), effect);
    let secret_of = |source: &ApiSource| source.secret.as_ref().map(secret);
    property(Class::Neutral, "secret", option(secret_of(old), secret_of(new)), ASKS);
    let (old, new) = (old.limits, new.limits);
    let limits = [
        ("requestsPerMinute", old.requests_per_minute, new.requests_per_minute),
        ("retries", old.retries, new.retries),
        ("timeoutSeconds", old.timeout_secs, new.timeout_secs),
        ("maxSeconds", old.max_secs, new.max_secs),
        ("maxBytes", old.max_bytes, new.max_bytes),
        ("maxPages", old.max_pages, new.max_pages),
    ];
    for (name, old, new) in limits {
        property(Class::Neutral, name, plain(old, new), ASKS);
    }
}

fn incremental_effect(old: Option<&Incremental>, new: Option<&Incremental>) -> (Class, &'static str) {
    match (old, new) {
        (Some(old), Some(new)) if old.field != new.field => (Class::Breaking, OTHER_FIELD),
        (Some(_), None) => (Class::Breaking, ALL_AGAIN),
        (None, Some(Incremental { initial: Some(_), .. })) => (Class::Breaking, ONLY_NEW),
        (None, Some(_)) => (Class::Neutral, FROM_ALL),
        (Some(_), Some(_)) | (None, None) => (Class::Neutral, ASKS),
    }
}

fn pairs(pairs: &[(String, String)]) -> Option<String> {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (!pairs.is_empty()).then(|| pairs.join(", "))
}

fn pagination(pagination: &Pagination) -> String {
    match pagination {
        Pagination::None => "none".to_owned(),
        Pagination::Page { parameter, first } => format!("page by {parameter}, from {first}"),
        Pagination::Offset { parameter } => format!("offset by {parameter}"),
        Pagination::Cursor { parameter, next } => format!("cursor by {parameter}, next at {}", next.as_str()),
        Pagination::Url { next } => format!("url at {}", next.as_str()),
        Pagination::Link => "link".to_owned(),
    }
}

fn incremental(incremental: &Incremental) -> String {
    let Incremental { field, mark, parameter, initial } = incremental;
    let mark = match mark {
        MarkType::Timestamp => "timestamp",
        MarkType::Number => "number",
        MarkType::Text => "text",
    };
    let initial = initial.as_ref().map(|initial| format!(", initial {initial}")).unwrap_or_default();
    format!("{mark} at {}, asked by {parameter}{initial}", field.as_str())
}

/// Where the secret is and goes; the contract does not have it.
fn secret(secret: &SecretUse) -> String {
    let key = secret.key.as_ref().map(|key| format!(", key {key}")).unwrap_or_default();
    let place = match &secret.place {
        SecretPlace::Header(name) => format!("header {name}"),
        SecretPlace::Parameter(name) => format!("parameter {name}"),
    };
    let before = if secret.before.is_empty() { String::new() } else { format!(" after {:?}", secret.before) };
    format!("{}{key} in {place}{before}", secret.name)
}
