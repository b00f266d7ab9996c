//! Outputs on the local disk: written where no reader looks, moved into place together once the file is judged.
//! It does not know what the bytes mean.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lakegate_convert::{Chunk, Output};

use crate::local_lake;

/// What is written at once. Longer writes take large folios of the page cache, which a virtual machine mostly has to get from its host
/// first: measured on Linux 6.18, 100 MB take 0.2 s of system time by 128 KiB and more, 0.02 s by 64 KiB.
const WRITE_BYTES: usize = 64 * 1024;
/// How the folders begin in which files are made.
const PREFIX: &str = ".lakegate-";

/// A folder of files in the making, hidden from readers by its name; removed with what is still in it when this is dropped.
#[derive(Debug)]
pub(crate) struct Staging {
    out: PathBuf,
    folder: PathBuf,
    begun: BTreeSet<Output>,
    /// Held as long as the process lives: a folder that nobody holds is one of a process that was killed.
    _held: Option<File>,
}

impl Staging {
    /// A new folder in a local lake, from which the folders of processes that were killed are removed.
    pub(crate) fn new(out: &Path) -> Result<Self> {
        fs::create_dir_all(out).with_context(|| format!("cannot create folder {}", out.display()))?;
        let lock = local_lake::lock(out);
        if lock.is_some() {
            remove_abandoned(out);
        }
        let folder = create_folder(out)?;
        let held = File::open(&folder).ok().filter(|held| held.try_lock().is_ok());
        Ok(Self { out: out.to_owned(), folder, begun: BTreeSet::new(), _held: held })
    }

    /// Appends a chunk to its output. No file stays open in between: a conversion has more outputs than a process has handles.
    pub(crate) fn append(&mut self, chunk: &Chunk) -> Result<()> {
        let path = self.path(chunk.output);
        let is_new = self.begun.insert(chunk.output);
        let file = File::options().append(true).create_new(is_new).open(&path);
        let written =
            file.and_then(|mut file| chunk.bytes.chunks(WRITE_BYTES).try_for_each(|piece| file.write_all(piece)));
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Moves an output to `target`, relative to the output folder.
    pub(crate) fn publish(&self, output: Output, target: &str) -> Result<()> {
        move_into_place(&self.path(output), &self.out.join(target))
    }

    /// Removes what was moved to `target` before, or to a file of that name in a folder below its own.
    pub(crate) fn remove_published(&self, target: &str) -> Result<()> {
        let target = self.out.join(target);
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else { return Ok(()) };
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else if entry.file_name() == name {
                    let path = entry.path();
                    fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
                }
            }
        }
        Ok(())
    }

    /// Writes a whole file to `target`, relative to the output folder: readers see the former one or this.
    pub(crate) fn write(&self, bytes: &[u8], target: &str) -> Result<()> {
        let path = self.folder.join("whole");
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        move_into_place(&path, &self.out.join(target))
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

/// Process ids repeat: those of containers that share a disk at once.
fn create_folder(out: &Path) -> Result<PathBuf> {
    for number in 0_u64.. {
        let folder = out.join(format!("{PREFIX}{}-{number}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot create folder {}", folder.display())),
        }
    }
    anyhow::bail!("cannot create a folder in {}", out.display())
}

/// Best effort: what stays behind is hidden from readers. The lake is locked meanwhile, so that no folder is new.
fn remove_abandoned(out: &Path) {
    for entry in fs::read_dir(out).into_iter().flatten().flatten() {
        let is_staging = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let is_abandoned = || File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok());
        if is_staging && is_abandoned() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn move_into_place(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create folder {}", folder.display()))?;
    }
    fs::rename(from, to).with_context(|| format!("cannot write {}", to.display()))
}
