//! `lakegate contracts`: what is wrong with contracts, what a new one changes, and which are deployed.
//! It does not judge files.

mod deployed;
mod diff;
mod push;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::string::FromUtf8Error;

use anyhow::{Context, Result};
use lakegate_contract::{Checked, Contract, Note, Problem};
use serde_json::{Value, json};

use crate::paint::Paint;
use crate::{operate, output, reading};

pub(crate) const EXAMPLES: &str = "\
Examples:
  lakegate contracts check orders.odcs.yaml
  lakegate contracts diff deployed.odcs.yaml orders.odcs.yaml
  lakegate contracts push orders.odcs.yaml
  lakegate contracts show orders

`check` and `diff` need no AWS; `push`, `list` and `show` work on a deployed stack.";

const CHECK_HELP: &str = "\
Examples:
  lakegate contracts check contracts/*.odcs.yaml
  lakegate contracts check orders.odcs.yaml --json | jq '.files[].errors'

An error rejects the contract; a note tells what is legal and not enforced, or read otherwise than written. Both name the line.

Exit status: 0 every contract can be used, 2 wrong usage, 1 anything else.";

/// The subcommands of `lakegate contracts`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ContractsCommand {
    /// Check contracts: every error, and what is not enforced, by line and path
    #[command(after_help = CHECK_HELP)]
    Check {
        /// Contract documents (ODCS v3, YAML or JSON); - is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Compare a contract with the one that is to follow it
    Diff(diff::DiffArgs),
    /// Deploy contracts, unless they would break what is deployed
    Push(push::PushArgs),
    /// List the contracts that are deployed
    List(deployed::ListArgs),
    /// Print a contract as it is deployed
    Show(deployed::ShowArgs),
}

/// Runs a subcommand. Failure: at least one contract cannot be used.
pub(crate) fn run(command: &ContractsCommand) -> Result<ExitCode> {
    match command {
        ContractsCommand::Check { files, json } => check_all(files, *json),
        ContractsCommand::Diff(args) => diff::run(args),
        ContractsCommand::Push(args) => operate::on_runtime(push::run(args)),
        ContractsCommand::List(args) => operate::on_runtime(deployed::list(args)),
        ContractsCommand::Show(args) => operate::on_runtime(deployed::show(args)),
    }
}

/// Checks every document. One that cannot be read keeps no other one from being checked.
fn check_all(files: &[PathBuf], is_json: bool) -> Result<ExitCode> {
    let (mut all_good, mut told) = (true, Vec::new());
    for file in files {
        let parsed = match parse(file) {
            Ok(parsed) => parsed,
            Err(error) => {
                output::complain(&format!("{error:#}"));
                all_good = false;
                continue;
            }
        };
        all_good &= parsed.is_ok();
        if is_json {
            told.push(as_json(file, &parsed));
        } else {
            tell(file, &parsed)?;
        }
    }
    if is_json {
        let report = json!({ "is_good": all_good, "files": told });
        output::json(&report)?;
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads a contract for a command that needs it.
pub(crate) fn read(file: &Path) -> Result<Contract> {
    read_document(file).map(|(_, checked)| checked.contract)
}

/// As [`read`], with the document itself.
fn read_document(file: &Path) -> Result<(String, Checked)> {
    let problems = match text_of(file)? {
        Ok(document) => match lakegate_contract::parse(&document) {
            Ok(checked) => return Ok((document, checked)),
            Err(problems) => problems,
        },
        Err(problem) => vec![problem],
    };
    for problem in &problems {
        eprintln!("{}: {} {problem}", place(file, problem.line), Paint::of_errors().bad("error:"));
    }
    anyhow::bail!("{} is no contract that can be enforced ({})", file.display(), count(problems.len(), "error"));
}

fn parse(file: &Path) -> Result<Result<Checked, Vec<Problem>>> {
    Ok(match text_of(file)? {
        Ok(document) => lakegate_contract::parse(&document),
        Err(problem) => Err(vec![problem]),
    })
}

fn text_of(file: &Path) -> Result<Result<String, Problem>> {
    let mut bytes = Vec::new();
    if file.is_dir() {
        anyhow::bail!("{} is a folder: give the contract's file", file.display());
    }
    let read = if reading::is_standard_input(file) {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.with_context(|| format!("cannot read contract {}", file.display()))?;
    Ok(String::from_utf8(bytes).map_err(|error| not_utf8(&error)))
}

fn not_utf8(error: &FromUtf8Error) -> Problem {
    let (before, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
    let line = before.split(|byte| *byte == b'\n').count();
    Problem {
        path: String::new(),
        found: "bytes that are no UTF-8".to_owned(),
        expected: "a document in UTF-8".to_owned(),
        line: Some(line as u64),
    }
}

fn as_json(file: &Path, parsed: &Result<Checked, Vec<Problem>>) -> Value {
    let file = file.to_string_lossy();
    match parsed {
        Ok(Checked { contract, notes }) => {
            let note = |note: &Note| json!({ "line": note.line, "path": note.path, "message": note.to_string() });
            json!({
                "file": file,
                "is_good": true,
                "table": contract.table,
                "version": contract.version,
                "columns": contract.columns.len(),
                "errors": [],
                "notes": notes.iter().map(note).collect::<Vec<_>>(),
            })
        }
        Err(problems) => {
            let error = |problem: &Problem| {
                json!({
                    "line": problem.line,
                    "path": problem.path,
                    "found": problem.found,
                    "expected": problem.expected,
                    "message": problem.to_string(),
                })
            };
            json!({
                "file": file,
                "is_good": false,
                "errors": problems.iter().map(error).collect::<Vec<_>>(),
                "notes": [],
            })
        }
    }
}

fn tell(file: &Path, parsed: &Result<Checked, Vec<Problem>>) -> Result<()> {
    let paint = Paint::new();
    match parsed {
        Ok(Checked { contract, notes }) => {
            for note in notes {
                output::line(&format!("{}: {} {note}", place(file, note.line), paint.note("note:")))?;
            }
            let columns = count(contract.columns.len(), "column");
            output::line(&format!(
                "{}: {}: table {}, version {}, {columns}",
                file.display(),
                paint.good("ok"),
                contract.table,
                contract.version
            ))
        }
        Err(problems) => {
            for problem in problems {
                output::line(&format!("{}: {} {problem}", place(file, problem.line), paint.bad("error:")))?;
            }
            output::line(&format!("{}: {}", file.display(), count(problems.len(), "error")))
        }
    }
}

/// `orders.odcs.yaml:12`, which editors can open.
fn place(file: &Path, line: Option<u64>) -> String {
    line.map_or_else(|| file.display().to_string(), |line| format!("{}:{line}", file.display()))
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
