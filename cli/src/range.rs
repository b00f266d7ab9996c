//! `lakegate range`: a file converted in byte ranges, step by step, as a distributed engine does it. All results are JSON on standard output.
//! It needs no AWS, and knows no engine: whoever runs the steps hands the results on.

mod files;
mod keys;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use lakegate_contract::Contract;
use lakegate_convert::range::{Planner, RangeReport, RangeScanner, RowStart, Scan, judge, resolve};
use lakegate_convert::{Converter, Output, Source, Verdict};
use lakegate_lake::layout;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use self::keys::{KeysFolder, feed as feed_keys, passes as key_passes_of};

use self::files::{feed, is_planned, is_standard_input, print, read_plan, read_work, size_of, values};
use crate::contracts;
use crate::report::{self, Report};
use crate::staging::Staging;

/// The file is rejected by its contract.
const EXIT_REJECTED: u8 = 3;
const STEPS: &str = "\
A file in ranges, step by step; scans, and then conversions, may run anywhere at the same time:
  lakegate range plan orders.csv --contract c.yaml --range-bytes 16777216 > plan.json
  lakegate range scan orders.csv --contract c.yaml --plan plan.json --range 0 > scan-0.json    (each range)
  lakegate range resolve --plan plan.json scan-*.json > resolved.json    (scan_again: scan that range --from its start)
  lakegate range convert orders.csv --contract c.yaml --plan plan.json --resolved resolved.json --range 0 --out out > report-0.json
  lakegate range judge --contract c.yaml --plan plan.json --resolved resolved.json report-*.json

Where the plan has keys (unique columns, a primary key, dropped or counted duplicates), rows of different ranges are compared:
  convert each range with --keys keys/0 as well: a file per bucket of keys, named by its number
  lakegate range contest --contract c.yaml keys/*/17 > contested-17    (each bucket)
  lakegate range decide --contract c.yaml --resolved resolved.json --reports report-*.json --contested contested-* > decided.json
  convert the ranges that it names again, with --decisions decided.json, into the same folder: those reports count
  lakegate range count --contract c.yaml --decided decided.json keys/*/17 > counted-17.json    (each bucket, if the plan counts_duplicates)
  lakegate range judge ... report-*.json --decided decided.json --counted counted-*.json    (--counted if they were counted)

With - for the file, its bytes come from standard input, from the offset on that the plan (scan_from) or the resolved work (begin) says.";

/// The steps of a conversion in ranges.
#[derive(Debug, clap::Subcommand)]
#[command(after_long_help = STEPS, after_help = STEPS)]
pub(crate) enum RangeCommand {
    /// Cut a file into ranges, or say why it is to be converted in one pass
    Plan(PlanArgs),
    /// Find where records may begin in a range, and how many there are
    Scan(ScanArgs),
    /// Put the scans of all ranges together: what each range has to convert
    Resolve(ResolveArgs),
    /// Convert the rows of a range: Parquet and rejects as of a whole file, and the range's report
    Convert(RangeConvertArgs),
    /// Find the rows of all ranges that share a key with others, in one bucket of keys; prints bytes
    Contest(keys::ContestArgs),
    /// Decide which of the rows that share keys lose to rows above them
    Decide(keys::DecideArgs),
    /// Count duplicate values, where the contract has rules of the file about them, in one bucket of keys
    Count(keys::CountArgs),
    /// Judge the file by the reports of all its ranges
    ///
    /// Exit status: 0 published, 3 rejected by the contract, 2 wrong usage, 1 anything else.
    Judge(JudgeArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// The file; with - its beginning comes from standard input
    input: PathBuf,
    /// The contract (ODCS, YAML or JSON) that it is held against
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// Bytes of a range; the last one may be shorter
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    range_bytes: u64,
    /// The file's size, where it comes from standard input
    #[arg(long, value_name = "N")]
    size_bytes: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ScanArgs {
    /// The file, or - for its bytes from standard input
    input: PathBuf,
    /// The contract that the plan was made with
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// What `lakegate range plan` printed
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The range, counted from 0
    #[arg(long, value_name = "N")]
    range: usize,
    /// The range's first row, as `scan_again` of `lakegate range resolve` has it, in JSON
    #[arg(long, value_name = "JSON")]
    from: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResolveArgs {
    /// What `lakegate range plan` printed
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// What `lakegate range scan` printed: files of one or more scans, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    scans: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RangeConvertArgs {
    /// The file, or - for its bytes from standard input
    input: PathBuf,
    /// The contract that the plan was made with
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// What `lakegate range plan` printed
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// What `lakegate range resolve` printed
    #[arg(long, value_name = "FILE")]
    resolved: PathBuf,
    /// The range, counted from 0
    #[arg(long, value_name = "N")]
    range: usize,
    /// The folder to write to: lake/ and rejects/, as in the lake bucket, with the range's number in every name
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The folder to write the range's keys to, where the plan has keys: one file per bucket of keys, named by its number
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// What `lakegate range decide` printed: convert the range again with what is decided of its rows
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    decisions: Option<PathBuf>,
    /// The bucket that the file is named by
    #[arg(long, value_name = "NAME", default_value = "local")]
    bucket: String,
    /// The key that the file is named by; its path unless given
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The object's version
    #[arg(long, value_name = "ID")]
    version_id: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct JudgeArgs {
    /// The contract that the plan was made with
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// What `lakegate range plan` printed
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// What `lakegate range resolve` printed
    #[arg(long, value_name = "FILE")]
    resolved: PathBuf,
    /// What `lakegate range decide` printed, where the plan has keys
    #[arg(long, value_name = "FILE")]
    decided: Option<PathBuf>,
    /// What `lakegate range count` printed, of all buckets, where the plan counts duplicates
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "decided")]
    counted: Vec<PathBuf>,
    /// What `lakegate range convert` printed last of each range: files of one or more reports, or - for standard input
    #[arg(value_name = "FILE")]
    reports: Vec<PathBuf>,
}

/// Runs a step.
pub(crate) fn run(command: &RangeCommand) -> Result<ExitCode> {
    match command {
        RangeCommand::Plan(args) => plan(args),
        RangeCommand::Scan(args) => scan(args),
        RangeCommand::Resolve(args) => {
            let scans: Vec<Scan> = values(&args.scans)?;
            print(&resolve(&read_plan(&args.plan)?, &scans))
        }
        RangeCommand::Convert(args) => convert(args),
        RangeCommand::Contest(args) => keys::contest(args),
        RangeCommand::Decide(args) => keys::decide(args),
        RangeCommand::Count(args) => keys::count(args),
        RangeCommand::Judge(args) => judge_file(args),
    }
}

fn plan(args: &PlanArgs) -> Result<ExitCode> {
    let contract = Arc::new(contracts::read(&args.contract)?);
    let size_bytes = match args.size_bytes {
        Some(size_bytes) => size_bytes,
        None if is_standard_input(&args.input) => {
            bail!("give the file's size by --size-bytes: standard input has none")
        }
        None => size_of(&args.input)?,
    };
    let mut planner = Planner::new(&contract);
    feed(&args.input, 0, |bytes| Ok(planner.push(bytes)))?;
    match planner.cut(size_bytes, args.range_bytes) {
        Ok(plan) => {
            let scan_from = |range| RangeScanner::new(&contract, &plan, range).read_from();
            let scan_from: Vec<u64> = (0..plan.ranges.len()).map(scan_from).collect();
            print(&json!({ "plan": plan, "scan_from": scan_from, "one_pass": null }))
        }
        Err(reason) => print(&json!({ "plan": null, "scan_from": [], "one_pass": reason.to_string() })),
    }
}

fn scan(args: &ScanArgs) -> Result<ExitCode> {
    let contract = Arc::new(contracts::read(&args.contract)?);
    let plan = read_plan(&args.plan)?;
    ensure!(args.range < plan.ranges.len(), "the plan has {} ranges, counted from 0", plan.ranges.len());
    is_planned(&args.input, &plan)?;
    let mut scanner = match &args.from {
        None => RangeScanner::new(&contract, &plan, args.range),
        Some(from) => {
            let start: RowStart = serde_json::from_str(from).context("--from is no start of a row")?;
            RangeScanner::from_row(&contract, &plan, args.range, start)
        }
    };
    feed(&args.input, scanner.read_from(), |bytes| Ok(scanner.push(bytes)))?;
    print(&scanner.finish())
}

fn convert(args: &RangeConvertArgs) -> Result<ExitCode> {
    let started = Instant::now();
    let contract = Arc::new(contracts::read(&args.contract)?);
    let plan = read_plan(&args.plan)?;
    is_planned(&args.input, &plan)?;
    let resolved = read_work(&args.resolved)?;
    let Some(work) = resolved.iter().find(|work| work.range == args.range) else {
        bail!("range {} has no rows to convert", args.range);
    };
    let key = match &args.key {
        Some(key) => key.clone(),
        None if is_standard_input(&args.input) => bail!("give the file's name by --key: standard input has none"),
        None => {
            let path = std::fs::canonicalize(&args.input);
            path.with_context(|| format!("cannot read {}", args.input.display()))?.to_string_lossy().into_owned()
        }
    };
    keys::refuse(plan.keys.is_some(), args.keys.is_some(), args.decisions.is_some())?;
    let decisions = args.decisions.as_deref().map(keys::read_decisions).transpose()?;
    let name = layout::source_name(&args.bucket, &key);
    let source = Source { bucket: args.bucket.clone(), key, version: args.version_id.clone() };
    let mut converter = Converter::of_range(Arc::clone(&contract), source, &plan.beginning, work)?;
    if let Some(decisions) = &decisions {
        let of_range = decisions.ranges.get(&args.range);
        converter = converter.with_decisions(
            of_range
                .with_context(|| format!("nothing is decided of range {}: its first conversion stands", args.range))?,
        );
    }
    let mut staging = Staging::new(&args.out)?;
    let mut keys = args.keys.as_deref().map(KeysFolder::new).transpose()?;
    let mut take = |converter: &mut Converter| {
        converter.drain().iter().try_for_each(|chunk| staging.append(chunk))?;
        let chunks = converter.drain_keys();
        keys.iter_mut().try_for_each(|keys| chunks.iter().try_for_each(|chunk| keys.append(chunk)))
    };
    feed(&args.input, work.begin, |bytes| {
        let reading = converter.push(bytes)?;
        take(&mut converter)?;
        Ok(reading)
    })?;
    let report = converter.finish_range(args.range)?;
    take(&mut converter)?;
    ensure!(
        report.counts.read == work.rows || report.file_error.is_some(),
        "range {} has {} rows, and {} were found: the file is not the one that was scanned",
        args.range,
        work.rows,
        report.counts.read
    );
    if decisions.is_some() {
        // A row that has lost may have had a partition to itself.
        staging.remove_published(&layout::table_object(&contract.table, "", &name, args.range))?;
    }
    let outputs = publish(&contract, &name, &report, &staging)?;
    let mut value = serde_json::to_value(&report)?;
    if let (Some(object), Value::Object(more)) = (value.as_object_mut(), outputs) {
        object.extend(more);
        object.insert("elapsed_ms".to_owned(), json!(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)));
    }
    print(&value)
}

/// Moves a range's files into place. Their names say the range: whoever does it again writes the same.
fn publish(contract: &Contract, name: &str, report: &RangeReport, staging: &Staging) -> Result<Value> {
    let mut outputs = Vec::with_capacity(report.partitions.len());
    for (index, partition) in report.partitions.iter().enumerate() {
        let path = layout::table_object(&contract.table, &partition.path, name, report.range);
        staging.publish(Output::Table(index), &path)?;
        outputs.push(report::Output {
            path,
            partition: partition.path.clone(),
            rows: partition.rows,
            bytes: partition.bytes,
        });
    }
    let mut rejects_path = None;
    if report.rejects.is_some() {
        let path = layout::rejects_object(&contract.table, &format!("{name}-{}", report.range), None);
        staging.publish(Output::Rejects, &path)?;
        rejects_path = Some(path);
    }
    Ok(json!({ "outputs": outputs, "rejects_path": rejects_path }))
}

fn judge_file(args: &JudgeArgs) -> Result<ExitCode> {
    let contract = contracts::read(&args.contract)?;
    let plan = read_plan(&args.plan)?;
    let written: Vec<Value> = values(&args.reports)?;
    let reports: Vec<RangeReport> = written.iter().map(RangeReport::deserialize).collect::<Result<_, _>>()?;
    for work in read_work(&args.resolved)? {
        let count = reports.iter().filter(|report| report.range == work.range).count();
        ensure!(count == 1, "range {} has {count} reports, and must have one", work.range);
    }
    let compared = keys::read_compared(args.decided.as_deref(), &args.counted)?;
    let judgement = judge(&contract, plan.size_bytes, &reports, compared.as_ref())?;
    let mut report = serde_json::to_value(Report::new(&contract.table, &judgement, Vec::new(), None))?;
    if let Some(object) = report.as_object_mut() {
        let of_ranges = |name: &str| written.iter().filter_map(|report| report.get(name)).cloned().collect::<Vec<_>>();
        let outputs = of_ranges("outputs").into_iter().filter_map(|outputs| outputs.as_array().cloned()).flatten();
        let outputs = if judgement.verdict == Verdict::Published { outputs.collect() } else { Vec::new() };
        let mut rejects = of_ranges("rejects_path");
        rejects.retain(Value::is_string);
        // There is a file of rejects per range.
        object.remove("rejects_path");
        object.insert("rejects_paths".to_owned(), Value::Array(rejects));
        object.insert("outputs".to_owned(), Value::Array(outputs));
        object.insert(
            "elapsed_ms".to_owned(),
            written.iter().filter_map(|report| report.get("elapsed_ms")?.as_u64()).sum::<u64>().into(),
        );
    }
    print(&report)?;
    Ok(match judgement.verdict {
        Verdict::Published => ExitCode::SUCCESS,
        Verdict::Rejected => ExitCode::from(EXIT_REJECTED),
    })
}
