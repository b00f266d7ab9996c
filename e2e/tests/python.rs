//! The Python that the project has: its own tests, run by pytest.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::{ProgressBar, Project, python};

#[tokio::test]
async fn the_python_tests_pass() -> Result<()> {
    let project = Project::find()?;
    let interpreter = python::environment(&project, "test", &ProgressBar::hidden()).await?;
    let mut command = Command::new(interpreter);
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "infra/tests"]).current_dir(project.root());
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().context("cannot start pytest")?;
    println!("{}", String::from_utf8_lossy(&output.stdout));
    ensure!(output.status.success(), "pytest: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
