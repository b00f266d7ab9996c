//! The lake's Parquet files, read by others than Athena: fetched to a directory, and asked through DuckDB.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::Harness;

/// What takes longer than two seconds would else be shown by a bar, on standard output.
const DUCKDB: &str = "import duckdb, json, sys\nduckdb.sql('SET enable_progress_bar = false')\nprint(json.dumps(duckdb.sql(sys.argv[1]).fetchall(), default=str))";

/// A table's files in a directory of their own, removed when dropped.
#[derive(Debug)]
pub struct Fetched {
    // Of each fetch its own: stacks of one test binary may have tables of one name.
    dir: TempDir,
    /// The Parquet files, by path.
    pub files: Vec<PathBuf>,
}

impl Fetched {
    /// A DuckDB relation over all files, partition columns included, as text.
    #[must_use]
    pub fn relation(&self) -> String {
        format!("read_parquet('{}/**/*.parquet', hive_partitioning = true)", self.dir.path().display())
    }
}

impl Harness {
    /// The one value that Athena answers.
    ///
    /// # Errors
    /// The query fails.
    pub async fn athena_value(&self, sql: &str) -> Result<String> {
        let answer = self.stack.athena(sql).await?;
        let value = answer.rows.first().and_then(|row| row.first().cloned().flatten());
        value.with_context(|| format!("no value: {sql}"))
    }

    /// Fetches what lies under `lake/<table>/`.
    ///
    /// # Errors
    /// A call fails, or a file cannot be written.
    pub async fn fetch_table(&self, table: &str) -> Result<Fetched> {
        let dir =
            tempfile::Builder::new().prefix("lakegate-e2e-").tempdir().context("cannot make a temporary folder")?;
        let mut fetched = Fetched { dir, files: Vec::new() };
        let prefix = format!("lake/{table}/");
        for object in self.stack.list_lake(&prefix).await? {
            let path = fetched.dir.path().join(object.key.trim_start_matches(&prefix));
            fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            fs::write(&path, self.stack.client.get_object(&self.stack.lake_bucket, &object.key).await?)?;
            fetched.files.push(path);
        }
        Ok(fetched)
    }

    /// What DuckDB answers: rows of values; decimals, days and times as text.
    ///
    /// # Errors
    /// The query fails.
    pub fn duckdb(&self, sql: &str) -> Result<Value> {
        duckdb(&self.python, sql)
    }
}

/// What DuckDB answers, in an interpreter that has it.
pub(crate) fn duckdb(python: &Path, sql: &str) -> Result<Value> {
    let output = Command::new(python).args(["-c", DUCKDB, sql]).output().context("cannot start Python")?;
    if !output.status.success() {
        bail!("DuckDB: {sql}: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("DuckDB's answer is not JSON")
}
