//! The parts of the summary that the samples and a file of one's own share. Each asks AWS and prints what it answers.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use lakegate_local::json::{list, text};
use lakegate_local::{Object, Partition, Rows, Stack};
use serde_json::Value;

use crate::demo::fate::dead_letters;
use crate::paint::Paint;
use crate::text_table::{count, draw, draw_fitting, terminal_width, wrapped};

/// More files or partitions than that are counted, not listed.
const LISTED_MAX: usize = 15;
/// Failures travel through a queue and a function before they are dead letters and alerts.
const LETTERS_TIMEOUT_SECS: u64 = 60;

pub(crate) fn title(paint: Paint, text: &str) {
    say!("\n{}", paint.title(text));
}

/// The Parquet files of these tables.
pub(crate) async fn parquet_files(stack: &Stack, tables: &[&str]) -> Result<()> {
    let mut objects = Vec::new();
    for table in tables {
        objects.extend(stack.list_lake(&format!("lake/{table}/")).await?);
    }
    let cells = |object: &Object| vec![object.key.clone(), count(object.size_bytes)];
    let rows: Vec<Vec<String>> = objects.iter().take(LISTED_MAX).map(cells).collect();
    if !rows.is_empty() {
        say!("{}", draw_fitting(&[&format!("s3://{}/", stack.lake_bucket), "bytes"], &rows).trim_end_matches('\n'));
    }
    say_more(objects.len());
    Ok(())
}

/// The partitions of a table as the Glue API tells them, and the names of its partition columns.
pub(crate) async fn partitions(stack: &Stack, table: &str) -> Result<Vec<Partition>> {
    let found = stack.partitions(table).await?;
    let names = partition_columns(&stack.table(table).await?.unwrap_or_default());
    let path = |partition: &Partition| {
        let pairs: Vec<String> =
            names.iter().zip(&partition.values).map(|(name, value)| format!("{name}={value}")).collect();
        vec![pairs.join("/"), partition.location.clone()]
    };
    let rows: Vec<Vec<String>> = found.iter().take(LISTED_MAX).map(path).collect();
    if !rows.is_empty() {
        say!("{}", draw_fitting(&[table, "location"], &rows).trim_end_matches('\n'));
    }
    say_more(found.len());
    Ok(found)
}

fn partition_columns(table: &Value) -> Vec<String> {
    list(table, "/PartitionKeys").iter().map(|key| text(key, "/Name").to_owned()).collect()
}

/// An Athena query and what it answers.
pub(crate) async fn query(stack: &Stack, paint: Paint, sql: &str) -> Result<Rows> {
    for line in sql.lines() {
        say!("  {}", paint.faint(line));
    }
    let answer = stack.athena(sql).await?;
    say!();
    say!("{}", drawn(&answer).trim_end_matches('\n'));
    Ok(answer)
}

/// An answer as a table.
pub(crate) fn drawn(answer: &Rows) -> String {
    let header: Vec<&str> = answer.columns.iter().map(String::as_str).collect();
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "∅".to_owned());
    let rows: Vec<Vec<String>> = answer.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    draw(&header, &rows)
}

/// Waits until the dead-letter queue holds that many messages, and shows what is in it; the failure records.
pub(crate) async fn dead_letter_queue(stack: &Stack, expected: usize) -> Result<Vec<Value>> {
    let started = Instant::now();
    let mut ids = BTreeSet::new();
    let mut records = Vec::new();
    // A look hides what it saw for a second; a second look finds what came later.
    while records.len() < expected && started.elapsed() < Duration::from_secs(LETTERS_TIMEOUT_SECS) {
        for (id, record) in dead_letters(stack).await? {
            if ids.insert(id) {
                records.push(record);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    records.sort_by_key(|record| text(record, "/source/key").to_owned());
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| ["/source/key", "/kind", "/owner", "/summary"].map(|at| text(record, at).to_owned()).to_vec())
        .collect();
    if rows.is_empty() {
        say!("  empty");
    } else {
        say!("{}", draw_fitting(&["file", "kind", "owner", "summary"], &rows).trim_end_matches('\n'));
    }
    Ok(records)
}

/// Waits until alerts name all of these keys, and shows them as a mail reader would; whether all are named.
pub(crate) async fn alerts(stack: &Stack, paint: Paint, keys: &[&str]) -> Result<bool> {
    let started = Instant::now();
    let mut mails: Vec<(String, String)> = Vec::new();
    let named = |mails: &[(String, String)]| keys.iter().all(|key| mails.iter().any(|(_, body)| body.contains(key)));
    while !named(&mails) && started.elapsed() < Duration::from_secs(LETTERS_TIMEOUT_SECS) {
        mails.extend(stack.take_alerts().await?);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if mails.is_empty() {
        say!("  none");
    }
    for (subject, body) in &mails {
        mail(paint, subject, body);
    }
    Ok(named(&mails))
}

/// A mail as a reader would see it.
pub(crate) fn mail(paint: Paint, subject: &str, body: &str) {
    say!("  {} {}", paint.faint("┌ Subject:"), paint.title(subject));
    say!("  {}", paint.faint("│"));
    for line in body.lines().flat_map(|line| wrapped(line, terminal_width().map_or(usize::MAX, |width| width - 4))) {
        say!("  {} {}", paint.faint("│"), line.trim_end());
    }
    say!("  {}", paint.faint("└"));
}

fn say_more(length: usize) {
    if length > LISTED_MAX {
        say!("  … and {} more", count((length - LISTED_MAX) as u64));
    }
    if length == 0 {
        say!("  none");
    }
}
