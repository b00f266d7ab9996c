//! The user's own file and contract, instead of the samples.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use lakegate_contract::Contract;

use crate::demo::checks::Checks;
use crate::demo::fate::{Fate, await_fate, rows};
use crate::demo::prepare::Local;
use crate::demo::sections::{alerts, dead_letter_queue, parquet_files, partitions, query, title};

/// The exit status for a file that its contract rejects, as `lakegate convert` has it.
const REJECTED: u8 = 3;
const ROWS_SHOWN: u32 = 10;

/// A file and the contract that it is held against.
pub(crate) struct OwnFile {
    name: String,
    bytes: Vec<u8>,
    document: String,
    contract: Contract,
}

/// Reads both, before anything is built: a mistake in the contract is told at once.
pub(crate) fn read(data: &Path, contract: &Path) -> Result<OwnFile> {
    let bytes = fs::read(data).with_context(|| format!("cannot read {}", data.display()))?;
    let document = fs::read_to_string(contract).with_context(|| format!("cannot read {}", contract.display()))?;
    let checked = lakegate_contract::parse(&document).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
        anyhow::anyhow!("{} is not a contract that can be kept:\n{}", contract.display(), lines.join("\n"))
    })?;
    let name = data.file_name().with_context(|| format!("{} has no file name", data.display()))?;
    Ok(OwnFile { name: name.to_string_lossy().into_owned(), bytes, document, contract: checked.contract })
}

pub(crate) async fn show(local: &Local, own: &OwnFile, checks: &mut Checks) -> Result<ExitCode> {
    let (stack, paint) = (&local.stack, local.paint);
    let table = &own.contract.table;
    let (key, document) = landed(own, &stack.raw_bucket)?;
    stack.put_contract(&format!("{table}.odcs.yaml"), document).await?;
    title(paint, &format!("{} dropped as s3://{}/{key}", own.name, stack.raw_bucket));
    let started = Instant::now();
    let version = stack.drop_file(&key, own.bytes.clone()).await?;
    let fate = await_fate(stack, &key, Some(&version)).await?;
    let elapsed = paint.faint(&format!("{:.1} s", started.elapsed().as_secs_f64()));
    say!("  {} {}  {elapsed}", fate.painted(paint), fate.story());
    if let Some(entry) = fate.entry() {
        let [read, accepted, rejected, duplicate] =
            ["rows_read", "rows_accepted", "rows_rejected", "rows_duplicate"].map(|name| rows(entry, name));
        checks.claim(read == accepted + rejected + duplicate, "rows in = accepted + rejected (+ dropped duplicates)");
        if rejected > 0 {
            title(paint, "Rejected rows and why, from the rejects table");
            rejected_rows(local, table).await?;
        }
    }
    match fate {
        Fate::Committed(entry) => published(local, checks, table, rows(&entry, "rows_accepted")).await,
        Fate::Heavy(_) => Ok(ExitCode::SUCCESS),
        Fate::Rejected(_) | Fate::Failed(_) => refused(local, checks, &key).await,
    }
}

async fn published(local: &Local, checks: &mut Checks, table: &str, accepted: u64) -> Result<ExitCode> {
    let (stack, paint) = (&local.stack, local.paint);
    title(paint, "Parquet files");
    parquet_files(stack, &[table]).await?;
    title(paint, "Partitions, as the Glue Data Catalog tells them");
    partitions(stack, table).await?;
    title(paint, "The table, asked of Athena");
    query(stack, paint, &format!("SELECT * FROM {table} LIMIT {ROWS_SHOWN}")).await?;
    let answer = stack.athena(&format!("SELECT count(*) FROM {table}")).await?;
    let counted = answer.rows.first().and_then(|row| row.first().cloned().flatten());
    checks.equal("the table has every accepted row", &counted, &Some(accepted.to_string()));
    Ok(ExitCode::SUCCESS)
}

async fn refused(local: &Local, checks: &mut Checks, key: &str) -> Result<ExitCode> {
    title(local.paint, "Dead-letter queue");
    let letters = dead_letter_queue(&local.stack, 1).await?;
    checks.equal("it holds the file's event", &letters.len(), &1);
    title(local.paint, "The alert, as it arrives by e-mail");
    let is_named = alerts(&local.stack, local.paint, &[key]).await?;
    checks.claim(is_named, "the alert names the file");
    Ok(ExitCode::from(REJECTED))
}

async fn rejected_rows(local: &Local, table: &str) -> Result<()> {
    let sql = format!(
        "SELECT line, violations[1].\"column\" AS \"column\", violations[1].rule AS rule, raw\n\
         FROM rejects WHERE dataset = '{table}'\nORDER BY line LIMIT {ROWS_SHOWN}"
    );
    query(&local.stack, local.paint, &sql).await?;
    Ok(())
}

/// The key under which the contract expects the file, and the contract with its bucket, if it names one, made any bucket.
fn landed(own: &OwnFile, raw_bucket: &str) -> Result<(String, String)> {
    let location = own.contract.landing.location.as_str();
    let Some((bucket, pattern)) = location.trim_start_matches("s3://").split_once('/') else {
        bail!("the contract's location {location} names no key");
    };
    let document = own.document.replace(&format!("s3://{bucket}/"), "s3://*/");
    let checked = lakegate_contract::parse(&document)
        .ok()
        .with_context(|| format!("cannot point {location} at a local bucket"))?;
    let segments: Vec<&str> = pattern.split('/').collect();
    let folders: Vec<&str> =
        segments.iter().take_while(|segment| !segment.contains(['*', '?', '['])).copied().collect();
    let last = segments.last().copied().unwrap_or_default();
    let stem = own.name.split('.').next().unwrap_or_default();
    for name in [own.name.clone(), last.replace("**", stem).replace('*', stem), last.to_owned()] {
        let deeper = segments.len().saturating_sub(folders.len() + 1);
        for depth in 0..=deeper {
            let middle = vec!["demo"; depth];
            let key = [folders.as_slice(), &middle, &[name.as_str()]].concat().join("/");
            if checked.contract.landing.location.matches(raw_bucket, &key) {
                return Ok((key, document));
            }
        }
    }
    bail!("cannot think of a key that the contract's location {location} covers")
}
