//! The functions' binaries, built by cargo and zipped as Lambda wants them. It does not know what they do.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use serde::Deserialize;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::guard;
use crate::project::Project;

/// The packages of the functions; folder, package and binary share the name.
pub const FUNCTIONS: [&str; 7] =
    ["ingest", "start-glue", "route-failures", "sweep", "fetch-api", "publish-report", "load-warehouse"];

/// The package and binary of the command, which is what the Glue job runs, too.
pub const COMMAND: &str = "lakegate";

/// One line of `cargo build --message-format json`.
#[derive(Deserialize)]
struct CargoMessage {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<CargoTarget>,
}

#[derive(Deserialize)]
struct CargoTarget {
    name: String,
}

/// Builds the functions and the command in the dev profile, in the project's own target directory; the binaries' paths by name. `bar`
/// follows cargo.
///
/// # Errors
/// The build fails; the message ends with what cargo said.
pub async fn build(project: &Project, python: &Path, bar: &ProgressBar) -> Result<BTreeMap<String, PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = guard::command(python, None, cargo);
    command.args(["build", "--message-format=json-render-diagnostics"]).current_dir(project.root());
    // All in one build, so that their dependencies have the same features: nothing is built twice.
    let wanted = || FUNCTIONS.into_iter().chain([COMMAND]);
    for package in wanted() {
        command.args(["-p", package]);
    }
    command
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "100")
        .env("CARGO_TERM_COLOR", "never");
    // What cargo sets for the process that we are would look to build scripts like a change.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name.to_string_lossy().starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    let mut binaries = BTreeMap::new();
    let note_binary = |line: &str| {
        let Ok(message) = serde_json::from_str::<CargoMessage>(line) else {
            return;
        };
        if let ("compiler-artifact", Some(executable), Some(target)) =
            (message.reason.as_str(), message.executable, message.target)
            && wanted().any(|name| name == target.name)
        {
            binaries.insert(target.name, executable);
        }
    };
    guard::run(command, note_binary, |text| follow(text, bar)).await.context("the functions do not build")?;
    for name in wanted() {
        if !binaries.contains_key(name) {
            bail!("cargo built no binary {name}");
        }
    }
    Ok(binaries)
}

/// `Building [=====>   ] 123/234: arrow-cast, ingest(bin)` becomes `123 of 234: arrow-cast, ingest(bin)`.
fn follow(text: &str, bar: &ProgressBar) {
    let text = text.trim();
    if let Some((position, length, what)) = progress(text) {
        bar.set_message(format!("{position} of {length}: {what}"));
    } else if text.starts_with("Blocking") || text.starts_with("Downloading") || text.starts_with("Updating") {
        bar.set_message(text.to_owned());
    }
}

fn progress(text: &str) -> Option<(u64, u64, &str)> {
    let (_, rest) = text.strip_prefix("Building")?.split_once(']')?;
    let (counts, what) = rest.split_once(':').unwrap_or((rest, ""));
    let (position, length) = counts.trim().split_once('/')?;
    Some((position.parse().ok()?, length.parse().ok()?, what.trim()))
}

/// What is deployed of a binary: of a function its package, under the name that the runtime `provided.al2023` starts; of the command the
/// layer that the Glue job takes it from.
///
/// # Errors
/// The binary cannot be read.
pub fn package(name: &str, binary: &Path) -> Result<Vec<u8>> {
    let bytes = program(binary)?;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    // It only crosses the loopback interface: packing tighter would cost more time than it saves.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o755);
    zip.start_file(if name == COMMAND { COMMAND } else { "bootstrap" }, options)?;
    zip.write_all(&bytes)?;
    Ok(zip.finish()?.into_inner())
}

/// A binary as it is deployed: without its debug information, where that can be taken off.
///
/// # Errors
/// It cannot be read.
pub fn program(binary: &Path) -> Result<Vec<u8>> {
    let bytes = stripped(binary).map_or_else(|| fs::read(binary), Ok);
    bytes.with_context(|| format!("cannot read {}", binary.display()))
}

/// How many files this process has made: several of its threads may strip the same binary at once.
static STRIPPED: AtomicUsize = AtomicUsize::new(0);

/// The binary without its debug information, which is three quarters of it; `None` where nothing here can do that.
fn stripped(binary: &Path) -> Option<Vec<u8>> {
    if !cfg!(target_os = "linux") {
        return None; // Elsewhere a binary may be signed.
    }
    let number = STRIPPED.fetch_add(1, Ordering::Relaxed);
    let smaller = binary.with_extension(format!("{}-{number}.stripped", std::process::id()));
    let status = Command::new("strip").arg("-o").arg(&smaller).arg(binary).stderr(Stdio::null()).status();
    let bytes = status.is_ok_and(|status| status.success()).then(|| fs::read(&smaller).ok()).flatten();
    let _ = fs::remove_file(&smaller);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_progress_is_read() {
        let line = "Building [==========>              ] 123/234: arrow-cast, ingest(bin)";
        assert_eq!(progress(line), Some((123, 234, "arrow-cast, ingest(bin)")));
        assert_eq!(progress("Building [=======================> ] 233/234"), Some((233, 234, "")));
        assert_eq!(progress("Compiling arrow v60.1.0"), None);
    }
}
