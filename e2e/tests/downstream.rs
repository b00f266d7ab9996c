//! What is made of the lake's tables by tools that others wrote, installed by the test. They know the lake from outside only.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::Context;
use e2e::{ProgressBar, Project, functions, python};

/// How many lines are said again: of those that tell causes, else of all.
const LAST_LINES: usize = 15;

#[tokio::test]
#[ignore = "needs dbt"]
async fn dbt_builds_the_marts_again_and_again_and_they_are_what_the_sources_say() -> Result<(), Told> {
    passes("dbt", "e2e/downstream/test_dbt.py").await
}

#[tokio::test]
#[ignore = "needs dbt"]
async fn the_dbt_project_parses_for_athena_redshift_and_snowflake() -> Result<(), Told> {
    passes("dbt-warehouses", "e2e/downstream/test_dbt_targets.py").await
}

#[tokio::test]
#[ignore = "needs fakesnow"]
async fn the_sql_for_snowflake_makes_its_tables_what_the_lake_is() -> Result<(), Told> {
    passes("fakesnow", "e2e/downstream/test_snowflake.py").await
}

#[tokio::test]
#[ignore = "needs dbt"]
async fn dbt_makes_of_real_data_what_its_files_say() -> Result<(), Told> {
    passes("dbt", "e2e/downstream/test_dbt_real_data.py").await
}

#[tokio::test]
#[ignore = "needs fakesnow"]
async fn the_sql_for_snowflake_makes_of_real_data_what_its_files_say() -> Result<(), Told> {
    passes("fakesnow", "e2e/downstream/test_snowflake_real_data.py").await
}

/// Runs a file of tests by pytest, with what `requirements/NAME.txt` pins and the command as it is here. All that pytest says is shown as
/// it comes; what failed, and why, is said once more at the end.
async fn passes(requirements: &str, tests: &str) -> Result<(), Told> {
    let project = Project::find()?;
    let interpreter = python::environment(&project, requirements, &ProgressBar::hidden()).await?;
    let binaries = functions::build(&project, &interpreter, &ProgressBar::hidden()).await?;
    let lakegate = binaries.get(functions::COMMAND).context("cargo built no command")?;
    let mut command = Command::new(interpreter);
    command.args(["-m", "pytest", "-v", "-rfEs", "--tb=short", "-W", "ignore", "-p", "no:cacheprovider", tests]);
    command.current_dir(project.root()).env("LAKEGATE_COMMAND", lakegate).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start pytest")?;
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().context("pytest says nothing")?).lines() {
        let line = line.context("cannot read what pytest says")?;
        writeln!(std::io::stdout(), "{line}").context("cannot show what pytest says")?;
        said.push(line);
    }
    let status = child.wait().context("cannot wait for pytest")?;
    if status.success() {
        return Ok(());
    }
    let is_cause = |line: &&str| ["E  ", "FAILED ", "ERROR "].iter().any(|begin| line.starts_with(begin));
    let mut told: Vec<_> = said.iter().map(String::as_str).filter(is_cause).collect();
    if told.is_empty() {
        told = said.iter().map(String::as_str).collect();
    }
    told.drain(..told.len().saturating_sub(LAST_LINES));
    Err(Told(format!("{tests}: {status}\n{}", told.join("\n"))))
}

/// An error without its backtrace, which would hide it: a test's error is shown as `Debug` shows it.
struct Told(String);

impl fmt::Debug for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<anyhow::Error> for Told {
    fn from(error: anyhow::Error) -> Self {
        Self(format!("{error:#}"))
    }
}
