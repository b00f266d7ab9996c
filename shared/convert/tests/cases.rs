//! Every folder in `tests/cases` is an input, a contract (its own, or the one they share) and what must come of it. To see what
//! comes of a new case, run with `LAKEGATE_WRITE_CASES=1`, and read what it wrote.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail, and reads its cases"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use lakegate_contract::Contract;
use lakegate_convert::{Converter, Judgement, Output, Reading, Source};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

fn contract(path: &Path) -> Arc<Contract> {
    let document = std::fs::read_to_string(path).unwrap();
    Arc::new(lakegate_contract::parse(&document).unwrap().contract)
}

fn convert(
    contract: &Arc<Contract>,
    input: &[u8],
    chunk_bytes: usize,
    threads: usize,
) -> (Judgement, BTreeMap<Output, Vec<u8>>) {
    let source = Source { bucket: "raw".to_owned(), key: "in.csv".to_owned(), version: Some("v1".to_owned()) };
    let mut converter = Converter::new(Arc::clone(contract), source).unwrap().with_threads(threads);
    let mut outputs: BTreeMap<Output, Vec<u8>> = BTreeMap::new();
    let mut collect = |converter: &mut Converter| {
        for chunk in converter.drain() {
            outputs.entry(chunk.output).or_default().extend(chunk.bytes);
        }
    };
    for chunk in input.chunks(chunk_bytes) {
        if converter.push(chunk).unwrap() == Reading::Enough {
            break;
        }
        collect(&mut converter);
    }
    let judgement = converter.finish().unwrap();
    collect(&mut converter);
    (judgement, outputs)
}

/// What is judged without outputs.
fn judge(contract: &Arc<Contract>, input: &[u8]) -> Judgement {
    let source = Source { bucket: "raw".to_owned(), key: "in.csv".to_owned(), version: None };
    let mut converter = Converter::new(Arc::clone(contract), source).unwrap().without_outputs();
    converter.push(input).unwrap();
    let judgement = converter.finish().unwrap();
    assert_eq!(converter.drain(), Vec::new());
    judgement
}

fn read_back(bytes: &[u8]) -> Vec<RecordBatch> {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap().map(Result::unwrap).collect()
}

fn show_rows(text: &mut String, batches: &[RecordBatch]) {
    let Some(first) = batches.first() else { return };
    let fields = first.schema_ref().fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type()));
    writeln!(text, "  [{}]", fields.collect::<Vec<_>>().join(", ")).unwrap();
    let options = FormatOptions::new().with_null("NULL");
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| {
                let cell = ArrayFormatter::try_new(column, &options).unwrap().value(row).to_string();
                if column.is_valid(row) && column.as_string_opt::<i32>().is_some() { format!("{cell:?}") } else { cell }
            });
            writeln!(text, "  {}", cells.collect::<Vec<_>>().join(" | ")).unwrap();
        }
    }
}

fn show_rejects(text: &mut String, batches: &[RecordBatch]) {
    for batch in batches {
        let value = |name: &str, row: usize| {
            let column = batch.column_by_name(name).unwrap();
            ArrayFormatter::try_new(column, &FormatOptions::new()).unwrap().value(row).to_string()
        };
        for row in 0..batch.num_rows() {
            let place = format!(
                "row {}, line {}, byte {}",
                value("row_number", row),
                value("line", row),
                value("byte_offset", row)
            );
            writeln!(text, "  {place}: {:?}", value("raw", row)).unwrap();
            let list = batch.column_by_name("violations").unwrap().as_list::<i32>().value(row);
            let items = list.as_struct();
            let cell = |column: usize, item: usize| items.column(column).as_string::<i32>().value(item).to_owned();
            for item in 0..items.len() {
                writeln!(text, "    {} {}: {}", cell(0, item), cell(1, item), cell(2, item)).unwrap();
            }
        }
    }
}

fn outcome(judgement: &Judgement, outputs: &BTreeMap<Output, Vec<u8>>) -> String {
    let mut text = String::new();
    let counts = judgement.counts;
    assert_eq!(counts.read, counts.accepted + counts.rejected + counts.duplicate);
    writeln!(
        text,
        "{:?}: {} read, {} accepted, {} rejected",
        judgement.verdict, counts.read, counts.accepted, counts.rejected
    )
    .unwrap();
    if counts.duplicate > 0 {
        writeln!(text, "{} exact duplicates dropped", counts.duplicate).unwrap();
    }
    for (column, rules) in &judgement.warnings {
        for (rule, rows) in rules {
            writeln!(text, "warning: {rows} rows break {rule} of {column:?}").unwrap();
        }
    }
    if let Some(error) = &judgement.file_error {
        let line = error.line.map_or_else(String::new, |line| format!(", line {line}"));
        writeln!(text, "{}{line}: {}", error.kind, error.message).unwrap();
    }
    for (index, partition) in judgement.partitions.iter().enumerate() {
        writeln!(text, "partition {:?} {:?}: {} rows", partition.path, partition.values, partition.rows).unwrap();
        let bytes = &outputs[&Output::Table(index)];
        assert_eq!(bytes.len() as u64, partition.bytes);
        show_rows(&mut text, &read_back(bytes));
    }
    assert_eq!(outputs.contains_key(&Output::Rejects), judgement.rejects.is_some());
    if let Some(rejects) = &judgement.rejects {
        writeln!(text, "rejects: {} rows", rejects.rows).unwrap();
        show_rejects(&mut text, &read_back(&outputs[&Output::Rejects]));
    }
    text
}

#[test]
fn every_case_comes_out_as_expected_whatever_the_chunks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let folders = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    cases.sort();
    assert!(cases.len() >= 20, "cases are missing");
    for case in cases {
        let own = case.join("contract.yaml");
        let contract = contract(&if own.exists() { own } else { root.join("contract.yaml") });
        let input = std::fs::read(case.join("input.csv")).or_else(|_| std::fs::read(case.join("input.json"))).unwrap();
        let (judgement, outputs) = convert(&contract, &input, usize::MAX, 1);
        let text = outcome(&judgement, &outputs);
        for (chunk_bytes, threads) in [(1, 1), (3, 2), (64, 3)] {
            let (again, bytes) = convert(&contract, &input, chunk_bytes, threads);
            assert_eq!(
                outcome(&again, &bytes),
                text,
                "{} in pieces of {chunk_bytes} on {threads} threads",
                case.display()
            );
            assert_eq!(bytes, outputs, "{}: the same bytes in pieces of {chunk_bytes}", case.display());
        }
        let alone = judge(&contract, &input);
        let with_outputs = Judgement { partitions: Vec::new(), rejects: None, ..judgement };
        assert_eq!(format!("{alone:?}"), format!("{with_outputs:?}"), "{} without outputs", case.display());
        let file = case.join("expected.txt");
        if std::env::var_os("LAKEGATE_WRITE_CASES").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(text == expected, "{}:\n--- expected\n{expected}\n--- came\n{text}", case.display());
    }
}
