//! What the page is about: the ledger's entries, of a deployed stack or of a local lake, and what else is asked of a stack.
//! It must not know what the page says of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use lakegate_lake::contracts::Contracts;
use lakegate_lake::layout;
use lakegate_lake::ledger::Entry;
use lakegate_lake::stack;
use serde_json::{Value, json};

use crate::local_lake;
use crate::operate::entries;
use crate::operate::place::Place;

/// All that the page is made of.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// In words: which stack or folder.
    pub(crate) place: String,
    /// The same for programs.
    pub(crate) place_json: Value,
    pub(crate) now: DateTime<Utc>,
    pub(crate) span: Duration,
    /// Of that span, in any order.
    pub(crate) entries: Vec<Entry>,
    /// Ledger documents that do not parse.
    pub(crate) unreadable: Vec<String>,
    /// The tables of the contracts that are deployed: they may have had no file in that time.
    pub(crate) tables: Vec<String>,
    /// Messages in the dead-letter queue, roughly; nobody knows of a local lake.
    pub(crate) dead_letters: Option<u64>,
}

/// Asks a deployed stack.
pub(super) async fn of_stack(place: &Place, span: Duration) -> Result<Gathered> {
    let found = place.find(None).await?;
    let now = Utc::now();
    let since = beginning(now, span)?;
    let stack = &found.stack;
    let read = entries::since(&found, since).await?;
    let deployed = Contracts::new(stack.lake_bucket.clone()).deployed(&stack.objects).await?;
    let tables = deployed.documents().filter_map(|(_, contract)| contract.ok().map(|contract| contract.table.clone()));
    let depth = stack::depth(&stack.sqs, &stack.queues.dead_letter).await?;
    Ok(Gathered {
        place: format!("{} in {}", stack.name, stack.region),
        place_json: json!({ "stack": stack.name, "region": stack.region }),
        now,
        span,
        entries: read.entries,
        unreadable: read.unreadable,
        tables: tables.collect(),
        dead_letters: Some(depth.visible + depth.in_flight),
    })
}

/// Reads the ledger of a local lake.
pub(super) fn of_folder(lake: &Path, span: Duration) -> Result<Gathered> {
    let ledger = local_lake::folder_in(lake, layout::LEDGER_PREFIX)?;
    let now = Utc::now();
    let since = beginning(now, span)?;
    let mut paths = Vec::new();
    list(&ledger, &mut paths)?;
    paths.sort();
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    for path in paths {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        match serde_json::from_slice::<Entry>(&bytes) {
            Ok(entry) => entries.push(entry),
            Err(_) => unreadable.push(path.display().to_string()),
        }
    }
    let is_late = |entry: &Entry| DateTime::parse_from_rfc3339(&entry.at).is_ok_and(|at| at < since);
    entries.retain(|entry| !is_late(entry));
    Ok(Gathered {
        place: format!("local lake {}", lake.display()),
        place_json: json!({ "lake": lake.display().to_string() }),
        now,
        span,
        entries,
        unreadable,
        tables: tables_in(lake),
        dead_letters: None,
    })
}

fn beginning(now: DateTime<Utc>, span: Duration) -> Result<DateTime<Utc>> {
    now.checked_sub_signed(TimeDelta::from_std(span)?).context("--since reaches too far back")
}

/// Every JSON document below a folder. Links are not followed.
fn list(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let failed = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let (kind, path) = (entry.file_type().with_context(failed)?, entry.path());
        if kind.is_dir() {
            list(&path, paths)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    Ok(())
}

/// The tables that have a folder in the lake.
fn tables_in(lake: &Path) -> Vec<String> {
    let folders = fs::read_dir(lake.join(layout::LAKE_PREFIX)).into_iter().flatten().flatten();
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    folders.filter(is_folder).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
