//! The saved queries of infra/athena, each run on the local Athena over generated files that were really taken in; what they answer is
//! computed once more from those files by a Python script that knows no SQL. That the template has these queries is tested in infra/tests;
//! the local AWS knows no `AWS::Athena::NamedQuery`.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::{Harness, ProgressBar, Value, json, on_stack, python};

/// Datasets, and how they are generated: customers change, an order may break any rule, and some orders are of customers that no export has.
const GENERATED: [(&str, &[&str]); 4] = [
    ("products", &["products", "--rows", "70"]),
    ("customers", &["customers", "--rows", "300", "--exports", "4", "--from", "2024-11", "--months", "4"]),
    (
        "orders",
        &[
            "orders",
            "--rows",
            "2500",
            "--customers",
            "320",
            "--products",
            "75",
            "--from",
            "2024-11",
            "--months",
            "4",
            "--bad-percent",
            "3",
        ],
    ),
    (
        "orders/again",
        &["orders", "--rows", "300", "--seed", "2", "--first-order", "5000", "--from", "2025-03", "--months", "1"],
    ),
];

#[test]
fn every_saved_query_answers_what_the_files_say() -> Result<()> {
    on_stack(async |harness| {
        let dir = tempfile::tempdir()?;
        let files = take_in(harness, dir.path()).await?;
        let mut answers = json!({});
        let sql = harness.project.root().join("infra/athena");
        for entry in fs::read_dir(&sql).with_context(|| format!("cannot read {}", sql.display()))? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "sql") {
                continue;
            }
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let answer =
                harness.stack.athena(&fs::read_to_string(&path)?).await.with_context(|| format!("{name}.sql"))?;
            answers[name] = json!({ "columns": answer.columns, "rows": answer.rows });
        }
        let told = json!({ "answers": answers, "files": files });
        fs::write(dir.path().join("told.json"), told.to_string())?;
        check(harness, dir.path()).await
    })
}

/// Generates the files and drops them; the keys, and what is told of each.
async fn take_in(harness: &Harness, dir: &Path) -> Result<Vec<Value>> {
    let mut files = Vec::new();
    for (folder, args) in GENERATED {
        let out = format!("{}/{folder}/", dir.display());
        let mut command = Command::new(&harness.lakegate);
        command.arg("generate").args(args).args(["--json", "--out", &out]);
        let output = command.output().context("cannot start the command")?;
        ensure!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout)?;
        for file in told["files"].as_array().context("no files")? {
            let path = file["file"].as_str().context("no name")?;
            let key = path.trim_start_matches(&*dir.to_string_lossy()).trim_start_matches('/').to_owned();
            harness.stack.drop_file(&key, fs::read(path)?).await?;
            let mut file = file.clone();
            file["key"] = json!(key);
            files.push(file);
        }
    }
    for file in &files {
        harness.ledger(file["key"].as_str().unwrap_or_default(), &["committed"]).await?;
    }
    Ok(files)
}

async fn check(harness: &Harness, dir: &Path) -> Result<()> {
    let interpreter = python::environment(&harness.project, "test", &ProgressBar::hidden()).await?;
    let mut command = Command::new(interpreter);
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "infra/athena"]).current_dir(harness.project.root());
    command.env("LAKEGATE_ANSWERS", dir).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().context("cannot start pytest")?;
    eprintln!("{}", String::from_utf8_lossy(&output.stdout));
    ensure!(
        output.status.success(),
        "the answers are not what the files say: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
