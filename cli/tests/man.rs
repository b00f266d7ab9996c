//! `lakegate man` and `lakegate completions`, read by those that they are made for: `man` and a shell.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{lakegate, stderr, stdout};

/// The tool's answer, or `None` where this machine does not have it, which is told.
fn run(tool: &mut Command) -> Option<Output> {
    match tool.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED: this machine has no {}", tool.get_program().display());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn formatted(page: &Path) -> Option<String> {
    // The formatter alone: minimal systems have a `man` that shows nothing.
    let output = run(Command::new("groff").args(["-man", "-Tascii", "-P-cbou", "-rLL=98n", "-ww"]).arg(page))?;
    assert!(output.status.success() && stderr(&output).is_empty(), "{}: {}", page.display(), stderr(&output));
    Some(stdout(&output))
}

#[test]
fn every_manual_page_is_formatted_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let written = lakegate(dir.path(), &["man", "--out", "pages"]);
    assert!(written.status.success() && written.stdout.is_empty(), "{}", stderr(&written));
    let mut names = Vec::new();
    for entry in fs::read_dir(dir.path().join("pages")).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        let Some(text) = formatted(&path) else { return };
        let is_of_one_command =
            !names.last().unwrap().ends_with("contracts.1") && names.last().unwrap() != "lakegate.1";
        assert!(text.contains("\nEXAMPLES\n") && (!is_of_one_command || text.contains("\nEXIT STATUS\n")), "{text}");
    }
    names.sort();
    assert!(names.contains(&"lakegate-contracts-push.1".to_owned()) && names.contains(&"lakegate.1".to_owned()));
    assert!(!names.iter().any(|name| name.contains("glue") || name.contains("range")), "nobody types them: {names:?}");
}

#[test]
fn examples_keep_their_lines_in_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    assert!(lakegate(dir.path(), &["man", "--out", "."]).status.success());
    let Some(text) = formatted(&dir.path().join("lakegate-contracts-list.1")) else { return };
    let (_, examples) = text.split_once("\nEXAMPLES\n").unwrap();
    insta::assert_snapshot!(examples.trim_end().lines().take(6).collect::<Vec<_>>().join("\n"), @r"
             lakegate contracts list
             lakegate contracts list --stack prod --json | jq -r '.contracts[].table'

    EXIT STATUS
           0 every one can be used, 2 wrong usage, 1 anything else.
    ");
}

#[test]
fn bash_takes_its_script_and_completes_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let script = lakegate(dir.path(), &["completions", "bash"]);
    assert!(script.status.success());
    fs::write(dir.path().join("script"), &script.stdout).unwrap();
    let Some(read) = run(Command::new("bash").arg("-n").arg(dir.path().join("script"))) else { return };
    assert!(read.status.success() && read.stderr.is_empty(), "{}", stderr(&read));
    let completed = |words: &[&str]| {
        let command = format!(
            "source ./script; COMP_WORDS=({}); COMP_CWORD={}; _lakegate lakegate '{}' '{}'; printf '%s ' \"${{COMPREPLY[@]}}\"",
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len() - 1,
            words.last().unwrap(),
            words.iter().rev().nth(1).unwrap(),
        );
        let output = Command::new("bash").args(["--norc", "-c", &command]).current_dir(dir.path()).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).trim().to_owned()
    };
    assert_eq!(completed(&["lakegate", "st"]), "status");
    assert_eq!(completed(&["lakegate", "contracts", "p"]), "push");
    assert_eq!(completed(&["lakegate", "status", "--end"]), "--endpoint-url");
    assert_eq!(completed(&["lakegate", "replay", "--from", "l"]), "ledger");
    assert_eq!(completed(&["lakegate", "ra"]), "", "nobody types `range`");
}

#[test]
fn every_shell_has_a_script_and_another_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = lakegate(dir.path(), &["completions", shell]);
        assert!(script.status.success() && stdout(&script).contains("backfill"), "{shell}");
    }
    let refused = lakegate(dir.path(), &["completions", "tcsh"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("bash"), "{}", stderr(&refused));
}
