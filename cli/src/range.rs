//! `lakegate range`: a file converted in byte ranges, step by step, as a distributed engine does it. All results are JSON on standard output.
//! It needs no AWS, and knows no engine: whoever runs the steps hands the results on.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use lakegate_contract::Contract;
use lakegate_convert::range::{
    Plan, Planner, RangeReport, RangeScanner, RangeWork, Resolution, RowStart, Scan, judge, resolve,
};
use lakegate_convert::{Converter, Output, Reading, Source, Verdict};
use lakegate_lake::layout;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::report::{self, Report};
use crate::staging::Staging;
use crate::{contracts, output, reading};

/// The file is rejected by its contract.
const EXIT_REJECTED: u8 = 3;
/// What the engine takes at once.
const READ_BYTES: usize = 256 * 1024;
const STEPS: &str = "\
A file in ranges, step by step; scans, and then conversions, may run anywhere at the same time:
  lakegate range plan orders.csv --contract c.yaml --range-bytes 16777216 > plan.json
  lakegate range scan orders.csv --contract c.yaml --plan plan.json --range 0 > scan-0.json    (each range)
  lakegate range resolve --plan plan.json scan-*.json > resolved.json    (scan_again: scan that range --from its start)
  lakegate range convert orders.csv --contract c.yaml --plan plan.json --resolved resolved.json --range 0 --out out > report-0.json
  lakegate range judge --contract c.yaml --plan plan.json --resolved resolved.json report-*.json

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
    /// What `lakegate range convert` printed: files of one or more reports, or - for standard input
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
    let name = layout::source_name(&args.bucket, &key);
    let source = Source { bucket: args.bucket.clone(), key, version: args.version_id.clone() };
    let mut staging = Staging::new(&args.out)?;
    let mut converter = Converter::of_range(Arc::clone(&contract), source, &plan.beginning, work)?;
    feed(&args.input, work.begin, |bytes| {
        let reading = converter.push(bytes)?;
        converter.drain().iter().try_for_each(|chunk| staging.append(chunk))?;
        Ok(reading)
    })?;
    let report = converter.finish_range(args.range)?;
    converter.drain().iter().try_for_each(|chunk| staging.append(chunk))?;
    ensure!(
        report.counts.read == work.rows || report.file_error.is_some(),
        "range {} has {} rows, and {} were found: the file is not the one that was scanned",
        args.range,
        work.rows,
        report.counts.read
    );
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
    let judgement = judge(&contract, plan.size_bytes, &reports);
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

fn print(value: &impl Serialize) -> Result<ExitCode> {
    output::line(&serde_json::to_string(value)?)?;
    Ok(ExitCode::SUCCESS)
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn size_of(path: &Path) -> Result<u64> {
    Ok(reading::open(path)?.metadata().with_context(|| format!("cannot read {}", path.display()))?.len())
}

/// A file that has another size than planned is another file.
fn is_planned(input: &Path, plan: &Plan) -> Result<()> {
    if is_standard_input(input) {
        return Ok(());
    }
    let size_bytes = size_of(input)?;
    ensure!(
        size_bytes == plan.size_bytes,
        "{} has {size_bytes} bytes, and the plan is of a file of {}",
        input.display(),
        plan.size_bytes
    );
    Ok(())
}

/// Hands bytes to `take`, from the offset on, until it has enough. Standard input begins there.
fn feed(input: &Path, from: u64, mut take: impl FnMut(&[u8]) -> Result<Reading>) -> Result<()> {
    let mut reader: Box<dyn Read> = if is_standard_input(input) {
        Box::new(io::stdin().lock())
    } else {
        let mut file = reading::open(input)?;
        file.seek(SeekFrom::Start(from)).with_context(|| format!("cannot read {}", input.display()))?;
        Box::new(file)
    };
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = reader.read(&mut buffer).with_context(|| format!("cannot read {}", input.display()))?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() || take(bytes)? == Reading::Enough {
            return Ok(());
        }
    }
}

fn read_plan(path: &Path) -> Result<Plan> {
    let mut all: Vec<Value> = values(std::slice::from_ref(&path.to_owned()))?;
    let mut value = all.pop().with_context(|| format!("{} is empty", path.display()))?;
    if let Some(reason) = value.get("one_pass").and_then(Value::as_str) {
        bail!("{} has no ranges: {reason}", path.display());
    }
    let plan = value.get_mut("plan").map(Value::take).unwrap_or_default();
    serde_json::from_value(plan).with_context(|| format!("{} is no plan", path.display()))
}

fn read_work(path: &Path) -> Result<Vec<RangeWork>> {
    let mut all: Vec<Resolution> = values(std::slice::from_ref(&path.to_owned()))?;
    match all.pop() {
        Some(Resolution::Work(work)) => Ok(work),
        Some(Resolution::ScanAgain { range, .. }) => {
            bail!("{} is not resolved: scan range {range} again, and resolve with that scan too", path.display())
        }
        None => bail!("{} is empty", path.display()),
    }
}

/// All JSON values of the files, one after another.
fn values<T: DeserializeOwned>(paths: &[PathBuf]) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for path in paths {
        let reader: Box<dyn Read> =
            if is_standard_input(path) { Box::new(io::stdin().lock()) } else { Box::new(reading::open(path)?) };
        for value in serde_json::Deserializer::from_reader(BufReader::new(reader)).into_iter() {
            all.push(value.with_context(|| format!("{} is not what that step prints", path.display()))?);
        }
    }
    Ok(all)
}
