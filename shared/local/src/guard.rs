//! Child processes that cannot outlive us, however we end: a small Python guard kills them when our end of its pipe closes.
//! It knows nothing of what the commands do.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

const GUARD: &str = include_str!("guard.py");

/// How many of a failed command's last lines are shown.
const LAST_LINES: usize = 20;

/// A command under the guard of `python`. `scratch` is removed when the command ends.
#[must_use]
pub fn command(python: &Path, scratch: Option<&Path>, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(python);
    command
        .arg("-c")
        .arg(GUARD)
        .arg(scratch.map_or(OsStr::new("-"), Path::as_os_str))
        .arg(program)
        .stdin(Stdio::piped());
    command
}

/// A running guarded command; dropping it kills the command with everything it started, and waits until that is done.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
}

impl Guarded {
    /// Starts what [`command`] made.
    ///
    /// # Errors
    /// Python cannot be started.
    pub fn spawn(mut command: Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child })
    }

    /// Whether the command still runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // The guard needs milliseconds; when it is gone already there is nothing left to do.
        let _ = self.child.wait();
    }
}

/// Runs a guarded command to its end; `line` sees each line of standard output, `note` what standard error says, split at line feeds
/// and carriage returns.
///
/// # Errors
/// The command cannot be started, or fails; the message ends with the last lines of standard error.
pub async fn run(command: Command, line: impl FnMut(&str), mut note: impl FnMut(&str)) -> Result<()> {
    let program = command.get_args().nth(3).unwrap_or_default().to_string_lossy().into_owned();
    let mut command = tokio::process::Command::from(command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        bail!("{program} has no output")
    };
    let mut last: Vec<String> = Vec::new();
    let noted = each_note(stderr, |text| {
        note(text);
        last.push(text.to_owned());
        if last.len() > LAST_LINES {
            last.remove(0);
        }
    });
    tokio::try_join!(each_line(stdout, line), noted)?;
    let status = child_status(&mut child).await?;
    if !status.success() {
        let separator = if last.len() > 1 { "\n" } else { " " };
        bail!("{program} failed:{separator}{}", last.join("\n"));
    }
    Ok(())
}

async fn child_status(child: &mut tokio::process::Child) -> Result<std::process::ExitStatus> {
    // `wait` would close standard input first, which tells the guard to kill.
    let stdin = child.stdin.take();
    let status = child.wait().await.context("cannot wait for a process")?;
    drop(stdin);
    Ok(status)
}

async fn each_line(from: impl AsyncRead + Unpin, mut see: impl FnMut(&str)) -> Result<()> {
    let mut lines = BufReader::new(from).lines();
    while let Some(line) = lines.next_line().await? {
        see(&line);
    }
    Ok(())
}

async fn each_note(mut from: impl AsyncRead + Unpin, mut see: impl FnMut(&str)) -> Result<()> {
    let mut pending = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let length = from.read(&mut buffer).await?;
        pending.extend_from_slice(buffer.get(..length).unwrap_or_default());
        while let Some(end) = pending.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let text: Vec<u8> = pending.drain(..=end).collect();
            see_text(&text, &mut see);
        }
        if length == 0 {
            see_text(&pending, &mut see);
            return Ok(());
        }
    }
}

fn see_text(bytes: &[u8], see: &mut impl FnMut(&str)) {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end();
    if !text.is_empty() {
        see(text);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn python() -> std::path::PathBuf {
        crate::python::find().expect("Python 3.10 or newer")
    }

    fn runs(pid: &str) -> bool {
        // A zombie has no command line any more.
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
    }

    #[tokio::test]
    async fn a_failed_command_tells_its_last_lines() {
        let mut command = command(&python(), None, "sh");
        command.args(["-c", "echo out; echo one >&2; echo two >&2; exit 3"]);
        let mut out = Vec::new();
        let error = run(command, |line| out.push(line.to_owned()), |_| ()).await.unwrap_err();
        assert_eq!(out, ["out"]);
        assert_eq!(error.to_string(), "sh failed:\none\ntwo");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn dropping_kills_grandchildren_and_removes_the_scratch_directory() {
        let scratch = tempfile::tempdir().unwrap();
        let pids = tempfile::tempdir().unwrap();
        let file = pids.path().join("pid");
        let mut command = command(&python(), Some(scratch.path()), "sh");
        command.args(["-c", "sleep 600 & echo $! > $0.new; mv $0.new $0; wait"]).arg(&file);
        let guarded = Guarded::spawn(command).unwrap();
        while !file.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let pid = std::fs::read_to_string(&file).unwrap().trim().to_owned();
        assert!(runs(&pid));
        drop(guarded);
        assert!(!runs(&pid), "the grandchild still runs");
        assert!(!scratch.path().exists(), "the scratch directory is still there");
    }
}
