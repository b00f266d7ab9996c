//! Outputs on the local disk: written where no reader looks, moved into place together once the file is judged.
//! It does not know what the bytes mean.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lakegate_convert::{Chunk, Output};

/// A folder of files in the making, hidden from readers by its name; removed with what is still in it when this is dropped.
#[derive(Debug)]
pub(crate) struct Staging {
    out: PathBuf,
    folder: PathBuf,
    begun: BTreeSet<Output>,
}

impl Staging {
    pub(crate) fn new(out: &Path) -> Result<Self> {
        let folder = out.join(format!(".lakegate-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot create folder {}", folder.display()))?;
        Ok(Self { out: out.to_owned(), folder, begun: BTreeSet::new() })
    }

    /// Appends a chunk to its output. No file stays open in between: a conversion has more outputs than a process has handles.
    pub(crate) fn append(&mut self, chunk: &Chunk) -> Result<()> {
        let path = self.path(chunk.output);
        let is_new = self.begun.insert(chunk.output);
        let file = File::options().append(true).create_new(is_new).open(&path);
        let written = file.and_then(|mut file| file.write_all(&chunk.bytes));
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Moves an output to `target`, relative to the output folder.
    pub(crate) fn publish(&self, output: Output, target: &str) -> Result<()> {
        move_into_place(&self.path(output), &self.out.join(target))
    }

    fn path(&self, output: Output) -> PathBuf {
        self.folder.join(match output {
            Output::Table(index) => format!("{index}.parquet"),
            Output::Rejects => "rejects.parquet".to_owned(),
        })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Best effort: what stays behind is hidden from readers.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn move_into_place(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create folder {}", folder.display()))?;
    }
    fs::rename(from, to).with_context(|| format!("cannot write {}", to.display()))
}
