//! What the demo says when it cannot start.

use std::fs;
use std::process::Command;

#[test]
fn without_python_one_line_says_what_to_do() {
    let project = tempfile::tempdir().unwrap();
    for (path, text) in [("infra/template.yaml", ""), ("requirements/local.txt", "ministack\n")] {
        let path = project.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    command.arg("demo").current_dir(project.path()).env("PATH", project.path()).env_remove("LAKEGATE_PYTHON");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    insta::assert_snapshot!(said, @"lakegate: no Python 3.10 or newer found: the local AWS needs one; install it (apt install python3 python3-venv, brew install python) or name it in LAKEGATE_PYTHON");
}

#[test]
fn a_contract_that_does_not_parse_is_told_before_anything_is_built() {
    let dir = tempfile::tempdir().unwrap();
    let contract = dir.path().join("contract.yaml");
    fs::write(&contract, "id: orders\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    let output = command.arg("demo").arg("--data").arg(&contract).arg("--contract").arg(&contract).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("apiVersion: found nothing, expected v3.2.0"), "{said}");
    assert!(output.stdout.is_empty());
}
