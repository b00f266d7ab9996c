//! The steps of `lakegate range` that compare rows of different ranges: contest, decide, count; and the files that their keys are in.
//! It does not know ranges' bytes, nor judges.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use lakegate_convert::range::{
    Compared, Contest, Counted, Decider, Decisions, DuplicateCount, KeyChunk, KeysError, RangeReport, key_passes,
};

use super::files::{READ_BYTES, print, read_work, size_of, values};
use crate::{contracts, output, reading};

#[derive(Debug, clap::Args)]
pub(crate) struct ContestArgs {
    /// The contract that the plan was made with
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// The files of one bucket of keys, of all ranges
    #[arg(required = true, value_name = "KEYS")]
    keys: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DecideArgs {
    /// The contract that the plan was made with
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// What `lakegate range resolve` printed
    #[arg(long, value_name = "FILE")]
    resolved: PathBuf,
    /// What `lakegate range contest` printed, of all buckets: one or more files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    contested: Vec<PathBuf>,
    /// What `lakegate range convert` printed at first, of all ranges: files of one or more reports, or - for standard input
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    reports: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CountArgs {
    /// The contract that the plan was made with
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// What `lakegate range decide` printed
    #[arg(long, value_name = "FILE")]
    decided: PathBuf,
    /// The files of one bucket of keys, of all ranges
    #[arg(required = true, value_name = "KEYS")]
    keys: Vec<PathBuf>,
}

/// Prints what is contested in a bucket, as bytes.
pub(super) fn contest(args: &ContestArgs) -> Result<ExitCode> {
    let contract = contracts::read(&args.contract)?;
    let mut contest = Contest::new(&contract, passes(&args.keys)?);
    while contest.next_pass() {
        feed(&args.keys, |bytes| contest.push(bytes))?;
    }
    output::bytes(&contest.finish()?)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn decide(args: &DecideArgs) -> Result<ExitCode> {
    let contract = contracts::read(&args.contract)?;
    let work = read_work(&args.resolved)?;
    let reports: Vec<RangeReport> = values(&args.reports)?;
    let mut decider = Decider::new(&contract, &work, &reports)?;
    for path in &args.contested {
        let found = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        decider.add(&found).with_context(|| path.display().to_string())?;
    }
    print(&decider.finish()?)
}

pub(super) fn count(args: &CountArgs) -> Result<ExitCode> {
    let contract = contracts::read(&args.contract)?;
    let mut count = DuplicateCount::new(&contract, passes(&args.keys)?, &read_decisions(&args.decided)?);
    while count.next_pass() {
        feed(&args.keys, |bytes| count.push(bytes))?;
    }
    print(&count.finish()?)
}

/// What `lakegate range decide` printed.
pub(super) fn read_decisions(path: &Path) -> Result<Decisions> {
    let mut all: Vec<Decisions> = values(std::slice::from_ref(&path.to_owned()))?;
    all.pop().with_context(|| format!("{} is empty", path.display()))
}

/// What comparing the rows came to, if it was done.
pub(super) fn read_compared(decided: Option<&Path>, counted: &[PathBuf]) -> Result<Option<Compared>> {
    let Some(decided) = decided else { return Ok(None) };
    let counted: Vec<Counted> = values(counted)?;
    Ok(Some(Compared { decided: read_decisions(decided)?.decided, counted }))
}

/// In how many passes these files are read.
pub(crate) fn passes(files: &[PathBuf]) -> Result<u32> {
    let sizes = files.iter().map(|file| size_of(file)).collect::<Result<Vec<u64>>>()?;
    Ok(key_passes(sizes.iter().sum()))
}

/// Hands the bytes of all files to `push`.
pub(crate) fn feed(files: &[PathBuf], mut push: impl FnMut(&[u8]) -> Result<(), KeysError>) -> Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    for path in files {
        let mut file = reading::open(path)?;
        loop {
            let count = file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))?;
            let bytes = buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            push(bytes).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// A folder that a range's keys are written to, one file per bucket.
#[derive(Debug)]
pub(crate) struct KeysFolder {
    folder: PathBuf,
    begun: BTreeSet<u16>,
}

impl KeysFolder {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create folder {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), begun: BTreeSet::new() })
    }

    /// Appends keys to their bucket's file. A file that is there from before is written anew.
    pub(crate) fn append(&mut self, chunk: &KeyChunk) -> Result<()> {
        let path = self.folder.join(chunk.bucket.to_string());
        let is_new = self.begun.insert(chunk.bucket);
        let file = if is_new { File::create(&path) } else { File::options().append(true).open(&path) };
        let written = file.and_then(|mut file| file.write_all(&chunk.bytes));
        written.with_context(|| format!("cannot write {}", path.display()))
    }
}

/// What is wrong with the settings of a conversion, as the plan compares rows of different ranges or does not.
pub(super) fn refuse(contract_compares: bool, has_keys: bool, has_decisions: bool) -> Result<()> {
    anyhow::ensure!(
        contract_compares || !has_decisions,
        "the contract does not compare rows of different ranges: nothing is decided of them"
    );
    anyhow::ensure!(
        !contract_compares || has_keys || has_decisions,
        "the contract compares rows of different ranges: say by --keys where this one's keys go, or by --decisions what is decided"
    );
    Ok(())
}
