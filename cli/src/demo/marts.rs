//! What dbt makes of the tables: its project built for real, by DuckDB, over the Parquet files that were published.
//! It knows dbt from outside only.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use lakegate_local::json::{list, text};
use lakegate_local::{Project, Rows, Stack, guard, python};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::demo::checks::Checks;
use crate::demo::prepare::{Local, Step};
use crate::demo::sections::{drawn, title};

/// The tables that the project reads.
const TABLES: [&str; 2] = ["orders", "customers"];
/// How much of what dbt said is shown where it fails.
const LAST_LINES: usize = 30;

const BY_TIER: &str = "SELECT coalesce(membership_tier, 'nobody knows') AS tier_at_that_time,\n    \
                       count(*) AS orders, sum(revenue) AS revenue\n\
                       FROM enriched_sales GROUP BY 1 ORDER BY revenue DESC";
const VERSIONS: &str = "SELECT count(*), count(DISTINCT customer_id) FROM dim_customers";

/// Asks DuckDB, whose file is the first argument; prints what it answers as JSON, every value as a text.
const ASK: &str = "
import duckdb, json, sys
cursor = duckdb.connect(sys.argv[1], read_only=True).execute(sys.argv[2])
rows = [[None if value is None else str(value) for value in row] for row in cursor.fetchall()]
print(json.dumps({'columns': [column[0] for column in cursor.description], 'rows': rows}))
";

/// dbt on its way into `.lakegate/`, while other things are built.
#[derive(Debug)]
pub(crate) struct Dbt {
    installed: JoinHandle<Result<PathBuf>>,
}

impl Dbt {
    /// Begins to install it, where that has not been done.
    pub(crate) fn install(project: &Project) -> Self {
        let project = project.clone();
        Self {
            installed: tokio::spawn(async move { python::environment(&project, "dbt", &ProgressBar::hidden()).await }),
        }
    }

    /// Builds the marts, and holds them against the revenue that was generated and the customers that the table has.
    pub(crate) async fn show(self, local: &Local, checks: &mut Checks, revenue_cents: u64) -> Result<()> {
        let (stack, paint) = (&local.stack, local.paint);
        title(paint, "Marts, built by dbt from the same Parquet files");
        let step = Step::begin(paint, "dbt build", "the first time dbt is installed before");
        let python = self.installed.await.context("dbt is not installed")??;
        let folder = tempfile::Builder::new().prefix("marts-").tempdir_in(local.project.hidden("run")?)?;
        take_down(stack, folder.path()).await?;
        let marts = local.project.hidden("")?.join("demo-marts.duckdb");
        if marts.exists() {
            fs::remove_file(&marts).with_context(|| format!("cannot remove {}", marts.display()))?;
        }
        let built = build(&local.project, &python, folder.path(), &marts).await?;
        step.end("dbt/");

        checks.claim(built.is_whole, &built.told);
        say!();
        for line in BY_TIER.lines() {
            say!("  {}", paint.faint(line));
        }
        let answer = ask(&python, &marts, BY_TIER).await?;
        say!("\n{}", drawn(&answer).trim_end_matches('\n'));
        checks.equal("the marts' revenue is what was generated", &cents(&answer), &Some(revenue_cents));
        let versions = ask(&python, &marts, VERSIONS).await?;
        let table = stack.athena("SELECT count(*), count(DISTINCT customer_id) FROM customers").await?;
        checks.equal("dim_customers has each customer before and after every change", &versions.rows, &table.rows);
        Ok(())
    }
}

/// Copies the tables' files, as `aws s3 sync` does.
async fn take_down(stack: &Stack, folder: &Path) -> Result<()> {
    for table in TABLES {
        for object in stack.list_lake(&format!("lake/{table}/")).await? {
            let path = folder.join(&object.key);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            let bytes = stack.client.get_object(&stack.lake_bucket, &object.key).await?;
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}

/// What became of `dbt build`.
struct Built {
    /// Whether nothing failed; warnings are none of its failures.
    is_whole: bool,
    told: String,
}

async fn build(project: &Project, python: &Path, folder: &Path, marts: &Path) -> Result<Built> {
    let dbt = project.root().join("dbt");
    let mut command = guard::command(python, None, python.with_file_name("dbt"));
    command.args(["--no-use-colors", "build", "--target", "duckdb", "--project-dir"]).arg(&dbt);
    command.arg("--profiles-dir").arg(&dbt).arg("--target-path").arg(folder.join("target"));
    command.arg("--log-path").arg(folder.join("logs")).current_dir(folder);
    command.env("LAKEGATE_LAKE", folder).env("LAKEGATE_DUCKDB", marts).env("DO_NOT_TRACK", "1");
    let mut said = Vec::new();
    let ended = guard::run(command, |line| said.push(line.to_owned()), |_| ()).await;
    let results = folder.join("target/run_results.json");
    if !results.is_file() {
        let last = said.len().saturating_sub(LAST_LINES);
        ended.with_context(|| said.split_off(last).join("\n"))?;
    }
    let results: Value = serde_json::from_slice(&fs::read(&results).context("dbt told no results")?)?;
    Ok(built(list(&results, "/results")))
}

fn built(results: &[Value]) -> Built {
    let mut numbers = BTreeMap::<String, usize>::new();
    let mut named = Vec::new();
    for result in results {
        let mut id = text(result, "/unique_id").split('.').filter(|part| *part != "lakegate");
        let (kind, name) = (id.next().unwrap_or_default(), id.next().unwrap_or_default());
        match text(result, "/status") {
            "success" => *numbers.entry(format!("{kind}s built")).or_default() += 1,
            "pass" => *numbers.entry(format!("{kind}s passed")).or_default() += 1,
            "warn" => named.push(format!("warned of {}", warning(name))),
            status => named.push(format!("{status}: {name}")),
        }
    }
    let is_whole = !results.is_empty() && named.iter().all(|named| named.starts_with("warned of "));
    let numbers = numbers.iter().map(|(kind, number)| match number {
        1 => format!("1 {}", kind.replacen("s ", " ", 1)),
        number => format!("{number} {kind}"),
    });
    Built { is_whole, told: numbers.chain(named).collect::<Vec<_>>().join(", ") }
}

/// What a test warns of, as far as this is known here; else its name.
fn warning(test: &str) -> &str {
    if test.starts_with("relationships_fct_orders_customer_id") { "orders whose customers nobody knows" } else { test }
}

async fn ask(python: &Path, marts: &Path, sql: &str) -> Result<Rows> {
    let mut command = guard::command(python, None, python);
    command.args(["-c", ASK]).arg(marts).arg(sql);
    let mut said = String::new();
    guard::run(command, |line| said.push_str(line), |_| ()).await?;
    let answer: Value = serde_json::from_str(&said).context("DuckDB's answer is not JSON")?;
    let cell = |cell: &Value| cell.as_str().map(str::to_owned);
    let rows: Vec<Vec<Option<String>>> = list(&answer, "/rows")
        .iter()
        .map(|row| row.as_array().map(|row| row.iter().map(cell).collect()).unwrap_or_default())
        .collect();
    ensure!(!rows.is_empty(), "DuckDB has no answer to {sql}");
    let columns = list(&answer, "/columns").iter().filter_map(cell).collect();
    Ok(Rows { columns, rows })
}

/// The sum of the last column.
fn cents(answer: &Rows) -> Option<u64> {
    answer.rows.iter().map(|row| super::samples::cents(row.last()?.as_deref()?)).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_dbt_built_is_counted_and_what_failed_is_named() {
        let result = |id: &str, status: &str| json!({ "unique_id": id, "status": status });
        let mut results = vec![
            result("model.lakegate.fct_orders", "success"),
            result("model.lakegate.dim_customers", "success"),
            result("snapshot.lakegate.customers_snapshot", "success"),
            result("test.lakegate.unique_fct_orders_order_id.1a2b", "pass"),
            result("test.lakegate.relationships_fct_orders_customer_id_etc.3c4d", "warn"),
            result("test.lakegate.accepted_values_x.5e6f", "warn"),
        ];
        let told = built(&results);
        let words = "2 models built, 1 snapshot built, 1 test passed, \
                     warned of orders whose customers nobody knows, warned of accepted_values_x";
        assert_eq!((told.is_whole, told.told.as_str()), (true, words));
        results.push(result("model.lakegate.sales_summary", "error"));
        let told = built(&results);
        assert_eq!((told.is_whole, told.told), (false, format!("{words}, error: sales_summary")));
        assert!(!built(&[]).is_whole);
    }
}
