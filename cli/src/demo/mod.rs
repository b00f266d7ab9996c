//! `lakegate demo`: the deployed template on a local AWS, from an empty machine to a queried table, told step by step.
//! It sees the stack from outside only: buckets, queues, tables.
#![allow(clippy::print_stdout, reason = "the demo is what it prints")]

mod checks;
mod fate;
mod own_file;
mod prepare;
mod samples;
mod sections;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

use checks::Checks;
use prepare::Local;

/// What a shell reports of a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Show everything on this machine: a local AWS, the deployed template, files dropped in, tables queried, alerts read
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Leave the local AWS running until Ctrl-C, so that you can drop in files of your own
    #[arg(long)]
    keep: bool,
    /// A file of yours to show it with, instead of the generated ones
    #[arg(long, value_name = "FILE", requires = "contract")]
    data: Option<PathBuf>,
    /// The contract (ODCS) that your file is held against
    #[arg(long, value_name = "FILE", requires = "data")]
    contract: Option<PathBuf>,
}

/// Runs the demo. It succeeds when everything is as it should be; nothing that it started outlives it.
pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("no tokio runtime")?;
    let result = runtime.block_on(until_stopped(args));
    runtime.shutdown_background();
    result
}

async fn until_stopped(args: &DemoArgs) -> Result<ExitCode> {
    let mut stopped = Box::pin(stopped());
    let shown = tokio::select! {
        shown = show(args) => shown?,
        signal = &mut stopped => {
            signal?;
            println!("\nStopped; nothing is left running.");
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    if args.keep {
        watch::explain(&shown.local).await?;
        tokio::select! {
            watched = watch::watch(&shown.local.stack, shown.local.paint) => watched?,
            signal = &mut stopped => signal?,
        }
        drop(shown.local);
        println!("\nStopped; nothing is left running.");
    }
    Ok(shown.code)
}

/// Ends when the user or the system asks to stop.
async fn stopped() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
        _ = hang_up.recv() => (),
    }
    Ok(())
}

struct Shown {
    local: Local,
    code: ExitCode,
}

async fn show(args: &DemoArgs) -> Result<Shown> {
    let own = match (&args.data, &args.contract) {
        (Some(data), Some(contract)) => Some(own_file::read(data, contract)?),
        _ => None,
    };
    println!("Lakegate on a local AWS: all of it runs on this machine, and nothing leaves it.\n");
    let local = prepare::prepare().await?;
    let mut checks = Checks::new(local.paint);
    let code = match &own {
        Some(own) => own_file::show(&local, own, &mut checks).await?,
        None => samples::show(&local, &mut checks).await?,
    };
    let code = if checks.conclude() { code } else { ExitCode::FAILURE };
    Ok(Shown { local, code })
}
