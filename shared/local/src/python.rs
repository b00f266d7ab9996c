//! A Python interpreter, and virtual environments made from the pinned requirements. It does not know what runs in them.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;

use crate::guard;
use crate::project::Project;

const NAMES: [&str; 8] =
    ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python", "python3.15"];

/// How often pip is asked, and for how long it is left in peace after the first time; longer after the second.
const INSTALL_ATTEMPTS: u64 = 3;
const RETRY_SECS: u64 = 1;

/// Python 3.10 or newer that can make virtual environments, among what the search path has; `LAKEGATE_PYTHON` overrides.
///
/// # Errors
/// There is none; the message says what to do.
pub fn find() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("LAKEGATE_PYTHON") {
        return match fitness(Path::new(&given)) {
            Fitness::Fit(path) => Ok(path),
            Fitness::NoVenv => bail!("LAKEGATE_PYTHON ({}) lacks the modules venv and ensurepip", given.display()),
            Fitness::Unfit => bail!("LAKEGATE_PYTHON ({}) is not a Python 3.10 or newer", given.display()),
        };
    }
    let mut without_venv = false;
    for name in NAMES {
        match fitness(Path::new(name)) {
            Fitness::Fit(path) => return Ok(path),
            Fitness::NoVenv => without_venv = true,
            Fitness::Unfit => (),
        }
    }
    if without_venv {
        bail!(
            "Python is here, but cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)"
        );
    }
    bail!(
        "no Python 3.10 or newer found: the local AWS needs one; install it (apt install python3 python3-venv, brew install python) \
         or name it in LAKEGATE_PYTHON"
    );
}

enum Fitness {
    Fit(PathBuf),
    NoVenv,
    Unfit,
}

fn fitness(python: &Path) -> Fitness {
    let probe = "import sys\nif sys.version_info < (3, 10): sys.exit(1)\nprint(sys.executable)\ntry: import ensurepip, venv\nexcept ImportError: sys.exit(2)";
    let output = Command::new(python).args(["-c", probe]).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let Ok(output) = output else {
        return Fitness::Unfit;
    };
    match output.status.code() {
        Some(0) => Fitness::Fit(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())),
        Some(2) => Fitness::NoVenv,
        _ => Fitness::Unfit,
    }
}

/// A virtual environment with what `requirements/NAME.txt` pins; returns its interpreter. Made once and again when the pins change, when
/// it was left half-made or when its Python is gone; two processes do not make it at once. `bar` tells what happens.
///
/// # Errors
/// No Python, or pip could not install.
pub async fn environment(project: &Project, name: &str, bar: &ProgressBar) -> Result<PathBuf> {
    let requirements = project.requirements(name);
    let wanted =
        fs::read_to_string(&requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let dir = project.hidden("python")?.join(name);
    let interpreter = dir.join("bin/python");
    let stamp = dir.join("installed.txt");
    let _lock = lock(&dir.with_extension("lock"), bar).await?;
    let is_made = || fs::read_to_string(&stamp).is_ok_and(|made| made == wanted);
    if is_made() && matches!(fitness(&interpreter), Fitness::Fit(_)) {
        return Ok(interpreter);
    }
    let python = find()?;
    bar.set_message("making a virtual environment");
    let mut command = guard::command(&python, None, &python);
    command.args(["-m", "venv", "--clear"]).arg(&dir);
    guard::run(command, |_| (), |_| ()).await?;
    install(&python, &interpreter, &requirements, bar).await?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(interpreter)
}

/// Pip gives up at once when a download breaks off or stalls, so it is asked again.
async fn install(python: &Path, interpreter: &Path, requirements: &Path, bar: &ProgressBar) -> Result<()> {
    let mut attempt = 1;
    loop {
        let mut command = guard::command(python, None, interpreter);
        command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off", "-r"]);
        command.arg(requirements);
        let tell = |line: &str| bar.set_message(shortened(line));
        let result = guard::run(command, tell, |_| ()).await;
        if result.is_ok() || attempt == INSTALL_ATTEMPTS {
            return result.with_context(|| format!("pip could not install {}", requirements.display()));
        }
        bar.set_message("pip failed and is asked again");
        tokio::time::sleep(Duration::from_secs(RETRY_SECS * attempt)).await;
        attempt += 1;
    }
}

/// Held until dropped; the system releases it when the process ends.
async fn lock(path: &Path, bar: &ProgressBar) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => bar.set_message("waiting for another process that makes it"),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await?.context("cannot lock")
}

/// pip says `Collecting six==1.17.0 (from -r requirements/local.txt (line 3))`: the first two words tell enough.
fn shortened(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().take(2).collect();
    if words.first() == Some(&"Installing") { "installing".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn pip_is_asked_again_and_at_last_its_words_are_told() -> Result<()> {
        let (python, bar) = (find()?, ProgressBar::hidden());
        let dir = tempfile::tempdir()?;
        // In the place of an interpreter: a download breaks off, as often as the file `left` has lines.
        let (interpreter, left) = (dir.path().join("python"), dir.path().join("left"));
        let script = format!(
            "#!/bin/sh\n[ -s {0} ] || exit 0\nsed -i 1d {0}\necho 'the connection broke' >&2\nexit 1\n",
            left.display()
        );
        fs::write(&interpreter, script)?;
        fs::set_permissions(&interpreter, fs::Permissions::from_mode(0o755))?;
        fs::write(&left, "once\n")?;
        install(&python, &interpreter, Path::new("some.txt"), &bar).await?;

        fs::write(&left, "1\n2\n3\n4\n")?;
        let error = install(&python, &interpreter, Path::new("some.txt"), &bar).await.expect_err("pip never installs");
        assert_eq!(fs::read_to_string(&left)?, "4\n");
        let told = format!("{error:#}");
        assert!(told.starts_with("pip could not install some.txt") && told.contains("the connection broke"), "{told}");
        Ok(())
    }

    #[test]
    fn what_is_not_python_is_unfit() {
        assert!(matches!(fitness(Path::new("/bin/false")), Fitness::Unfit));
        assert!(matches!(fitness(Path::new("no-such-program")), Fitness::Unfit));
    }

    #[test]
    fn pip_lines_are_shortened() {
        assert_eq!(
            shortened("Collecting six==1.17.0 (from -r requirements/local.txt (line 3))"),
            "Collecting six==1.17.0"
        );
        assert_eq!(shortened("Installing collected packages: a, b"), "installing");
    }
}
