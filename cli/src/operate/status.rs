//! `lakegate status`: what became of the files of the last hours, and what waits.
//! It reads the ledger and asks the queues; how it is told to people is in `status_text`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{TimeDelta, Utc};
use lakegate_lake::ledger::Entry;
use lakegate_lake::stack::{self, Depth};
use serde::Serialize;

use crate::operate::place::{Found, Place};
use crate::operate::tally::Tally;
use crate::operate::{entries, shown, spans, status_text};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  lakegate status
  lakegate status --dataset orders --since 7d --limit 100
  lakegate status --json | jq '.datasets[] | select(.rejected > 0)'

States, rows, rejected rows and rates by dataset; the newest files one by one; queues and dead letters. A file counts by the time at which the ledger last wrote of it. The ledger has one entry per object: of a file that was uploaded again, \
the last version counts.

Exit status: 0 told, 2 wrong usage, 1 anything else.";

/// Tell what became of recent files, and what waits
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    /// Only files of this dataset; may be given again
    #[arg(long, value_name = "NAME")]
    dataset: Vec<String>,
    /// Only files of which the ledger wrote within this time: 90s, 15m, 24h, 7d
    #[arg(long, value_name = "SPAN", value_parser = spans::parse, default_value = "24h")]
    since: Duration,
    /// How many files to tell one by one, the newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// All that is told.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) stack: String,
    pub(crate) region: String,
    /// RFC 3339, UTC.
    pub(crate) at: String,
    pub(crate) since_secs: u64,
    #[serde(flatten)]
    pub(crate) tally: Tally,
    pub(crate) queues: Queues,
    /// Ledger documents that do not parse.
    pub(crate) unreadable: Vec<String>,
}

/// What waits, as SQS counts, which is roughly.
#[derive(Debug, Serialize)]
pub(crate) struct Queues {
    pub(crate) ingest: Waiting,
    pub(crate) heavy: Waiting,
    pub(crate) failures: Waiting,
    pub(crate) dead_letter: Waiting,
}

/// Messages of one queue.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Waiting {
    pub(crate) visible: u64,
    pub(crate) in_flight: u64,
}

/// Runs the command.
pub(super) async fn run(args: &StatusArgs) -> Result<ExitCode> {
    let found = args.place.find(None).await?;
    let now = Utc::now();
    let since = now.checked_sub_signed(TimeDelta::from_std(args.since)?).context("--since reaches too far back")?;
    let queues = queues(&found).await?;
    let mut read = entries::since(&found, since).await?;
    let named = |entry: &Entry| entry.dataset.as_ref().is_some_and(|dataset| args.dataset.contains(dataset));
    read.entries.retain(|entry| args.dataset.is_empty() || named(entry));
    let status = Status {
        stack: found.stack.name.clone(),
        region: found.stack.region.clone(),
        at: shown::rfc3339(now),
        since_secs: args.since.as_secs(),
        tally: Tally::of(&read.entries, args.since, args.limit, now),
        queues,
        unreadable: read.unreadable,
    };
    if args.json {
        output::json(&status)?;
    } else {
        output::line(status_text::write(&status).trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn queues(found: &Found) -> Result<Queues> {
    let stack = &found.stack;
    let waiting = async |url: &str| {
        let Depth { visible, in_flight } = stack::depth(&stack.sqs, url).await?;
        Ok::<_, anyhow::Error>(Waiting { visible, in_flight })
    };
    Ok(Queues {
        ingest: waiting(&stack.queues.ingest).await?,
        heavy: waiting(&stack.queues.heavy).await?,
        failures: waiting(&stack.queues.failures).await?,
        dead_letter: waiting(&stack.queues.dead_letter).await?,
    })
}
