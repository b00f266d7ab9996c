//! `lakegate contracts`: what is wrong with contracts, and what a new one changes, before they are deployed.
//! It does not judge files.

mod diff;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use lakegate_contract::{Checked, Contract, Problem};

use crate::output;

const CHECK_HELP: &str = "\
An error rejects the contract; a note tells what is legal and not enforced, or read otherwise than written. Both name the line.

Exit status: 0 every contract can be used, 2 wrong usage, 1 anything else.";

/// The subcommands of `lakegate contracts`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ContractsCommand {
    /// Check contracts: every error, and what is not enforced, by its line and path in the document
    #[command(after_help = CHECK_HELP)]
    Check {
        /// Contract documents (ODCS v3, YAML or JSON)
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Compare a contract with the one that is to follow it: what happens to the table, its partitions, older files and new ones
    Diff(diff::DiffArgs),
}

/// Runs a subcommand. Failure: at least one contract cannot be used.
pub(crate) fn run(command: &ContractsCommand) -> Result<ExitCode> {
    match command {
        ContractsCommand::Check { files } => check_all(files),
        ContractsCommand::Diff(args) => diff::run(args),
    }
}

fn check_all(files: &[PathBuf]) -> Result<ExitCode> {
    let mut all_good = true;
    for file in files {
        all_good &= check(file)?;
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads a contract for a command that needs it.
pub(crate) fn read(file: &Path) -> Result<Contract> {
    match parse(file)? {
        Ok(checked) => Ok(checked.contract),
        Err(problems) => {
            for problem in &problems {
                eprintln!("{}: error: {problem}", place(file, problem.line));
            }
            anyhow::bail!(
                "{} is no contract that can be enforced ({})",
                file.display(),
                count(problems.len(), "error")
            );
        }
    }
}

fn parse(file: &Path) -> Result<Result<Checked, Vec<Problem>>> {
    let document = std::fs::read_to_string(file).with_context(|| format!("cannot read contract {}", file.display()))?;
    Ok(lakegate_contract::parse(&document))
}

fn check(file: &Path) -> Result<bool> {
    match parse(file)? {
        Ok(Checked { contract, notes }) => {
            for note in &notes {
                output::line(&format!("{}: note: {note}", place(file, note.line)))?;
            }
            let columns = count(contract.columns.len(), "column");
            output::line(&format!(
                "{}: ok: table {}, version {}, {columns}",
                file.display(),
                contract.table,
                contract.version
            ))?;
            Ok(true)
        }
        Err(problems) => {
            for problem in &problems {
                output::line(&format!("{}: error: {problem}", place(file, problem.line)))?;
            }
            output::line(&format!("{}: {}", file.display(), count(problems.len(), "error")))?;
            Ok(false)
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
