//! Files that others wrote, through the deployed functions: what arrives in the tables is what an independent reader finds in the files.
//! They lie beside the project, not in it; without them these tests say that they are skipped.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use e2e::{Harness, json, on_stack};
use parquet::basic::Type;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// One data set: where its files are, and which columns tell quantity and price (or the amount) of a row.
struct Dataset {
    from: &'static str,
    folder: &'static str,
    table: &'static str,
    quantity: &'static str,
    price: Price,
}

enum Price {
    /// Of one piece.
    Each(&'static str),
    /// Of the whole row.
    Total(&'static str),
}

/// What the `csv` crate finds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    rows: u64,
    quantity: i64,
    revenue_cents: i64,
}

#[test]
fn online_retail_arrives_whole() -> Result<()> {
    check(&Dataset {
        from: "online-retail/by-day",
        folder: "online-retail",
        table: "online_retail",
        quantity: "Quantity",
        price: Price::Each("UnitPrice"),
    })
}

#[test]
fn sales_records_arrive_whole() -> Result<()> {
    check(&Dataset {
        from: "seeds/yaswanthi",
        folder: "sales-records",
        table: "sales_records",
        quantity: "Units_Sold",
        price: Price::Each("Unit_Price"),
    })
}

#[test]
fn shop_orders_arrive_whole() -> Result<()> {
    check(&Dataset {
        from: "seeds/arpan237/Datasets/orders.csv",
        folder: "shop-orders",
        table: "shop_orders",
        quantity: "quantity",
        price: Price::Total("amount"),
    })
}

fn check(dataset: &Dataset) -> Result<()> {
    let from = e2e::Project::find()?.root().join("../shared/data").join(dataset.from);
    if !from.exists() {
        e2e::skip(&format!("{} is not there", from.display()));
        return Ok(());
    }
    let files = csv_files(&from)?;
    on_stack(async |harness| {
        let mut expected = Totals::default();
        let mut keys = Vec::new();
        for file in &files {
            add(&mut expected, file, dataset)?;
            let key = format!("{}/{}", dataset.folder, file.file_name().unwrap_or_default().display());
            harness.stack.drop_file(&key, fs::read(file)?).await?;
            keys.push(key);
        }
        let mut accepted = 0;
        let mut rejected = 0;
        for key in &keys {
            let entry = harness.ledger(key, &["committed", "rejected"]).await?;
            assert_eq!(entry["state"], "committed", "{entry}");
            accepted += entry["rows_accepted"].as_u64().unwrap();
            rejected += entry["rows_rejected"].as_u64().unwrap();
        }
        eprintln!("{}: {} files, {expected:?}, {accepted} accepted, {rejected} rejected", dataset.table, keys.len());
        assert_eq!((accepted, rejected), (expected.rows, 0), "every one of these rows keeps its contract");
        as_athena_reads_it(harness, dataset, &expected).await?;
        as_duckdb_reads_it(harness, dataset, &expected).await
    })
}

fn csv_files(from: &Path) -> Result<Vec<PathBuf>> {
    if from.is_file() {
        return Ok(vec![from.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn add(totals: &mut Totals, file: &Path, dataset: &Dataset) -> Result<()> {
    let mut reader = csv::Reader::from_path(file)?;
    let headers = reader.headers()?.clone();
    let at = |name: &str| headers.iter().position(|header| header == name).with_context(|| format!("no column {name}"));
    let (quantity_at, price_at) = match dataset.price {
        Price::Each(price) | Price::Total(price) => (at(dataset.quantity)?, at(price)?),
    };
    for record in reader.records() {
        let record = record?;
        let quantity: i64 = record[quantity_at].parse()?;
        let cents = cents(&record[price_at])?;
        totals.rows += 1;
        totals.quantity += quantity;
        totals.revenue_cents += match dataset.price {
            Price::Each(_) => quantity * cents,
            Price::Total(_) => cents,
        };
    }
    Ok(())
}

/// Exact, unlike a float.
fn cents(text: &str) -> Result<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    anyhow::ensure!(fraction.len() <= 2 && !whole.starts_with('-'), "{text} is no amount");
    Ok(format!("{whole}{fraction:0<2}").parse()?)
}

fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

async fn as_athena_reads_it(harness: &Harness, dataset: &Dataset, expected: &Totals) -> Result<()> {
    let quantity = dataset.quantity.to_lowercase();
    let sql = format!("SELECT count(*), sum({quantity}), sum(revenue) FROM {}", dataset.table);
    let answer = harness.stack.athena(&sql).await?;
    let expected = [expected.rows.to_string(), expected.quantity.to_string(), amount(expected.revenue_cents)].map(Some);
    assert_eq!(answer.rows, [expected]);
    Ok(())
}

async fn as_duckdb_reads_it(harness: &Harness, dataset: &Dataset, expected: &Totals) -> Result<()> {
    let fetched = harness.fetch_table(dataset.table).await?;
    let sql = format!(
        "SELECT count(*), sum({})::BIGINT, sum(revenue), count(*) FILTER (WHERE year IS NULL OR month NOT BETWEEN 1 AND 12) FROM {}",
        dataset.quantity.to_lowercase(),
        fetched.relation()
    );
    let expected = json!([[expected.rows, expected.quantity, amount(expected.revenue_cents), 0]]);
    assert_eq!(harness.duckdb(&sql)?, expected);
    for file in &fetched.files {
        types_are_safe(file)?;
    }
    Ok(())
}

/// Only what Athena, Spark, DuckDB and Snowflake read alike: no INT96.
fn types_are_safe(file: &Path) -> Result<()> {
    let reader = SerializedFileReader::new(fs::File::open(file)?)?;
    for column in reader.metadata().file_metadata().schema_descr().columns() {
        assert_ne!(column.physical_type(), Type::INT96, "{}", column.name());
    }
    Ok(())
}
