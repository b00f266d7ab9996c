//! What the engine writes and rejects, before readers and judges that others wrote: DuckDB, pyarrow, Spark, datacontract-cli, frictionless.
//! They weigh a gigabyte: without `LAKEGATE_JUDGES=1` this test says that it is skipped.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::{ProgressBar, Project, functions, python};

#[tokio::test]
async fn independent_readers_and_judges_agree() -> Result<()> {
    if std::env::var_os("LAKEGATE_JUDGES").is_none_or(|wanted| wanted.is_empty() || wanted == "0") {
        e2e::skip(
            "independent readers and judges: set LAKEGATE_JUDGES=1 (1 GB of Python packages, Java 17, 5 to 10 minutes)",
        );
        return Ok(());
    }
    let project = Project::find()?;
    eprintln!("the judges are made ready (the first time takes minutes)");
    let interpreter = python::environment(&project, "judges", &ProgressBar::hidden()).await?;
    let binaries = functions::build(&project, &interpreter, &ProgressBar::hidden()).await?;
    let lakegate = binaries.get(functions::COMMAND).context("cargo built no command")?;
    let mut command = Command::new(interpreter);
    // Warnings are about the judges' own libraries.
    command.args([
        "-W",
        "ignore",
        "-m",
        "pytest",
        "-v",
        "-rP",
        "--show-capture=stdout",
        "--tb=short",
        "-p",
        "no:cacheprovider",
    ]);
    command.arg("e2e/independent").current_dir(project.root());
    command.env("LAKEGATE_COMMAND", lakegate).env("PYTHONDONTWRITEBYTECODE", "1");
    let status = command.status().context("cannot start pytest")?;
    ensure!(status.success(), "readers or judges do not agree: {status}");
    Ok(())
}
