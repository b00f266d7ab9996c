//! The server named `landing`: which objects belong to the dataset, and in which format and encoding they are written.
//! It does not know columns.

use serde_json::Value;

use super::dialect;
use super::node::{Findings, Node, one_of};
use crate::{CsvDialect, Encoding, Format, JsonDialect, JsonFraming, Landing, Location};

const SERVER_KEYS: [&str; 12] = [
    "customProperties",
    "delimiter",
    "description",
    "encoding",
    "endpointUrl",
    "environment",
    "format",
    "id",
    "location",
    "roles",
    "server",
    "type",
];
/// Their names, in any case of letters; the first one is the usual one.
pub(crate) const ENCODINGS: [(&[&str], Encoding); 6] = [
    (&["UTF-8", "ASCII", "US-ASCII"], Encoding::Utf8),
    (&["UTF-16"], Encoding::Utf16),
    (&["UTF-16LE"], Encoding::Utf16Le),
    (&["UTF-16BE"], Encoding::Utf16Be),
    (&["Windows-1252", "cp1252"], Encoding::Windows1252),
    (&["ISO-8859-1", "latin1"], Encoding::Iso8859_1),
];
pub(crate) const FRAMINGS: [(&str, JsonFraming); 2] = [("new_line", JsonFraming::Lines), ("array", JsonFraming::Array)];

pub(super) fn landing(root: &Node<'_>, findings: &mut Findings) -> Option<Landing> {
    let server = single_server(root, findings)?;
    server.refuse_unknown_keys("a server", &SERVER_KEYS, findings);
    server.expect_text_in("type", &["s3"], findings);
    let encoding = match server.field("encoding") {
        Some(node) => encoding(&node, findings),
        None => Some(Encoding::Utf8),
    };
    let format = format(&server, findings);
    let dialect = dialect::dialect(&server, format, findings);
    let text = server.required_text("location", "s3://<bucket or *>/<key pattern>", findings)?;
    match Location::parse(&text) {
        Ok(location) => {
            let dialect = dialect?;
            let (packing, numbers) = (dialect.packing, dialect.numbers);
            Some(Landing { location, encoding: encoding?, packing, format: dialect.format, numbers })
        }
        Err(expected) => {
            findings.problem(&server.child("location"), format!("{text:?}"), expected);
            None
        }
    }
}

/// The location alone, if there is one that can be read and no other.
pub(super) fn location(root: &Node<'_>) -> Option<Location> {
    let mut findings = Findings::default();
    let server = single_server(root, &mut findings)?;
    let text = server.required_text("location", "", &mut findings)?;
    Location::parse(&text).ok().filter(|_| findings.problems.is_empty())
}

fn single_server<'a>(root: &Node<'a>, findings: &mut Findings) -> Option<Node<'a>> {
    let servers =
        root.field("servers").and_then(|servers| servers.items("a list of servers", findings)).unwrap_or_default();
    let mut named =
        servers.into_iter().filter(|server| server.value.get("server").and_then(Value::as_str) == Some("landing"));
    let Some(server) = named.next() else {
        findings.problem(
            &root.child("servers"),
            "no server named landing",
            "a server with server: landing, type: s3 and a location",
        );
        return None;
    };
    if named.next().is_some() {
        findings.problem(&server.path, "two servers named landing", "one");
    }
    Some(server)
}

/// The format with its dialect's defaults.
fn format(server: &Node<'_>, findings: &mut Findings) -> Option<Format> {
    let Some(node) = server.field("format") else {
        findings.problem(&server.child("format"), "nothing", "csv or json");
        return None;
    };
    let delimiter = server.field("delimiter");
    if node.choice(&[("csv", false), ("json", true)], findings)? {
        let framing = match delimiter {
            None => JsonFraming::ByContent,
            Some(node) => node.choice(&FRAMINGS, findings)?,
        };
        return Some(Format::Json(JsonDialect { framing, max_record_bytes: CsvDialect::MAX_RECORD_BYTES }));
    }
    if let Some(delimiter) = delimiter {
        let expected = "no delimiter here, where the standard has that of JSON files: a CSV file's is a custom property of vendor lakegate";
        delimiter.refuse(expected, findings);
    }
    Some(Format::Csv(CsvDialect::default()))
}

fn encoding(node: &Node<'_>, findings: &mut Findings) -> Option<Encoding> {
    let plain = |name: &str| -> String {
        name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).map(|c| c.to_ascii_lowercase()).collect()
    };
    let said = plain(node.value.as_str().unwrap_or_default());
    let known = ENCODINGS.iter().find(|(names, _)| names.iter().any(|name| plain(name) == said));
    if known.is_none() {
        let names: Vec<&str> = ENCODINGS.iter().filter_map(|(names, _)| names.first().copied()).collect();
        node.refuse(one_of(&names), findings);
    }
    known.map(|(_, encoding)| *encoding)
}
