//! Where generated rows go: a file, a folder of files, standard output or memory; and what is known of each file.
//! It must not know what a row means. Files appear under their names when all of them are whole.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::{Datelike, NaiveDateTime};
use indicatif::ProgressBar;
use lakegate_contract::Violations;
use serde::Serialize;
use tempfile::{NamedTempFile, TempPath};

use crate::interrupt;

/// Above this share of rejected rows the sample contracts reject the whole file, in percent: `maxRejectPercent`.
const REJECT_PERCENT_MAX: u64 = 5;
/// After so many rows it is seen whether somebody asked to end.
const ROWS_UNSEEN: u64 = 4_096;
/// What is written at once: see `staging`.
const WRITE_BYTES: usize = 64 * 1024;

/// Where to.
#[derive(Debug)]
pub(crate) enum Place {
    Memory,
    StandardOutput,
    File(PathBuf),
    Folder(PathBuf),
}

/// What was written into one file, and what the contract must make of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Told {
    /// As the person named it, or its folder; `-` is standard output.
    pub(crate) file: String,
    pub(crate) bytes: u64,
    /// `published` or `rejected`.
    pub(crate) status: &'static str,
    pub(crate) rows_read: u64,
    pub(crate) rows_accepted: u64,
    pub(crate) rows_rejected: u64,
    /// Column (`""` where none is concerned) → rule → rows.
    pub(crate) violations: Violations,
    /// Of the accepted rows in cents, by region, year and month.
    #[serde(skip)]
    pub(crate) revenue_cents: BTreeMap<(&'static str, i32, u32), u64>,
}

impl Told {
    /// An accepted row's revenue.
    pub(super) fn earn(&mut self, region: &'static str, ts: NaiveDateTime, cents: u64) {
        *self.revenue_cents.entry((region, ts.year(), ts.month())).or_default() += cents;
    }

    fn judge(&mut self) {
        self.rows_accepted = self.rows_read - self.rows_rejected;
        let is_good = self.rows_rejected * 100 <= REJECT_PERCENT_MAX * self.rows_read;
        self.status = if is_good { "published" } else { "rejected" };
    }
}

enum Writer {
    Memory(Vec<u8>),
    StandardOutput(BufWriter<io::Stdout>),
    /// A device or a pipe, which is written to and not replaced.
    Device {
        writer: BufWriter<File>,
        path: PathBuf,
    },
    File {
        writer: BufWriter<NamedTempFile>,
        path: PathBuf,
    },
}

/// The files in the making.
pub(crate) struct Files {
    place: Place,
    bar: ProgressBar,
    writer: Option<Writer>,
    /// Files that are written and not yet seen under their names: a handle is not kept for each.
    whole: Vec<(TempPath, PathBuf)>,
    told: Vec<Told>,
    /// Of the file that is written.
    current: Told,
    unseen: u64,
}

impl Files {
    pub(super) fn new(place: Place, bar: ProgressBar) -> Self {
        Self { place, bar, writer: None, whole: Vec::new(), told: Vec::new(), current: Told::default(), unseen: 0 }
    }

    /// Whether there may be more than one file.
    pub(super) fn takes_many(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }

    /// Begins the next file.
    pub(super) fn begin(&mut self, name: &str, header: &str) -> Result<()> {
        self.end()?;
        let (writer, file) = match &self.place {
            Place::Memory => (Writer::Memory(Vec::new()), name.to_owned()),
            Place::StandardOutput => (Writer::StandardOutput(BufWriter::new(io::stdout())), "-".to_owned()),
            Place::File(path) => (new_file(path)?, path.to_string_lossy().into_owned()),
            Place::Folder(folder) => {
                let path = folder.join(name);
                (new_file(&path)?, path.to_string_lossy().into_owned())
            }
        };
        self.writer = Some(writer);
        self.current = Told { file, ..Told::default() };
        self.put(header)
    }

    /// A row, with the column and the rule that it breaks.
    pub(super) fn row(&mut self, text: &str, broken: Option<(&'static str, &'static str)>) -> Result<()> {
        let told = &mut self.current;
        told.rows_read += 1;
        if let Some((column, rule)) = broken {
            told.rows_rejected += 1;
            *told.violations.entry(column.to_owned()).or_default().entry(rule.to_owned()).or_default() += 1;
        }
        self.put(text)?;
        self.bar.inc(1);
        self.check()
    }

    /// An error once somebody asked to end; seen now and then.
    pub(super) fn check(&mut self) -> Result<()> {
        self.unseen += 1;
        if self.unseen >= ROWS_UNSEEN {
            self.unseen = 0;
            interrupt::check()?;
        }
        Ok(())
    }

    /// What is known of the file that is written.
    pub(super) fn told(&mut self) -> &mut Told {
        &mut self.current
    }

    fn put(&mut self, text: &str) -> Result<()> {
        self.current.bytes += text.len() as u64;
        match &mut self.writer {
            Some(Writer::Memory(bytes)) => bytes.extend_from_slice(text.as_bytes()),
            Some(Writer::StandardOutput(writer)) => {
                writer.write_all(text.as_bytes()).context("cannot write to standard output")?;
            }
            Some(Writer::Device { writer, path }) => {
                writer.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
            }
            Some(Writer::File { writer, path }) => {
                writer.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
            }
            None => {}
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let mut told = std::mem::take(&mut self.current);
        told.judge();
        self.told.push(told);
        match writer {
            Writer::StandardOutput(mut writer) => writer.flush().context("cannot write to standard output")?,
            Writer::Device { mut writer, path } => {
                writer.flush().with_context(|| format!("cannot write {}", path.display()))?;
            }
            Writer::File { writer, path } => {
                let whole = writer.into_inner().map_err(io::IntoInnerError::into_error);
                let whole = whole.with_context(|| format!("cannot write {}", path.display()))?;
                self.whole.push((whole.into_temp_path(), path));
            }
            Writer::Memory(_) => {}
        }
        Ok(())
    }

    /// Gives the files their names, and tells of them.
    pub(super) fn finish(mut self) -> Result<Vec<Told>> {
        self.end()?;
        interrupt::check()?;
        self.bar.finish_and_clear();
        for (whole, path) in self.whole {
            whole.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(self.told)
    }

    /// The one file that was written into memory, and what is known of it.
    pub(super) fn into_memory(mut self) -> (Vec<u8>, Told) {
        let bytes = match self.writer.take() {
            Some(Writer::Memory(bytes)) => bytes,
            Some(Writer::StandardOutput(_) | Writer::Device { .. } | Writer::File { .. }) | None => Vec::new(),
        };
        self.current.judge();
        (bytes, self.current)
    }
}

fn new_file(path: &Path) -> Result<Writer> {
    let failed = || format!("cannot write {}", path.display());
    let path = path.to_owned();
    if path.exists() && !path.is_file() {
        let file = File::options().write(true).open(&path).with_context(failed)?;
        return Ok(Writer::Device { writer: BufWriter::with_capacity(WRITE_BYTES, file), path });
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        bail!("cannot write {}: there is no folder {}", path.display(), folder.display());
    }
    // As other files of the user: less what the user's mask takes away.
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lakegate-generate-").permissions(Permissions::from_mode(0o666));
    let file = builder.tempfile_in(folder).with_context(failed)?;
    Ok(Writer::File { writer: BufWriter::with_capacity(WRITE_BYTES, file), path })
}
