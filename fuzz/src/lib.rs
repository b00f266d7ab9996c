//! What the fuzz targets share: contracts that exercise every option, and a conversion whose outcome can be compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakegate_contract::Contract;
use lakegate_convert::{Converter, Output, Reading, Source};

/// The verdict in words, and every output's bytes.
pub type Outcome = (String, BTreeMap<Output, Vec<u8>>);

/// Converts `bytes` in pieces of `piece_bytes` on `threads` threads.
///
/// # Panics
/// The engine fails, or a row is not accounted for.
pub fn convert(contract: &Arc<Contract>, bytes: &[u8], piece_bytes: usize, threads: usize) -> Outcome {
    let source = Source { bucket: "raw".to_owned(), key: "in".to_owned(), version: None };
    let mut converter = Converter::new(Arc::clone(contract), source).unwrap().with_threads(threads).unwrap();
    let mut outputs: BTreeMap<Output, Vec<u8>> = BTreeMap::new();
    let mut take = |converter: &mut Converter| {
        for chunk in converter.drain() {
            outputs.entry(chunk.output).or_default().extend(chunk.bytes);
        }
    };
    for piece in bytes.chunks(piece_bytes.max(1)) {
        if converter.push(piece).unwrap() == Reading::Enough {
            break;
        }
        take(&mut converter);
    }
    let judgement = converter.finish().unwrap();
    take(&mut converter);
    let counts = judgement.counts;
    assert_eq!(counts.read, counts.accepted + counts.rejected + counts.duplicate);
    if judgement.file_error.is_some() {
        outputs.retain(|output, _| *output == Output::Rejects);
    }
    (format!("{:?} {counts:?} {:?} {:?}", judgement.verdict, judgement.violations, judgement.file_error), outputs)
}

const COLUMNS: &str = "
      - {name: t, logicalType: string}
      - {name: i, logicalType: integer}
      - {name: n, logicalType: number, physicalType: 'DECIMAL(10,2)'}
      - {name: x, logicalType: number}
      - {name: b, logicalType: boolean}
      - {name: d, logicalType: date}
      - {name: s, logicalType: timestamp}";

fn document(server: &str, table: &str, columns: &str) -> String {
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: f\nversion: 1.0.0\nstatus: active\nservers:\n\
         \x20 - server: landing\n    type: s3\n    location: s3://*/f/**\n{server}\nschema:\n  - name: f\n{table}\n\
         \x20   properties:{COLUMNS}{columns}\n"
    )
}

fn parsed(document: &str) -> Arc<Contract> {
    Arc::new(lakegate_contract::parse(document).unwrap_or_else(|problems| panic!("{problems:?}")).contract)
}

fn properties(list: &[(&str, &str)]) -> String {
    let items = list.iter().map(|(name, value)| format!("      - {{property: {name}, value: {value}, vendor: lakegate}}\n"));
    format!("    customProperties:\n{}", items.collect::<String>())
}

const LAX: (&str, &str) = ("maxRejectPercent", "100");

/// A contract of CSV files; `which` chooses the options.
pub fn csv_contract(which: u8) -> Arc<Contract> {
    let dialects: [&[(&str, &str)]; 6] = [
        &[("maxRecordBytes", "64")],
        &[("quoting", "lenient"), ("delimiter", "';'"), ("header", "false")],
        &[("escape", "'\\'"), ("comment", "'#'"), ("skipLines", "1"), ("header", "false")],
        &[("trim", "true"), ("nullValues", "['', NA]"), ("decimalSeparator", "','"), ("thousandsSeparator", "'.'")],
        &[("integralFractions", "true"), ("thousandsSeparator", "','"), ("header", "false")],
        &[("quoting", "lenient"), ("escape", "'\\'"), ("trim", "true")],
    ];
    let policies: [&[(&str, &str)]; 3] = [
        &[LAX, ("unknownColumns", "rescue")],
        &[LAX, ("unknownColumns", "ignore"), ("exactDuplicates", "drop")],
        &[("maxRejectRows", "3")],
    ];
    let dialect = dialects[usize::from(which) % dialects.len()];
    let policy = policies[usize::from(which) / dialects.len() % policies.len()];
    let server = format!("    format: csv\n{}", properties(dialect));
    parsed(&document(&server, &properties(policy), ""))
}

/// A contract of JSON files; `which` chooses the options.
pub fn json_contract(which: u8) -> Arc<Contract> {
    let delimiters = ["", "    delimiter: new_line\n", "    delimiter: array\n"];
    let policies: [&[(&str, &str)]; 3] =
        [&[LAX, ("unknownColumns", "rescue")], &[LAX, ("unknownColumns", "ignore")], &[LAX]];
    let delimiter = delimiters[usize::from(which) % delimiters.len()];
    let policy = policies[usize::from(which) / delimiters.len() % policies.len()];
    let server = format!("    format: json\n{delimiter}{}", properties(&[("maxRecordBytes", "96")]));
    let nested = "
      - {name: o, logicalType: object, properties: [{name: k, logicalType: integer, required: true}, {name: l, logicalType: array, items: {logicalType: string}}]}
      - {name: j, logicalType: object}";
    parsed(&document(&server, &properties(policy), nested))
}

/// A contract of packed or otherwise encoded CSV files; `which` chooses how.
pub fn packed_contract(which: u8) -> Arc<Contract> {
    let encodings = ["UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "Windows-1252", "ISO-8859-1"];
    let packings = ["auto", "none", "gzip", "zstd"];
    let encoding = encodings[usize::from(which) % encodings.len()];
    let packing = packings[usize::from(which) / encodings.len() % packings.len()];
    let server = format!(
        "    format: csv\n    encoding: {encoding}\n{}",
        properties(&[("compression", packing), ("header", "false")])
    );
    parsed(&document(&server, &properties(&[LAX]), ""))
}

/// A contract with a column or a rule of this SQL; `None` where it is refused.
pub fn contract_with_expression(which: u8, sql: &str) -> Option<Arc<Contract>> {
    let types = ["string", "integer", "number", "boolean", "date", "timestamp"];
    let escaped = sql.chars().filter(|c| !c.is_control()).flat_map(|c| {
        let backslash = matches!(c, '"' | '\\').then_some('\\');
        backslash.into_iter().chain([c])
    });
    let sql: String = escaped.collect();
    let document = match types.get(usize::from(which) % (types.len() + 1)) {
        Some(logical) => {
            let column = format!("\n      - {{name: e, logicalType: {logical}, transformLogic: \"{sql}\"}}");
            document("    format: csv", &properties(&[LAX]), &column)
        }
        None => {
            let query = format!("\"SELECT COUNT(*) FROM f WHERE {sql}\"");
            let quality = format!("    quality:\n      - {{name: r, type: sql, query: {query}, mustBe: 0}}\n");
            document("    format: csv", &(properties(&[LAX]) + &quality), "")
        }
    };
    lakegate_contract::parse(&document).ok().map(|checked| Arc::new(checked.contract))
}
