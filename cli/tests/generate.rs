//! `lakegate generate`, as a user runs it: the engine finds in its files what it tells of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::{lakegate, stderr, stdout};
use serde_json::Value;
use tempfile::TempDir;

fn contract(dataset: &str) -> String {
    format!("{}/../contracts/{dataset}.odcs.yaml", env!("CARGO_MANIFEST_DIR"))
}

/// What the command told.
fn generate(dir: &Path, args: &[&str]) -> Value {
    let output = lakegate(dir, &[&["generate"], args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// Each file is converted, and judged as told.
fn hold(dir: &Path, dataset: &str, told: &Value) {
    let files = told["files"].as_array().unwrap();
    assert!(!files.is_empty());
    for file in files {
        let path = file["file"].as_str().unwrap();
        let output = lakegate(dir, &["convert", path, "--contract", &contract(dataset), "--out", "lake", "--json"]);
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
        for name in ["status", "rows_read", "rows_accepted", "rows_rejected", "violations"] {
            assert_eq!(report[name], file[name], "{name} of {path}");
        }
        assert_eq!(fs::metadata(dir.join(path)).unwrap().len(), file["bytes"].as_u64().unwrap());
    }
    for name in ["rows_read", "rows_accepted", "rows_rejected"] {
        assert_eq!(files.iter().map(|file| file[name].as_u64().unwrap()).sum::<u64>(), told[name].as_u64().unwrap());
    }
}

/// How many pairs of column and rule are broken.
fn kinds(told: &Value) -> usize {
    told["violations"].as_object().unwrap().values().map(|rules| rules.as_object().unwrap().len()).sum()
}

#[test]
fn orders_are_judged_as_told() {
    let dir = TempDir::new().unwrap();
    for (seed, rows, percent) in [
        ("1", "1", "0"),
        ("2", "900", "0"),
        ("3", "4000", "2.5"),
        ("4", "700", "5"),
        ("5", "300", "20"),
        ("6", "40", "100"),
    ] {
        let args =
            ["orders", "--rows", rows, "--seed", seed, "--bad-percent", percent, "--out", "orders.csv", "--force"];
        let told = generate(dir.path(), &args);
        assert_eq!(told["rows_read"].to_string(), rows);
        hold(dir.path(), "orders", &told);
        if rows == "4000" {
            assert_eq!((kinds(&told), told["rows_rejected"].as_u64()), (14, Some(100)), "{told}");
        }
    }
}

#[test]
fn orders_by_month_are_judged_as_told_and_share_no_number() {
    let dir = TempDir::new().unwrap();
    let args =
        ["orders", "--rows", "5000", "--from", "2024-11", "--months", "4", "--bad-percent", "3", "--out", "orders/"];
    let told = generate(dir.path(), &args);
    hold(dir.path(), "orders", &told);
    let files: BTreeSet<String> =
        told["files"].as_array().unwrap().iter().map(|file| file["file"].as_str().unwrap().to_owned()).collect();
    let expected = ["2024-11", "2024-12", "2025-01", "2025-02"].map(|month| format!("orders/{month}.csv"));
    assert_eq!(files, BTreeSet::from(expected));
    for path in files {
        let text = fs::read_to_string(dir.path().join(&path)).unwrap();
        let month = path.trim_start_matches("orders/").trim_end_matches(".csv");
        let days = text.split("\r\n").filter(|row| row.starts_with("O-")).filter_map(|row| row.split(',').nth(1));
        assert!(days.filter(|day| !day.contains("-13-")).all(|day| day.starts_with(month)), "{path}");
    }
}

#[test]
fn products_are_judged_as_told() {
    let dir = TempDir::new().unwrap();
    for (rows, percent, kinds_expected) in [("120", "0", 0), ("1500", "4", 8), ("60", "50", 8)] {
        let args = ["products", "--rows", rows, "--bad-percent", percent, "--out", "products.csv", "--force"];
        let told = generate(dir.path(), &args);
        hold(dir.path(), "products", &told);
        assert_eq!(kinds(&told), kinds_expected, "{told}");
    }
}

#[test]
fn customers_are_judged_as_told() {
    let dir = TempDir::new().unwrap();
    for (seed, percent, kinds_expected) in [("1", "0", 0), ("2", "4", 12), ("3", "60", 12)] {
        let args = ["customers", "--rows", "600", "--exports", "5", "--seed", seed, "--bad-percent", percent];
        let told = generate(dir.path(), &[&args[..], &["--out", &format!("seed{seed}/")]].concat());
        assert_eq!(told["files"].as_array().unwrap().len(), 5);
        hold(dir.path(), "customers", &told);
        assert_eq!(kinds(&told), kinds_expected, "{told}");
    }
}

#[test]
fn a_customers_changes_are_in_order_and_change_something() {
    let dir = TempDir::new().unwrap();
    let args = ["customers", "--rows", "800", "--exports", "12", "--out", "customers/"];
    let told = generate(dir.path(), &args);
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let mut changes = 0;
    for file in told["files"].as_array().unwrap() {
        let path = file["file"].as_str().unwrap();
        let taken_on = path.trim_start_matches("customers/").trim_end_matches(".ndjson").to_owned();
        let is_first = known.is_empty();
        for line in fs::read_to_string(dir.path().join(path)).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let (id, at) = (row["customer_id"].as_str().unwrap(), row["updated_at"].as_str().unwrap().to_owned());
            assert!(row["signup_date"].as_str().unwrap() <= at.as_str(), "{line}");
            assert!(at.as_str() < format!("{taken_on}T24").as_str(), "{line} in {path}");
            if let Some(before) = known.insert(id.to_owned(), row.clone()) {
                assert!(!is_first, "{id} stands twice in {path}");
                assert!(before["updated_at"].as_str().unwrap() < at.as_str(), "{before} then {line}");
                let rest = |row: &Value| {
                    row.as_object()
                        .unwrap()
                        .iter()
                        .filter(|(key, _)| *key != "updated_at")
                        .map(|(key, value)| (key.clone(), value.clone()))
                        .collect::<Vec<_>>()
                };
                assert_ne!(rest(&before), rest(&row));
                assert_eq!(before["signup_date"], row["signup_date"]);
                changes += 1;
            }
        }
    }
    assert!(changes > 400 && known.len() > 900, "{changes} {}", known.len());
}

#[test]
fn orders_name_customers_and_products_that_there_are() {
    let dir = TempDir::new().unwrap();
    let read = |path: &str| fs::read_to_string(dir.path().join(path)).unwrap();
    generate(dir.path(), &["customers", "--rows", "50", "--seed", "9", "--out", "customers.ndjson"]);
    generate(dir.path(), &["products", "--rows", "10", "--seed", "9", "--out", "products.csv"]);
    let args =
        ["orders", "--rows", "2000", "--customers", "50", "--products", "10", "--seed", "9", "--out", "orders.csv"];
    generate(dir.path(), &args);
    let customers: BTreeSet<String> = read("customers.ndjson").lines().map(|line| line[16..23].to_owned()).collect();
    let products = read("products.csv");
    let name = |line: &'_ str| line.split_once(',').unwrap().1.rsplitn(4, ',').last().unwrap().to_owned();
    let names: BTreeSet<String> = products.lines().skip(1).map(name).collect();
    let mut bought: BTreeSet<&String> = BTreeSet::new();
    for row in read("orders.csv").split("\r\n").filter(|row| row.starts_with("O-")) {
        let fields: Vec<&str> = row.splitn(4, ',').collect();
        assert!(customers.contains(fields[2]), "{row}");
        bought.insert(names.iter().find(|name| fields[3].starts_with(name.as_str())).unwrap());
    }
    assert_eq!(bought.len(), 10, "every product is bought: {bought:?}");
}

#[test]
fn files_are_kept_unless_told_otherwise_and_options_must_make_sense() {
    let dir = TempDir::new().unwrap();
    let run = |args: &[&str]| lakegate(dir.path(), &[&["generate"], args].concat());
    fs::write(dir.path().join("orders.csv"), "mine").unwrap();
    let output = run(&["orders", "--rows", "5", "--out", "orders.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "lakegate: orders.csv exists: --force overwrites it\n");
    assert_eq!(fs::read_to_string(dir.path().join("orders.csv")).unwrap(), "mine");
    let output = run(&["orders", "--rows", "5", "--out", "none/orders.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "lakegate: cannot write none/orders.csv: there is no folder none\n");
    assert_eq!(run(&["orders", "--rows", "5", "--out", "/dev/null"]).status.code(), Some(0));
    assert!(!Path::new("/dev/null").is_file(), "a device is written to, not replaced");
    for wrong in [
        &["products", "--exports", "2"][..],
        &["customers", "--first-order", "2"],
        &["products", "--from", "2025-02"],
        &["orders", "--seed", "-1"],
        &["orders", "--exports", "2"],
        &["customers", "--exports", "2", "--out", "file.ndjson"],
        &["customers", "--exports", "32", "--months", "1", "--out", "folder/"],
        &["orders", "--json"],
        &["orders", "--bad-percent", "101"],
        &["orders", "--months", "0"],
        &["orders", "--from", "2025-13"],
        &["invoices"],
    ] {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else was written");
    let printed = run(&["orders", "--rows", "3"]);
    assert_eq!(
        stdout(&printed).split("\r\n").next(),
        Some("order_id,order_ts,customer_id,product,quantity,unit_price,region,country,note")
    );
    let told = stderr(&printed);
    assert!(told.contains("by the contract") && told.ends_with("published\n"), "{told}");
}

#[test]
fn nothing_is_left_of_what_was_stopped() {
    let dir = TempDir::new().unwrap();
    let mut child = common::command(dir.path(), &["generate", "orders", "--rows", "1000000000000", "--out", "months/"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let folder = dir.path().join("months");
    let is_at_work = || fs::read_dir(&folder).is_ok_and(|found| found.count() > 0);
    for _ in 0..500 {
        if is_at_work() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(is_at_work());
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
