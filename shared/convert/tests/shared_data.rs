//! Real files of other projects, where they are at hand (`../shared/data` beside the repository, or `LAKEGATE_DATA`): read with a
//! contract in which every column of their header is text. Nothing panics, no row is lost, and values are those that the files' own
//! expectations and the `csv` crate say. Run with `--nocapture` for the table.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may fail, and reads its files"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use lakegate_contract::{Contract, CsvDialect, Encoding, Format, Quoting};
use lakegate_convert::{Converter, Judgement, Output, Reading, Source, Verdict};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

const FOLDERS: [&str; 7] =
    ["csv-spectrum", "arrow-rs", "arrow-testing", "spark-csv", "frictionless", "rust-csv", "datacontract-cli"];

/// Rows of texts; null is `None`.
type Rows = Vec<Vec<Option<String>>>;

fn data() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("LAKEGATE_DATA").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        println!("skipped: no {}", folder.display());
        return None;
    }
    Some(folder)
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// The delimiter that the first line has most of.
fn delimiter(bytes: &[u8]) -> u8 {
    let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let count = |delimiter: &u8| memchr::memchr_iter(*delimiter, line).count();
    *b"|;\t:,".iter().max_by_key(|delimiter| count(delimiter)).unwrap()
}

fn records(bytes: &[u8]) -> Rows {
    let mut reader = csv::ReaderBuilder::new();
    reader.has_headers(false).flexible(true).delimiter(delimiter(bytes));
    let record =
        |record: csv::ByteRecord| record.iter().map(|text| Some(String::from_utf8_lossy(text).into_owned())).collect();
    reader.from_reader(bytes).byte_records().map(|read| record(read.unwrap())).collect()
}

/// Every column of the header is a text that may be missing; whatever cannot be a column's name is an unknown one.
fn contract(bytes: &[u8]) -> Contract {
    let header = records(bytes).into_iter().next().unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    for name in header.into_iter().flatten() {
        if !name.trim().is_empty() && !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            names.push(name);
        }
    }
    if names.is_empty() {
        names.push("none".to_owned());
    }
    let column = |(index, name): (usize, &String)| json!({"name": name, "physicalName": format!("c{index}"), "logicalType": "string"});
    let properties: Vec<Value> = names.iter().enumerate().map(column).collect();
    let policy = |property: &str, value: Value| json!({"property": property, "value": value, "vendor": "lakegate"});
    let document = json!({
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": "data", "version": "1.0.0",
        "servers": [{"server": "landing", "type": "s3", "location": "s3://*/data/*.csv", "format": "csv"}],
        "schema": [{"name": "data", "logicalType": "object", "properties": properties,
            "customProperties": [policy("maxRejectPercent", json!(100)), policy("unknownColumns", json!("ignore"))]}],
    });
    let mut contract = lakegate_contract::parse(&document.to_string()).unwrap().contract;
    if let Format::Csv(dialect) = &mut contract.landing.format {
        dialect.delimiter = delimiter(bytes);
    }
    if std::str::from_utf8(bytes).is_err() {
        contract.landing.encoding = Encoding::Windows1252;
    }
    contract
}

fn convert(contract: Contract, bytes: &[u8], chunk_bytes: usize) -> (Judgement, Rows) {
    let source = Source { bucket: "raw".to_owned(), key: "in.csv".to_owned(), version: None };
    let mut converter = Converter::new(Arc::new(contract), source).unwrap();
    let mut table = Vec::new();
    let collect = |converter: &mut Converter, table: &mut Vec<u8>| {
        for chunk in converter.drain().into_iter().filter(|chunk| chunk.output == Output::Table(0)) {
            table.extend(chunk.bytes);
        }
    };
    for chunk in bytes.chunks(chunk_bytes) {
        if converter.push(chunk).unwrap() == Reading::Enough {
            break;
        }
        collect(&mut converter, &mut table);
    }
    let judgement = converter.finish().unwrap();
    collect(&mut converter, &mut table);
    let counts = judgement.counts;
    assert_eq!(counts.read, counts.accepted + counts.rejected + counts.duplicate);
    let mut rows = Rows::new();
    if judgement.partitions.is_empty() {
        return (judgement, rows);
    }
    for batch in ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(table)).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        for row in 0..batch.num_rows() {
            let texts = batch.columns().iter().map(AsArray::as_string::<i32>);
            rows.push(texts.map(|column| column.is_valid(row).then(|| column.value(row).to_owned())).collect());
        }
    }
    assert_eq!(rows.len() as u64, counts.accepted);
    (judgement, rows)
}

fn reason(judgement: &Judgement) -> String {
    if let Some(error) = &judgement.file_error {
        return format!("{}: {}", error.kind, error.message);
    }
    let rules = judgement.violations.values().flatten().map(|(rule, rows)| format!("{rule} {rows}"));
    rules.collect::<Vec<_>>().join(", ")
}

#[test]
fn real_files_are_read_without_loss() {
    let Some(data) = data() else { return };
    let mut paths = Vec::new();
    for folder in FOLDERS {
        files(&data.join(folder), "csv", &mut paths);
    }
    assert!(paths.len() > 100, "files are missing");
    println!("| file | rows | rejected | verdict | why |\n| --- | --- | --- | --- | --- |");
    for path in paths {
        let bytes = std::fs::read(&path).unwrap();
        let (judgement, rows) = convert(contract(&bytes), &bytes, usize::MAX);
        let chunk_bytes = if bytes.len() < 100_000 { 7 } else { 4096 };
        let (again, rows_again) = convert(contract(&bytes), &bytes, chunk_bytes);
        let name = path.strip_prefix(&data).unwrap().display().to_string();
        assert_eq!((judgement.counts, &rows), (again.counts, &rows_again), "{name}");
        let counts = judgement.counts;
        let why = reason(&judgement);
        println!("| {name} | {} | {} | {:?} | {why} |", counts.read, counts.rejected, judgement.verdict);
        let is_clean = judgement.verdict == Verdict::Published && counts.rejected == 0;
        let theirs = records(&bytes);
        let width = theirs.first().map_or(0, Vec::len);
        if is_clean && std::str::from_utf8(&bytes).is_ok() && rows.iter().all(|row| row.len() == width) {
            let ours: Rows = rows
                .into_iter()
                .map(|row| row.into_iter().map(|text| text.or(Some(String::new()))).collect())
                .collect();
            assert!(ours == theirs[1..], "{name}: {ours:?}, and the csv crate says {theirs:?}");
        }
    }
}

#[test]
fn csv_spectrum_reads_as_its_authors_say() {
    let Some(data) = data() else { return };
    let mut paths = Vec::new();
    files(&data.join("csv-spectrum/csvs"), "csv", &mut paths);
    assert!(paths.len() >= 12, "files are missing");
    for path in paths {
        let bytes = std::fs::read(&path).unwrap();
        let mut contract = contract(&bytes);
        if let Format::Csv(dialect) = &mut contract.landing.format {
            // One file has inches: quotes inside an unquoted field.
            dialect.quoting = Quoting::Lenient;
        }
        let names: Vec<String> = contract.columns.iter().map(|column| column.name.clone()).collect();
        let (judgement, rows) = convert(contract, &bytes, 5);
        assert_eq!(judgement.verdict, Verdict::Published);
        let object = |row: Vec<Option<String>>| -> Value {
            names.iter().zip(row).map(|(name, text)| (name.clone(), Value::from(text.unwrap_or_default()))).collect()
        };
        let ours: Value = rows.into_iter().map(object).collect();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let expected = std::fs::read(data.join(format!("csv-spectrum/json/{name}.json"))).unwrap();
        let mut expected: Value = serde_json::from_slice(&expected).unwrap();
        if name == "location_coordinates" {
            // Its authors put one object where all others have a list, and a phone number that the file does not have.
            expected["Contact Phone Number"] = json!("2095257564");
            expected = json!([expected]);
        }
        if !bytes.contains(&b'\r') {
            // Copies of the files that went through a version control system have lost the carriage returns that the names tell of.
            expected = serde_json::from_str(&expected.to_string().replace("\\r\\n", "\\n")).unwrap();
        }
        assert_eq!(ours, expected, "{name}");
    }
}

/// Reads a file with a dialect of its own, which its columns are named for.
fn read(path: &Path, names: &[&str], change: impl Fn(&mut CsvDialect)) -> (u64, Rows) {
    let bytes = std::fs::read(path).unwrap();
    let mut contract = contract(names.join(",").as_bytes());
    if let Format::Csv(dialect) = &mut contract.landing.format {
        change(dialect);
    }
    let (judgement, rows) = convert(contract, &bytes, 3);
    assert_eq!(judgement.verdict, Verdict::Published, "{}: {:?}", path.display(), judgement.file_error);
    (judgement.counts.rejected, rows)
}

fn texts(rows: &[&[&str]]) -> Rows {
    rows.iter().map(|row| row.iter().map(|text| Some((*text).to_owned())).collect()).collect()
}

#[test]
fn files_are_read_in_the_dialect_that_they_are_written_in() {
    let Some(data) = data() else { return };
    let strange = read(&data.join("rust-csv/strange.csv"), &["name", "year"], |dialect| {
        (dialect.delimiter, dialect.escape, dialect.comment) = (b';', Some(b'\\'), Some(b'#'));
        dialect.header = false;
    });
    assert_eq!(
        (strange.0, strange.1[0][0].as_deref()),
        (1, Some("\"Hacksaw\" Jim Duggan")),
        "one wrestler has no year"
    );
    assert_eq!(strange.1.len(), 5);
    let spaces =
        read(&data.join("frictionless/issue-1109.csv"), &["int", "number", "string"], |dialect| dialect.trim = true);
    assert_eq!(spaces, (0, texts(&[&["1", "2.3", "string"], &["", "4.3", "string"], &["3", "3.14", "string"]])));
    let escapes = read(&data.join("frictionless/escaping.csv"), &["ID", "Test"], |dialect| {
        (dialect.escape, dialect.trim) = (Some(b'\\'), true);
    });
    assert_eq!(escapes, (0, texts(&[&["1", "Test line 1"], &["2", "Test \" line 2"], &["3", "Test \" line 3"]])));
    let comment =
        read(&data.join("frictionless/country-2.csv"), &["id", "neighbor_id", "name", "population"], |dialect| {
            (dialect.delimiter, dialect.comment) = (b';', Some(b'#'));
        });
    assert_eq!((comment.0, comment.1.len()), (0, 5));
    let skipped = read(&data.join("frictionless/skip-rows-before-headers.csv"), &["id", "name"], |dialect| {
        dialect.skip_lines = 1;
    });
    assert_eq!(skipped, (0, texts(&[&["1", "english"], &["2", "中国人"]])));
}
