//! `lakegate demo`: the deployed template on a local AWS, from an empty machine to a queried table, told step by step.
//! It sees the stack from outside only: buckets, queues, tables.

/// Prints a line. Where nobody reads on (`| head`) the demo goes on without a word, and ends what it started.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

mod checks;
mod crm;
mod dashboard;
mod fate;
mod fetched;
mod marts;
mod own_file;
mod prepare;
mod report;
mod samples;
mod sections;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use checks::Checks;
use lakegate_local::Project;
use marts::Dbt;
use own_file::OwnFile;
use prepare::Local;

use crate::interrupt::{SIGNALLED, Signals};

const EXAMPLES: &str = "\
Examples:
  lakegate demo
  lakegate demo --keep
  lakegate demo --data orders.csv --contract orders.odcs.yaml

A local AWS is installed into .lakegate/ and started, the template is deployed to it, files are dropped in, tables are queried and \
alerts are read. Nothing leaves this machine, and nothing stays running. It needs the sources: run it in a check-out.

Exit status: 0 everything is as it should be, 3 your file is rejected by its contract, 2 wrong usage, 1 anything else, 130 stopped by \
Ctrl-C.";

/// Show everything on this machine, on a local AWS
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// Leave the local AWS running until Ctrl-C, to drop in files of your own
    #[arg(long)]
    keep: bool,
    /// A file of yours to show it with, instead of the generated ones
    #[arg(long, value_name = "FILE", requires = "contract")]
    data: Option<PathBuf>,
    /// The contract that files are held against (ODCS, YAML or JSON)
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
    let mut signals = Signals::new().context("cannot wait for Ctrl-C")?;
    let shown = tokio::select! {
        shown = show(args) => shown?,
        number = signals.next() => {
            say!("\nStopped; nothing is left running.");
            return Ok(ExitCode::from(SIGNALLED.saturating_add(number)));
        }
    };
    if args.keep {
        let _environment = watch::explain(&shown.local).await?;
        tokio::select! {
            watched = watch::watch(&shown.local.stack, shown.local.paint) => watched?,
            _ = signals.next() => (),
        }
        drop(shown.local);
        say!("\nStopped; nothing is left running.");
    }
    Ok(shown.code)
}

struct Shown {
    local: Local,
    code: ExitCode,
}

/// What is shown.
enum Subject {
    Own(Box<OwnFile>),
    Samples(Dbt),
}

async fn show(args: &DemoArgs) -> Result<Shown> {
    let own = match (&args.data, &args.contract) {
        (Some(data), Some(contract)) => Some(own_file::read(data, contract)?),
        _ => None,
    };
    say!("Lakegate on a local AWS: all of it runs on this machine, and nothing leaves it.\n");
    let project = Project::find()?;
    // dbt is installed while the functions compile, which takes longer.
    let subject = own.map_or_else(|| Subject::Samples(Dbt::install(&project)), |own| Subject::Own(Box::new(own)));
    let local = prepare::prepare(project).await?;
    let mut checks = Checks::new(local.paint);
    let code = match subject {
        Subject::Own(own) => own_file::show(&local, &own, &mut checks).await?,
        Subject::Samples(dbt) => samples::show(&local, dbt, &mut checks).await?,
    };
    report::write(&local).await?;
    let code = if checks.conclude() { code } else { ExitCode::FAILURE };
    Ok(Shown { local, code })
}
