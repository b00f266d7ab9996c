//! `lakegate convert`: the engine over local files, into a folder laid out as the lake bucket is.
//! It needs no AWS.

use std::fs::{self, File};
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result};
use lakegate_contract::Contract;
use lakegate_convert::{Converter, Judgement, Output, Partition, Source, Verdict};
use lakegate_lake::{failure, layout, ledger};

use crate::contracts;
use crate::interrupt;
use crate::local_lake::{self, LOCAL_BUCKET, Standing};
use crate::output;
use crate::reading;
use crate::report::{self, Report};
use crate::staging::Staging;

/// The file is rejected by its contract.
const EXIT_REJECTED: u8 = 3;

const EXAMPLES: &str = "\
Examples:
  lakegate convert orders.csv --contract orders.odcs.yaml --out lake
  lakegate convert orders.csv --contract orders.odcs.yaml --out lake --json | jq .violations
  lakegate convert orders.csv --contract orders.odcs.yaml --out lake --report report.json

Accepted rows become Parquet under lake/, rejected ones with their reasons under rejects/. A file that is converted again replaces its own \
rows. Nothing is visible before the whole file is judged; Ctrl-C leaves everything as it was.

Exit status: 0 published, 3 rejected by the contract, 2 wrong usage, 1 anything else.";

/// Convert a file to Parquet, by its contract
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConvertArgs {
    /// The file to convert
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// The contract that files are held against (ODCS, YAML or JSON)
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// The folder to write to: lake/, rejects/ and ledger/, as in the lake bucket
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write the report to this file as JSON, and print nothing; - is standard output
    #[arg(long, value_name = "FILE|-")]
    report: Option<PathBuf>,
    /// How many threads work [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Converts the file, publishes or rejects it, writes ledger and report.
pub(crate) fn run(args: &ConvertArgs) -> Result<ExitCode> {
    let started = Instant::now();
    interrupt::watch();
    let contract = Arc::new(contracts::read(&args.contract)?);
    let mut input = reading::open(&args.input)?;
    if args.out.exists() && !args.out.is_dir() {
        anyhow::bail!("{} is no folder: --out takes one, which need not be there", args.out.display());
    }
    // However the path is written, the same file has the same name: a second conversion replaces the first.
    let path = fs::canonicalize(&args.input).with_context(|| format!("cannot read {}", args.input.display()))?;
    let key = path.to_string_lossy().into_owned();
    // One that cannot be read is told before the work.
    local_lake::former_entry(&args.out, &key)?;
    let version = version(input.metadata(), &args.input)?;
    let report_file = args.report.as_deref().map(ReportFile::open).transpose()?.flatten();
    let source = Source { bucket: LOCAL_BUCKET.to_owned(), key: key.clone(), version: None };
    let mut staging = Staging::new(&args.out)?;
    let judgement =
        convert(&mut input, Arc::clone(&contract), source, &mut staging, &args.input, reading::threads(args.threads))?;
    // From here on it is published, or not, whole.
    interrupt::check()?;
    let is_same = |metadata| anyhow::Ok(self::version(metadata, &args.input)? == version);
    if !is_same(input.metadata())? || !is_same(fs::metadata(&path))? {
        anyhow::bail!("{} changed while it was read: convert it again", args.input.display());
    }
    let mut report = report(&contract, &key, &judgement, &version);
    report.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let entry = entry(&key, &contract, &judgement, &report, &version);
    let standing = local_lake::publish(&args.out, &staging, &moves(&judgement, &report), entry)?;
    let is_printed = args.json || args.report.as_deref().is_some_and(reading::is_standard_input);
    if is_printed {
        output::json(&report)?;
    } else if args.report.is_none() {
        output::line(&report.summary(&args.input.to_string_lossy(), &args.out, &judgement.first_rejects))?;
        tell(standing)?;
    }
    if let Some(file) = report_file {
        file.write(&serde_json::to_string_pretty(&report)?)?;
    }
    Ok(match judgement.verdict {
        Verdict::Published => ExitCode::SUCCESS,
        Verdict::Rejected => ExitCode::from(EXIT_REJECTED),
    })
}

/// What a person may not expect to stand.
fn tell(standing: Standing) -> Result<()> {
    match standing {
        Standing::Nothing => Ok(()),
        Standing::EarlierVersion => output::line("  what an earlier version of the file published still stands"),
        Standing::Withdrawn => output::line(
            "  the publication of an earlier version had broken off: the table has no rows of this file any more",
        ),
    }
}

/// Opened before anything is converted, so that a report that cannot be written is told in time. A new file that nothing was written to
/// is removed again.
struct ReportFile {
    path: PathBuf,
    file: Option<File>,
    is_new: bool,
}

impl ReportFile {
    /// `None` is standard output.
    fn open(path: &Path) -> Result<Option<Self>> {
        if reading::is_standard_input(path) {
            return Ok(None);
        }
        let is_new = !path.exists();
        let file = File::options().write(true).create(true).truncate(false).open(path);
        let file = file.with_context(|| format!("cannot write report {}", path.display()))?;
        Ok(Some(Self { path: path.to_owned(), file: Some(file), is_new }))
    }

    fn write(mut self, json: &str) -> Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let emptied = if is_file { file.set_len(0) } else { Ok(()) };
        let written = emptied.and_then(|()| writeln!(file, "{json}"));
        written.context("the file is converted, but its report cannot be written")
    }
}

impl Drop for ReportFile {
    fn drop(&mut self) {
        if self.is_new && self.file.is_some() {
            // Best effort: an empty file stays.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn convert(
    input: &mut File,
    contract: Arc<Contract>,
    source: Source,
    staging: &mut Staging,
    path: &Path,
    threads: usize,
) -> Result<Judgement> {
    let mut converter = Converter::new(contract, source)?.with_threads(threads);
    let mut write = |converter: &mut Converter| converter.drain().iter().try_for_each(|chunk| staging.append(chunk));
    // The other threads work on while this one reads and writes.
    reading::read(input, path, |bytes| {
        let reading = converter.push(bytes)?;
        write(&mut converter)?;
        Ok(reading)
    })?;
    let judgement = converter.finish()?;
    write(&mut converter)?;
    Ok(judgement)
}

/// A state of a file: when it was last written, and its size. `None` of what is no regular file.
type Version = Option<(SystemTime, u64)>;

fn version(metadata: std::io::Result<fs::Metadata>, path: &Path) -> Result<Version> {
    let metadata = metadata.with_context(|| format!("cannot read {}", path.display()))?;
    let modified = if metadata.is_file() { metadata.modified().ok() } else { None };
    Ok(modified.map(|modified| (modified, metadata.len())))
}

/// What becomes of the file, and where its outputs will be seen. The rejects are kept whatever the verdict, and named after the
/// version and the contract's, so that those of rows that still stand are left alone.
fn report(contract: &Contract, key: &str, judgement: &Judgement, version: &Version) -> Report {
    let table = contract.table.as_str();
    let name = layout::source_name(LOCAL_BUCKET, key);
    let output = |partition: &Partition| report::Output {
        path: layout::table_object(table, &partition.path, &name, 0),
        partition: partition.path.clone(),
        rows: partition.rows,
        bytes: partition.bytes,
    };
    let mut outputs: Vec<report::Output> = judgement.partitions.iter().map(output).collect();
    outputs.sort_by(|a, b| a.path.cmp(&b.path));
    let version = version.map(|(modified, size_bytes)| format!("{modified:?} {size_bytes} {}", contract.version));
    let rejects_path = judgement.rejects.map(|_| layout::rejects_object(table, &name, version.as_deref()));
    Report::new(table, judgement, outputs, rejects_path)
}

/// Every output, and its path.
fn moves(judgement: &Judgement, report: &Report) -> Vec<(Output, String)> {
    let mut moves = Vec::with_capacity(report.outputs.len() + 1);
    for (index, partition) in judgement.partitions.iter().enumerate() {
        let output = report.outputs.iter().find(|output| output.partition == partition.path);
        moves.extend(output.map(|output| (Output::Table(index), output.path.clone())));
    }
    moves.extend(report.rejects_path.clone().map(|path| (Output::Rejects, path)));
    moves
}

fn entry(key: &str, contract: &Contract, judgement: &Judgement, report: &Report, version: &Version) -> ledger::Entry {
    let output = |output: &report::Output| ledger::Output {
        path: output.path.clone(),
        partition: output.partition.clone(),
        rows: output.rows,
        bytes: output.bytes,
    };
    let source = ledger::Source {
        bucket: LOCAL_BUCKET.to_owned(),
        key: key.to_owned(),
        version_id: None,
        etag: None,
        sequencer: None,
        last_modified: version.map(|(modified, _)| failure::rfc3339(modified.into())),
        size_bytes: judgement.bytes_read,
    };
    let state = match judgement.verdict {
        Verdict::Published => ledger::State::Committed,
        Verdict::Rejected => ledger::State::Rejected,
    };
    ledger::Entry {
        rows_read: report.rows_read,
        rows_accepted: report.rows_accepted,
        rows_rejected: report.rows_rejected,
        rows_duplicate: report.rows_duplicate,
        violations: report.violations.clone(),
        warnings: report.warnings.clone(),
        file_error: report.file_error.as_ref().map(|error| ledger::FileError {
            kind: error.kind.to_owned(),
            message: error.message.clone(),
            line: error.line,
        }),
        outputs: report.outputs.iter().map(output).collect(),
        rejects_path: report.rejects_path.clone(),
        attempts: 1,
        elapsed_ms: report.elapsed_ms,
        ..ledger::Entry::new(source, state, env!("CARGO_PKG_VERSION"), failure::now()).under(contract)
    }
}
