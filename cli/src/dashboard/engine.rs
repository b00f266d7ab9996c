//! DuckDB, wherever this machine has it: the program, or a Python that can import it. Building it into this program would take longer than
//! building the program.
//! It must not know what is asked.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use lakegate_lake::one_line;
use lakegate_local::Project;

/// Runs what stands on its input. A folder that it runs in is not searched for modules.
const RUN: &str = "\
import sys
sys.path = [folder for folder in sys.path if folder]
import duckdb
try:
    duckdb.connect().execute(sys.stdin.buffer.read().decode())
except duckdb.Error as error:
    sys.exit(str(error))
";
const IS_PYTHON: &str = "import sys; sys.exit(sys.version_info < (3,))";
const PROBE: &str = "import sys; sys.path = [folder for folder in sys.path if folder]; import duckdb";
/// No start-up file of the user's, and an end at the first error.
const PROGRAM_ARGS: [&str; 4] = ["-init", "/dev/null", "-batch", "-bail"];

/// What was found.
#[derive(Debug)]
pub(super) struct Engine {
    program: PathBuf,
    args: Vec<&'static str>,
}

impl Engine {
    /// The Python that `LAKEGATE_PYTHON` names, the program, the local AWS's Python of a check-out, any other Python; the first that has it.
    /// The named one may lack it, as it may be named for the local AWS.
    ///
    /// # Errors
    ///
    /// None has, or what is named is no Python; the message says what to do.
    pub(super) fn find() -> Result<Self> {
        let named = std::env::var_os("LAKEGATE_PYTHON").filter(|name| !name.is_empty()).map(PathBuf::from);
        if let Some(named) = named {
            if let Some(found) = python(named.clone()) {
                return Ok(found);
            }
            if !is_fit(Command::new(&named).args(["-c", IS_PYTHON])) {
                bail!("LAKEGATE_PYTHON ({}) is not a Python 3: correct it or unset it", named.display());
            }
        }
        if is_fit(Command::new("duckdb").arg("--version")) {
            return Ok(Self { program: PathBuf::from("duckdb"), args: PROGRAM_ARGS.to_vec() });
        }
        let project = Project::find().ok();
        let local = project.map(|project| project.root().join(".lakegate/python/local/bin/python"));
        let others = ["python3", "python"].map(PathBuf::from);
        match local.into_iter().chain(others).find_map(python) {
            Some(found) => Ok(found),
            None => bail!(
                "there is no DuckDB, which runs the queries over files: install its program `duckdb` (https://duckdb.org), or its Python \
                 package (pip install duckdb; LAKEGATE_PYTHON names the Python that has it)"
            ),
        }
    }

    /// Runs statements with `folder` as the current one. The inner error is what DuckDB says.
    ///
    /// # Errors
    ///
    /// It cannot be run.
    pub(super) fn run(&self, folder: &Path, sql: &str) -> Result<Result<(), String>> {
        let failed = || format!("cannot run {}", self.name());
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(folder).env("PYTHONIOENCODING", "utf-8");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(failed)?;
        if let Some(mut input) = child.stdin.take() {
            // Who ended before it had read all says why on its standard error.
            let _ = input.write_all(sql.as_bytes());
        }
        let output = child.wait_with_output().with_context(failed)?;
        if output.status.success() {
            return Ok(Ok(()));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = one_line(said.trim());
        Ok(Err(if said.is_empty() { format!("{} ended with {}", self.name(), output.status) } else { said }))
    }

    pub(super) fn name(&self) -> String {
        self.program.display().to_string()
    }
}

fn python(program: PathBuf) -> Option<Engine> {
    is_fit(Command::new(&program).args(["-c", PROBE])).then(|| Engine { program, args: vec!["-c", RUN] })
}

fn is_fit(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
