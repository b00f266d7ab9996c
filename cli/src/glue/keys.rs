//! The steps that compare rows of different ranges: who shares keys, who loses, how many duplicate values there are.
//! It does not know objects, and needs no AWS.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use lakegate_convert::range::{Contest, Decider, Decisions, DuplicateCount, RangeReport, RangeWork};
use lakegate_ingest::ranges::{ConvertedRange, RangesJob};
use serde::Deserialize;

use super::{input, print};
use crate::output;
use crate::range::{feed_keys, key_passes_of};

#[derive(Debug, Deserialize)]
struct ContestInput {
    job: RangesJob,
}

#[derive(Debug, Deserialize)]
struct DecideInput {
    job: RangesJob,
    work: Vec<RangeWork>,
    converted: Vec<ConvertedRange>,
}

#[derive(Debug, Deserialize)]
struct CountInput {
    job: RangesJob,
    decisions: Decisions,
}

pub(super) fn contest(keys: &Path) -> Result<ExitCode> {
    let ContestInput { job } = input()?;
    let files = files_of(keys)?;
    let mut contest = Contest::new(&*job.contract()?, key_passes_of(&files)?);
    while contest.next_pass() {
        feed_keys(&files, |bytes| contest.push(bytes))?;
    }
    output::bytes(&contest.finish()?)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn decide(contested: &Path) -> Result<ExitCode> {
    let DecideInput { job, work, converted } = input()?;
    let reports: Vec<RangeReport> = converted.into_iter().map(|converted| converted.report).collect();
    let mut decider = Decider::new(&*job.contract()?, &work, &reports)?;
    for path in files_of(contested)? {
        let found = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        decider.add(&found).with_context(|| path.display().to_string())?;
    }
    print(&decider.finish()?)
}

pub(super) fn count(keys: &Path) -> Result<ExitCode> {
    let CountInput { job, decisions } = input()?;
    let files = files_of(keys)?;
    let mut count = DuplicateCount::new(&*job.contract()?, key_passes_of(&files)?, &decisions);
    while count.next_pass() {
        feed_keys(&files, |bytes| count.push(bytes))?;
    }
    print(&count.finish()?)
}

/// The files of a folder, by name.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let shown = || format!("cannot read {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(shown)? {
        files.push(entry.with_context(shown)?.path());
    }
    files.sort();
    Ok(files)
}
