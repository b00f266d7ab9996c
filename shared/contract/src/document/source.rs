//! The server named `source`, of type `api`: where files come from that nobody drops.
//! It does not know columns, nor how an API is asked.

mod parts;

use serde_json::Value;

use super::node::{Findings, Node, one_of};
use crate::{ApiLimits, ApiSource, Encoding, Format, JsonFraming, JsonPointer, Landing, Location, Pagination};

/// The server's name, and its type.
const SERVER: &str = "source";
const TYPE: &str = "api";
const SERVER_KEYS: [&str; 8] =
    ["customProperties", "description", "environment", "id", "location", "roles", "server", "type"];
/// Ends of the names of its files: the first that the landing location covers.
const SUFFIXES: [&str; 3] = [".json", ".ndjson", ".jsonl"];
/// Longer prefixes would leave no room for a name in a key of 1,024 bytes.
const PREFIX_MAX_BYTES: usize = 512;
/// A function runs for 900 s at most, of which it needs some to read and to write.
const MAX_SECS: u64 = 780;
/// What a function's memory has room for: answers, and what is made of them, are held at once.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// A property of the source, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Property {
    Prefix,
    Records,
    Parameters,
    Headers,
    Pagination,
    Incremental,
    Secret,
    RequestsPerMinute,
    Retries,
    TimeoutSeconds,
    MaxSeconds,
    MaxBytes,
    MaxPages,
}

impl Property {
    const ALL: [Self; 13] = [
        Self::Prefix,
        Self::Records,
        Self::Parameters,
        Self::Headers,
        Self::Pagination,
        Self::Incremental,
        Self::Secret,
        Self::RequestsPerMinute,
        Self::Retries,
        Self::TimeoutSeconds,
        Self::MaxSeconds,
        Self::MaxBytes,
        Self::MaxPages,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Records => "records",
            Self::Parameters => "parameters",
            Self::Headers => "headers",
            Self::Pagination => "pagination",
            Self::Incremental => "incremental",
            Self::Secret => "secret",
            Self::RequestsPerMinute => "requestsPerMinute",
            Self::Retries => "retries",
            Self::TimeoutSeconds => "timeoutSeconds",
            Self::MaxSeconds => "maxSeconds",
            Self::MaxBytes => "maxBytes",
            Self::MaxPages => "maxPages",
        }
    }
}

/// The source, if there is one; problems of it are problems of the contract.
pub(super) fn source(root: &Node<'_>, landing: Option<&Landing>, findings: &mut Findings) -> Option<ApiSource> {
    let server = single_server(root, findings)?;
    server.refuse_unknown_keys("a server of type api", &SERVER_KEYS, findings);
    let mut source = ApiSource {
        url: address(&server, findings).unwrap_or_default(),
        prefix: String::new(),
        suffix: "",
        parameters: Vec::new(),
        headers: Vec::new(),
        records: JsonPointer::default(),
        pagination: Pagination::None,
        incremental: None,
        secret: None,
        limits: ApiLimits::default(),
    };
    let mut prefix = None;
    for (name, value) in server.lakegate_properties(findings) {
        match Property::ALL.into_iter().find(|property| property.name() == name) {
            Some(Property::Prefix) => prefix = Some(value),
            Some(property) => read(property, &value, &mut source, findings),
            None => value.refuse_property(&name, &one_of(&Property::ALL.map(Property::name)), findings),
        }
    }
    parts::refuse_second_uses(&server, &source, findings);
    let Some(prefix) = prefix else {
        let expected = "the property prefix: the beginning of its files' keys in the raw bucket, such as orders/api/";
        findings.problem(&server.child("customProperties"), "no prefix", expected);
        return Some(source);
    };
    if let Some((text, suffix)) = place(&prefix, landing, findings) {
        (source.prefix, source.suffix) = (text, suffix);
    }
    Some(source)
}

/// Servers of this name and of another type were never read, and are not now.
fn single_server<'a>(root: &Node<'a>, findings: &mut Findings) -> Option<Node<'a>> {
    // That it is a list is said where the landing is looked for.
    let servers = root.field("servers")?.items("a list of servers", &mut Findings::default())?;
    let text = |server: &Node<'_>, key: &str| server.value.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut found = None;
    for server in servers.into_iter().filter(|server| text(server, "server").as_deref() == Some(SERVER)) {
        if text(&server, "type").as_deref() != Some(TYPE) {
            server.note("not read: files are fetched from a server named source of type: api", findings);
        } else if found.is_some() {
            findings.problem(&server.path, "two servers named source of type api", "one");
        } else {
            found = Some(server);
        }
    }
    found
}

fn address(server: &Node<'_>, findings: &mut Findings) -> Option<String> {
    const EXPECTED: &str = "https://<host>/<path>";
    let url = server.required_text("location", EXPECTED, findings)?;
    let path = server.child("location");
    let mut refuse = |expected: &str| {
        // It may hold what it should not.
        findings.problem(&path, "an address that is not taken", expected);
        None
    };
    let (rest, is_plain) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return refuse(EXPECTED),
    };
    if url.contains(['?', '#']) {
        return refuse("an address without ? and #: what is asked for is the property parameters");
    }
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains('@') {
        return refuse("an address without a user and a password: they are the property secret");
    }
    if host.is_empty() || url.contains(['{', '}', '\\', '"']) || !url.chars().all(|c| c.is_ascii_graphic()) {
        return refuse("https://<host>/<path>, in ASCII, without spaces and {placeholders}");
    }
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    if is_plain && !["127.0.0.1", "localhost", "[::1]"].contains(&name) {
        return refuse("https: without it anybody on the way may read and change what is fetched");
    }
    Some(url)
}

fn read(property: Property, value: &Node<'_>, source: &mut ApiSource, findings: &mut Findings) {
    let mut number = |from: u64, to: u64, what: &str, default: u64| match value.value.as_u64() {
        Some(number) if (from..=to).contains(&number) => number,
        Some(_) | None => {
            value.refuse(format!("a number of {what} from {from} to {to}"), findings);
            default
        }
    };
    let limits = &mut source.limits;
    match property {
        // Read apart, because it hangs on the landing.
        Property::Prefix => {}
        Property::RequestsPerMinute => {
            limits.requests_per_minute = number(1, 6_000, "requests", limits.requests_per_minute);
        }
        Property::Retries => limits.retries = number(0, 10, "repetitions", limits.retries),
        Property::TimeoutSeconds => limits.timeout_secs = number(1, 300, "seconds", limits.timeout_secs),
        Property::MaxSeconds => limits.max_secs = number(1, MAX_SECS, "seconds", limits.max_secs),
        Property::MaxBytes => limits.max_bytes = number(1, MAX_BYTES, "bytes", limits.max_bytes),
        Property::MaxPages => limits.max_pages = number(1, 100_000, "pages", limits.max_pages),
        Property::Records => source.records = parts::pointer(value, findings).unwrap_or_default(),
        Property::Parameters => source.parameters = parts::parameters(value, findings),
        Property::Headers => source.headers = parts::headers(value, findings),
        Property::Pagination => source.pagination = parts::pagination(value, findings).unwrap_or(Pagination::None),
        Property::Incremental => source.incremental = parts::incremental(value, findings),
        Property::Secret => source.secret = parts::secret(value, findings),
    }
}

/// Where files go, which must be where the contract expects them: else they would be nobody's.
fn place(node: &Node<'_>, landing: Option<&Landing>, findings: &mut Findings) -> Option<(String, &'static str)> {
    let prefix = node.text("the beginning of keys", findings)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '=' | '/');
    let inner = prefix.trim_end_matches('/');
    let is_key = prefix.ends_with('/')
        && prefix.len() <= PREFIX_MAX_BYTES
        && prefix.chars().all(is_plain)
        && prefix.len() == inner.len() + 1
        && inner.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !is_key {
        node.refuse("letters, digits, _ - . = and /, with / at the end and not at the beginning", findings);
        return None;
    }
    // What is wrong with the landing is told there.
    let landing = landing?;
    let is_lines = match &landing.format {
        Format::Json(dialect) => dialect.framing != JsonFraming::Array,
        Format::Csv(_) => false,
    };
    if !is_lines || !matches!(landing.encoding, Encoding::Utf8) {
        let expected =
            "a landing of format: json, delimiter: new_line (or none) and encoding: UTF-8, as fetched files are";
        node.refuse(expected, findings);
        return None;
    }
    let location = landing.location.as_str();
    let bucket = location.trim_start_matches("s3://").split('/').next().unwrap_or_default();
    let covers = |suffix: &&'static str| {
        Location::parse(&format!("s3://{bucket}/{prefix}*{suffix}")).is_ok_and(|files| landing.location.covers(&files))
    };
    let suffix = SUFFIXES.iter().find(|suffix| covers(suffix));
    if suffix.is_none() {
        let names = SUFFIXES.map(|suffix| format!("*{suffix}"));
        let names = one_of(&names.each_ref().map(String::as_str));
        node.refuse(format!("a prefix under which {names} is covered by the landing location, {location}"), findings);
    }
    suffix.map(|suffix| (prefix, *suffix))
}
