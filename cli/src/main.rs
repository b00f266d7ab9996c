//! The `lakegate` command. It reads arguments and prints; judging and publishing are the libraries'.

mod check;
mod contracts;
mod convert;
mod demo;
mod generate;
mod glue;
mod infer;
mod local_lake;
mod operate;
mod output;
mod paint;
mod range;
mod reading;
mod report;
mod staging;
mod text_table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The gate of a data lake on AWS: files become typed, partitioned Parquet tables, or a clear alert
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Infer(infer::InferArgs),
    Check(check::CheckArgs),
    Convert(convert::ConvertArgs),
    /// Convert a file in byte ranges, each by itself: what a distributed engine runs, step by step
    #[command(subcommand)]
    Range(range::RangeCommand),
    /// The steps of a Glue run, for the job's script
    #[command(subcommand)]
    Glue(glue::GlueCommand),
    /// Work with contracts
    #[command(subcommand)]
    Contracts(contracts::ContractsCommand),
    Status(operate::StatusArgs),
    Replay(operate::ReplayArgs),
    Sweep(operate::SweepArgs),
    Backfill(operate::BackfillArgs),
    Demo(demo::DemoArgs),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Infer(args) => infer::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Range(command) => range::run(&command),
        Command::Glue(command) => glue::run(&command),
        Command::Contracts(command) => contracts::run(&command),
        Command::Status(args) => operate::status(&args),
        Command::Replay(args) => operate::replay(&args),
        Command::Sweep(args) => operate::sweep(&args),
        Command::Backfill(args) => operate::backfill(&args),
        Command::Demo(args) => demo::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        // One line, the causes behind colons: what failed first, why last.
        eprintln!("lakegate: {error:#}");
        ExitCode::FAILURE
    })
}
