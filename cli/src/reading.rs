//! A local file, read piece by piece, with a progress bar on a terminal.
//! It does not know what the bytes mean.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lakegate_convert::Reading;

use crate::interrupt;

/// What the engine takes at once, small enough for the processor's cache.
const READ_BYTES: usize = 256 * 1024;

/// Opens a file that is no folder.
pub(crate) fn open(path: &Path) -> Result<File> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        bail!("{} is a folder: give one file", path.display());
    }
    Ok(file)
}

/// Opens a file that is no folder, or standard input as `-`. What is no plain file is copied to a temporary one first, so that it can be
/// read twice.
pub(crate) fn open_or_copy(path: &Path) -> Result<File> {
    if is_standard_input(path) {
        return copy(&mut io::stdin().lock()).context("cannot read standard input");
    }
    let mut file = open(path)?;
    if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(file);
    }
    copy(&mut file).with_context(|| format!("cannot read {}", path.display()))
}

/// Whether the path is `-`.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn copy(from: &mut impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(from, &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// As many threads as were asked for, else as the machine has processors.
pub(crate) fn threads(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// Hands the file's bytes to `take`, in order, until it has enough. Nothing is handed on at the file's end. The system reads ahead.
pub(crate) fn read(file: &mut File, path: &Path, mut take: impl FnMut(&[u8]) -> Result<Reading>) -> Result<()> {
    let bar = bar(file.metadata().map_or(0, |metadata| metadata.len()));
    let mut buffer = vec![0; READ_BYTES];
    loop {
        interrupt::check()?;
        let count = file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() || take(bytes)? == Reading::Enough {
            break;
        }
        bar.inc(bytes.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// On a terminal a bar with the rate, elsewhere nothing.
fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(5));
    if std::io::stderr().is_terminal() {
        let template = "{bar:40} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}
