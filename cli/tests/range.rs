//! `lakegate range` as whoever distributes a conversion meets it: each step a process of its own, JSON between them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use common::{command, contract_with, lakegate, stderr};

fn contract() -> String {
    let year = "name: year, logicalType: integer, physicalType: INTEGER, partitioned: true";
    contract_with(&["name: note, logicalType: string", year])
}

fn with_file(input: &str) -> TempDir {
    with_contract(&contract(), input)
}

fn with_contract(contract: &str, input: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("orders.yaml"), contract).unwrap();
    fs::write(dir.path().join("orders.csv"), input).unwrap();
    dir
}

/// Runs a step, and keeps what it prints in a file of this name.
fn step(dir: &Path, name: &str, args: &[&str]) -> Value {
    let output = lakegate(dir, &[&["range"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    fs::write(dir.join(name), &output.stdout).unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

const FILE: &[&str] = &["orders.csv", "--contract", "orders.yaml"];

fn plan(dir: &Path, range_bytes: &str) -> Value {
    step(dir, "plan.json", &[&["plan"], FILE, &["--range-bytes", range_bytes]].concat())
}

fn scan(dir: &Path, range: usize) {
    let range = range.to_string();
    step(dir, &format!("scan-{range}.json"), &[&["scan"], FILE, &["--plan", "plan.json", "--range", &range]].concat());
}

fn resolve(dir: &Path, ranges: usize) -> Value {
    let scans: Vec<String> = (0..ranges).map(|range| format!("scan-{range}.json")).collect();
    let scans: Vec<&str> = scans.iter().map(String::as_str).collect();
    step(dir, "resolved.json", &[&["resolve", "--plan", "plan.json"], scans.as_slice()].concat())
}

fn convert(dir: &Path, range: u64) -> Value {
    convert_with(dir, range, &[])
}

fn convert_with(dir: &Path, range: u64, more: &[&str]) -> Value {
    let at = ["--plan", "plan.json", "--resolved", "resolved.json", "--out", "ranges", "--range", &range.to_string()];
    step(dir, &format!("report-{range}.json"), &[&["convert"], FILE, &at, more].concat())
}

/// Judges by the reports of these ranges.
fn judge(dir: &Path, ranges: &[u64]) -> Output {
    judge_with(dir, ranges, &[])
}

fn judge_with(dir: &Path, ranges: &[u64], more: &[&str]) -> Output {
    let reports = reports(ranges);
    let reports: Vec<&str> = reports.iter().map(String::as_str).collect();
    let args = ["range", "judge", "--contract", "orders.yaml", "--plan", "plan.json", "--resolved", "resolved.json"];
    lakegate(dir, &[&args, reports.as_slice(), more].concat())
}

fn reports(ranges: &[u64]) -> Vec<String> {
    ranges.iter().map(|range| format!("report-{range}.json")).collect()
}

/// The first steps; the ranges that have rows.
fn resolve_all(dir: &Path, range_bytes: &str) -> Vec<u64> {
    let ranges = plan(dir, range_bytes)["plan"]["ranges"].as_array().unwrap().len();
    (0..ranges).for_each(|range| scan(dir, range));
    let resolved = resolve(dir, ranges);
    let work = resolved["work"].as_array().unwrap();
    work.iter().map(|work| work["range"].as_u64().unwrap()).collect()
}

/// All steps; the ranges that had rows, and the judgement.
fn all_steps(dir: &Path, range_bytes: &str) -> (Vec<u64>, Value) {
    let ranges = resolve_all(dir, range_bytes);
    for range in &ranges {
        convert(dir, *range);
    }
    let judged = judge(dir, &ranges);
    (ranges, serde_json::from_slice(&judged.stdout).unwrap())
}

/// Rows with line breaks in quotes, of which every seventh breaks a rule.
fn orders(rows: usize) -> String {
    let mut text = "id,note,quantity,year\r\n".to_owned();
    for row in 0..rows {
        write!(text, "O{row},\"two\nlines, \"\"{row}\"\"\",{},{}\r\n", row % 7, 2020 + row % 3).unwrap();
    }
    text
}

/// Rows by partition, as a report counts them.
fn rows_by_partition(report: &Value) -> BTreeMap<String, u64> {
    let mut rows = BTreeMap::new();
    for output in report["outputs"].as_array().unwrap() {
        *rows.entry(output["partition"].as_str().unwrap().to_owned()).or_default() += output["rows"].as_u64().unwrap();
    }
    rows
}

/// The judgement of ranges is that of the whole file.
fn assert_same(judged: &Value, whole: &Value) {
    for name in [
        "status",
        "table",
        "rows_read",
        "rows_accepted",
        "rows_rejected",
        "rows_duplicate",
        "violations",
        "warnings",
        "file_error",
        "bytes_read",
    ] {
        assert_eq!(judged[name], whole[name], "{name}");
    }
    assert_eq!(rows_by_partition(judged), rows_by_partition(whole));
}

fn convert_whole(dir: &Path) -> Value {
    let convert = ["convert", "orders.csv", "--contract", "orders.yaml", "--out", "out", "--report", "-"];
    serde_json::from_slice(&lakegate(dir, &convert).stdout).unwrap()
}

#[test]
fn the_ranges_of_a_file_are_judged_as_the_whole_file_is() {
    let dir = with_file(&orders(200));
    let whole = convert_whole(dir.path());
    let (ranges, judged) = all_steps(dir.path(), "1000");
    assert_eq!(ranges.len(), 7);
    assert_same(&judged, &whole);
    assert_eq!(judged["rows_rejected"], 29);
    // Every file that is told is there, under a name that no other range writes.
    let outputs = judged["outputs"].as_array().unwrap().iter().map(|output| output["path"].as_str().unwrap());
    let rejects = judged["rejects_paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap());
    let paths: Vec<&str> = outputs.chain(rejects).collect();
    assert_eq!(paths.len(), paths.iter().collect::<std::collections::BTreeSet<_>>().len());
    for path in &paths {
        assert!(dir.path().join("ranges").join(path).is_file(), "{path}");
    }
}

#[test]
fn a_range_that_is_converted_twice_writes_the_same_files() {
    let dir = with_file(&orders(50));
    all_steps(dir.path(), "500");
    let mut first = convert(dir.path(), 1);
    let path = dir.path().join("ranges").join(first["outputs"][0]["path"].as_str().unwrap());
    let bytes = fs::read(&path).unwrap();
    let mut second = convert(dir.path(), 1);
    first["elapsed_ms"].take();
    second["elapsed_ms"].take();
    assert_eq!(first, second);
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn bytes_may_come_from_standard_input() {
    let input = orders(100);
    let dir = with_file(&input);
    let planned = plan(dir.path(), "1500");
    let from = usize::try_from(planned["scan_from"][1].as_u64().unwrap()).unwrap();
    scan(dir.path(), 1);
    let args = ["range", "scan", "-", "--contract", "orders.yaml", "--plan", "plan.json", "--range", "1"];
    let mut child = command(dir.path(), &args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // It may have enough before all is written.
    let _ = child.stdin.take().unwrap().write_all(&input.as_bytes()[from..]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, fs::read(dir.path().join("scan-1.json")).unwrap());
}

#[test]
fn a_file_that_is_rejected_in_the_end_tells_why_and_publishes_nothing() {
    let dir = with_file(&format!("id,note,quantity,year\n{}", "A,,0,2020\n".repeat(60)));
    let (ranges, judged) = all_steps(dir.path(), "100");
    assert!(ranges.len() > 5);
    assert_eq!(judged["status"], "rejected");
    assert_eq!(judged["file_error"]["kind"], "TooManyRejects");
    assert_eq!(judged["outputs"], json!([]));
    assert_eq!(judge(dir.path(), &ranges).status.code(), Some(3));
}

#[test]
fn a_file_that_is_not_to_be_cut_says_why() {
    let dir = with_file("id,quantity,note,year,more\nA,1,,2020,\n");
    let planned = plan(dir.path(), "10");
    assert_eq!(planned["plan"], Value::Null);
    insta::assert_snapshot!(planned["one_pass"].as_str().unwrap(), @r#"the file is rejected by its beginning: HeaderMismatch: the header has columns that the contract does not know: "more""#);
    let output = lakegate(dir.path(), &[&["range", "scan"], FILE, &["--plan", "plan.json", "--range", "0"]].concat());
    insta::assert_snapshot!(stderr(&output), @r#"lakegate: plan.json has no ranges: the file is rejected by its beginning: HeaderMismatch: the header has columns that the contract does not know: "more""#);
}

#[test]
fn steps_that_do_not_fit_together_are_refused() {
    let dir = with_file(&orders(40));
    let ranges = plan(dir.path(), "400")["plan"]["ranges"].as_array().unwrap().len();
    (0..ranges).filter(|range| *range != 2).for_each(|range| scan(dir.path(), range));
    fs::write(dir.path().join("scan-2.json"), "").unwrap();
    // Range 2 was not scanned.
    assert_eq!(resolve(dir.path(), ranges), json!({"scan_again": {"range": 2, "start": {"offset": 803}}}));
    let told = |args: &[&str]| {
        let output = lakegate(dir.path(), args);
        assert_eq!(output.status.code(), Some(1));
        stderr(&output)
    };
    let at = ["--plan", "plan.json", "--resolved", "resolved.json", "--out", "ranges", "--range", "0"];
    let convert = [&["range", "convert"], FILE, &at].concat();
    insta::assert_snapshot!(told(&convert), @"lakegate: resolved.json is not resolved: scan range 2 again, and resolve with that scan too");
    let scan_of = |range: &'static str| [&["range", "scan"], FILE, &["--plan", "plan.json", "--range", range]].concat();
    insta::assert_snapshot!(told(&scan_of("99")), @"lakegate: the plan has 4 ranges, counted from 0");
    scan(dir.path(), 2);
    resolve(dir.path(), ranges);
    step(dir.path(), "report-0.json", &convert[1..]);
    insta::assert_snapshot!(stderr(&judge(dir.path(), &[0])), @"lakegate: range 1 has 0 reports, and must have one");
    fs::write(dir.path().join("orders.csv"), orders(41)).unwrap();
    insta::assert_snapshot!(told(&scan_of("0")), @"lakegate: orders.csv has 1315 bytes, and the plan is of a file of 1283");
    insta::assert_snapshot!(told(&["range", "plan", "-", "--contract", "orders.yaml", "--range-bytes", "9"]), @"lakegate: give the file's size by --size-bytes: standard input has none");
}

/// With a unique id and dropped and counted duplicates.
fn contract_with_keys() -> String {
    let unique = contract().replace("name: id, logicalType: string", "name: id, logicalType: string, unique: true");
    let drop = "customProperties:\n      - {property: exactDuplicates, value: drop, vendor: lakegate}";
    let count = "quality: [{name: notes, metric: duplicateValues, arguments: {properties: [note]}, mustBe: 0, severity: warning}]";
    unique
        .replace("customProperties:", drop)
        .replace("    customProperties:", &format!("    {count}\n    customProperties:"))
}

/// Every tenth row is that of five rows above, every tenth but one has only its id; and one of these is alone in its year.
fn orders_with_duplicates(rows: usize) -> String {
    let line = |row: usize| match row % 10 {
        9 => format!("O{},note {},3,2021\n", row - 5, (row - 5) % 17),
        8 if row == 58 => "O50,note,3,1999\n".to_owned(),
        8 => format!("O{},note,3,2021\n", row - 8),
        _ => format!("O{row},note {},3,2021\n", row % 17),
    };
    format!("id,note,quantity,year\n{}", (0..rows).map(line).collect::<Vec<_>>().concat())
}

/// Contests, and what is decided.
fn decide(dir: &Path, ranges: &[u64]) -> Value {
    let keys: Vec<String> = ranges.iter().map(|range| format!("keys/{range}/0")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let contested = lakegate(dir, &[&["range", "contest", "--contract", "orders.yaml"], keys.as_slice()].concat());
    assert_eq!(contested.status.code(), Some(0), "{}", stderr(&contested));
    fs::write(dir.join("contested-0"), contested.stdout).unwrap();
    let reports = reports(ranges);
    let reports: Vec<&str> = reports.iter().map(String::as_str).collect();
    let args = ["decide", "--contract", "orders.yaml", "--resolved", "resolved.json", "--contested", "contested-0"];
    let decided = step(dir, "decided.json", &[&args, ["--reports"].as_slice(), reports.as_slice()].concat());
    step(
        dir,
        "counted-0.json",
        &[&["count", "--contract", "orders.yaml", "--decided", "decided.json"], keys.as_slice()].concat(),
    );
    decided
}

#[test]
fn rows_of_different_ranges_that_share_keys_are_decided_as_in_the_whole_file() {
    let dir = with_contract(&contract_with_keys(), &orders_with_duplicates(200));
    let whole = convert_whole(dir.path());
    assert_eq!((&whole["rows_rejected"], &whole["rows_duplicate"]), (&json!(20), &json!(20)));
    let ranges = resolve_all(dir.path(), "700");
    assert!(ranges.len() > 4);
    for range in &ranges {
        convert_with(dir.path(), *range, &["--keys", &format!("keys/{range}")]);
    }
    let alone = || files_below(&dir.path().join("ranges/lake/orders/year=1999"));
    assert_eq!(alone(), 1);
    let decided = decide(dir.path(), &ranges);
    let compared = ["--decided", "decided.json", "--counted", "counted-0.json"];
    // What was decided is obeyed, or nothing is judged.
    let disobeyed = judge_with(dir.path(), &ranges, &compared);
    assert!(stderr(&disobeyed).contains("convert the range with its decisions"), "{}", stderr(&disobeyed));
    for range in decided["ranges"].as_object().unwrap().keys() {
        convert_with(dir.path(), range.parse().unwrap(), &["--decisions", "decided.json"]);
    }
    // A file of the first conversion that has no rows any more is gone.
    assert_eq!(alone(), 0);
    let judged = judge_with(dir.path(), &ranges, &compared);
    assert_eq!(judged.status.code(), Some(0), "{}", stderr(&judged));
    let judged: Value = serde_json::from_slice(&judged.stdout).unwrap();
    assert_same(&judged, &whole);
    assert!(judged["warnings"][""]["notes"].as_u64() > Some(100), "{judged}");
    for output in judged["outputs"].as_array().unwrap() {
        assert!(dir.path().join("ranges").join(output["path"].as_str().unwrap()).is_file(), "{output}");
    }
}

fn files_below(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn steps_that_leave_keys_out_are_refused() {
    let dir = with_contract(&contract_with_keys(), &orders_with_duplicates(60));
    let ranges = resolve_all(dir.path(), "700");
    let told = |args: &[&str]| {
        let output = lakegate(dir.path(), args);
        assert_eq!(output.status.code(), Some(1));
        stderr(&output)
    };
    let at = ["--plan", "plan.json", "--resolved", "resolved.json", "--out", "ranges", "--range", "0"];
    let convert = [&["range", "convert"], FILE, &at].concat();
    insta::assert_snapshot!(told(&convert), @"lakegate: the contract compares rows of different ranges: say by --keys where this one's keys go, or by --decisions what is decided");
    for range in &ranges {
        convert_with(dir.path(), *range, &["--keys", &format!("keys/{range}")]);
    }
    insta::assert_snapshot!(stderr(&judge(dir.path(), &ranges)), @"lakegate: the contract compares rows of different ranges, and they were not compared");
    decide(dir.path(), &ranges);
    fs::write(
        dir.path().join("decided.json"),
        r#"{"decided": {"keys": 1, "lost": {}, "file_error": null}, "ranges": {}}"#,
    )
    .unwrap();
    insta::assert_snapshot!(told(&[convert.as_slice(), &["--decisions", "decided.json"]].concat()), @"lakegate: nothing is decided of range 0: its first conversion stands");
    let lost = [
        "range",
        "decide",
        "--contract",
        "orders.yaml",
        "--resolved",
        "resolved.json",
        "--reports",
        "report-0.json",
        "report-1.json",
    ];
    insta::assert_snapshot!(told(&lost), @"lakegate: the ranges wrote 180 keys, and 0 were compared");
    insta::assert_snapshot!(told(&["range", "contest", "--contract", "orders.yaml", "keys/0/0", "orders.csv"]), @"lakegate: orders.csv: these are no keys of this version of the engine");
    let plain = with_file(&orders(20));
    resolve_all(plain.path(), "700");
    let undecided = lakegate(plain.path(), &[convert.as_slice(), &["--decisions", "decided.json"]].concat());
    insta::assert_snapshot!(stderr(&undecided), @"lakegate: the contract does not compare rows of different ranges: nothing is decided of them");
}
