//! Loads into the warehouse: the function's own statements, run by `PostgreSQL` in Redshift's place (e2e/warehouse).

use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::{ProgressBar, Project, python};

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn loads_make_the_warehouse_what_the_lake_is() -> Result<()> {
    let project = Project::find()?;
    let interpreter = python::environment(&project, "postgresql", &ProgressBar::hidden()).await?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "-q", "-p", "load-warehouse", "--example", "statements", "--message-format=json"])
        .current_dir(project.root())
        .output()
        .context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&built.stdout);
    ensure!(built.status.success(), "cargo build: {}{said}", String::from_utf8_lossy(&built.stderr));
    let mut executable = said.lines().rev().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(str::to_owned)
    });
    let statements = executable.next().context("cargo built no example")?;
    let mut command = Command::new(interpreter);
    command.args([
        "-m",
        "pytest",
        "-v",
        "-rs",
        "--tb=short",
        "-W",
        "ignore",
        "-p",
        "no:cacheprovider",
        "e2e/warehouse",
    ]);
    command.current_dir(project.root()).env("LAKEGATE_STATEMENTS", statements).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().context("cannot start pytest")?;
    println!("{}", String::from_utf8_lossy(&output.stdout));
    ensure!(output.status.success(), "pytest: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
