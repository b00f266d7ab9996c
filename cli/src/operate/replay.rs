//! `lakegate replay`: failed objects go through once more, without a new upload. Unless `--send` is given it only shows which.
//! It must not know how a queue is looked through (`letters`), nor how an object is judged.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use lakegate_contract::Violations;
use lakegate_lake::failure::REPLAY_ATTRIBUTE;
use lakegate_lake::ledger::{Entry, State};
use lakegate_lake::queues::{self, Outgoing};
use lakegate_lake::{announce, chain};
use serde_json::json;

use crate::operate::choice::{Choice, ChoiceArgs, Failure};
use crate::operate::letters::{self, Asked, Looked};
use crate::operate::place::{Found, Place};
use crate::operate::{entries, kinds, progress, shown};
use crate::text_table::{count as grouped, draw_without};
use crate::{help, output};

/// A run of the Glue job is killed after 4 hours, and waits for its turn for 6 (infra/template.yaml).
const GLUE_HOURS_MAX: i64 = 12;
/// Messages that are sent between two steps of the progress bar.
const SENT_AT_ONCE: usize = 100;
const EXAMPLES: &str = "\
Examples:
  lakegate replay                         what failed, and what would be sent
  lakegate replay --kind GaveUp --send    send what a queue gave up on, now that the cause is gone
  lakegate replay --from ledger --dataset orders --send
                                          judge rejected files again, by the contract as it is now
  lakegate replay --solved --send         delete the dead letters that nobody needs any more

Failed are dead letters, and what the ledger has as rejected or failed. Dead letters are kept for 14 days, the ledger remembers for ever. What was taken in before, or uploaded anew since, is recognised and \
left alone, so sending twice does no harm. Nothing is lost when the command is killed.

Exit status: 0 all was sent (or shown), 2 wrong usage, 1 anything else.";

/// Show what failed; with --send, send it through again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReplayArgs {
    /// Send them (with --solved: delete them); without it they are only shown
    #[arg(long)]
    send: bool,
    /// Only dead letters that need nothing any more: what stands under the file's key was taken in, or nothing stands there
    #[arg(long, conflicts_with = "from")]
    solved: bool,
    /// Where failures are looked for: dead-letters, or ledger (also files whose worker is gone)
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = From::DeadLetters, hide_possible_values = true)]
    from: From,
    /// How many files at most
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum From {
    /// The queue of failures, as they were told
    DeadLetters,
    /// Entries of rejected and failed files, and of files whose worker or Glue run is gone
    Ledger,
}

impl From {
    const fn name(self) -> &'static str {
        match self {
            From::DeadLetters => "dead-letters",
            From::Ledger => "ledger",
        }
    }
}

/// Runs the command.
pub(super) async fn run(args: &ReplayArgs) -> Result<ExitCode> {
    if let Some(wrong) = args.choice.wrong(args.from == From::Ledger) {
        help::wrong_usage("replay", &wrong);
    }
    let choice = args.choice.ready(Utc::now())?;
    let found = args.place.find(None).await?;
    let looked = match args.from {
        From::DeadLetters => {
            let ReplayArgs { solved: is_solved, limit, send, .. } = *args;
            letters::look(&found.stack, Asked { choice: &choice, is_solved, limit, send }).await?
        }
        From::Ledger => from_ledger(&found, &choice, args).await?,
    };
    if args.json {
        output::json(&as_json(args, &looked))?;
    } else {
        output::line(as_text(args, &looked).trim_end())?;
    }
    let unsent = looked.chosen.len() as u64 - looked.sent;
    if args.send && unsent > 0 {
        bail!("the ingest queue did not take {} of {}; run the command again", unsent, looked.chosen.len());
    }
    Ok(if looked.is_stopped { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn from_ledger(found: &Found, choice: &Choice, args: &ReplayArgs) -> Result<Looked> {
    let now = Utc::now();
    // An entry is written at its time or later.
    let read = entries::since(found, choice.since().unwrap_or(DateTime::UNIX_EPOCH)).await?;
    let mut looked = Looked::default();
    let mut chosen = Vec::new();
    for entry in read.entries.iter().rev() {
        let Some(failure) = failure_of(entry, now) else { continue };
        if !choice.includes(&failure) {
            looked.leave(&failure);
        } else if chosen.len() < args.limit {
            looked.chosen.push(failure);
            chosen.push(message(&found.stack.region, entry, now));
        }
    }
    for key in &read.unreadable {
        let url = format!("s3://{}/{}", found.stack.lake_bucket, shown::text(key));
        output::complain(&format!("{url} does not parse, and is left out"));
    }
    if args.send {
        looked.sent = send(found, &chosen).await;
    }
    Ok(looked)
}

async fn send(found: &Found, messages: &[Outgoing]) -> u64 {
    let bar = progress::towards(messages.len() as u64, "sending");
    let mut sent = 0;
    for batch in messages.chunks(SENT_AT_ONCE) {
        let (taken, error) = queues::send_all(&found.stack.sqs, &found.stack.queues.ingest, batch).await;
        sent += taken.iter().filter(|is_taken| **is_taken).count() as u64;
        if let Some(error) = error {
            output::complain(&chain(&error));
        }
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    sent
}

/// The event of the entry's version, and of which outcome another judgement is wanted.
fn message(region: &str, entry: &Entry, now: DateTime<Utc>) -> Outgoing {
    Outgoing {
        body: announce::version(region, &entry.source, now),
        attributes: BTreeMap::from([(REPLAY_ATTRIBUTE.to_owned(), entry.at.clone())]),
        trace: None,
    }
}

/// What an entry tells of a failure; `None` where there is none, or somebody is still at work.
fn failure_of(entry: &Entry, now: DateTime<Utc>) -> Option<Failure> {
    let at = DateTime::parse_from_rfc3339(&entry.at).ok().map(|at| at.to_utc());
    let is_leased = entry.is_leased(now.into());
    let error = entry.file_error.as_ref();
    let (kinds, summary) = match entry.state {
        State::Committed | State::Removed => return None,
        State::Rejected => {
            let summary = error.map_or_else(|| broken_rules(entry), |error| error.message.clone());
            (error.iter().map(|error| error.kind.clone()).chain([alert_kind(entry)]).collect(), summary)
        }
        State::Failed => {
            let kind = error.map_or_else(|| kinds::FAILED.to_owned(), |error| error.kind.clone());
            (vec![kind], error.map(|error| error.message.clone()).unwrap_or_default())
        }
        State::Working | State::Publishing if is_leased => return None,
        State::Working | State::Publishing => {
            (vec![kinds::ABANDONED.to_owned()], format!("begun {} times, and nobody is at work", entry.attempts))
        }
        State::Heavy if at.is_some_and(|at| now - at < TimeDelta::hours(GLUE_HOURS_MAX)) => return None,
        State::Heavy => (vec![kinds::HEAVY.to_owned()], "no Glue run came back with it".to_owned()),
    };
    Some(Failure {
        at,
        kinds,
        dataset: entry.dataset.clone(),
        bucket: entry.source.bucket.clone(),
        key: entry.source.key.clone(),
        version_id: entry.source.version_id.clone(),
        summary,
        solved: None,
    })
}

fn broken_rules(entry: &Entry) -> String {
    let rules: u64 = count(&entry.violations);
    format!("{} of {} rows rejected, {rules} violations", entry.rows_rejected, entry.rows_read)
}

fn count(violations: &Violations) -> u64 {
    violations.values().flat_map(BTreeMap::values).sum()
}

/// How the alert of a rejected file called it.
fn alert_kind(entry: &Entry) -> String {
    kinds::of_rejected(entry.file_error.as_ref().map(|error| error.kind.as_str())).to_string()
}

fn as_json(args: &ReplayArgs, looked: &Looked) -> serde_json::Value {
    json!({
        "from": args.from.name(),
        "is_sent": args.send,
        "is_solved": args.solved,
        "sent": looked.sent,
        "chosen": looked.chosen.iter().map(Failure::as_json).collect::<Vec<_>>(),
        "others": looked.others,
        "other_kinds": looked.other_kinds,
        "without_object": looked.without_object,
        "hidden": looked.hidden,
    })
}

fn as_text(args: &ReplayArgs, looked: &Looked) -> String {
    let noun = match args.from {
        From::DeadLetters => "dead letter",
        From::Ledger => "file",
    };
    let mut lines = Vec::new();
    if !looked.chosen.is_empty() {
        let rows: Vec<Vec<String>> = looked.chosen.iter().map(Failure::cells).collect();
        lines.push(draw_without(&["dataset"], &Failure::HEADER, &rows));
    }
    let number = shown::count(looked.chosen.len() as u64, noun);
    let command = || shown::this_command_with("--send");
    lines.push(match (looked.chosen.is_empty(), args.send, args.solved) {
        (true, _, true) => "Of no dead letter is the file taken in, or gone.".to_owned(),
        (true, _, false) => "Nothing to replay.".to_owned(),
        (false, true, true) => format!("{number} deleted."),
        (false, true, false) => {
            format!("{} of {number} sent. What becomes of them: lakegate status", looked.sent)
        }
        (false, false, true) => format!("Nobody needs {number} any more. This deletes them:\n  {}", command()),
        (false, false, false) => format!("{number} would be sent to the ingest queue. This sends:\n  {}", command()),
    });
    if looked.others > 0 {
        let kinds =
            looked.other_kinds.iter().map(|(kind, number)| format!("{} ({})", shown::text(kind), grouped(*number)));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        lines.push(format!("{} not asked for: {kinds}.", shown::count(looked.others, &format!("other {noun}"))));
    }
    if looked.without_object > 0 {
        lines.push(format!(
            "{} no object, and would fail again: left where it is, unless --kind names its kind.",
            if looked.without_object == 1 {
                "1 announces".to_owned()
            } else {
                format!("{} announce", looked.without_object)
            }
        ));
    }
    if looked.hidden > 0 {
        lines.push(format!(
            "About {} hidden by another look at the queue, of minutes ago at most: try again later.",
            if looked.hidden == 1 { "1 is".to_owned() } else { format!("{} are", looked.hidden) }
        ));
    }
    if looked.is_stopped {
        lines.push("Stopped before the end of the queue.".to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: ReplayArgs,
    }

    #[test]
    fn the_kinds_that_wait_are_told_where_another_one_was_asked_for() {
        let args = Command::parse_from(["replay", "--kind", "Nonsense"]).args;
        let mut looked = Looked::default();
        for kinds in [&["GaveUp"][..], &["HeaderMismatch", "ContractViolated"], &["GaveUp"], &[]] {
            let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
            looked.leave(&Failure { kinds, ..Failure::default() });
        }
        insta::assert_snapshot!(as_text(&args, &looked), @r"
        Nothing to replay.
        4 other dead letters not asked for: GaveUp (2), HeaderMismatch (1), no kind (1).
        ");
    }
}
