//! `lakegate convert`: the engine over local files, into a folder laid out as the lake bucket is.
//! It needs no AWS.

use std::fs::{self, File};
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use lakegate_contract::Contract;
use lakegate_convert::{Converter, Judgement, Output, Source, Verdict};
use lakegate_lake::{failure, layout, ledger};

use crate::contracts;
use crate::output;
use crate::reading;
use crate::report::{self, Report};
use crate::staging::Staging;

/// Where local files come from, as the rejects table and the ledger name it.
const LOCAL_BUCKET: &str = "local";
/// The file is rejected by its contract.
const EXIT_REJECTED: u8 = 3;

/// Convert a file: accepted rows to Parquet, rejected rows with their reasons beside it
///
/// Exit status: 0 published, 3 rejected by the contract, 2 wrong usage, 1 anything else.
#[derive(Debug, clap::Args)]
pub(crate) struct ConvertArgs {
    /// The file to convert
    input: PathBuf,
    /// The contract (ODCS, YAML or JSON) that it is held against
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// The folder to write to: lake/, rejects/ and ledger/, as in the lake bucket
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write a JSON report to this file, or to standard output with -; without it a summary is printed
    #[arg(long, value_name = "FILE|-")]
    report: Option<PathBuf>,
    /// How many threads work; as many as there are processors, unless given. The result is the same
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// Converts the file, publishes or rejects it, writes ledger and report.
pub(crate) fn run(args: &ConvertArgs) -> Result<ExitCode> {
    let started = Instant::now();
    let contract = Arc::new(contracts::read(&args.contract)?);
    let mut input = reading::open(&args.input)?;
    // However the path is written, the same file has the same name: a second conversion replaces the first.
    let path = fs::canonicalize(&args.input).with_context(|| format!("cannot read {}", args.input.display()))?;
    let key = path.to_string_lossy().into_owned();
    let former = former_entry(&args.out, &key)?;
    let report_file = args.report.as_deref().map(open_report).transpose()?.flatten();
    let source = Source { bucket: LOCAL_BUCKET.to_owned(), key: key.clone(), version: None };
    let mut staging = Staging::new(&args.out)?;
    let judgement =
        convert(&mut input, Arc::clone(&contract), source, &mut staging, &args.input, reading::threads(args.threads))?;
    let mut report = publish(&contract.table, &key, &judgement, &staging)?;
    report.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let stands = commit(&args.out, &key, &contract, former.as_ref(), &judgement, &report)?;
    match report_file {
        _ if args.report.is_none() => {
            output::line(&report.summary(&args.input.to_string_lossy(), &judgement.first_rejects))?;
            if stands {
                output::line("  what an earlier version of the file published still stands")?;
            }
        }
        None => output::line(&serde_json::to_string_pretty(&report)?)?,
        Some(mut file) => {
            let json = serde_json::to_string_pretty(&report)?;
            writeln!(file, "{json}").context("the file is converted, but its report cannot be written")?;
        }
    }
    Ok(match judgement.verdict {
        Verdict::Published => ExitCode::SUCCESS,
        Verdict::Rejected => ExitCode::from(EXIT_REJECTED),
    })
}

/// Opened before anything is converted, so that a report that cannot be written is told in time. `None` is standard output.
fn open_report(path: &Path) -> Result<Option<File>> {
    if path.as_os_str() == "-" {
        return Ok(None);
    }
    Ok(Some(File::create(path).with_context(|| format!("cannot write report {}", path.display()))?))
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

/// Moves what may be seen into place. The rejects are kept whatever the verdict.
fn publish(table: &str, key: &str, judgement: &Judgement, staging: &Staging) -> Result<Report> {
    let name = layout::source_name(LOCAL_BUCKET, key);
    let mut outputs = Vec::with_capacity(judgement.partitions.len());
    for (index, partition) in judgement.partitions.iter().enumerate() {
        let path = layout::table_object(table, &partition.path, &name, 0);
        staging.publish(Output::Table(index), &path)?;
        outputs.push(report::Output {
            path,
            partition: partition.path.clone(),
            rows: partition.rows,
            bytes: partition.bytes,
        });
    }
    outputs.sort_by(|a, b| a.path.cmp(&b.path));
    let rejects_path = judgement.rejects.map(|_| layout::rejects_object(table, &name, None));
    if let Some(path) = &rejects_path {
        staging.publish(Output::Rejects, path)?;
    }
    Ok(Report::new(table, judgement, outputs, rejects_path))
}

/// The ledger's entry of an earlier conversion of the file.
fn former_entry(out: &Path, key: &str) -> Result<Option<ledger::Entry>> {
    let path = out.join(layout::ledger_object(LOCAL_BUCKET, key));
    match fs::read(&path) {
        Ok(json) => {
            let entry = serde_json::from_slice(&json);
            entry.map(Some).with_context(|| format!("{} is no ledger entry: restore it or remove it", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Writes the ledger entry. A published file replaces what an earlier conversion left; a rejected one lets it stand, which is
/// what is returned, and remembers it for the conversion that will replace it.
fn commit(
    out: &Path,
    key: &str,
    contract: &Contract,
    former: Option<&ledger::Entry>,
    judgement: &Judgement,
    report: &Report,
) -> Result<bool> {
    let mut entry = entry(key, contract, judgement, report);
    if judgement.verdict == Verdict::Published {
        for stale in ledger::stale_paths(former, &entry) {
            match fs::remove_file(out.join(&stale)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", out.join(&stale).display()));
                }
                Ok(()) | Err(_) => {}
            }
        }
    } else {
        entry.kept_paths = ledger::stale_paths(former, &entry);
    }
    let path = out.join(layout::ledger_object(LOCAL_BUCKET, key));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create folder {}", folder.display()))?;
    }
    let json = serde_json::to_string(&entry)?;
    fs::write(&path, json + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    Ok(!entry.kept_paths.is_empty())
}

fn entry(key: &str, contract: &Contract, judgement: &Judgement, report: &Report) -> ledger::Entry {
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
        last_modified: None,
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
