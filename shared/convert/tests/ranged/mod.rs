//! A file converted range by range, and in one pass, so that both can be compared.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use lakegate_contract::Contract;
use lakegate_convert::range::{
    Compared, Contest, Decider, Decisions, DuplicateCount, Plan, Planner, RangeDecisions, RangeReport, RangeScanner,
    RangeWork, Resolution, Scan, Span, Uncuttable, judge, resolve,
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
pub(crate) fn work(contract: &Arc<Contract>, plan: &Plan, input: &[u8], chunk_bytes: usize) -> (Vec<RangeWork>, usize) {
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

/// What came of a range.
pub(crate) struct Converted {
    pub(crate) report: RangeReport,
    outputs: BTreeMap<Output, Vec<u8>>,
    pub(crate) keys: BTreeMap<u16, Vec<u8>>,
}

/// A file, and how it is cut.
pub(crate) struct Ranges<'a> {
    pub(crate) contract: &'a Arc<Contract>,
    pub(crate) plan: Plan,
    pub(crate) input: &'a [u8],
    pub(crate) chunk_bytes: usize,
    pub(crate) passes: u32,
}

impl Ranges<'_> {
    pub(crate) fn convert(&self, work: &RangeWork, decisions: Option<&RangeDecisions>) -> Converted {
        let contract = Arc::clone(self.contract);
        let mut converter = Converter::of_range(contract, source(), &self.plan.beginning, work).unwrap();
        converter = converter.with_threads(1 + self.chunk_bytes % 2);
        if let Some(decisions) = decisions {
            converter = converter.with_decisions(decisions);
        }
        let from = usize::try_from(work.begin).unwrap();
        let (mut outputs, mut keys): (BTreeMap<_, Vec<u8>>, BTreeMap<_, Vec<u8>>) = (BTreeMap::new(), BTreeMap::new());
        for chunk in self.input[from..].chunks(self.chunk_bytes) {
            if converter.push(chunk).unwrap() == Reading::Enough {
                break;
            }
            converter
                .drain_keys()
                .into_iter()
                .for_each(|chunk| keys.entry(chunk.bucket).or_default().extend(chunk.bytes));
        }
        let report = sent(&converter.finish_range(work.range).unwrap());
        converter.drain_keys().into_iter().for_each(|chunk| keys.entry(chunk.bucket).or_default().extend(chunk.bytes));
        for chunk in converter.drain() {
            outputs.entry(chunk.output).or_default().extend(chunk.bytes);
        }
        assert!(report.counts.read == work.rows || report.file_error.is_some(), "{work:?}");
        Converted { report, outputs, keys }
    }

    /// All buckets, each with the keys of the ranges that have some.
    fn buckets<'c>(&self, converted: &'c [Converted]) -> BTreeMap<u16, Vec<&'c [u8]>> {
        let mut buckets: BTreeMap<u16, Vec<&[u8]>> = BTreeMap::new();
        for (bucket, keys) in converted.iter().rev().flat_map(|converted| &converted.keys) {
            assert!(*bucket < self.plan.keys.unwrap().buckets.get());
            buckets.entry(*bucket).or_default().push(keys);
        }
        buckets
    }

    pub(crate) fn contest(&self, keys: &[&[u8]]) -> Vec<u8> {
        let mut contest = Contest::new(self.contract, self.passes);
        while contest.next_pass() {
            keys.iter().flat_map(|keys| keys.chunks(self.chunk_bytes)).for_each(|chunk| contest.push(chunk).unwrap());
        }
        contest.finish().unwrap()
    }

    pub(crate) fn decide(&self, work: &[RangeWork], converted: &[Converted]) -> Decisions {
        let reports: Vec<RangeReport> = converted.iter().map(|converted| converted.report.clone()).collect();
        let mut decider = Decider::new(self.contract, work, &reports).unwrap();
        self.buckets(converted).values().for_each(|keys| decider.add(&self.contest(keys)).unwrap());
        sent(&decider.finish().unwrap())
    }

    pub(crate) fn compare(&self, converted: &[Converted], decisions: &Decisions) -> Compared {
        let mut compared = Compared { decided: decisions.decided.clone(), counted: Vec::new() };
        if self.plan.keys.unwrap().counts_duplicates {
            for keys in self.buckets(converted).values() {
                let mut count = DuplicateCount::new(self.contract, self.passes, decisions);
                while count.next_pass() {
                    for keys in keys {
                        count.push(keys).unwrap();
                    }
                }
                compared.counted.push(count.finish().unwrap());
            }
        }
        sent(&compared)
    }

    /// Converts all ranges, and those with rows that lose once more.
    fn convert_all(&self, work: &[RangeWork]) -> (Vec<Converted>, Option<Compared>) {
        let mut converted: Vec<Converted> = work.iter().map(|work| self.convert(work, None)).collect();
        if self.plan.keys.is_none() {
            return (converted, None);
        }
        let decisions = self.decide(work, &converted);
        let compared = self.compare(&converted, &decisions);
        for (work, converted) in work.iter().zip(&mut converted) {
            if let Some(decisions) = decisions.ranges.get(&work.range) {
                *converted = self.convert(work, Some(decisions));
            }
        }
        (converted, Some(compared))
    }
}

/// Converts range by range. Why not, if the file is not to be cut.
fn in_ranges(
    contract: &Arc<Contract>,
    input: &[u8],
    cuts: &[usize],
    chunk_bytes: usize,
) -> Result<(Outcome, usize), Uncuttable> {
    let mut plan = plan(contract, input, cuts)?;
    if let Some(keys) = &mut plan.keys {
        keys.buckets = NonZeroU16::MIN.saturating_add(u16::try_from(input.len() % 4).unwrap());
    }
    let (work, again) = work(contract, &plan, input, chunk_bytes);
    let passes = u32::try_from(1 + input.len() / 4 % 3).unwrap();
    let ranges = Ranges { contract, plan, input, chunk_bytes, passes };
    let mut next_row = 1;
    for work in &work {
        assert_eq!(work.first_row, next_row);
        next_row += work.rows;
    }
    let (converted, compared) = ranges.convert_all(&work);
    let reports: Vec<RangeReport> = converted.iter().map(|converted| converted.report.clone()).collect();
    let mut judgement = judge(contract, input.len() as u64, &reports, compared.as_ref()).unwrap();
    let mut outcome = Outcome::default();
    for Converted { report, outputs, .. } in &converted {
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
