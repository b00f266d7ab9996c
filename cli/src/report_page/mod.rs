//! `lakegate report`: what became of the files of the last days, or what is in the tables, as one HTML page, or the same figures as JSON.
//! It gathers what the page is about and writes it; what the page says of it is in the modules below.

mod attention;
mod cost;
mod datasets;
mod files;
mod gather;
mod opening;
mod over_time;
mod page;
mod rejects;
mod seen;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lakegate_report::Page;
use serde_json::Value;
use tempfile::NamedTempFile;

pub(crate) use gather::Gathered;
pub(crate) use opening::address;

use crate::dashboard;
use crate::operate::place::Place;
use crate::operate::{on_runtime, spans};
use crate::output;

const DEFAULT_FILE: &str = "lakegate-report.html";
const DEFAULT_DATA_FILE: &str = "lakegate-sales.html";

const EXAMPLES: &str = "\
Examples:
  lakegate report --open
  lakegate report --since 30d --out /tmp/october.html
  lakegate report --lake ./lake          (what `lakegate convert` wrote into that folder)
  lakegate report --json | jq '.sections.rejects[0]'
  lakegate report --data --open
  lakegate report --data --lake ./lake   (needs DuckDB: the program, or Python's package)

What arrived, what was accepted, rejects by dataset, column and rule and over time, freshness, the slowest and the largest files, and about \
what it cost. The page needs no network and no other file. It names files, columns and rules; no value of a cell is in it. A file counts by \
the time at which the ledger last wrote of it; of a file that was uploaded again, the last version counts. With --json a page is written only \
if --out or --open asks for it.

With --data it is the business dashboard instead: revenue by month, region, country, product, tier and age, from the tables orders and \
customers of the sample contracts. The stack's Athena runs the \
queries of infra/athena, for 0.0004 USD or more: each of the eight is billed for at least 10 MB, at 5 USD a terabyte.

Exit status: 0 written, 2 wrong usage, 1 anything else.";

/// Write a page about recent files, or with --data about sales
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReportArgs {
    /// The business dashboard: what is in the tables, not how it got there
    #[arg(long, conflicts_with = "since")]
    data: bool,
    /// Only files of which the ledger wrote within this time: 90s, 15m, 24h, 7d
    #[arg(long, value_name = "SPAN", value_parser = spans::parse, default_value = "7d")]
    since: Duration,
    #[arg(long, value_name = "FILE", help = format!("Where to write the page, - for standard output [default: {DEFAULT_FILE}; with --data {DEFAULT_DATA_FILE}]"))]
    out: Option<PathBuf>,
    /// Show the page in the browser
    #[arg(long)]
    open: bool,
    /// A folder that `lakegate convert` wrote to, instead of a stack
    #[arg(long, value_name = "DIR", conflicts_with_all = ["stack", "region", "profile", "endpoint_url"])]
    lake: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs the command.
pub(crate) fn run(args: &ReportArgs) -> Result<ExitCode> {
    match (args.data, &args.lake) {
        (false, Some(lake)) => tell(args, &gather::of_folder(lake, args.since)?),
        (false, None) => on_runtime(async { tell(args, &gather::of_stack(&args.place, args.since).await?) }),
        (true, Some(lake)) => tell_data(args, &dashboard::of_folder(lake)?),
        (true, None) => on_runtime(async { tell_data(args, &dashboard::of_stack(&args.place).await?) }),
    }
}

fn tell(args: &ReportArgs, gathered: &Gathered) -> Result<ExitCode> {
    put_out(args, DEFAULT_FILE, &page::of(gathered), || page::figures(gathered))
}

fn tell_data(args: &ReportArgs, asked: &dashboard::Asked) -> Result<ExitCode> {
    for problem in asked.problems()? {
        output::complain(&problem);
    }
    put_out(args, DEFAULT_DATA_FILE, &asked.page(), || asked.figures())
}

/// Prints the figures, and writes the page, as far as the arguments ask for them.
fn put_out(
    args: &ReportArgs,
    default_file: &str,
    page: &Page,
    figures: impl FnOnce() -> Result<Value>,
) -> Result<ExitCode> {
    if args.json {
        output::json(&figures()?)?;
        if args.out.is_none() && !args.open {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from(default_file));
    if path.as_os_str() == "-" {
        output::line(page.to_html()?.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    write_page(page, &path)?;
    let told = if args.open { opening::open(&path) } else { opening::told(&path) };
    if args.json {
        eprintln!("{told}");
    } else {
        output::line(&told)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the page about the files; see [`write_page`].
pub(crate) fn write(gathered: &Gathered, path: &Path) -> Result<()> {
    write_page(&page::of(gathered), path)
}

/// Writes a page where a reader finds either the former one or this one, whole.
pub(crate) fn write_page(page: &Page, path: &Path) -> Result<()> {
    let html = page.to_html()?;
    let failed = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        bail!("cannot write {}: there is no folder {}", path.display(), folder.display());
    }
    if path.exists() && !path.is_file() {
        // A device or a pipe is written to, not replaced.
        return std::fs::write(path, html).with_context(failed);
    }
    let mut file = NamedTempFile::with_prefix_in(".lakegate-report-", folder).with_context(failed)?;
    file.write_all(html.as_bytes()).with_context(failed)?;
    make_readable(&file).with_context(failed)?;
    file.persist(path).with_context(failed)?;
    Ok(())
}

/// As other files of the user: temporary ones are for nobody else.
#[cfg(unix)]
fn make_readable(file: &NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &NamedTempFile) -> std::io::Result<()> {
    Ok(())
}
