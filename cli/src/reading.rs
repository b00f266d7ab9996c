//! A local file, read piece by piece, with a progress bar on a terminal.
//! It does not know what the bytes mean.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lakegate_convert::Reading;

/// What the engine takes at once, small enough for the processor's cache.
const READ_BYTES: usize = 256 * 1024;

/// What is read at once for several threads, ...
const READ_AHEAD_BYTES: usize = 4 * 1024 * 1024;
/// ... into so many buffers, of which one is worked on.
const BUFFERS: usize = 3;

/// Opens a file that is no folder.
pub(crate) fn open(path: &Path) -> Result<File> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        bail!("{} is a folder: give one file", path.display());
    }
    Ok(file)
}

/// As many threads as were asked for, else as the machine has processors.
pub(crate) fn threads(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// Hands the file's bytes to `take`, in order, until it has enough. With several threads one more reads ahead.
pub(crate) fn read(
    file: &mut File,
    path: &Path,
    threads: usize,
    mut take: impl FnMut(&[u8]) -> Result<Reading>,
) -> Result<()> {
    let bar = bar(file.metadata().map_or(0, |metadata| metadata.len()));
    let take = |bytes: &[u8]| {
        if bytes.is_empty() || take(bytes)? == Reading::Enough {
            return Ok(Reading::Enough);
        }
        bar.inc(bytes.len() as u64);
        Ok(Reading::More)
    };
    if threads > 1 { read_ahead(file, path, take) } else { read_in_turn(file, path, take) }?;
    bar.finish_and_clear();
    Ok(())
}

/// Nothing is handed on at the file's end.
fn read_in_turn(file: &mut File, path: &Path, mut take: impl FnMut(&[u8]) -> Result<Reading>) -> Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))?;
        if take(buffer.get(..count).unwrap_or_default())? == Reading::Enough {
            return Ok(());
        }
    }
}

fn read_ahead(file: &mut File, path: &Path, mut take: impl FnMut(&[u8]) -> Result<Reading>) -> Result<()> {
    let (to_fill, empty) = sync_channel::<Vec<u8>>(BUFFERS);
    let (filled, to_take) = sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        // There is room for all of them.
        let _ = to_fill.send(vec![0; READ_AHEAD_BYTES]);
    }
    thread::scope(|scope| {
        // Ends when no buffer comes back, because what takes them has ended.
        scope.spawn(move || {
            while let Ok(mut buffer) = empty.recv() {
                let count = file.read(&mut buffer);
                if filled.send((buffer, count)).is_err() {
                    break;
                }
            }
        });
        // The sender moves here, so that it is dropped before the thread is awaited.
        let (to_fill, to_take) = (to_fill, to_take);
        while let Ok((buffer, count)) = to_take.recv() {
            let count = count.with_context(|| format!("cannot read {}", path.display()))?;
            if take(buffer.get(..count).unwrap_or_default())? == Reading::Enough || to_fill.send(buffer).is_err() {
                break;
            }
        }
        Ok(())
    })
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
