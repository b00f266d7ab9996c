//! The generated files: dropped one by one, followed, and held against what the generator knows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Error, Result};
use lakegate_local::json::{list, text};
use lakegate_local::{Rows, Stack};

use crate::demo::checks::Checks;
use crate::demo::dashboard;
use crate::demo::fate::{Fate, await_fate, rows};
use crate::demo::fetched;
use crate::demo::marts::Dbt;
use crate::demo::prepare::Local;
use crate::demo::sections::{alerts, dead_letter_queue, parquet_files, partitions, query, title};
use crate::generate::{self, BadShare, Month, Told};
use crate::text_table::{count, draw_fitting};

/// Of which customers and orders are generated.
const FIRST_MONTH: &str = "2025-08";
const CUSTOMERS: u64 = 400;
const AUGUST: &str = "orders/2025-08.csv";
const BROKEN: &str = "orders/2025-11 hurried export.csv";
const UNKNOWN: &str = "invoices/2025-09.csv";

/// One drop.
struct Drop {
    key: &'static str,
    about: &'static str,
    /// The fate's word that is as it should be.
    expected: &'static str,
    bytes: Vec<u8>,
    told: Told,
}

fn drops() -> Result<Vec<Drop>> {
    let drop = |key, about, expected, (bytes, told)| Drop { key, about, expected, bytes, told };
    let share = |percent: &str| percent.parse::<BadShare>().map_err(Error::msg);
    let (none, some) = (share("0")?, share("2")?);
    let orders = |name, rows, first, bad| generate::month_of_orders(month(name)?, rows, first, bad);
    let committed = "committed";
    Ok(vec![
        drop(
            "customers/customers.ndjson",
            "JSON, one a line",
            committed,
            generate::customers(month(FIRST_MONTH)?, CUSTOMERS, share("0.5")?)?,
        ),
        drop(AUGUST, "an incomplete export", committed, orders("2025-08", 310, 1_000_000, none)?),
        drop("orders/2025-09.csv", "all good", committed, orders("2025-09", 1_200, 2_000_000, none)?),
        drop(
            "orders/2025-10 Käufe+Rückläufer.csv",
            "some bad rows",
            committed,
            orders("2025-10", 800, 3_000_000, some)?,
        ),
        drop(BROKEN, "wrong header", "rejected", broken_orders(&orders("2025-11", 50, 9_000_000, none)?.0)),
        drop(UNKNOWN, "no contract", "failed", (INVOICES.into(), Told::default())),
        drop(AUGUST, "again, corrected", committed, orders("2025-08", 640, 1_000_000, none)?),
    ])
}

fn month(text: &str) -> Result<Month> {
    text.parse().map_err(Error::msg)
}

/// A file that nobody wrote a contract for.
const INVOICES: &str = "invoice,amount\n4711,12.50\n4712,99.00\n";

/// Orders as a hurried export writes them: another delimiter and another header than agreed.
fn broken_orders(good: &[u8]) -> (Vec<u8>, Told) {
    let text = String::from_utf8_lossy(good).replace(',', ";").replace("order_id;order_ts", "Order No.;Date");
    (text.into_bytes(), Told::default())
}

pub(crate) async fn show(local: &Local, dbt: Dbt, checks: &mut Checks) -> Result<ExitCode> {
    let (stack, paint) = (&local.stack, local.paint);
    for name in ["orders", "customers"] {
        let path = local.project.root().join("contracts").join(name).with_extension("odcs.yaml");
        let document = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        stack.put_contract(&format!("{name}.odcs.yaml"), document).await?;
    }
    title(paint, &format!("Files dropped into s3://{}", stack.raw_bucket));
    let mut ends = Vec::new();
    for drop in drops()? {
        let started = Instant::now();
        let version = stack.drop_file(drop.key, drop.bytes.clone()).await?;
        let fate = await_fate(stack, drop.key, Some(&version)).await?;
        let elapsed = paint.faint(&format!("{:.1} s", started.elapsed().as_secs_f64()));
        let is_expected = fate.word() == drop.expected;
        say!("  {} {:38} {:24} {}  {elapsed}", checks.mark(is_expected), drop.key, drop.about, fate.painted(paint));
        say!("    {}", paint.faint(&fate.story()));
        checks.note(is_expected, format!("{} is {}, not {}", drop.key, fate.word(), drop.expected));
        ends.push((drop, fate));
    }
    fetched::show(local, checks, month(FIRST_MONTH)?, CUSTOMERS).await?;
    summary(local, checks, &ends).await?;
    let revenue_cents = current(&ends).values().flat_map(|told| told.revenue_cents.values()).sum();
    dbt.show(local, checks, revenue_cents).await?;
    dashboard::show(local, checks, revenue_cents).await?;
    Ok(ExitCode::SUCCESS)
}

async fn summary(local: &Local, checks: &mut Checks, ends: &[(Drop, Fate)]) -> Result<()> {
    let (stack, paint) = (&local.stack, local.paint);
    title(paint, "What became of each file, as the ledger has it");
    ledger(stack, checks, ends).await?;
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
    checks.equal("every file that is not in the lake is there, and no other", &keys, &vec![UNKNOWN, BROKEN]);
    title(paint, "Alerts, as they arrive by e-mail");
    let are_named = alerts(stack, paint, &[BROKEN, UNKNOWN]).await?;
    checks.claim(are_named, "the alerts name both files");
    Ok(())
}

async fn ledger(stack: &Stack, checks: &mut Checks, ends: &[(Drop, Fate)]) -> Result<()> {
    let numbers = ["rows_read", "rows_accepted", "rows_rejected", "rows_duplicate"];
    let mut entries = stack.ledger().await?;
    entries.sort_by_key(|entry| text(entry, "/at").to_owned());
    let mut lines = Vec::new();
    let mut adds_up = true;
    for entry in &entries {
        let [read, accepted, rejected, duplicate] = numbers.map(|name| rows(entry, name));
        adds_up &= read == accepted + rejected + duplicate;
        let files = list(entry, "/outputs").len();
        let cells = [read, accepted, rejected, files as u64].map(count);
        let named = ["/source/key", "/state"].map(|at| text(entry, at).to_owned());
        lines.push([named.to_vec(), cells.to_vec()].concat());
    }
    say!(
        "{}",
        draw_fitting(&["file", "state", "rows in", "accepted", "rejected", "Parquet files"], &lines)
            .trim_end_matches('\n')
    );
    checks.claim(adds_up, "rows in = accepted + rejected, for every file");
    for (drop, fate) in ends {
        if let Fate::Committed(entry) = fate {
            let counts = ["rows_read", "rows_rejected"].map(|name| rows(entry, name));
            let generated = [drop.told.rows_read, drop.told.rows_rejected];
            let claim = format!("{} ({}): rows read and rejected", drop.key, drop.about);
            checks.note(counts == generated, format!("{claim}: {counts:?}; generated {generated:?}"));
        }
    }
    Ok(())
}

async fn check_partitions(stack: &Stack, checks: &mut Checks, ends: &[(Drop, Fate)]) -> Result<()> {
    let found: BTreeSet<String> = partitions(stack, "orders").await?.into_iter().map(|found| found.location).collect();
    let written = ends.iter().filter_map(|(_, fate)| fate.entry()).filter(|entry| text(entry, "/dataset") == "orders");
    let outputs = written.flat_map(|entry| list(entry, "/outputs"));
    let location = |output| format!("s3://{}/lake/orders/{}", stack.lake_bucket, text(output, "/partition"));
    let expected: BTreeSet<String> = outputs.map(location).collect();
    let found: BTreeSet<String> = found.iter().map(|location| location.trim_end_matches('/').to_owned()).collect();
    checks.equal("orders: the partitions are those that files were written to", &found, &expected);
    Ok(())
}

/// What is in the tables now: the latest drop of each key, as far as it was published.
fn current(ends: &[(Drop, Fate)]) -> BTreeMap<&str, &Told> {
    let published = ends.iter().filter(|(_, fate)| matches!(fate, Fate::Committed(_)));
    published.map(|(drop, _)| (drop.key, &drop.told)).collect()
}

async fn revenue(local: &Local, checks: &mut Checks, ends: &[(Drop, Fate)]) -> Result<()> {
    let sql = "SELECT region, month, count(*) AS orders, sum(quantity) AS pieces, sum(revenue) AS revenue\n\
               FROM orders WHERE year = 2025\nGROUP BY region, month ORDER BY region, month";
    let answer = query(&local.stack, local.paint, sql).await?;
    let mut expected = BTreeMap::new();
    for file in current(ends).values() {
        let cents = file.revenue_cents.iter();
        expected.extend(cents.map(|((region, _, month), cents)| (((*region).to_owned(), *month), *cents)));
    }
    checks.equal("the revenue is what was generated, to the cent", &revenue_of(&answer), &expected);
    let answer = local.stack.athena("SELECT count(*) FROM orders WHERE month = 8").await?;
    let august = answer.rows.first().and_then(|row| row.first().cloned().flatten()).and_then(|text| text.parse().ok());
    let expected = current(ends).get(AUGUST).map(|file| file.rows_read);
    checks.equal("the corrected file's rows replaced those of its first version", &august, &expected);
    Ok(())
}

/// An amount with two digits or fewer behind the point.
pub(crate) fn cents(text: &str) -> Option<u64> {
    let (euros, cents) = text.split_once('.').unwrap_or((text, ""));
    format!("{euros}{cents:0<2}").parse().ok()
}

fn revenue_of(answer: &Rows) -> BTreeMap<(String, u32), u64> {
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
               FROM rejects\nORDER BY source_key, line";
    let answer = query(&local.stack, local.paint, sql).await?;
    let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in &answer.rows {
        if let [_, _, column, Some(rule), _] = row.as_slice() {
            *found.entry((column.clone().unwrap_or_default(), rule.clone())).or_default() += 1;
        }
    }
    let mut expected = BTreeMap::new();
    for file in current(ends).values() {
        for (column, rules) in &file.violations {
            for (rule, number) in rules {
                *expected.entry((column.clone(), rule.clone())).or_default() += number;
            }
        }
    }
    checks.equal("the rejected rows are those that were generated bad, each for its reason", &found, &expected);
    Ok(())
}
