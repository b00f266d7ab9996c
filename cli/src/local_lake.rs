//! A file's way into a local lake: first the ledger says what is about to be done, then it is done, then the ledger says what became of it.
//! It must not know how a file is judged or reported.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lakegate_convert::Output;
use lakegate_lake::{layout, ledger};

use crate::staging::Staging;

/// Where local files come from, as the rejects table and the ledger name it.
pub(crate) const LOCAL_BUCKET: &str = "local";

/// What stands of a file besides what this conversion wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing.
    Nothing,
    /// The rows of an earlier version.
    EarlierVersion,
    /// Nothing any more: a publication had broken off, and what it left half-way is removed.
    Withdrawn,
}

/// A folder that every local lake has, of one that somebody named.
///
/// # Errors
///
/// It is not there: the name is not that of a local lake.
pub(crate) fn folder_in(lake: &Path, prefix: &str) -> Result<PathBuf> {
    let give = "give the folder that `lakegate convert --out` wrote to";
    if !lake.is_dir() {
        bail!("there is no folder {}: {give}", lake.display());
    }
    let folder = lake.join(prefix);
    if !folder.is_dir() {
        bail!("{} has no {prefix}: {give}", lake.display());
    }
    Ok(folder)
}

/// Keeps all others from publishing, and from cleaning up, in a local lake; until it is dropped. `None` where the file system has
/// no locks: there, one file must not be converted twice at once.
pub(crate) fn lock(out: &Path) -> Option<File> {
    let folder = File::open(out).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

/// Moves outputs to where they are seen, removes what they replace, and writes the ledger's entry. A rejected file lets stand what an
/// earlier version published, and its entry remembers that for the conversion that will replace it.
///
/// Whatever breaks off in between, the ledger names every file that may stand, and the next conversion puts it right: with its own
/// rows, or, if it is rejected, with none rather than with some of two versions.
pub(crate) fn publish(
    out: &Path,
    staging: &Staging,
    outputs: &[(Output, String)],
    mut entry: ledger::Entry,
) -> Result<Standing> {
    let _lock = lock(out);
    let former = former_entry(out, &entry.source.key)?;
    let unfinished = former.as_ref().and_then(|former| former.unfinished.clone());
    let stale = ledger::stale_paths(former.as_ref(), &entry);
    let is_published = entry.state == ledger::State::Committed;
    let is_withdrawn = !is_published && unfinished.is_some();
    let intent = ledger::Entry {
        state: ledger::State::Publishing,
        kept_paths: stale.clone(),
        unfinished: if is_published { Some(entry.source.clone()) } else { unfinished },
        ..entry.clone()
    };
    write(staging, &intent)?;
    for (output, path) in outputs {
        staging.publish(*output, path).context("the file is published in part: convert it again")?;
    }
    if is_published || is_withdrawn {
        remove(out, &stale)?;
    } else {
        entry.kept_paths = stale;
    }
    write(staging, &entry)?;
    let has_rows = entry.kept_paths.iter().any(|path| path.starts_with(layout::LAKE_PREFIX));
    Ok(match (is_withdrawn, has_rows) {
        (true, _) => Standing::Withdrawn,
        (false, true) => Standing::EarlierVersion,
        (false, false) => Standing::Nothing,
    })
}

/// The ledger's entry of an earlier conversion of the file.
pub(crate) fn former_entry(out: &Path, key: &str) -> Result<Option<ledger::Entry>> {
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

fn write(staging: &Staging, entry: &ledger::Entry) -> Result<()> {
    let json = serde_json::to_string(entry)? + "\n";
    staging.write(json.as_bytes(), &layout::ledger_object(LOCAL_BUCKET, &entry.source.key))
}

fn remove(out: &Path, paths: &[String]) -> Result<()> {
    for path in paths {
        match fs::remove_file(out.join(path)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let told = || format!("cannot remove {}: convert the file again", out.join(path).display());
                return Err(error).with_context(told);
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
