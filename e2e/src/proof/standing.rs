//! What stands after a run: rows, rejects, ledger and its history, dead letters, alerts, catalog, unfinished uploads.
//! It must not know what should stand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use lakegate_local::json::{list, text};
use lakegate_local::{Message, ObjectVersion};
use serde_json::Value;

use super::rig::Rig;
use super::uploads::TABLE;
use crate::reading::duckdb;

/// Objects that are fetched at once.
const IN_FLIGHT: usize = 16;

/// Everything that a run has left behind.
#[derive(Debug)]
pub struct Standing {
    /// The table's rows as [`super::uploads::Fate`] has them, with repetitions.
    pub rows: Vec<String>,
    /// Rejected rows, by key and version.
    pub rejects: BTreeMap<(String, String), usize>,
    /// Every object under `lake/` and `rejects/`.
    pub outputs: BTreeSet<String>,
    /// The ledger's entries, by key.
    pub ledger: BTreeMap<String, Value>,
    /// Keys and versions that any entry ever called committed.
    pub committed: BTreeSet<(String, String)>,
    /// The dead letters, with their failure records.
    pub letters: Vec<(Message, Value)>,
    /// The alerts: subject and body.
    pub alerts: Vec<(String, String)>,
    /// The partitions that the catalog knows, as folders below `lake/`.
    pub partitions: BTreeSet<String>,
    /// Unfinished multipart uploads, by key.
    pub unfinished: Vec<String>,
    /// What Athena counts: rows, different rows, the sum of the amounts.
    pub athena: Vec<Option<String>>,
}

/// A directory that is removed when dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Rig {
    /// Reads everything that stands. Dead letters and alerts are taken from their queues.
    ///
    /// # Errors
    /// A call fails, or something does not parse.
    pub async fn standing(&self) -> Result<Standing> {
        let (client, stack) = (self.client(), &self.stack);
        let scratch = Scratch(env::temp_dir().join(format!("lakegate-{}-{}", self.name(), process::id())));
        let mut outputs = BTreeSet::new();
        for prefix in ["lake/", "rejects/"] {
            outputs.extend(stack.list_lake(prefix).await?.into_iter().map(|object| object.key));
        }
        self.fetch(&outputs, &scratch.0).await?;
        let (ledger, committed) = self.ledger_and_history().await?;
        let mut letters = Vec::new();
        for message in stack.take(&stack.dead_letter_queue_url).await? {
            let record = message.attributes.get("failure").context("a dead letter without a failure record")?;
            let record = serde_json::from_str(record)?;
            letters.push((message, record));
        }
        let prefix = format!("s3://{}/lake/", stack.lake_bucket);
        let folder = |location: &str| location.trim_start_matches(&prefix).trim_end_matches('/').to_owned();
        let has_table = stack.table(TABLE).await?.is_some();
        let partitions = if has_table { stack.partitions(TABLE).await? } else { Vec::new() };
        let sql = format!("SELECT count(*), count(DISTINCT id), coalesce(sum(amount), 0) FROM {TABLE}");
        let athena = if has_table { stack.athena(&sql).await?.rows } else { Vec::new() };
        Ok(Standing {
            rows: self.rows(&scratch.0, outputs.iter().any(|key| key.starts_with("lake/")))?,
            rejects: self.rejects(&scratch.0, outputs.iter().any(|key| key.starts_with("rejects/")))?,
            outputs,
            ledger,
            committed,
            letters,
            alerts: stack.take_alerts().await?,
            partitions: partitions.iter().map(|partition| folder(&partition.location)).collect(),
            unfinished: client.list_unfinished_uploads(&stack.lake_bucket).await?,
            athena: athena.into_iter().next().unwrap_or_default(),
        })
    }

    async fn fetch(&self, keys: &BTreeSet<String>, dir: &Path) -> Result<()> {
        let fetch = async |key: &String| {
            let path = dir.join(key);
            fs::create_dir_all(path.parent().unwrap_or(dir))?;
            fs::write(&path, self.client().get_object(&self.stack.lake_bucket, key).await?)?;
            anyhow::Ok(())
        };
        stream::iter(keys).map(fetch).buffer_unordered(IN_FLIGHT).try_collect::<()>().await
    }

    /// The ledger's entries by key, and what any version of any of them ever called committed.
    async fn ledger_and_history(&self) -> Result<(BTreeMap<String, Value>, BTreeSet<(String, String)>)> {
        let versions = self.client().list_versions(&self.stack.lake_bucket, "ledger/").await?;
        let fetch = async |version: ObjectVersion| {
            let bytes = self.client().get_version(&self.stack.lake_bucket, &version).await?;
            let entry: Value =
                serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", version.key))?;
            anyhow::Ok((version, entry))
        };
        let history: Vec<_> = stream::iter(versions).map(fetch).buffer_unordered(IN_FLIGHT).try_collect().await?;
        let source = |entry: &Value, pointer: &str| text(entry, pointer).to_owned();
        let mut committed = BTreeSet::new();
        let mut ledger = BTreeMap::new();
        for (version, entry) in history {
            let key = source(&entry, "/source/key");
            if text(&entry, "/state") == "committed" {
                committed.insert((key.clone(), source(&entry, "/source/version_id")));
            }
            if version.is_latest {
                ensure!(ledger.insert(key.clone(), entry).is_none(), "{key} has two ledger entries");
            }
        }
        Ok((ledger, committed))
    }

    fn rows(&self, dir: &Path, is_any: bool) -> Result<Vec<String>> {
        if !is_any {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT concat_ws('|', id, region, month, amount::VARCHAR, coalesce(note, '')) FROM read_parquet('{}/lake/{TABLE}/**/*.parquet', \
             hive_partitioning = true, hive_types_autocast = false)",
            dir.display()
        );
        let answer = duckdb(&self.python, &sql)?;
        Ok(list(&answer, "").iter().map(|row| text(row, "/0").to_owned()).collect())
    }

    fn rejects(&self, dir: &Path, is_any: bool) -> Result<BTreeMap<(String, String), usize>> {
        if !is_any {
            return Ok(BTreeMap::new());
        }
        let sql = format!(
            "SELECT source_key, source_version, count(*) FROM read_parquet('{}/rejects/**/*.parquet', hive_partitioning = true) GROUP BY ALL",
            dir.display()
        );
        let answer = duckdb(&self.python, &sql)?;
        let count = |row: &Value| row.get(2).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        let of =
            |row: &Value| ((text(row, "/0").to_owned(), text(row, "/1").to_owned()), count(row).unwrap_or_default());
        Ok(list(&answer, "").iter().map(of).collect())
    }
}
