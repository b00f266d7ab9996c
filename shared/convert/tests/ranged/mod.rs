//! A file converted range by range, and in one pass, so that both can be compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use lakegate_contract::Contract;
use lakegate_convert::range::{
    Plan, Planner, RangeReport, RangeScanner, RangeWork, Resolution, Scan, Span, Uncuttable, judge, resolve,
};
use lakegate_convert::{Converter, Judgement, Output, Reading, Source, Verdict};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What came of a file: rows by partition, rejects, and the judgement without what hangs on the number of files.
#[derive(Debug, PartialEq, Default)]
struct Outcome {
    rows: BTreeMap<String, Vec<String>>,
    rejects: Vec<String>,
    judgement: String,
}

fn source() -> Source {
    Source { bucket: "raw".to_owned(), key: "in.csv".to_owned(), version: Some("v1".to_owned()) }
}

fn show(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
    let options = FormatOptions::new().with_null("NULL");
    let show = |batch: RecordBatch| {
        let row = |row: usize| {
            let cell = |column| ArrayFormatter::try_new(column, &options).unwrap().value(row).to_string();
            batch.columns().iter().map(|column| format!("{:?}", cell(column))).collect::<Vec<_>>().join("|")
        };
        (0..batch.num_rows()).map(row).collect::<Vec<_>>()
    };
    reader.flat_map(|batch| show(batch.unwrap())).collect()
}

/// Adds what a conversion wrote.
fn add(outcome: &mut Outcome, partitions: &[lakegate_convert::Partition], outputs: &BTreeMap<Output, Vec<u8>>) {
    for (index, partition) in partitions.iter().enumerate() {
        let rows = show(&outputs[&Output::Table(index)]);
        assert_eq!(rows.len() as u64, partition.rows);
        outcome.rows.entry(partition.path.clone()).or_default().extend(rows);
    }
    outcome.rejects.extend(outputs.get(&Output::Rejects).map(|bytes| show(bytes)).unwrap_or_default());
}

fn summary(judgement: &Judgement) -> String {
    let partitions = judgement.partitions.iter().map(|partition| (&partition.path, &partition.values, partition.rows));
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        judgement.verdict,
        judgement.counts,
        judgement.violations,
        judgement.warnings,
        judgement.file_error,
        judgement.first_rejects,
        judgement.rejects.map(|rejects| rejects.rows),
        partitions.collect::<Vec<_>>(),
        judgement.bytes_read,
    )
}

fn one_pass(contract: &Arc<Contract>, input: &[u8]) -> Outcome {
    let mut converter = Converter::new(Arc::clone(contract), source()).unwrap();
    let mut outputs: BTreeMap<Output, Vec<u8>> = BTreeMap::new();
    let _ = converter.push(input).unwrap();
    let judgement = converter.finish().unwrap();
    for chunk in converter.drain() {
        outputs.entry(chunk.output).or_default().extend(chunk.bytes);
    }
    let mut outcome = Outcome::default();
    add(&mut outcome, &judgement.partitions, &outputs);
    outcome.judgement = summary(&judgement);
    outcome
}

/// As it comes back from being sent around.
fn sent<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

/// The plan of a file, cut at these places.
pub(crate) fn plan(contract: &Arc<Contract>, input: &[u8], cuts: &[usize]) -> Result<Plan, Uncuttable> {
    let mut planner = Planner::new(contract);
    let _ = input.chunks(300).any(|chunk| planner.push(chunk) == Reading::Enough);
    let mut plan = planner.cut(input.len() as u64, u64::MAX)?;
    let mut places: Vec<u64> = cuts.iter().map(|cut| *cut as u64).filter(|cut| *cut <= input.len() as u64).collect();
    places.extend([0, input.len() as u64]);
    places.sort_unstable();
    plan.ranges = places.windows(2).map(|pair| Span { start: pair[0], end: pair[1] }).collect();
    Ok(sent(&plan))
}

fn scan(mut scanner: RangeScanner, input: &[u8], chunk_bytes: usize) -> Scan {
    let from = usize::try_from(scanner.read_from()).unwrap();
    let _ = input[from..].chunks(chunk_bytes).any(|chunk| scanner.push(chunk) == Reading::Enough);
    sent(&scanner.finish())
}

/// The work of all ranges, and how many ranges had to be scanned again.
fn work(contract: &Arc<Contract>, plan: &Plan, input: &[u8], chunk_bytes: usize) -> (Vec<RangeWork>, usize) {
    let of_ranges =
        (0..plan.ranges.len()).map(|range| scan(RangeScanner::new(contract, plan, range), input, chunk_bytes));
    let mut scans: Vec<Scan> = of_ranges.collect();
    for again in 0..=plan.ranges.len() {
        match sent(&resolve(plan, &scans)) {
            Resolution::Work(work) => return (work, again),
            Resolution::ScanAgain { range, start } => {
                let scanner = RangeScanner::from_row(contract, plan, range, start.unwrap());
                scans.push(scan(scanner, input, chunk_bytes));
            }
        }
    }
    panic!("a range is scanned again and again");
}

fn convert(
    contract: &Arc<Contract>,
    plan: &Plan,
    work: &RangeWork,
    input: &[u8],
    chunk_bytes: usize,
) -> (RangeReport, BTreeMap<Output, Vec<u8>>) {
    let mut converter = Converter::of_range(Arc::clone(contract), source(), &plan.beginning, work).unwrap();
    let from = usize::try_from(work.begin).unwrap();
    let mut outputs: BTreeMap<Output, Vec<u8>> = BTreeMap::new();
    for chunk in input[from..].chunks(chunk_bytes) {
        if converter.push(chunk).unwrap() == Reading::Enough {
            break;
        }
    }
    let report = converter.finish_range(work.range).unwrap();
    for chunk in converter.drain() {
        outputs.entry(chunk.output).or_default().extend(chunk.bytes);
    }
    (sent(&report), outputs)
}

/// Converts range by range. Why not, if the file is not to be cut.
fn in_ranges(
    contract: &Arc<Contract>,
    input: &[u8],
    cuts: &[usize],
    chunk_bytes: usize,
) -> Result<(Outcome, usize), Uncuttable> {
    let plan = plan(contract, input, cuts)?;
    let (work, again) = work(contract, &plan, input, chunk_bytes);
    let mut outcome = Outcome::default();
    let (mut reports, mut all_outputs) = (Vec::new(), Vec::new());
    let mut next_row = 1;
    for work in &work {
        assert_eq!(work.first_row, next_row);
        let (report, outputs) = convert(contract, &plan, work, input, chunk_bytes);
        assert_eq!(report.counts.read, work.rows, "{work:?}");
        next_row += work.rows;
        reports.push(report);
        all_outputs.push(outputs);
    }
    let mut judgement = judge(contract, input.len() as u64, &reports);
    for (report, outputs) in reports.iter().zip(&all_outputs) {
        let partitions = if judgement.verdict == Verdict::Published { report.partitions.as_slice() } else { &[] };
        add(&mut outcome, partitions, outputs);
    }
    if judgement.counts.read == 0 && judgement.verdict == Verdict::Rejected {
        judgement.bytes_read = input.len() as u64;
    }
    outcome.judgement = summary(&judgement);
    Ok((outcome, again))
}

/// Whatever the cuts, the outcome is that of one pass. The number of ranges that had to be scanned again.
pub(crate) fn check(
    contract: &Arc<Contract>,
    input: &[u8],
    cuts: &[usize],
    chunk_bytes: usize,
) -> Result<usize, Uncuttable> {
    let (outcome, again) = in_ranges(contract, input, cuts, chunk_bytes)?;
    let whole = one_pass(contract, input);
    assert!(
        outcome == whole,
        "{outcome:#?}\n\nin one pass: {whole:#?}\n\ncut every {:?}, in pieces of {chunk_bytes}: {:?} {:?}",
        cuts.get(1),
        String::from_utf8_lossy(input),
        contract.landing
    );
    Ok(again)
}
