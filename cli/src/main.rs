//! The `lakegate` command. It reads arguments and prints; judging and publishing are the libraries'.

mod check;
mod contracts;
mod convert;
mod dashboard;
mod demo;
mod generate;
mod glue;
mod help;
mod infer;
mod interrupt;
mod local_lake;
mod man;
mod operate;
mod output;
mod paint;
mod range;
mod reading;
mod report;
mod report_page;
mod staging;
mod text_table;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::interrupt::Interrupted;
use crate::paint::When;

const EXAMPLES: &str = "\
Examples:
  lakegate infer orders.csv --out orders.odcs.yaml
  lakegate convert orders.csv --contract orders.odcs.yaml --out lake
  lakegate contracts push orders.odcs.yaml --stack lakegate
  lakegate status

`lakegate COMMAND --help` tells more of a command, with examples. The steps that engines run are told by `lakegate range --help` (a file in \
ranges) and `lakegate glue --help` (the Glue job).

Exit status of every command: 0 done, 3 refused (a file by its contract, a contract that would break what is deployed), 2 wrong usage, \
1 anything else (also a contract that is none), 130 stopped by Ctrl-C.";

/// The gate of a data lake on AWS: files become typed, partitioned Parquet tables, or a clear alert
#[derive(Debug, Parser)]
#[command(name = "lakegate", version, arg_required_else_help = true, subcommand_required = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to colour: auto (on a terminal), always, never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    color: When,
}

#[derive(Debug, Subcommand)]
enum Command {
    Infer(infer::InferArgs),
    Check(check::CheckArgs),
    Convert(convert::ConvertArgs),
    /// Convert a file in byte ranges, each by itself: what a distributed engine runs, step by step
    #[command(subcommand, hide = true)]
    Range(range::RangeCommand),
    /// The steps of a Glue run, for the job's script
    #[command(subcommand, hide = true)]
    Glue(glue::GlueCommand),
    /// Check, compare, deploy and look at contracts
    #[command(subcommand, after_help = contracts::EXAMPLES)]
    Contracts(contracts::ContractsCommand),
    Status(operate::StatusArgs),
    Report(report_page::ReportArgs),
    Replay(operate::ReplayArgs),
    Sweep(operate::SweepArgs),
    Backfill(operate::BackfillArgs),
    Generate(generate::GenerateArgs),
    Demo(demo::DemoArgs),
    Completions(man::CompletionsArgs),
    Man(man::ManArgs),
}

fn main() -> ExitCode {
    // Help and wrong usage are printed before the arguments are read.
    colour_wanted(std::env::args_os()).hold();
    let matches = help::laid_out(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match cli.command {
        Command::Infer(args) => infer::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Range(command) => range::run(&command),
        Command::Glue(command) => glue::run(&command),
        Command::Contracts(command) => contracts::run(&command),
        Command::Status(args) => operate::status(&args),
        Command::Report(args) => report_page::run(&args),
        Command::Replay(args) => operate::replay(&args),
        Command::Sweep(args) => operate::sweep(&args),
        Command::Backfill(args) => operate::backfill(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Completions(args) => man::completions(&args, &Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    };
    outcome.unwrap_or_else(|error| {
        // One line, the causes behind colons: what failed first, why last.
        output::complain(&format!("{error:#}"));
        error.downcast_ref::<Interrupted>().map_or(ExitCode::FAILURE, |interrupted| ExitCode::from(interrupted.status))
    })
}

/// What `--color` says, if it says something that it may; the parser refuses the rest.
fn colour_wanted(arguments: impl Iterator<Item = OsString>) -> When {
    let mut is_next = false;
    for argument in arguments.take_while(|argument| argument != "--") {
        let argument = argument.to_string_lossy();
        let said = argument.strip_prefix("--color=").or(is_next.then_some(&argument));
        if let Some(when) = said.and_then(|said| <When as clap::ValueEnum>::from_str(said, false).ok()) {
            return when;
        }
        is_next = argument == "--color";
    }
    When::Auto
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_put_together_rightly() {
        help::laid_out(Cli::command()).debug_assert();
    }

    #[test]
    fn colours_are_chosen_before_the_arguments_are_read() {
        let wanted = |arguments: &[&str]| colour_wanted(arguments.iter().map(OsString::from));
        assert_eq!(wanted(&["lakegate", "status", "--color=never"]), When::Never);
        assert_eq!(wanted(&["lakegate", "--color", "always", "status"]), When::Always);
        assert_eq!(wanted(&["lakegate", "--color", "pink"]), When::Auto);
        assert_eq!(wanted(&["lakegate", "check", "--", "--color=never"]), When::Auto);
    }
}
