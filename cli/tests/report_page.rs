//! `lakegate report` as a user meets it: on a lake that `lakegate convert` wrote, and before any AWS answers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lakegate_local::{ProgressBar, Project, python};
use tempfile::TempDir;

const CONTRACT: &str = "
apiVersion: v3.1.0
kind: DataContract
id: sales
version: 1.0.0
status: active
servers:
  - server: landing
    type: s3
    location: s3://*/sales/*.csv
    format: csv
schema:
  - name: sales
    properties:
      - name: id
        logicalType: integer
        required: true
      - name: region
        logicalType: string
    customProperties:
      - property: maxRejectPercent
        vendor: lakegate
        value: 50
";

/// In an empty folder that is also the home, with no other variables.
fn lakegate(home: &TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    command.args(args).current_dir(home.path()).env_clear().env("HOME", home.path());
    command.env("COLUMNS", "140").env("AWS_EC2_METADATA_DISABLED", "true").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A lake with one good file and one that is rejected.
fn lake() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("sales.odcs.yaml"), CONTRACT).unwrap();
    fs::write(home.path().join("good.csv"), "id,region\n1,North\n2,Secretshire\nx,South\n").unwrap();
    fs::write(home.path().join("bad.csv"), "id,region\nx,North\n").unwrap();
    for (file, code) in [("good.csv", 0), ("bad.csv", 3)] {
        let output = lakegate(&home, &["convert", file, "--contract", "sales.odcs.yaml", "--out", "lake"]);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    }
    home
}

#[test]
fn a_local_lake_has_a_report() {
    let home = lake();
    let output = lakegate(&home, &["report", "--lake", "lake"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).starts_with("the report is lakegate-report.html\n  file:///"),
        "{}",
        text(&output.stdout)
    );
    let html = fs::read_to_string(home.path().join("lakegate-report.html")).unwrap();
    assert!(html.contains("bad.csv") && html.contains("Rejects by rule"));
    assert!(!html.contains("Secretshire") && !html.contains("North"), "values of cells are in the rejects table only");
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}

#[test]
fn programs_get_the_figures_and_no_page() {
    let home = lake();
    let output = lakegate(&home, &["report", "--lake", "lake", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["lake"], &told["since_secs"], &told["facts"]["files"]),
        (&"lake".into(), &604_800.into(), &2.into())
    );
    assert_eq!((&told["facts"]["rows_accepted"], &told["facts"]["rows_rejected"]), (&2.into(), &2.into()));
    let rejects = told["sections"]["rejects"].as_array().unwrap();
    assert_eq!(
        (rejects.len(), &rejects[0]["column"], &rejects[0]["rows"], &rejects[0]["files"]),
        (1, &"id".into(), &2.into(), &2.into())
    );
    assert!(!home.path().join("lakegate-report.html").exists());
}

#[test]
fn the_page_goes_where_it_is_told() {
    let home = lake();
    let output = lakegate(&home, &["report", "--lake", "lake", "--out", "-"]);
    assert!(text(&output.stdout).starts_with("<!doctype html>") && text(&output.stdout).ends_with("</html>\n"));
    let output = lakegate(&home, &["report", "--lake", "lake", "--json", "--out", "page.html", "--since", "0s"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["facts"]["files"], 0, "nothing is so new");
    assert!(text(&output.stderr).starts_with("the report is page.html\n"), "{}", text(&output.stderr));
    assert!(fs::read_to_string(home.path().join("page.html")).unwrap().contains("No file."));
}

#[test]
fn where_there_is_no_browser_it_is_said_where_the_page_is() {
    let home = lake();
    let output = lakegate(&home, &["report", "--lake", "lake", "--open"]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stdout);
    assert!(
        told.starts_with("no browser could be opened here (")
            && told.contains("); the report is lakegate-report.html\n"),
        "{told}"
    );
}

#[test]
fn a_ledger_that_cannot_be_read_in_part_is_told_as_far_as_it_can() {
    let home = lake();
    fs::write(home.path().join("lake/ledger/broken.json"), "{").unwrap();
    let output = lakegate(&home, &["report", "--lake", "lake", "--out", "-"]);
    let html = text(&output.stdout);
    assert!(
        html.contains("1 document of the ledger left out because unreadable; the first is lake/ledger/broken.json.")
    );
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let said = |args: &[&str]| text(&lakegate(&home, args).stderr);
    insta::assert_snapshot!(said(&["report", "--lake", "nowhere"]), @"lakegate: there is no folder nowhere: give the folder that `lakegate convert --out` wrote to");
    fs::create_dir_all(home.path().join("lake")).unwrap();
    insta::assert_snapshot!(said(&["report", "--lake", "lake"]), @"lakegate: lake has no ledger/: give the folder that `lakegate convert --out` wrote to");
    fs::create_dir_all(home.path().join("lake/ledger")).unwrap();
    insta::assert_snapshot!(said(&["report", "--lake", "lake", "--out", "no/such/page.html"]), @"lakegate: cannot write no/such/page.html: there is no folder no/such");
    insta::assert_snapshot!(said(&["report", "--lake", "lake", "--since", "1 week"]), @"
    error: invalid value '1 week' for '--since <SPAN>': a span is a whole number and a unit: 90s, 15m, 24h, 7d

    For more information, try '--help'.
    ");
    for data in [&[][..], &["--data"]] {
        for option in ["--profile", "--stack"] {
            let said = said(&[&["report", "--lake", "lake", option, "prod"], data].concat());
            assert!(said.contains("cannot be used with"), "{option}: {said}");
        }
    }
    // A variable that is set for other commands is not an option that was given.
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    command.args(["report", "--lake", "lake"]).current_dir(home.path()).env("LAKEGATE_STACK", "prod");
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}

/// A name that is no name.
const HOSTILE: &str = "</script><img src=x onerror=alert('1')> \u{202e}=1+1 👩‍👩‍👧‍👦 متجر";

/// A lake of generated orders and customers, in a folder whose name is as bad as one can be.
fn shop() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let done = |args: &[&str]| {
        let output = lakegate(&home, args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    };
    done(&["generate", "customers", "--rows", "40", "--out", "customers/", "--from", "2024-12", "--months", "2"]);
    done(&[
        "generate",
        "orders",
        "--rows",
        "200",
        "--customers",
        "45",
        "--out",
        "orders/",
        "--from",
        "2024-12",
        "--months",
        "2",
    ]);
    let extra = format!("O-9999999,2025-01-31 12:00:00,C-00001,\"{HOSTILE}\",1,100000.05,EMEA,\"{HOSTILE}\",\n");
    let orders = home.path().join("orders/2025-01.csv");
    fs::write(&orders, fs::read_to_string(&orders).unwrap() + &extra).unwrap();
    for folder in ["orders", "customers"] {
        let contract = format!("{}/../contracts/{folder}.odcs.yaml", env!("CARGO_MANIFEST_DIR"));
        for file in fs::read_dir(home.path().join(folder)).unwrap() {
            done(&["convert", file.unwrap().path().to_str().unwrap(), "--contract", &contract, "--out", SHOP]);
        }
    }
    home
}

const SHOP: &str = "it's a [lake] *";

#[test]
fn a_local_lake_has_a_dashboard() {
    let Some(_) = duckdb() else { return };
    let home = shop();
    let output = lakegate_with_duckdb(&home, &["report", "--data", "--lake", SHOP, "--json", "--out", "page.html"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["lake"], &told["problems"]), (&SHOP.into(), &serde_json::json!({})));
    assert_eq!(told["facts"]["orders"], 201);
    assert_eq!(told["facts"]["period"], "2024-12 – 2025-01");
    let product = &told["sections"]["top_products"][0];
    assert_eq!((&product["product"], &product["revenue"]), (&HOSTILE.into(), &100_000.05.into()));
    assert_eq!(told["sections"]["monthly_trend"][1]["month"], "2025-01-01T00:00:00Z");
    assert_eq!(told["sections"]["membership_tiers"][0]["membership_tier"], "basic");
    let html = fs::read_to_string(home.path().join("page.html")).unwrap();
    assert!(!html.contains("<img") && html.contains("&lt;img src=x"));
    assert!(!home.path().join("lakegate-sales.html").exists());
}

#[test]
fn a_table_that_is_not_there_costs_its_sections_only() {
    let Some(_) = duckdb() else { return };
    let home = shop();
    fs::remove_dir_all(home.path().join(SHOP).join("lake/customers")).unwrap();
    let output = lakegate_with_duckdb(&home, &["report", "--data", "--lake", SHOP]);
    insta::assert_snapshot!(text(&output.stderr), @"lakegate: age_groups, membership_tiers: There is no table customers yet: no file of it was taken in.");
    assert!(text(&output.stdout).starts_with("the report is lakegate-sales.html\n"), "{}", text(&output.stdout));
    fs::remove_dir_all(home.path().join(SHOP).join("lake/orders")).unwrap();
    let output = lakegate_with_duckdb(&home, &["report", "--data", "--lake", SHOP]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output.stderr), @"lakegate: there is nothing to show; age_groups, membership_tiers: There is no table customers yet: no file of it was taken in. monthly_trend, order_values, repeat_customers, revenue_by_region, top_countries, top_products: There is no table orders yet: no file of it was taken in.");
}

#[test]
fn a_file_that_is_no_parquet_file_costs_the_sections_of_its_table_only() {
    let Some(_) = duckdb() else { return };
    let home = shop();
    fs::write(home.path().join(SHOP).join("lake/customers/x.parquet"), "garbage").unwrap();
    let output = lakegate_with_duckdb(&home, &["report", "--data", "--lake", SHOP, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems: Vec<&String> = told["problems"].as_object().unwrap().keys().collect();
    assert_eq!(problems, ["age_groups", "membership_tiers"], "{told}");
    assert_eq!(told["facts"]["orders"], 201);
    let said = text(&output.stderr);
    assert!(said.contains("age_groups, membership_tiers: The query failed: ") && said.contains("x.parquet"), "{said}");
}

#[test]
fn a_python_that_is_named_and_is_none_is_refused() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("lake/lake")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    command.args(["report", "--data", "--lake", "lake"]).current_dir(home.path());
    let output = command.env("LAKEGATE_PYTHON", "/no/such/python").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output.stderr), @"lakegate: LAKEGATE_PYTHON (/no/such/python) is not a Python 3: correct it or unset it");
}

#[test]
fn what_is_wrong_with_the_data_is_said_with_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let said = |args: &[&str]| text(&lakegate(&home, args).stderr);
    insta::assert_snapshot!(said(&["report", "--data", "--lake", "nowhere"]), @"lakegate: there is no folder nowhere: give the folder that `lakegate convert --out` wrote to");
    assert!(said(&["report", "--data", "--since", "3d"]).contains("cannot be used with '--since <SPAN>'"));
    // A file that is no Parquet file: DuckDB says so, of each query.
    if duckdb().is_some() {
        fs::create_dir_all(home.path().join("lake/lake/orders")).unwrap();
        fs::write(home.path().join("lake/lake/orders/a.parquet"), "no Parquet").unwrap();
        let said = text(&lakegate_with_duckdb(&home, &["report", "--data", "--lake", "lake"]).stderr);
        assert!(said.contains("there is nothing to show") || said.contains("The query failed: "), "{said}");
    }
}

/// The local AWS's Python, which has it; made once, as by the demo and the end-to-end tests.
fn duckdb() -> Option<&'static Path> {
    static PYTHON: std::sync::OnceLock<Option<PathBuf>> = std::sync::OnceLock::new();
    let make = || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let project = Project::find().unwrap();
        let made = runtime.block_on(python::environment(&project, "local", &ProgressBar::hidden()));
        made.inspect_err(|error| eprintln!("SKIPPED: what needs DuckDB: {error:#}")).ok()
    };
    PYTHON.get_or_init(make).as_deref()
}

fn lakegate_with_duckdb(home: &TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    command.args(args).current_dir(home.path()).env_clear().env("HOME", home.path());
    command.env("COLUMNS", "140").env("LAKEGATE_PYTHON", duckdb().unwrap()).output().unwrap()
}

/// Needs a browser, and takes a minute or more. Pictures of the pages are left in `.lakegate/report/`.
#[tokio::test]
#[ignore = "needs Chromium"]
async fn the_page_is_right_in_a_browser() {
    let Some(chromium) = chromium() else {
        eprintln!(
            "SKIPPED: the report's page in a browser: no chromium found (Debian: apt install chromium; or name it in LAKEGATE_CHROMIUM)"
        );
        return;
    };
    let project = Project::find().unwrap();
    let interpreter = python::environment(&project, "browser", &ProgressBar::hidden()).await.unwrap();
    let pictures = project.hidden("report").unwrap();
    let mut command = Command::new(interpreter);
    command
        .args(["-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "cli/tests/browser"])
        .current_dir(project.root());
    command.env("LAKEGATE_COMMAND", env!("CARGO_BIN_EXE_lakegate")).env("LAKEGATE_CHROMIUM", chromium);
    command.env("LAKEGATE_PICTURES", pictures).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().unwrap();
    println!("{}", text(&output.stdout));
    assert!(output.status.success(), "pytest: {}", text(&output.stderr));
}

/// The browser that is named, or the first that the search path has.
fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("LAKEGATE_CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path: &PathBuf| Path::is_file(path))
}
