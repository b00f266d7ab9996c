//! Files that others wrote, through everything: taken in by the deployed functions under contracts that make `orders`, `customers` and
//! `products` of them, asked by the saved queries, reported on. What must come out is computed from the files by Python that knows no SQL
//! (`e2e/real_data`). They lie beside the project, not in it; without them these tests say that they are skipped.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::{Harness, ProgressBar, Project, Value, json, on_stack_with, python};
use parquet::basic::Type;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// Where the tests' contracts and Python are.
const FOLDER: &str = "e2e/real_data";

/// The columns that every contract gives the table `orders`.
const COLUMNS: &str =
    "order_id, order_ts, customer_id, product, quantity, unit_price, revenue, region, country, note, year, month";

#[test]
fn a_month_of_online_retail_with_a_day_corrected_and_a_day_removed() -> Result<()> {
    let rejected_lines = "SELECT source_key, line, raw, violation.\"column\" AS \"column\", violation.rule AS rule FROM ( \
         SELECT source_key, line, raw, try(violations[numbers.n]) AS violation \
         FROM rejects CROSS JOIN (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) AS numbers (n)) AS broken \
         WHERE violation.rule IS NOT NULL";
    check("online_retail", "online-retail/by-day", &["rejects"], &[("rejected_lines", rejected_lines)])
}

#[test]
fn sales_records_of_eight_years() -> Result<()> {
    let by_country = "SELECT world_region, country, year, quarter(order_ts) AS quarter, sum(revenue) AS revenue, \
         sum(total_cost) AS cost, sum(total_profit) AS profit FROM orders GROUP BY world_region, country, year, quarter(order_ts)";
    check("sales_records", "seeds/yaswanthi/sales_records.csv", &["products"], &[("by_country", by_country)])
}

#[test]
fn a_shops_orders_customers_and_products() -> Result<()> {
    check("shop", "seeds/arpan237/Datasets/orders.csv", &["products", "customers"], &[])
}

/// `tables`: which there are besides `orders` and `ledger` (with `rejects` where there are some: the lists of an empty
/// table are texts to the local Athena); the saved queries that ask others are left out.
fn check(dataset: &str, needed: &str, tables: &[&str], further: &[(&str, &str)]) -> Result<()> {
    let project = Project::find()?;
    let data = project.root().join("../shared/data");
    if !data.join(needed).exists() {
        e2e::skip(&format!("{} is not there", data.join(needed).display()));
        return Ok(());
    }
    let queries = queries(&project, tables, further)?;
    on_stack_with(dataset, &[], async |harness| {
        for contract in fs::read_dir(harness.project.root().join(FOLDER).join(dataset))? {
            let path = contract?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            harness.stack.put_contract(&name, fs::read(&path)?).await?;
        }
        let dir = tempfile::tempdir()?;
        let steps = steps(harness, dataset, &data, dir.path())?;
        let mut done = Vec::new();
        for step in steps.as_array().context("no steps")? {
            take(harness, step).await?;
            done.push(step.clone());
            let mut told = json!({ "dataset": dataset, "data": data, "steps": done, "tables": tables });
            told["answers"] = answers(harness, &queries).await?;
            told["rows"] = rows(harness).await?;
            told["ledger"] = json!(harness.stack.ledger().await?);
            told["report"] = harness.lakegate_json(&["report"])?;
            told["dashboard"] = harness.lakegate_json(&["report", "--data"])?;
            fs::write(dir.path().join("told.json"), told.to_string())?;
            compare(harness, dir.path()).await?;
        }
        Ok(())
    })
}

/// The saved queries that ask no table but `orders`, `ledger` and these, and the further ones: name and SQL.
fn queries(project: &Project, tables: &[&str], further: &[(&str, &str)]) -> Result<Vec<(String, String)>> {
    let mut queries: Vec<_> = further.iter().map(|(name, sql)| ((*name).to_owned(), (*sql).to_owned())).collect();
    let dir = project.root().join("infra/athena");
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let sql = fs::read_to_string(&path)?;
        let asks = |table: &str| sql.contains(&format!("FROM {table}")) || sql.contains(&format!("JOIN {table}"));
        if ["customers", "products", "rejects"].iter().all(|table| tables.contains(table) || !asks(table)) {
            queries.push((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), sql));
        }
    }
    Ok(queries)
}

/// What is dropped and removed, laid out in the folder.
fn steps(harness: &Harness, dataset: &str, data: &Path, dir: &Path) -> Result<Value> {
    let script = harness.project.root().join(FOLDER).join("raw.py");
    let mut command = Command::new(&harness.python);
    command.arg(script).arg(dataset).arg(data).arg(dir).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().context("cannot start Python")?;
    ensure!(output.status.success(), "raw.py: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("raw.py printed no JSON")
}

/// Drops and removes, and waits until the ledger says so.
async fn take(harness: &Harness, step: &Value) -> Result<()> {
    let mut versions = Vec::new();
    for (key, path) in step["put"].as_object().context("nothing to put")? {
        let version = harness.stack.drop_file(key, fs::read(path.as_str().unwrap_or_default())?).await?;
        versions.push((key, version));
    }
    for (key, version) in versions {
        let entry = harness
            .ledger_when(key, |entry| entry["source"]["version_id"] == version.as_str() && is_done(entry))
            .await?;
        assert_eq!(entry["state"], "committed", "{entry}");
    }
    for key in step["remove"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        harness.stack.client.delete_object(&harness.stack.raw_bucket, key).await?;
        harness.ledger(key, &["removed"]).await?;
    }
    Ok(())
}

fn is_done(entry: &Value) -> bool {
    ["committed", "rejected", "failed"].iter().any(|state| entry["state"] == *state)
}

async fn answers(harness: &Harness, queries: &[(String, String)]) -> Result<Value> {
    let mut answers = json!({});
    for (name, sql) in queries {
        let answer = harness.stack.athena(sql).await.with_context(|| name.clone())?;
        answers[name] = json!(answer.rows);
    }
    Ok(answers)
}

/// The table `orders` as DuckDB reads its files.
async fn rows(harness: &Harness) -> Result<Value> {
    let fetched = harness.fetch_table("orders").await?;
    for file in &fetched.files {
        types_are_safe(file)?;
    }
    harness.duckdb(&format!("SELECT {COLUMNS} FROM {}", fetched.relation()))
}

/// Only what Athena, Spark, DuckDB and Snowflake read alike: no INT96.
fn types_are_safe(file: &Path) -> Result<()> {
    let reader = SerializedFileReader::new(fs::File::open(file)?)?;
    for column in reader.metadata().file_metadata().schema_descr().columns() {
        assert_ne!(column.physical_type(), Type::INT96, "{}", column.name());
    }
    Ok(())
}

async fn compare(harness: &Harness, dir: &Path) -> Result<()> {
    let interpreter = python::environment(&harness.project, "test", &ProgressBar::hidden()).await?;
    let mut command = Command::new(interpreter);
    command
        .args(["-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", FOLDER])
        .current_dir(harness.project.root());
    command.env("LAKEGATE_ANSWERS", dir).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().context("cannot start pytest")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "not what the files say: {said}{}", String::from_utf8_lossy(&output.stderr));
    eprintln!("{}", said.lines().last().unwrap_or_default());
    Ok(())
}
