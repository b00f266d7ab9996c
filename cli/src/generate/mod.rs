//! `lakegate generate`: orders, customers and products of a shop, the same bytes for the same seed, and what the contracts make of them.
//! It needs no AWS, and knows the sample contracts by their rules only.

mod bad;
mod calendar;
mod customers;
mod files;
mod orders;
mod people;
mod products;
mod random;
mod text;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lakegate_contract::Violations;
use serde_json::json;

pub(crate) use bad::BadShare;
pub(crate) use calendar::Month;
use calendar::{MONTHS_MAX, Period};
use customers::Customers;
pub(crate) use files::Told;
use files::{Files, Place};
use orders::Orders;
use products::Products;
use random::Shuffled;

use crate::operate::shown;
use crate::text_table::{count, draw};
use crate::{help, interrupt, output, reading};

const EXAMPLES: &str = "\
Examples:
  lakegate generate orders --rows 100000 --out orders.csv
  lakegate generate orders --rows 1000000 --from 2024-01 --months 24 --out raw/orders/
  lakegate generate customers --exports 6 --out raw/customers/
  lakegate generate products --out products.csv
  lakegate generate orders --rows 20000 --bad-percent 2 --json --out orders.csv | jq .violations
  lakegate generate orders --rows 1000000 --out - | gzip > orders.csv.gz

The same options give the same bytes on every machine. Orders name customers and products of the same seed; --customers and --products \
are the rows that these were generated with. Into a folder orders are written by month, customers one file per export: the first export \
has all of them, each later one those that are new or changed since the one before. Told is what the sample contracts (contracts/ of \
the sources) make of the files: how many rows they reject, by column and rule.

Exit status: 0 generated, 2 wrong usage, 1 anything else.";

/// What is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Dataset {
    Orders,
    Customers,
    Products,
}

impl Dataset {
    fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Customers => "customers",
            Self::Products => "products",
        }
    }
}

const CUSTOMERS: u64 = 5_000;
const PRODUCTS: u64 = 120;
const ORDERS: u64 = 100_000;
const FIRST_MONTH: &str = "2025-01";
const MONTHS: u32 = 12;
/// All of them are held in memory while orders are made, some 100 bytes each.
const SHOP_PRODUCTS_MAX: u64 = 100_000;
/// More than anybody has room for; sums of what is counted by row do not overflow.
const ROWS_MAX: u64 = 1_000_000_000_000;

/// Make sample data by a seed, bad rows included on request
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GenerateArgs {
    /// orders (CSV), customers (JSON, one object a line) or products (CSV)
    #[arg(value_name = "DATASET", hide_possible_values = true)]
    dataset: Dataset,
    /// How many rows; of customers in the first export [default: 100000 orders, 5000 customers, 120 products]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1, ROWS_MAX))]
    rows: Option<u64>,
    /// What everything is drawn by
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 1, value_parser = |text: &str| whole(text, 0, u64::MAX))]
    seed: u64,
    /// Write to this file, or into this folder (one that exists, or a name with / at its end) [default: standard output]
    #[arg(long, value_name = "FILE|DIR|-", default_value = "-", hide_default_value = true)]
    out: PathBuf,
    /// Overwrite files that exist
    #[arg(long)]
    force: bool,
    /// Of orders and customers: the first month [default: 2025-01]
    #[arg(long, value_name = "YYYY-MM")]
    from: Option<Month>,
    /// Of orders and customers: how many months [default: 12]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1, MONTHS_MAX.into()))]
    months: Option<u64>,
    /// How many of the rows are bad, of each kind in turn; each breaks one rule
    #[arg(long, value_name = "PERCENT", default_value = "0")]
    bad_percent: BadShare,
    /// Of customers: how many exports, spread over the months [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1, u64::MAX))]
    exports: Option<u64>,
    /// Of orders: how many customers there are [default: 5000]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1, Shuffled::MAX))]
    customers: Option<u64>,
    /// Of orders: how many products there are [default: 120]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1, SHOP_PRODUCTS_MAX))]
    products: Option<u64>,
    /// Of orders: the first one's number [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1, ROWS_MAX))]
    first_order: Option<u64>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

enum Task {
    Orders(Orders),
    Customers(Customers),
    Products(Products),
}

impl Task {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Orders(orders) => orders.names(),
            Self::Customers(customers) => customers.names(),
            Self::Products(_) => vec![Products::FILE.to_owned()],
        }
    }

    fn rows_expected(&self) -> u64 {
        match self {
            Self::Orders(orders) => orders.rows,
            Self::Customers(customers) => customers.rows_expected(),
            Self::Products(products) => products.rows,
        }
    }

    fn write(&self, files: &mut Files) -> Result<()> {
        match self {
            Self::Orders(orders) => orders.write(files),
            Self::Customers(customers) => customers.write(files),
            Self::Products(products) => products.write(files),
        }
    }
}

/// Writes the files, and tells what is in them.
pub(crate) fn run(args: &GenerateArgs) -> Result<ExitCode> {
    let task = task(args).unwrap_or_else(|wrong| help::wrong_usage("generate", &wrong));
    let place = place(args, &task)?;
    interrupt::watch();
    let is_printed = matches!(place, Place::StandardOutput);
    let mut files = Files::new(place, bar(task.rows_expected()));
    let told = match task.write(&mut files).and_then(|()| files.finish()) {
        Ok(told) => told,
        // A reader that has seen enough is no error.
        Err(error) if is_printed && is_closed_pipe(&error) => return Ok(ExitCode::SUCCESS),
        Err(error) => return Err(error),
    };
    if args.json {
        output::json(&as_json(args, &told))?;
    } else if is_printed {
        eprint!("{}", as_text(&told));
    } else {
        output::line(as_text(&told).trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn whole(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("a whole number from {least} to {most} is wanted, in digits"))
}

/// What is asked for, or what of it makes no sense.
fn task(args: &GenerateArgs) -> Result<Task, String> {
    let GenerateArgs { dataset, seed, bad_percent: bad, .. } = *args;
    let (of_orders, of_time) = (dataset == Dataset::Orders, dataset != Dataset::Products);
    let options = [
        ("--customers", args.customers.is_some(), of_orders),
        ("--products", args.products.is_some(), of_orders),
        ("--first-order", args.first_order.is_some(), of_orders),
        ("--exports", args.exports.is_some(), dataset == Dataset::Customers),
        ("--from", args.from.is_some(), of_time),
        ("--months", args.months.is_some(), of_time),
    ];
    if let Some((option, ..)) = options.iter().find(|(_, is_given, is_fit)| *is_given && !is_fit) {
        let name = dataset.name();
        return Err(if option.trim_start_matches('-') == name {
            format!("{option} is of orders: how many {name} are made is said by --rows")
        } else {
            format!("{option} is not for {name}")
        });
    }
    let is_printed = reading::is_standard_input(&args.out);
    if args.json && is_printed {
        return Err("--json and the rows cannot both be printed: name a file or a folder by --out".to_owned());
    }
    let months = args.months.and_then(|months| u32::try_from(months).ok()).unwrap_or(MONTHS);
    let period = Period::new(args.from.map_or_else(|| FIRST_MONTH.parse(), Ok)?, months);
    Ok(match dataset {
        Dataset::Orders => Task::Orders(Orders {
            seed,
            rows: args.rows.unwrap_or(ORDERS),
            period,
            first: args.first_order.unwrap_or(1),
            customers: args.customers.unwrap_or(CUSTOMERS),
            products: args.products.unwrap_or(PRODUCTS),
            bad,
        }),
        Dataset::Customers => {
            let exports = args.exports.unwrap_or(1);
            if exports > period.day_count() {
                return Err(format!("{exports} exports in {} days: there may be one a day", period.day_count()));
            }
            if exports > 1 && !is_folder(&args.out) {
                return Err("several exports need a folder: --out takes one that exists, or a name with / at its end"
                    .to_owned());
            }
            Task::Customers(Customers { seed, rows: args.rows.unwrap_or(CUSTOMERS), period, exports, bad })
        }
        Dataset::Products => Task::Products(Products { seed, rows: args.rows.unwrap_or(PRODUCTS), bad }),
    })
}

/// One that exists, or a name with a slash at its end.
fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// Nothing is overwritten by mistake, and this is seen before the work.
fn place(args: &GenerateArgs, task: &Task) -> Result<Place> {
    let out = &args.out;
    if reading::is_standard_input(out) {
        return Ok(Place::StandardOutput);
    }
    let (place, paths) = if is_folder(out) {
        fs::create_dir_all(out).with_context(|| format!("cannot create folder {}", out.display()))?;
        (Place::Folder(out.clone()), task.names().iter().map(|name| out.join(name)).collect())
    } else {
        (Place::File(out.clone()), vec![out.clone()])
    };
    match paths.iter().find(|path| path.exists()) {
        Some(path) if path.is_dir() => bail!("{} is a folder", path.display()),
        // What is no file is written to, not replaced.
        Some(path) if !args.force && path.is_file() => bail!("{} exists: --force overwrites it", path.display()),
        Some(_) | None => Ok(place),
    }
}

/// On a terminal a bar with the rate, elsewhere nothing.
fn bar(rows: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(rows), ProgressDrawTarget::stderr_with_hz(5));
    if io::stderr().is_terminal() {
        let template = "{bar:40} {human_pos}/{human_len} rows {per_sec} {eta} left";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}

/// By column and rule, over all files.
fn broken(told: &[Told]) -> Violations {
    let mut all = Violations::new();
    for (column, rules) in told.iter().flat_map(|told| &told.violations) {
        for (rule, rows) in rules {
            *all.entry(column.clone()).or_default().entry(rule.clone()).or_default() += rows;
        }
    }
    all
}

fn as_text(told: &[Told]) -> String {
    let row = |told: &Told| {
        let counts = [told.rows_read, told.rows_rejected, told.bytes].map(count);
        [vec![told.file.clone()], counts.to_vec(), vec![told.status.to_owned()]].concat()
    };
    let rows: Vec<Vec<String>> = told.iter().map(row).collect();
    let mut text = draw(&["file", "rows", "bad", "bytes", "by the contract"], &rows);
    for (column, rules) in broken(told) {
        let column = if column.is_empty() { "the record" } else { &column };
        for (rule, rows) in rules {
            let verb = if rows == 1 { "breaks" } else { "break" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {} {verb} {rule} of {column}", shown::count(rows, "row"));
        }
    }
    text
}

fn as_json(args: &GenerateArgs, told: &[Told]) -> serde_json::Value {
    let sum = |number: fn(&Told) -> u64| told.iter().map(number).sum::<u64>();
    json!({
        "dataset": args.dataset.name(),
        "seed": args.seed,
        "rows_read": sum(|told| told.rows_read),
        "rows_accepted": sum(|told| told.rows_accepted),
        "rows_rejected": sum(|told| told.rows_rejected),
        "violations": broken(told),
        "files": told,
    })
}

/// A month of orders, in memory; order numbers start at `first`.
pub(crate) fn month_of_orders(month: Month, rows: u64, first: u64, bad: BadShare) -> Result<(Vec<u8>, Told)> {
    let period = Period::new(month, 1);
    in_memory(&Task::Orders(Orders { seed: 1, rows, period, first, customers: 400, products: 40, bad }))
}

/// All customers at the month's beginning, in memory.
pub(crate) fn customers(month: Month, rows: u64, bad: BadShare) -> Result<(Vec<u8>, Told)> {
    in_memory(&Task::Customers(Customers { seed: 1, rows, period: Period::new(month, 1), exports: 1, bad }))
}

/// Those of them that are new or changed in the course of that month, in memory.
pub(crate) fn changed_customers(month: Month, rows: u64) -> Result<(Vec<u8>, Told)> {
    // Of two exports over two months the second is taken when the first month ends.
    let period = Period::new(month, 2);
    in_memory(&Task::Customers(Customers { seed: 1, rows, period, exports: 2, bad: BadShare::default() }))
}

/// Of several files the last one.
fn in_memory(task: &Task) -> Result<(Vec<u8>, Told)> {
    let mut files = Files::new(Place::Memory, ProgressBar::hidden());
    task.write(&mut files)?;
    Ok(files.into_memory())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(args: &[&str]) -> (Vec<u8>, Told) {
        #[derive(clap::Parser)]
        struct Asked {
            #[command(flatten)]
            args: GenerateArgs,
        }
        let asked = <Asked as clap::Parser>::parse_from([&["generate", "--out", "file"], args].concat());
        in_memory(&task(&asked.args).unwrap()).unwrap()
    }

    /// FNV-1a of 64 bits.
    fn sum(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xCBF2_9CE4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_on_every_machine() {
        let sums = [
            &["orders", "--rows", "3000", "--bad-percent", "3"][..],
            &["orders", "--rows", "3000", "--seed", "2"],
            &["customers", "--rows", "500", "--bad-percent", "3"],
            &["products", "--rows", "200", "--bad-percent", "3"],
        ]
        .map(|args| format!("{:016x}", sum(&made(args).0)));
        insta::assert_debug_snapshot!(sums);
    }

    #[test]
    fn rows_look_like_this() {
        let head = |args: &[&str]| {
            let (bytes, _) = made(args);
            String::from_utf8(bytes).unwrap().replace('\r', "")
        };
        let all = ["orders", "customers", "products"].map(|dataset| head(&[dataset, "--rows", "4"]));
        insta::assert_snapshot!(all.concat());
    }

    #[test]
    fn a_few_customers_and_products_make_most_of_the_revenue() {
        let (bytes, _) = made(&["orders", "--rows", "30000"]);
        let text = String::from_utf8(bytes).unwrap();
        let mut by_customer = std::collections::BTreeMap::<&str, u64>::new();
        for id in text.lines().filter_map(|line| line.split(',').nth(2)).filter(|id| id.starts_with("C-")) {
            *by_customer.entry(id).or_default() += 1;
        }
        let mut orders: Vec<u64> = by_customer.into_values().collect();
        orders.sort_unstable_by(|a, b| b.cmp(a));
        let all: u64 = orders.iter().sum();
        let top: u64 = orders.iter().take(1_000).sum();
        assert!(top * 100 > all * 60 && top * 100 < all * 85, "{top} of {all}");
        assert!(orders.first().unwrap() * 50 < all);
    }
}
