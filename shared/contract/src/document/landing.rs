//! The server named `landing`: which objects belong to the dataset, and in which format and encoding they are written.
//! It does not know columns.

use serde_json::Value;

use super::dialect;
use super::node::{Findings, Node};
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
const ENCODINGS: &str = "UTF-8, UTF-16, UTF-16LE, UTF-16BE, Windows-1252 or ISO-8859-1";

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
            Some(node) => node.choice(&[("new_line", JsonFraming::Lines), ("array", JsonFraming::Array)], findings)?,
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
    let name: String = node.value.as_str().unwrap_or_default().to_ascii_lowercase();
    let name: String = name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect();
    match name.as_str() {
        "utf8" | "ascii" | "usascii" => Some(Encoding::Utf8),
        "utf16" => Some(Encoding::Utf16),
        "utf16le" => Some(Encoding::Utf16Le),
        "utf16be" => Some(Encoding::Utf16Be),
        "windows1252" | "cp1252" => Some(Encoding::Windows1252),
        "iso88591" | "latin1" => Some(Encoding::Iso8859_1),
        _ => {
            node.refuse(ENCODINGS, findings);
            None
        }
    }
}
