//! A file of many batches comes to the same judgement and the same bytes, however it is cut and on however many threads.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use lakegate_contract::Contract;
use lakegate_convert::{Converter, Output, Reading, Source, Verdict};

const CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: t
version: 1.0.0
status: active
servers:
  - {server: landing, type: s3, location: 's3://*/t/**', format: csv}
schema:
  - name: t
    customProperties:
      - {property: exactDuplicates, value: drop, vendor: lakegate}
      - {property: maxRejectPercent, value: 50, vendor: lakegate}
    properties:
      - {name: id, logicalType: integer, unique: true}
      - {name: text, logicalType: string}
      - {name: day, logicalType: date, required: true}
      - {name: month, logicalType: integer, transformLogic: month(day), partitioned: true}
";
const ROWS: u32 = 60_000;

/// Rows of three months, some of them bad, some twice.
fn csv() -> Vec<u8> {
    let mut text = "id,text,day\n".to_owned();
    for row in 0..ROWS {
        let id = if row % 97 == 0 { row / 2 } else { row };
        let word = ["red", "\"a \"\"quoted\"\"\nline\"", "", "ünïcode"][row as usize % 4];
        let day =
            if row % 50 == 3 { "soon".to_owned() } else { format!("2025-{:02}-{:02}", row % 3 + 1, row % 28 + 1) };
        writeln!(text, "{id},{word},{day}").unwrap();
        if row % 1000 == 0 {
            writeln!(text, "{id},{word},{day}").unwrap();
        }
    }
    text.into_bytes()
}

fn convert(
    contract: &Arc<Contract>,
    bytes: &[u8],
    chunk_bytes: usize,
    threads: usize,
) -> (String, Verdict, BTreeMap<Output, Vec<u8>>, String) {
    let source = Source { bucket: "b".to_owned(), key: "k".to_owned(), version: None };
    let mut converter = Converter::new(Arc::clone(contract), source).unwrap().with_threads(threads);
    let mut outputs: BTreeMap<Output, Vec<u8>> = BTreeMap::new();
    let mut take = |converter: &mut Converter| {
        converter.drain().into_iter().for_each(|chunk| outputs.entry(chunk.output).or_default().extend(chunk.bytes));
    };
    for chunk in bytes.chunks(chunk_bytes) {
        if converter.push(chunk).unwrap() == Reading::Enough {
            break;
        }
        take(&mut converter);
    }
    let mut judgement = converter.finish().unwrap();
    take(&mut converter);
    let counts = judgement.counts;
    assert_eq!(counts.read, counts.accepted + counts.rejected + counts.duplicate);
    // A file that is rejected early is not read to its end, and where that is hangs on its pieces.
    judgement.bytes_read = 0;
    if judgement.verdict == Verdict::Rejected {
        outputs.retain(|output, _| *output == Output::Rejects);
    }
    let all = format!("{judgement:?}");
    (judgement.partitions, judgement.rejects) = (Vec::new(), None);
    (all, judgement.verdict, outputs, format!("{judgement:?}"))
}

/// What is judged without outputs.
fn judge(contract: &Arc<Contract>, bytes: &[u8], chunk_bytes: usize, threads: usize) -> String {
    let source = Source { bucket: "b".to_owned(), key: "k".to_owned(), version: None };
    let converter = Converter::new(Arc::clone(contract), source).unwrap().without_outputs();
    let mut converter = converter.with_threads(threads);
    for chunk in bytes.chunks(chunk_bytes) {
        if converter.push(chunk).unwrap() == Reading::Enough {
            break;
        }
        assert!(converter.drain().is_empty());
    }
    let mut judgement = converter.finish().unwrap();
    assert!(converter.drain().is_empty());
    judgement.bytes_read = 0;
    format!("{judgement:?}")
}

fn check(bytes: &[u8], verdict: Verdict) {
    check_with(CONTRACT, bytes, verdict);
}

fn check_with(contract: &str, bytes: &[u8], verdict: Verdict) {
    let contract = Arc::new(lakegate_contract::parse(contract).unwrap().contract);
    let whole = convert(&contract, bytes, usize::MAX, 1);
    assert_eq!(whole.1, verdict, "{}", whole.0);
    for (chunk_bytes, threads) in [(1000, 1), (70_000, 2), (usize::MAX, 2), (300_001, 5)] {
        let other = convert(&contract, bytes, chunk_bytes, threads);
        assert_eq!(other.0, whole.0, "in pieces of {chunk_bytes} on {threads} threads");
        assert!(other.2 == whole.2, "other bytes in pieces of {chunk_bytes} on {threads} threads");
        let outputs_left_out = judge(&contract, bytes, chunk_bytes, threads);
        assert_eq!(outputs_left_out, whole.3, "without outputs, in pieces of {chunk_bytes} on {threads} threads");
    }
}

#[test]
fn a_published_file_is_the_same_on_any_number_of_threads() {
    check(&csv(), Verdict::Published);
}

#[test]
fn a_truncated_file_is_the_same_on_any_number_of_threads() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&csv()).unwrap();
    let packed = gzip.finish().unwrap();
    check(&packed, Verdict::Published);
    check(packed.get(..packed.len() * 2 / 3).unwrap(), Verdict::Rejected);
}

#[test]
fn a_nested_json_file_is_the_same_on_any_number_of_threads() {
    let contract = CONTRACT.replace("format: csv", "format: json").replace(
        "    properties:
",
        "    properties:
      - {name: lines, logicalType: array, items: {logicalType: object, properties: [{name: n, logicalType: integer}, {name: s, logicalType: string}]}}
      - {name: at, logicalType: object, properties: [{name: lat, logicalType: number, physicalType: 'DECIMAL(8,6)'}]}
",
    );
    let mut text = String::new();
    for row in 0..ROWS / 2 {
        let n = if row % 41 == 0 { "\"x\"".to_owned() } else { row.to_string() };
        let lines = format!("{{\"n\":{n},\"s\":\"a\\n{row}\"}},").repeat(row as usize % 3);
        let lines = lines.trim_end_matches(',');
        let (month, day, lat) = (row % 3 + 1, row % 28 + 1, row % 90);
        writeln!(
            text,
            "{{\"id\":{row},\"day\":\"2025-{month:02}-{day:02}\",\"lines\":[{lines}],\"at\":{{\"lat\":{lat}.5}},\"text\":null}}"
        )
        .unwrap();
    }
    check_with(&contract, text.as_bytes(), Verdict::Published);
    let cut = text.len() * 2 / 3;
    check_with(&contract, format!("{}\n{{\"id\":", &text[..cut]).as_bytes(), Verdict::Published);
}

#[test]
fn a_file_of_too_many_partitions_is_the_same_on_any_number_of_threads() {
    let contract = CONTRACT.replace("transformLogic: month(day)", "transformLogic: id");
    check_with(&contract, &csv(), Verdict::Rejected);
}

#[test]
fn a_file_of_a_too_long_partition_is_the_same_on_any_number_of_threads() {
    let contract =
        CONTRACT.replace("name: text, logicalType: string", "name: text, logicalType: string, partitioned: true");
    check_with(&contract, &csv(), Verdict::Published);
    let mut long = csv();
    writeln!(long, "100000,{},2025-01-01", "x".repeat(256)).unwrap();
    check_with(&contract, &long, Verdict::Rejected);
}
