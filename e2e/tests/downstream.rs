//! What is made of the lake's tables by tools that others wrote, installed by the test. They know the lake from outside only.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::{ProgressBar, Project, functions, python};

#[tokio::test]
#[ignore = "needs dbt"]
async fn dbt_builds_the_marts_again_and_again_and_they_are_what_the_sources_say() -> Result<()> {
    passes("dbt", "e2e/downstream/test_dbt.py").await
}

#[tokio::test]
#[ignore = "needs dbt"]
async fn the_dbt_project_parses_for_athena_redshift_and_snowflake() -> Result<()> {
    passes("dbt-warehouses", "e2e/downstream/test_dbt_targets.py").await
}

#[tokio::test]
#[ignore = "needs fakesnow"]
async fn the_sql_for_snowflake_makes_its_tables_what_the_lake_is() -> Result<()> {
    passes("fakesnow", "e2e/downstream/test_snowflake.py").await
}

#[tokio::test]
#[ignore = "needs dbt"]
async fn dbt_makes_of_real_data_what_its_files_say() -> Result<()> {
    passes("dbt", "e2e/downstream/test_dbt_real_data.py").await
}

#[tokio::test]
#[ignore = "needs fakesnow"]
async fn the_sql_for_snowflake_makes_of_real_data_what_its_files_say() -> Result<()> {
    passes("fakesnow", "e2e/downstream/test_snowflake_real_data.py").await
}

/// Runs a file of tests by pytest, with what `requirements/NAME.txt` pins and the command as it is here.
async fn passes(requirements: &str, tests: &str) -> Result<()> {
    let project = Project::find()?;
    let interpreter = python::environment(&project, requirements, &ProgressBar::hidden()).await?;
    let binaries = functions::build(&project, &interpreter, &ProgressBar::hidden()).await?;
    let lakegate = binaries.get(functions::COMMAND).context("cargo built no command")?;
    let mut command = Command::new(interpreter);
    command.args(["-m", "pytest", "-v", "-rs", "--tb=short", "-W", "ignore", "-p", "no:cacheprovider", tests]);
    command.current_dir(project.root()).env("LAKEGATE_COMMAND", lakegate).env("PYTHONDONTWRITEBYTECODE", "1");
    let status = command.status().context("cannot start pytest")?;
    ensure!(status.success(), "{tests}: {status}");
    Ok(())
}
