//! `lakegate check` as a user meets it: what it prints and returns.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use common::{CONTRACT, command, lakegate};

const GOOD: &str = "id,on_day,quantity\na,2024-01-31,1\nb,,2\n";
/// The header's order is not the contract's: fields are counted in the file.
const WITH_REJECTS: &str = "quantity,id,on_day\n1,a,2024-01-31\n0,b,secret\n3,c\n4,d,\n";
const BAD: &str = "id,on_day,quantity\na,x,0\nb,y,0\nc,2024-01-01,1\n";

fn with_files() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let files = [("orders.yaml", CONTRACT), ("good.csv", GOOD), ("with_rejects.csv", WITH_REJECTS), ("bad.csv", BAD)];
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

fn check(dir: &Path, args: &[&str]) -> Output {
    lakegate(dir, &[&["check"], args, &["--contract", "orders.yaml"]].concat())
}

/// Standard output, with every time taken as `_`.
fn stdout(output: &Output) -> String {
    let text = common::stdout(output);
    let line = |line: &str| match line.rsplit_once(", in ") {
        Some((before, after)) if after.ends_with(" ms") => format!("{before}, in _ ms"),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_good_file_is_said_to_be_good_and_nothing_is_written() {
    let dir = with_files();
    let output = check(dir.path(), &["good.csv"]);
    insta::assert_snapshot!(stdout(&output), @"good.csv: good: 2 rows read, 2 accepted, 0 rejected, 0 duplicate, in _ ms");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4, "nothing was written");
}

#[test]
fn problems_are_told_with_line_column_and_field_and_without_values() {
    let dir = with_files();
    let output = check(dir.path(), &["with_rejects.csv"]);
    insta::assert_snapshot!(stdout(&output), @r"
    with_rejects.csv: would be published, without its rejected rows: 4 rows read, 2 accepted, 2 rejected, 0 duplicate, in _ ms
             1 row breaks fields of the record
             1 row breaks type of on_day
             1 row breaks minimum of quantity
    with_rejects.csv:3: on_day (field 3): not a date written yyyy-MM-dd [type]
    with_rejects.csv:3: quantity (field 1): below the minimum 1 [minimum]
    with_rejects.csv:4: 2 fields instead of 3 [fields]
    ");
    assert_eq!(output.status.code(), Some(0));
    assert!(!stdout(&output).contains("secret"));
}

#[test]
fn a_rejected_file_exits_with_3_and_the_limit_is_kept() {
    let dir = with_files();
    let output = check(dir.path(), &["good.csv", "bad.csv", "--limit", "1"]);
    insta::assert_snapshot!(stdout(&output), @r"
    good.csv: good: 2 rows read, 2 accepted, 0 rejected, 0 duplicate, in _ ms
    bad.csv: would be rejected: 3 rows read, 1 accepted, 2 rejected, 0 duplicate, in _ ms
    bad.csv: 2 of 3 rows (66.7 %) break the contract, and at most 50 % may (maxRejectPercent) [TooManyRejects]
             2 rows break type of on_day
             2 rows break minimum of quantity
    bad.csv:2: on_day (field 2): not a date written yyyy-MM-dd [type]
      … and 3 more (--limit tells more of them)
    2 files: 1 would be published, 1 would be rejected; 5 rows read, 2 rejected
    ");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(check(dir.path(), &["bad.csv", "--limit", "0"]).status.code(), Some(3));
}

#[test]
fn strict_makes_any_rejected_row_a_failure() {
    let dir = with_files();
    assert_eq!(check(dir.path(), &["with_rejects.csv", "--strict"]).status.code(), Some(3));
    assert_eq!(check(dir.path(), &["good.csv", "--strict"]).status.code(), Some(0));
}

#[test]
fn the_json_report_has_every_file() {
    let dir = with_files();
    let output = check(dir.path(), &["good.csv", "with_rejects.csv", "--json", "--limit", "1"]);
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for file in report["files"].as_array_mut().unwrap() {
        assert!(file["elapsed_ms"].take().is_u64());
    }
    assert_eq!(report["is_good"], json!(true));
    assert_eq!(report["files"][0]["first_problems"], json!([]));
    let rejects = &report["files"][1];
    assert_eq!(rejects["file"], json!("with_rejects.csv"));
    assert_eq!(rejects["status"], json!("published"));
    assert_eq!(rejects["rows_rejected"], json!(2));
    assert_eq!(rejects["problems"], json!(3));
    assert_eq!(
        rejects["first_problems"],
        json!([{ "line": 3, "column": "on_day", "field": 3, "rule": "type", "message": "not a date written yyyy-MM-dd" }])
    );
    assert!(rejects.get("outputs").is_none());
}

#[test]
fn what_cannot_be_read_exits_with_1_after_the_other_files_were_checked() {
    let dir = with_files();
    let output = check(dir.path(), &["missing.csv", "good.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).starts_with("good.csv: good"));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot read missing.csv"));
}

#[test]
fn the_total_of_several_files_says_what_was_not_read_and_what_strict_takes_for_good() {
    let dir = with_files();
    let last = |args: &[&str]| stdout(&check(dir.path(), args)).lines().last().unwrap().to_owned();
    insta::assert_snapshot!(last(&["missing.csv", "good.csv", "bad.csv"]), @"3 files: 1 would be published, 1 would be rejected, 1 could not be read; 5 rows read, 2 rejected");
    insta::assert_snapshot!(last(&["with_rejects.csv", "good.csv", "--strict"]), @"2 files: 1 good, 1 not; 6 rows read, 2 rejected");
}

#[test]
fn standard_input_is_checked_as_a_file_is() {
    let dir = with_files();
    let mut command = command(dir.path(), &["check", "-", "--contract", "orders.yaml"]);
    let output = command.stdin(fs::File::open(dir.path().join("with_rejects.csv")).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("\n-:3: on_day (field 3): not a date"), "{}", stdout(&output));
}

#[test]
fn wrong_usage_exits_with_2() {
    let dir = with_files();
    assert_eq!(check(dir.path(), &[]).status.code(), Some(2));
    assert_eq!(check(dir.path(), &["good.csv", "--limit", "many"]).status.code(), Some(2));
}
