//! A conversion, everything that came out of it, and what holds of every conversion.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use lakegate_contract::{Contract, Encoding, Format};
use lakegate_convert::{Converter, Judgement, Output, Reading, Source, Verdict};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// What became of a file: all that may not depend on pieces and threads.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// As the engine gave it, but for the bytes read, which may differ where reading ends early.
    pub judgement: Judgement,
    /// Of a rejected file only the rejects.
    pub outputs: BTreeMap<Output, Vec<u8>>,
}

impl PartialEq for Outcome {
    fn eq(&self, other: &Self) -> bool {
        format!("{:?}", self.judgement) == format!("{:?}", other.judgement) && self.outputs == other.outputs
    }
}

/// Converts `bytes` in pieces of `piece_bytes` on `threads` threads.
///
/// # Panics
/// The engine fails, a row is not accounted for, or the counts contradict one another.
pub fn convert(contract: &Arc<Contract>, bytes: &[u8], piece_bytes: usize, threads: usize) -> Outcome {
    let source = Source { bucket: "raw".to_owned(), key: "in".to_owned(), version: None };
    let mut converter = Converter::new(Arc::clone(contract), source).unwrap().with_threads(threads);
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
    let mut judgement = converter.finish().unwrap();
    take(&mut converter);
    let counts = judgement.counts;
    assert_eq!(counts.read, counts.accepted + counts.rejected + counts.duplicate);
    assert_eq!(judgement.verdict == Verdict::Rejected, judgement.file_error.is_some());
    assert_eq!(judgement.rejects.map_or(0, |rejects| rejects.rows), counts.rejected);
    if judgement.verdict == Verdict::Published {
        assert_eq!(judgement.bytes_read, bytes.len() as u64);
        assert_eq!(judgement.partitions.iter().map(|partition| partition.rows).sum::<u64>(), counts.accepted);
    } else {
        judgement.bytes_read = 0;
        outputs.retain(|output, _| *output == Output::Rejects);
    }
    Outcome { judgement, outputs }
}

/// A row of the rejects table.
#[derive(Debug)]
pub struct Rejected {
    /// Its number among the file's rows, from 1.
    pub row_number: usize,
    /// The physical line on which it begins.
    pub line: i64,
    /// The record as it stood.
    pub raw: String,
    /// The rules that it broke.
    pub rules: Vec<String>,
    /// What is told of each.
    pub messages: Vec<String>,
}

/// Reads the rejects back.
///
/// # Panics
/// They are not what the judgement says, or do not stand in `bytes` where they are said to.
pub fn rejected(contract: &Contract, outcome: &Outcome, bytes: &[u8]) -> Vec<Rejected> {
    let mut rejected = Vec::new();
    let mut row_before = 0;
    let has_returns = bytes.contains(&b'\r');
    let mut lines = Lines { offset: 0, line: 1 };
    for batch in outcome.outputs.get(&Output::Rejects).map(|file| batches(file)).unwrap_or_default() {
        let numbers = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>();
        let violations = batch.column_by_name("violations").unwrap().as_list::<i32>();
        for row in 0..batch.num_rows() {
            let told = violations.value(row);
            let texts = |column: usize| {
                told.as_struct().column(column).as_string::<i32>().iter().flatten().map(str::to_owned).collect()
            };
            let raw = batch.column_by_name("raw").unwrap().as_string::<i32>().value(row).to_owned();
            let line = numbers("line").value(row);
            let row_number = numbers("row_number").value(row);
            assert!(row_number > row_before, "row {row_number} behind row {row_before}");
            row_before = row_number;
            if is_as_it_stood(contract, bytes, &raw) {
                let start = usize::try_from(numbers("byte_offset").value(row)).unwrap();
                assert_eq!(bytes.get(start..start + raw.len()), Some(raw.as_bytes()), "the record at {start}");
                let is_counted = matches!(contract.landing.format, Format::Json(_)) || !has_returns;
                assert!(!is_counted || line == lines.at(bytes, start), "line {line} at {start}");
            }
            rejected.push(Rejected {
                row_number: usize::try_from(row_number).unwrap(),
                line,
                raw,
                rules: texts(1),
                messages: texts(2),
            });
            assert!(!rejected[rejected.len() - 1].rules.is_empty());
        }
    }
    assert_eq!(rejected.len() as u64, outcome.judgement.counts.rejected);
    rejected
}

/// Whether a rejected record's text is that of the file: it is UTF-8, not packed, and nothing was written in other ways.
fn is_as_it_stood(contract: &Contract, bytes: &[u8], raw: &str) -> bool {
    let is_gzip = bytes.starts_with(&[0x1F, 0x8B]);
    let is_zstd = bytes.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) || bytes.get(1..4) == Some(&[0x2A, 0x4D, 0x18]);
    !is_gzip && !is_zstd && contract.landing.encoding == Encoding::Utf8 && !raw.contains('\\')
}

/// Counts lines once, however many records ask for theirs.
struct Lines {
    offset: usize,
    line: i64,
}

impl Lines {
    fn at(&mut self, bytes: &[u8], offset: usize) -> i64 {
        let breaks = bytes[self.offset..offset].iter().filter(|byte| **byte == b'\n').count();
        self.line += i64::try_from(breaks).unwrap();
        self.offset = offset;
        self.line
    }
}

/// Reads the table back: its accepted rows as texts, in order of the partitions; `None` where the file is rejected.
///
/// # Panics
/// A file cannot be read, or has another number of rows or bytes than the judgement says.
pub fn texts(outcome: &Outcome) -> Option<Vec<Vec<Option<String>>>> {
    if outcome.judgement.verdict == Verdict::Rejected {
        return None;
    }
    let options = FormatOptions::new();
    let mut rows = Vec::new();
    for (index, partition) in outcome.judgement.partitions.iter().enumerate() {
        let file = &outcome.outputs[&Output::Table(index)];
        assert_eq!(file.len() as u64, partition.bytes);
        let rows_before = rows.len();
        for batch in batches(file) {
            let columns = batch.columns();
            let formats: Vec<_> =
                columns.iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            for row in 0..batch.num_rows() {
                let cells = columns.iter().zip(&formats);
                rows.push(
                    cells.map(|(column, format)| column.is_valid(row).then(|| format.value(row).to_string())).collect(),
                );
            }
        }
        assert_eq!((rows.len() - rows_before) as u64, partition.rows);
    }
    Some(rows)
}

fn batches(file: &[u8]) -> Vec<RecordBatch> {
    let file = bytes::Bytes::copy_from_slice(file);
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

/// The text again and again, until it is long enough for several batches of records.
pub fn many_rows(text: &[u8]) -> Vec<u8> {
    const BYTES: usize = 100_000;
    if text.is_empty() { Vec::new() } else { text.repeat(BYTES / text.len() + 1) }
}
