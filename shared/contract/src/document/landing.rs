//! The server named `landing`: which objects belong to the dataset, and how they are written.
//! It does not know columns.

use serde_json::Value;

use super::node::{Findings, Node};
use crate::value::NumberFormat;
use crate::{CsvDialect, Encoding, Format, Landing, Location, Packing, Quoting};

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
/// Parts of the dialect that the contract format has but this version does not read yet.
const UNSUPPORTED: [&str; 8] =
    ["comment", "compression", "decimalSeparator", "escape", "skipLines", "thousandsSeparator", "trim", "timezone"];
const SUPPORTED: &str = "delimiter, quote, quoting, header, nullValues or maxRecordBytes";

pub(super) fn landing(root: &Node<'_>, findings: &mut Findings) -> Option<Landing> {
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
    server.refuse_unknown_keys("a server", &SERVER_KEYS, findings);
    server.expect_text_in("type", &["s3"], findings);
    if server.required_text("format", "csv", findings).is_some() {
        server.expect_text_in("format", &["csv"], findings);
    }
    if let Some(encoding) = server.field("encoding")
        && !encoding
            .value
            .as_str()
            .is_some_and(|name| ["utf-8", "utf8", "ascii"].contains(&name.to_ascii_lowercase().as_str()))
    {
        encoding.refuse("UTF-8: other encodings are not supported yet", findings);
    }
    let csv = dialect(&server, findings);
    let text = server.required_text("location", "s3://<bucket or *>/<key pattern>", findings)?;
    match Location::parse(&text) {
        Ok(location) => Some(Landing {
            location,
            encoding: Encoding::Utf8,
            packing: Packing::ByContent,
            format: Format::Csv(csv),
            numbers: NumberFormat::default(),
        }),
        Err(expected) => {
            findings.problem(&server.child("location"), format!("{text:?}"), expected);
            None
        }
    }
}

fn dialect(server: &Node<'_>, findings: &mut Findings) -> CsvDialect {
    let mut csv = CsvDialect::default();
    for (name, value) in server.lakegate_properties(findings) {
        match name.as_str() {
            "delimiter" => csv.delimiter = byte(&value, findings).unwrap_or(csv.delimiter),
            "quote" => csv.quote = byte(&value, findings).unwrap_or(csv.quote),
            "quoting" => match value.value.as_str() {
                Some("strict") => csv.quoting = Quoting::Strict,
                Some("lenient") => csv.quoting = Quoting::Lenient,
                Some(_) | None => value.refuse("strict or lenient", findings),
            },
            "header" => match value.value.as_bool() {
                Some(header) => csv.header = header,
                None => value.refuse("true or false", findings),
            },
            "nullValues" => csv.null_values = null_values(&value, findings).unwrap_or_default(),
            "maxRecordBytes" => match value.value.as_u64().and_then(|bytes| usize::try_from(bytes).ok()) {
                Some(bytes) if (1..=MAX_RECORD_BYTES_LIMIT).contains(&bytes) => csv.max_record_bytes = bytes,
                Some(_) | None => {
                    value.refuse(format!("a number of bytes from 1 to {MAX_RECORD_BYTES_LIMIT}"), findings);
                }
            },
            _ if UNSUPPORTED.contains(&name.as_str()) => {
                findings.problem(
                    &value.path,
                    format!("the property {name}"),
                    format!("{SUPPORTED}: {name} is not supported yet"),
                );
            }
            _ => findings.problem(&value.path, format!("the unknown property {name}"), SUPPORTED),
        }
    }
    if csv.delimiter == csv.quote {
        findings.problem(
            &server.child("customProperties"),
            "the same byte for delimiter and quote",
            "two different ones",
        );
    }
    csv
}

/// A record is held in memory whole.
const MAX_RECORD_BYTES_LIMIT: usize = 64 * 1024 * 1024;

fn byte(node: &Node<'_>, findings: &mut Findings) -> Option<u8> {
    match node.value.as_str().map(str::as_bytes) {
        Some(&[byte]) if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'\n' | b'\r' | 0) => {
            Some(byte)
        }
        Some(_) | None => {
            node.refuse("one ASCII character that is no letter, digit or line break", findings);
            None
        }
    }
}

fn null_values(node: &Node<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let items = node.items("a list of texts that mean null", findings)?;
    Some(items.iter().filter_map(|item| item.text("a text that means null", findings)).collect())
}
