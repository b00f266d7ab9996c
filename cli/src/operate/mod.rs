//! `lakegate status`, `replay`, `sweep` and `backfill`: what the person on call asks of a deployed stack.
//! It sees the stack through the `lake` library only; what the commands print is theirs.

mod backfill;
mod choice;
pub(crate) mod entries;
mod kinds;
mod letters;
pub(crate) mod place;
mod progress;
mod replay;
pub(crate) mod shown;
mod solved;
pub(crate) mod spans;
mod status;
mod status_text;
mod sweep;
mod tally;

use std::process::ExitCode;

use anyhow::{Context, Result};

pub(crate) use backfill::BackfillArgs;
pub(crate) use replay::ReplayArgs;
pub(crate) use status::StatusArgs;
pub(crate) use sweep::SweepArgs;

/// Runs `lakegate status`.
pub(crate) fn status(args: &StatusArgs) -> Result<ExitCode> {
    on_runtime(status::run(args))
}

/// Runs `lakegate replay`.
pub(crate) fn replay(args: &ReplayArgs) -> Result<ExitCode> {
    on_runtime(replay::run(args))
}

/// Runs `lakegate backfill`.
pub(crate) fn backfill(args: &BackfillArgs) -> Result<ExitCode> {
    on_runtime(backfill::run(args))
}

/// Runs `lakegate sweep`.
pub(crate) fn sweep(args: &SweepArgs) -> Result<ExitCode> {
    on_runtime(sweep::run(args))
}

/// Runs a command that waits for AWS.
pub(crate) fn on_runtime(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("no tokio runtime")?;
    let result = runtime.block_on(command);
    runtime.shutdown_background();
    result
}
