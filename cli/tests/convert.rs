//! `lakegate convert` and `lakegate contracts check` as a user meets them: what they print, write and return.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use common::{contract_with, lakegate, stderr};

fn contract() -> String {
    contract_with(&[
        "name: year, logicalType: integer, physicalType: INTEGER, partitioned: true, transformLogic: year(on_day)",
    ])
}

fn convert(dir: &Path, input: &str) -> Output {
    fs::write(dir.join("orders.csv"), input).unwrap();
    lakegate(dir, &["convert", "orders.csv", "--contract", "orders.yaml", "--out", "out", "--report", "-"])
}

fn with_contract() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("orders.yaml"), contract()).unwrap();
    dir
}

fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(unhashed(&path.strip_prefix(dir).unwrap().to_string_lossy()));
            }
        }
    }
    found.sort();
    found
}

/// Names hang on where the temporary folder is, and those of rejects on when the file was written: `orders-<16 digits>` becomes
/// `orders-HASH`, and `-<8 digits>` behind it `-VERSION`.
fn unhashed(text: &str) -> String {
    let mut parts = text.split("/orders-");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| {
        let rest = &part[16..];
        let has_version = rest.len() > 9 && rest[1..9].chars().all(|c| c.is_ascii_hexdigit());
        let (version, rest) = if has_version { ("-VERSION", &rest[9..]) } else { ("", rest) };
        format!("{text}/orders-HASH{version}{rest}")
    })
}

#[test]
fn a_published_file_is_laid_out_as_in_the_lake_bucket() {
    let dir = with_contract();
    let output = convert(dir.path(), "id,on_day,quantity\na,2024-01-31,1\nb,2025-02-01,2\nc,2025-02-02,0\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut report: Value = serde_json::from_str(&unhashed(&String::from_utf8(output.stdout).unwrap())).unwrap();
    for output in report["outputs"].as_array_mut().unwrap() {
        assert!(output["bytes"].take().as_u64() > Some(100));
    }
    assert!(report["elapsed_ms"].take().is_u64());
    let expected = json!({
        "status": "published", "table": "orders",
        "rows_read": 3, "rows_accepted": 2, "rows_rejected": 1, "rows_duplicate": 0,
        "violations": {"quantity": {"minimum": 1}}, "warnings": {}, "file_error": null,
        "outputs": [
            {"path": "lake/orders/year=2024/orders-HASH-0.parquet", "partition": "year=2024", "rows": 1, "bytes": null},
            {"path": "lake/orders/year=2025/orders-HASH-0.parquet", "partition": "year=2025", "rows": 1, "bytes": null},
        ],
        "rejects_path": "rejects/dataset=orders/orders-HASH-VERSION.parquet",
        "bytes_read": 64, "elapsed_ms": null,
    });
    assert_eq!(report, expected);
    insta::assert_snapshot!(files(&dir.path().join("out")).join("\n"), @r"
    lake/orders/year=2024/orders-HASH-0.parquet
    lake/orders/year=2025/orders-HASH-0.parquet
    ledger/orders-HASH.json
    rejects/dataset=orders/orders-HASH-VERSION.parquet
    ");
}

#[test]
fn converting_a_corrected_file_replaces_what_the_first_one_left() {
    let dir = with_contract();
    convert(dir.path(), "id,on_day,quantity\na,2024-01-31,1\nb,2025-02-01,0\n");
    let output = convert(dir.path(), "id,on_day,quantity\na,2023-01-31,1\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(files(&dir.path().join("out")).join("\n"), @r"
    lake/orders/year=2023/orders-HASH-0.parquet
    ledger/orders-HASH.json
    ");
}

#[test]
fn a_rejected_version_lets_the_former_stand_until_a_good_one_replaces_it() {
    let dir = with_contract();
    convert(dir.path(), "id,on_day,quantity\na,2024-01-31,1\n");
    fs::write(dir.path().join("orders.csv"), "id,on_day,quantity\na,2024-01-31,0\n").unwrap();
    let output = lakegate(dir.path(), &["convert", "./orders.csv", "--contract", "orders.yaml", "--out", "out"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("  line 2: quantity: below the minimum 1 (minimum)\n"), "{said}");
    assert!(said.ends_with("  what an earlier version of the file published still stands\n"), "{said}");
    convert(dir.path(), "id,on_day,quantity\na,2023-01-31,1\n");
    insta::assert_snapshot!(files(&dir.path().join("out")).join("\n"), @r"
    lake/orders/year=2023/orders-HASH-0.parquet
    ledger/orders-HASH.json
    ");
}

/// The ledger's only entry.
fn entry(dir: &Path) -> Value {
    let path = fs::read_dir(dir.join("out/ledger")).unwrap().next().unwrap().unwrap().path();
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// That the ledger names what stands, all of it.
fn assert_all_is_named(dir: &Path) {
    let entry = entry(dir);
    let outputs = entry["outputs"].as_array().unwrap().iter().map(|output| output["path"].clone());
    let kept = entry["kept_paths"].as_array().into_iter().flatten().cloned();
    let paths = outputs.chain(kept).chain([entry["rejects_path"].clone()]);
    let mut named: Vec<String> = paths.filter_map(|path| path.as_str().map(unhashed)).collect();
    named.sort();
    let stands: Vec<String> = files(&dir.join("out")).into_iter().filter(|path| !path.starts_with("ledger/")).collect();
    assert_eq!(named, stands);
}

#[test]
fn the_rejects_of_rows_that_stand_are_not_overwritten_by_those_of_a_rejected_version() {
    let dir = with_contract();
    convert(dir.path(), "id,on_day,quantity\na,2024-01-31,1\nb,2025-02-01,0\n");
    let rejects = |dir: &Path| {
        let read = fs::read_dir(dir.join("out/rejects/dataset=orders")).unwrap();
        read.map(|entry| entry.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect::<Vec<_>>()
    };
    let first = rejects(dir.path());
    for quantity in [0, -1] {
        let output = convert(dir.path(), &format!("id,on_day,quantity\na,2024-01-31,{quantity}\n"));
        assert_eq!(output.status.code(), Some(3));
        assert!(rejects(dir.path()).contains(&first[0]), "as it was");
        assert_all_is_named(dir.path());
    }
    assert_eq!(rejects(dir.path()).len(), 3);
    convert(dir.path(), "id,on_day,quantity\na,2023-01-31,1\n");
    assert_eq!(rejects(dir.path()), []);
    assert_all_is_named(dir.path());
}

/// A first version is published, and of the second one only the rows of 2024, and those of 2026 not.
fn broken_off() -> TempDir {
    let dir = with_contract();
    convert(dir.path(), "id,on_day,quantity\na,2024-01-31,1\nb,2025-02-01,2\n");
    let obstacle = dir.path().join("out/lake/orders/year=2026");
    fs::write(&obstacle, "").unwrap();
    let output = convert(dir.path(), "id,on_day,quantity\nc,2024-01-31,1\nd,2026-02-01,2\n");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.starts_with("lakegate: the file is published in part: convert it again: cannot "), "{said}");
    assert_eq!(entry(dir.path())["state"], "publishing");
    fs::remove_file(obstacle).unwrap();
    dir
}

#[test]
fn a_publication_that_fails_half_way_is_made_good_by_the_next_conversion() {
    let dir = broken_off();
    let output = convert(dir.path(), "id,on_day,quantity\nc,2024-01-31,1\nd,2026-02-01,2\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(files(&dir.path().join("out")).join("\n"), @r"
    lake/orders/year=2024/orders-HASH-0.parquet
    lake/orders/year=2026/orders-HASH-0.parquet
    ledger/orders-HASH.json
    ");
    assert_all_is_named(dir.path());
    assert_eq!((&entry(dir.path())["state"], &entry(dir.path())["unfinished"]), (&json!("committed"), &Value::Null));
}

#[test]
fn a_rejected_version_takes_away_what_a_publication_left_half_way() {
    let dir = broken_off();
    fs::write(dir.path().join("orders.csv"), "id,on_day,quantity\na,2024-01-31,0\n").unwrap();
    let convert = || lakegate(dir.path(), &["convert", "orders.csv", "--contract", "orders.yaml", "--out", "out"]);
    let output = convert();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.ends_with("had broken off: the table has no rows of this file any more\n"), "{said}");
    insta::assert_snapshot!(files(&dir.path().join("out")).join("\n"), @r"
    ledger/orders-HASH.json
    rejects/dataset=orders/orders-HASH-VERSION.parquet
    ");
    assert_all_is_named(dir.path());
    // Told once; and nothing is half-way any more.
    let said = String::from_utf8(convert().stdout).unwrap();
    assert!(!said.contains("broken off"), "{said}");
    assert_eq!(entry(dir.path())["unfinished"], Value::Null);
}

#[test]
fn what_a_killed_conversion_left_is_removed_and_what_one_at_work_has_is_not() {
    let dir = with_contract();
    let folder = |name: &str| {
        let folder = dir.path().join("out").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("0.parquet"), "half").unwrap();
        folder
    };
    let (killed, at_work) = (folder(".lakegate-1-0"), folder(".lakegate-2-0"));
    let held = fs::File::open(&at_work).unwrap();
    held.lock().unwrap();
    let output = convert(dir.path(), "id,on_day,quantity\na,2024-01-31,1\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!killed.exists());
    assert!(at_work.join("0.parquet").exists());
}

#[test]
fn conversions_of_one_file_at_once_leave_the_rows_of_one_of_them() {
    let dir = with_contract();
    let rows =
        |year: i32| (0..2000).map(|row| format!("{row},{}-01-31,1", year + row % 5)).collect::<Vec<_>>().join("\n");
    let args = ["convert", "orders.csv", "--contract", "orders.yaml", "--out", "out"];
    for round in 0..5 {
        fs::write(dir.path().join("orders.csv"), format!("id,on_day,quantity\n{}", rows(2000 + round))).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let output = lakegate(dir.path(), &args);
                    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
                });
            }
        });
        assert_all_is_named(dir.path());
        assert_eq!(files(&dir.path().join("out/lake")).len(), 5);
    }
}

#[test]
fn a_rejected_file_leaves_rejects_and_ledger_only() {
    let dir = with_contract();
    let output = convert(dir.path(), "id,on_day,quantity\na,2024-01-31,0\nb,x,2\nc,,3\n");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["status"], "rejected");
    assert_eq!(report["outputs"], json!([]));
    assert_eq!(
        report["file_error"],
        json!({"kind": "TooManyRejects", "message": "2 of 3 rows (66.7 %) break the contract, and at most 50 % may (maxRejectPercent)", "line": null})
    );
    insta::assert_snapshot!(files(&dir.path().join("out")).join("\n"), @r"
    ledger/orders-HASH.json
    rejects/dataset=orders/orders-HASH-VERSION.parquet
    ");
}

#[test]
fn without_a_report_a_summary_is_printed() {
    let dir = with_contract();
    fs::write(dir.path().join("orders.csv"), "id;on_day;quantity\na;;1\n").unwrap();
    let output = lakegate(dir.path(), &["convert", "orders.csv", "--contract", "orders.yaml", "--out", "out"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stdout).unwrap();
    let (first, rest) = said.split_once('\n').unwrap();
    assert!(
        first.starts_with("orders.csv: rejected: 0 rows read, 0 accepted, 0 rejected, 0 duplicate, in "),
        "{first}"
    );
    insta::assert_snapshot!(rest, @r#"  HeaderMismatch: the first line names no column of the contract; delimiter: ";" would fit: it names 3 of them then (line 1)"#);
}

#[test]
fn what_the_summary_names_can_be_opened() {
    let dir = with_contract();
    fs::write(dir.path().join("orders.csv"), "id,on_day,quantity\na,2024-01-31,1\nb,2025-02-01,0\n").unwrap();
    let output = lakegate(dir.path(), &["convert", "orders.csv", "--contract", "orders.yaml", "--out", "out"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let named: Vec<&str> = said.lines().filter_map(|line| line.split_once(" in out/")).map(|(_, path)| path).collect();
    assert_eq!(named.len(), 2, "{said}");
    assert!(named.iter().all(|path| dir.path().join("out").join(path).is_file()), "{said}");
    insta::assert_snapshot!(unhashed(said.lines().last().unwrap()), @r#"  rejected rows, with their values: duckdb -c "SELECT line, raw, violations FROM 'out/rejects/dataset=orders/orders-HASH-VERSION.parquet'""#);
}

#[test]
fn what_cannot_be_read_is_one_line() {
    let dir = with_contract();
    fs::write(dir.path().join("bad.yaml"), contract().replace("kind: DataContract", "kind: Table")).unwrap();
    for (args, status, said) in [
        (["gone.csv", "orders.yaml"], 1, "lakegate: cannot read gone.csv: No such file or directory (os error 2)\n"),
        ([".", "orders.yaml"], 1, "lakegate: . is a folder: give one file\n"),
        (
            ["orders.yaml", "gone.yaml"],
            1,
            "lakegate: cannot read contract gone.yaml: No such file or directory (os error 2)\n",
        ),
        (
            ["orders.yaml", "bad.yaml"],
            1,
            "bad.yaml:3: error: kind: found \"Table\", expected DataContract\nlakegate: bad.yaml is no contract that can be enforced (1 error)\n",
        ),
    ] {
        let output = lakegate(dir.path(), &["convert", args[0], "--contract", args[1], "--out", "out"]);
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(status), said), "{args:?}");
        assert!(!dir.path().join("out").exists(), "nothing is written: {args:?}");
    }
    let args = ["convert", "orders.yaml", "--contract", "orders.yaml", "--out", "out", "--report", "no/report.json"];
    let output = lakegate(dir.path(), &args);
    assert_eq!(
        stderr(&output),
        "lakegate: cannot write report no/report.json: No such file or directory (os error 2)\n"
    );
    assert!(!dir.path().join("out").exists(), "nothing is written before the report can be");
    assert_eq!(lakegate(dir.path(), &["convert", "orders.csv"]).status.code(), Some(2));
}

#[test]
fn checking_contracts_tells_every_error_and_every_note() {
    let dir = with_contract();
    let notes =
        contract().replace("\nservers:", "\nslaProperties: [{property: freshness, value: 1, unit: h}]\nservers:");
    fs::write(dir.path().join("notes.yaml"), notes).unwrap();
    let bad = contract().replace("kind: DataContract", "kind: Table").replace("type: s3", "type: ftp");
    fs::write(dir.path().join("bad.yaml"), bad).unwrap();
    let output = lakegate(dir.path(), &["contracts", "check", "orders.yaml", "notes.yaml", "bad.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r#"
    orders.yaml: ok: table orders, version 1.0.0, 4 columns
    notes.yaml:6: note: slaProperties: the dataset counts as late when no file was taken in for 1 h
    notes.yaml: ok: table orders, version 1.0.0, 4 columns
    bad.yaml:3: error: kind: found "Table", expected DataContract
    bad.yaml:7: error: servers[landing].type: found "ftp", expected s3
    bad.yaml: 2 errors
    "#);
    assert_eq!(lakegate(dir.path(), &["contracts", "check", "orders.yaml"]).status.code(), Some(0));
}

#[test]
fn a_contract_that_is_no_utf8_or_not_there_keeps_no_other_one_from_being_checked() {
    let dir = with_contract();
    let latin: Vec<u8> = contract().bytes().map(|byte| if byte == b':' { 0xE4 } else { byte }).collect();
    fs::write(dir.path().join("latin.yaml"), latin).unwrap();
    let output = lakegate(dir.path(), &["contracts", "check", "latin.yaml", "missing.yaml", "orders.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r#"
    latin.yaml:2: error: found bytes that are no UTF-8, expected a document in UTF-8
    latin.yaml: 1 error
    orders.yaml: ok: table orders, version 1.0.0, 4 columns
    "#);
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot read contract missing.yaml"));
}

#[test]
fn contracts_are_checked_for_programs_too() {
    let dir = with_contract();
    fs::write(dir.path().join("bad.yaml"), contract().replace("type: s3", "type: ftp")).unwrap();
    let output = lakegate(dir.path(), &["contracts", "check", "--json", "bad.yaml", "orders.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["is_good"], json!(false));
    assert_eq!(report["files"][0]["errors"][0]["path"], json!("servers[landing].type"));
    assert!(report["files"][0]["errors"][0]["line"].is_u64());
    assert_eq!(report["files"][1]["table"], json!("orders"));
}

#[test]
fn the_sample_contracts_are_good() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output =
        lakegate(&root, &["contracts", "check", "contracts/orders.odcs.yaml", "contracts/customers.odcs.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Runs a conversion whose input is a pipe, waits until it works, sends it a signal, and gives it its bytes: the exit status.
#[cfg(unix)]
fn interrupted(dir: &Path, signal: &str) -> (Option<i32>, String) {
    use std::io::Write;
    let pipe = dir.join("pipe.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let args = ["convert", "pipe.csv", "--contract", "orders.yaml", "--out", "out", "--report", "report.json"];
    let child = common::command(dir, &args).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut input = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    writeln!(input, "id,on_day,quantity").unwrap();
    let is_at_work = || fs::read_dir(dir.join("out")).is_ok_and(|found| found.count() > 0);
    for _ in 0..500 {
        if is_at_work() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(is_at_work());
    assert!(std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    std::thread::sleep(std::time::Duration::from_millis(300));
    // It may have ended already.
    let _ = writeln!(input, "a,2026-01-10,1");
    drop(input);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), stderr(&output))
}

#[test]
#[cfg(unix)]
fn ctrl_c_leaves_no_half_written_files() {
    let dir = with_contract();
    let (status, said) = interrupted(dir.path(), "-INT");
    assert_eq!((status, said.as_str()), (Some(130), "lakegate: stopped; nothing was published\n"));
    assert!(files(&dir.path().join("out")).is_empty() && fs::read_dir(dir.path().join("out")).unwrap().count() == 0);
    assert!(!dir.path().join("report.json").exists());
}

#[test]
#[cfg(unix)]
fn a_request_to_end_is_as_good_as_ctrl_c() {
    let dir = with_contract();
    assert_eq!(interrupted(dir.path(), "-TERM").0, Some(143));
    assert_eq!(fs::read_dir(dir.path().join("out")).unwrap().count(), 0);
}

#[test]
fn json_is_the_report_on_standard_output_beside_one_in_a_file() {
    let dir = with_contract();
    fs::write(dir.path().join("orders.csv"), "id,on_day,quantity\na,2026-01-10,1\n").unwrap();
    fs::write(dir.path().join("report.json"), "a longer report of some other time\n".repeat(100)).unwrap();
    let convert = ["convert", "orders.csv", "--contract", "orders.yaml", "--out", "out", "--report", "report.json"];
    let printed = lakegate(dir.path(), &[&convert[..], &["--json"]].concat());
    assert!(printed.status.success(), "{}", stderr(&printed));
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let written: Value = serde_json::from_slice(&fs::read(dir.path().join("report.json")).unwrap()).unwrap();
    assert_eq!((printed["rows_accepted"].as_u64(), &printed), (Some(1), &written));
    let silent = lakegate(dir.path(), &convert);
    assert!(silent.status.success() && silent.stdout.is_empty() && silent.stderr.is_empty());
}

#[test]
fn colours_are_for_terminals_unless_they_are_asked_for() {
    let dir = with_contract();
    let said = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command =
            common::command(dir.path(), &[&["check", "missing.csv", "--contract", "orders.yaml"], args].concat());
        stderr(
            &command
                .env_remove("NO_COLOR")
                .env_remove("CLICOLOR_FORCE")
                .envs(variables.iter().copied())
                .output()
                .unwrap(),
        )
    };
    let is_coloured = |text: &str| text.contains('\u{1b}');
    assert!(!is_coloured(&said(&[], &[])) && is_coloured(&said(&["--color", "always"], &[])));
    assert!(is_coloured(&said(&[], &[("CLICOLOR_FORCE", "1")])));
    assert!(!is_coloured(&said(&["--color=never"], &[("CLICOLOR_FORCE", "1")])));
    assert!(!is_coloured(&said(&[], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")])));
}
