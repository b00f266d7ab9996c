//! The generated files: dropped one by one, followed, and held against what the generator knows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use lakegate_local::json::{list, text};
use lakegate_local::{Rows, Stack};

use crate::demo::checks::Checks;
use crate::demo::fate::{Fate, await_fate, rows};
use crate::demo::prepare::Local;
use crate::demo::sections::{alerts, dead_letter_queue, parquet_files, partitions, query, title};
use crate::generate::{self, SampleFile};
use crate::text_table::{count, draw};

const AUGUST: &str = "orders/2025-08.csv";
const BROKEN: &str = "orders/2025-11 hurried export.csv";
const UNKNOWN: &str = "invoices/2025-09.csv";

/// One drop.
struct Drop {
    key: &'static str,
    about: &'static str,
    /// The fate's word that is as it should be.
    expected: &'static str,
    file: SampleFile,
}

fn drops() -> Vec<Drop> {
    let drop = |key, about, expected, file| Drop { key, about, expected, file };
    vec![
        drop("customers/customers.csv", "semicolons, dd.MM.yyyy", "published", generate::customers(400)),
        drop(AUGUST, "an incomplete export", "published", generate::orders(8, 310, 1_000_000, 0)),
        drop("orders/2025-09.csv", "all good", "published", generate::orders(9, 1_200, 2_000_000, 0)),
        drop(
            "orders/2025-10 Käufe+Rückläufer.csv",
            "some bad rows",
            "published",
            generate::orders(10, 800, 3_000_000, 50),
        ),
        drop(BROKEN, "wrong header", "rejected", generate::broken_orders()),
        drop(UNKNOWN, "no contract", "refused", generate::invoices()),
        drop(AUGUST, "again, corrected", "published", generate::orders(8, 640, 1_000_000, 0)),
    ]
}

pub(crate) async fn show(local: &Local, checks: &mut Checks) -> Result<ExitCode> {
    let (stack, paint) = (&local.stack, local.paint);
    for name in ["orders", "customers"] {
        let path = local.project.root().join("contracts").join(name).with_extension("odcs.yaml");
        let document = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        stack.put_contract(&format!("{name}.odcs.yaml"), document).await?;
    }
    title(paint, &format!("Files dropped into s3://{}", stack.raw_bucket));
    let mut ends = Vec::new();
    for drop in drops() {
        let started = Instant::now();
        let version = stack.drop_file(drop.key, drop.file.text.as_str()).await?;
        let fate = await_fate(stack, drop.key, &version).await?;
        let elapsed = paint.faint(&format!("{:.1} s", started.elapsed().as_secs_f64()));
        let is_expected = fate.word() == drop.expected;
        println!("  {} {:38} {:24} {}  {elapsed}", checks.mark(is_expected), drop.key, drop.about, fate.painted(paint));
        println!("    {}", paint.faint(&fate.story()));
        checks.note(is_expected, format!("{} is {}, not {}", drop.key, fate.word(), drop.expected));
        ends.push((drop, fate));
    }
    summary(local, checks, &ends).await?;
    Ok(ExitCode::SUCCESS)
}

async fn summary(local: &Local, checks: &mut Checks, ends: &[(Drop, Fate)]) -> Result<()> {
    let (stack, paint) = (&local.stack, local.paint);
    title(paint, "What became of each file, as the ledger has it");
    ledger(checks, ends);
    title(paint, "Parquet files");
    parquet_files(stack, &["orders", "customers"]).await?;
    title(paint, "Partitions, as the Glue Data Catalog tells them");
    check_partitions(stack, checks, ends).await?;
    title(paint, "Revenue by region and month, asked of Athena");
    revenue(local, checks, ends).await?;
    title(paint, "Rejected rows and why, from the rejects table");
    rejects(local, checks, ends).await?;
    title(paint, "Dead-letter queue");
    let letters = dead_letter_queue(stack, 2).await?;
    let keys: Vec<&str> = letters.iter().map(|record| text(record, "/source/key")).collect();
    checks.equal("every file that was not published is there, and no other", &keys, &vec![UNKNOWN, BROKEN]);
    title(paint, "Alerts, as they arrive by e-mail");
    let are_named = alerts(stack, paint, &[BROKEN, UNKNOWN]).await?;
    checks.claim(are_named, "the alerts name both files");
    Ok(())
}

fn ledger(checks: &mut Checks, ends: &[(Drop, Fate)]) {
    let numbers = ["rows_read", "rows_accepted", "rows_rejected", "rows_duplicate"];
    let mut lines = Vec::new();
    let mut adds_up = true;
    for (drop, fate) in ends {
        let [read, accepted, rejected, duplicate] =
            numbers.map(|name| fate.entry().map_or(0, |entry| rows(entry, name)));
        let files = fate.entry().map_or(0, |entry| list(entry, "/outputs").len());
        adds_up &= read == accepted + rejected + duplicate;
        let cells = [read, accepted, rejected, files as u64].map(count);
        lines.push([vec![drop.key.to_owned(), fate.word().to_owned()], cells.to_vec()].concat());
        if matches!(fate, Fate::Committed(_)) {
            let claim = format!("{} ({}): rows read and rejected", drop.key, drop.about);
            let is_so = (read, rejected) == (drop.file.rows, drop.file.rejected);
            checks.note(
                is_so,
                format!("{claim}: {read}, {rejected}; generated {}, {}", drop.file.rows, drop.file.rejected),
            );
        }
    }
    print!("{}", draw(&["file", "fate", "rows in", "accepted", "rejected", "Parquet files"], &lines));
    checks.claim(adds_up, "rows in = accepted + rejected, for every file");
}

async fn check_partitions(stack: &Stack, checks: &mut Checks, ends: &[(Drop, Fate)]) -> Result<()> {
    for table in ["orders", "customers"] {
        let found: BTreeSet<String> = partitions(stack, table).await?.into_iter().map(|found| found.location).collect();
        let written = ends.iter().filter_map(|(_, fate)| fate.entry()).filter(|entry| text(entry, "/dataset") == table);
        let outputs = written.flat_map(|entry| list(entry, "/outputs"));
        let location = |output| format!("s3://{}/lake/{table}/{}", stack.lake_bucket, text(output, "/partition"));
        let expected: BTreeSet<String> = outputs.map(location).collect();
        let found: BTreeSet<String> = found.iter().map(|location| location.trim_end_matches('/').to_owned()).collect();
        checks.equal(&format!("{table}: the partitions are those that files were written to"), &found, &expected);
    }
    Ok(())
}

/// What is in the tables now: the latest drop of each key, as far as it was published.
fn current(ends: &[(Drop, Fate)]) -> BTreeMap<&str, &SampleFile> {
    let published = ends.iter().filter(|(_, fate)| matches!(fate, Fate::Committed(_)));
    published.map(|(drop, _)| (drop.key, &drop.file)).collect()
}

async fn revenue(local: &Local, checks: &mut Checks, ends: &[(Drop, Fate)]) -> Result<()> {
    let sql = "SELECT region, month, count(*) AS orders, sum(quantity) AS pieces, sum(revenue) AS revenue\n\
               FROM orders WHERE year = 2025\nGROUP BY region, month ORDER BY region, month";
    let answer = query(&local.stack, local.paint, sql).await?;
    let mut expected = BTreeMap::new();
    for file in current(ends).values() {
        expected.extend(file.revenue_cents.clone());
    }
    checks.equal("the revenue is what was generated, to the cent", &revenue_of(&answer), &expected);
    let answer = local.stack.athena("SELECT count(*) FROM orders WHERE month = 8").await?;
    let august = answer.rows.first().and_then(|row| row.first().cloned().flatten()).and_then(|text| text.parse().ok());
    let expected = current(ends).get(AUGUST).map(|file| file.rows);
    checks.equal("the corrected file's rows replaced those of its first version", &august, &expected);
    Ok(())
}

fn revenue_of(answer: &Rows) -> BTreeMap<(String, u32), i64> {
    let cents = |text: &str| {
        let (euros, cents) = text.split_once('.').unwrap_or((text, ""));
        format!("{euros}{cents:0<2}").parse::<i64>().ok()
    };
    let mut found = BTreeMap::new();
    for row in &answer.rows {
        if let [Some(region), Some(month), _, _, Some(revenue)] = row.as_slice()
            && let (Ok(month), Some(revenue)) = (month.parse(), cents(revenue))
        {
            found.insert((region.clone(), month), revenue);
        }
    }
    found
}

async fn rejects(local: &Local, checks: &mut Checks, ends: &[(Drop, Fate)]) -> Result<()> {
    let sql = "SELECT source_key AS file, line, violations[1].\"column\" AS \"column\", violations[1].rule AS rule, raw\n\
               FROM rejects WHERE dataset = 'orders'\nORDER BY source_key, line";
    let answer = query(&local.stack, local.paint, sql).await?;
    let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in &answer.rows {
        if let [_, _, column, Some(rule), _] = row.as_slice() {
            *found.entry((column.clone().unwrap_or_default(), rule.clone())).or_default() += 1;
        }
    }
    let mut expected = BTreeMap::new();
    for file in current(ends).values() {
        for ((column, rule), number) in &file.violations {
            *expected.entry(((*column).to_owned(), (*rule).to_owned())).or_default() += number;
        }
    }
    checks.equal("the rejected rows are those that were generated bad, each for its reason", &found, &expected);
    Ok(())
}
