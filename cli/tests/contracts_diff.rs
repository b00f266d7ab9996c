//! `lakegate contracts diff` as a user meets it: what it prints and returns.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use common::{CONTRACT, lakegate, stderr, stdout};

fn with_contracts(changes: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut new = CONTRACT.to_owned();
    for (from, to) in changes {
        assert!(new.contains(from), "{from}");
        new = new.replace(from, to);
    }
    fs::write(dir.path().join("old.yaml"), CONTRACT).unwrap();
    fs::write(dir.path().join("new.yaml"), new).unwrap();
    dir
}

fn diff(dir: &Path, args: &[&str]) -> Output {
    lakegate(dir, &[&["contracts", "diff"], args].concat())
}

#[test]
fn changes_are_told_by_class_and_a_breaking_one_exits_with_3() {
    let dir = with_contracts(&[
        ("version: 1.0.0", "version: 2.0.0"),
        ("logicalType: date", "logicalType: timestamp"),
        (
            "physicalType: INTEGER, logicalTypeOptions: {minimum: 1}}",
            "required: true}\n      - {name: note, logicalType: string}",
        ),
    ]);
    let output = diff(dir.path(), &["old.yaml", "new.yaml"]);
    insta::assert_snapshot!(stdout(&output), @r"
    table orders, version 1.0.0 to 2.0.0: 1 breaking, 1 stricter, 2 looser, 2 neutral

    breaking: older files, queries or new files fail, or rows mean something else
      properties[on_day].physicalType: date (yyyy-MM-dd) -> timestamp (ISO 8601)
          older files cannot be read in the new type: Lakegate refuses every new file (IncompatibleTable). Give the column another physicalName, or the contract another table

    stricter: what was accepted may be rejected
      properties[quantity].required: false -> true
          rows without a value, and files without the column, are rejected; older files keep their nulls

    looser: what was rejected may be accepted
      properties[quantity].physicalType: int -> bigint
          the table and all its partitions take the wider type; Athena, DuckDB and pyarrow read older files in it, Spark 3.5 does not, because their numbers are stored in 32 bits
      properties[quantity].logicalTypeOptions.minimum: dropped: 1
          values that were rejected are accepted; what older files had of them comes in when they are judged anew

    neutral: what was published and accepted stays as it was
      properties[note]: new: string
          the table and all its partitions get it at the end; older files have null in it
      version: 1.0.0 -> 2.0.0
          a file that is announced again is judged anew by this contract; files that are not stay as they were judged
    ");
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(3), ""));
}

#[test]
fn changes_that_break_nothing_exit_with_0() {
    let dir =
        with_contracts(&[("version: 1.0.0", "version: 1.1.0"), ("physicalType: INTEGER", "physicalType: BIGINT")]);
    let output = diff(dir.path(), &["old.yaml", "new.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let same = diff(dir.path(), &["old.yaml", "old.yaml"]);
    assert_eq!(
        (same.status.code(), stdout(&same).as_str()),
        (Some(0), "table orders, version 1.0.0 to 1.0.0: no difference\n")
    );
}

#[test]
fn the_json_report_has_every_change() {
    let dir = with_contracts(&[("{minimum: 1}", "{minimum: 2}")]);
    let output = diff(dir.path(), &["old.yaml", "new.yaml", "--json"]);
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for change in report["changes"].as_array_mut().unwrap() {
        assert!(change["effect"].take().is_string());
    }
    assert_eq!(
        report,
        json!({
            "table": "orders", "old_version": "1.0.0", "new_version": "1.0.0", "is_breaking": false,
            "counts": {"breaking": 0, "stricter": 1, "looser": 0, "neutral": 1},
            "changes": [
                {"class": "stricter", "path": "properties[quantity].logicalTypeOptions.minimum", "old": "1", "new": "2", "effect": null},
                {"class": "neutral", "path": "version", "old": "1.0.0", "new": "1.0.0", "effect": null},
            ],
        })
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_document_that_is_no_contract_exits_with_1_and_wrong_usage_with_2() {
    let dir = with_contracts(&[("logicalType: date", "logicalType: day")]);
    let output = diff(dir.path(), &["old.yaml", "new.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(told.starts_with("new.yaml:13: error: ") && told.contains("\nlakegate: new.yaml is no contract"), "{told}");
    assert_eq!(diff(dir.path(), &["old.yaml", "missing.yaml"]).status.code(), Some(1));
    assert_eq!(diff(dir.path(), &["old.yaml"]).status.code(), Some(2));
}
