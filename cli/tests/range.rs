//! `lakegate range` as whoever distributes a conversion meets it: each step a process of its own, JSON between them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const CONTRACT: &str = r#"
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
servers:
  - {server: landing, type: s3, location: "s3://*/orders/*.csv", format: csv}
schema:
  - name: orders
    logicalType: object
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: note, logicalType: string}
      - {name: quantity, logicalType: integer, logicalTypeOptions: {minimum: 1}}
      - {name: year, logicalType: integer, physicalType: INTEGER, partitioned: true}
    customProperties:
      - {property: maxRejectPercent, value: 50, vendor: lakegate}
"#;

fn with_file(input: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("orders.yaml"), CONTRACT).unwrap();
    fs::write(dir.path().join("orders.csv"), input).unwrap();
    dir
}

fn lakegate(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lakegate")).args(args).current_dir(dir).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
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
    let at = ["--plan", "plan.json", "--resolved", "resolved.json", "--out", "ranges", "--range", &range.to_string()];
    step(dir, &format!("report-{range}.json"), &[&["convert"], FILE, &at].concat())
}

/// Judges by the reports of these ranges.
fn judge(dir: &Path, ranges: &[u64]) -> Output {
    let reports: Vec<String> = ranges.iter().map(|range| format!("report-{range}.json")).collect();
    let reports: Vec<&str> = reports.iter().map(String::as_str).collect();
    let args = ["range", "judge", "--contract", "orders.yaml", "--plan", "plan.json", "--resolved", "resolved.json"];
    lakegate(dir, &[&args, reports.as_slice()].concat())
}

/// All steps; the ranges that had rows, and the judgement.
fn all_steps(dir: &Path, range_bytes: &str) -> (Vec<u64>, Value) {
    let ranges = plan(dir, range_bytes)["plan"]["ranges"].as_array().unwrap().len();
    (0..ranges).for_each(|range| scan(dir, range));
    let resolved = resolve(dir, ranges);
    let work = resolved["work"].as_array().unwrap();
    let ranges: Vec<u64> = work.iter().map(|work| work["range"].as_u64().unwrap()).collect();
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

#[test]
fn the_ranges_of_a_file_are_judged_as_the_whole_file_is() {
    let dir = with_file(&orders(200));
    let convert = ["convert", "orders.csv", "--contract", "orders.yaml", "--out", "out", "--report", "-"];
    let whole: Value = serde_json::from_slice(&lakegate(dir.path(), &convert).stdout).unwrap();
    let (ranges, judged) = all_steps(dir.path(), "1000");
    assert_eq!(ranges.len(), 7);
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
    assert_eq!(judged["rows_rejected"], 29);
    assert_eq!(rows_by_partition(&judged), rows_by_partition(&whole));
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
    let mut child = Command::new(env!("CARGO_BIN_EXE_lakegate"))
        .args(["range", "scan", "-", "--contract", "orders.yaml", "--plan", "plan.json", "--range", "1"])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
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
