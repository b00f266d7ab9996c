//! `lakegate sweep`: objects of the raw bucket, and deletions, that nobody dealt with. Unless `--send` is given it only shows them.
//! It must not know how they are found (`lake::sweep`).

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use chrono::Utc;
use lakegate_lake::chain;
use lakegate_lake::queues::{self, Outgoing};
use lakegate_lake::sweep::{Buckets, Counts, Missed, Scope, Sweep};
use serde_json::{Value, json};

use crate::operate::place::{Found, Place};
use crate::operate::{progress, shown, spans};
use crate::output;
use crate::text_table::{count, draw_without};

const EXAMPLES: &str = "\
Examples:
  lakegate sweep                          what no event announced, or whose worker is gone
  lakegate sweep --prefix orders/ --send  announce what is missing under orders/
  lakegate sweep --deep                   after a time without any sweep: read every ledger entry

The bucket is held against the ledger. A file is listed when the ledger has no entry for it, or one about another version of it, or one whose worker has been gone for three \
hours. Where its contract says `removedObjects: remove`, so is one that is gone from the bucket while its rows stand; below a prefix only \
with --deep. A file that is announced twice is taken in once. The stack sweeps by itself, every hour unless told otherwise.

Exit status: 0 all was sent (or shown), 2 wrong usage, 1 anything else.";

/// Find files that nobody dealt with; with --send, announce them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SweepArgs {
    /// Announce them to the ingest queue; without it they are only shown
    #[arg(long)]
    send: bool,
    /// Only files whose keys begin with this
    #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
    prefix: String,
    /// Only files uploaded longer ago than this: the events of younger ones may be on the way
    #[arg(long, value_name = "SPAN", value_parser = spans::parse, default_value = "15m")]
    older_than: Duration,
    /// Read every ledger entry, also where times leave no doubt, or where the file is gone
    #[arg(long)]
    deep: bool,
    /// How many files to tell one by one
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
    /// Another bucket than the one that the stack names
    #[arg(long, value_name = "NAME", help_heading = "Stack")]
    raw_bucket: Option<String>,
}

#[derive(Debug, Default)]
struct Swept {
    /// As many as are to be shown.
    shown: Vec<Missed>,
    counts: Counts,
    sent: u64,
}

/// Runs the command.
pub(super) async fn run(args: &SweepArgs) -> Result<ExitCode> {
    let found = args.place.find(args.raw_bucket.as_deref()).await?;
    let swept = sweep(args, &found).await?;
    if args.json {
        output::json(&as_json(args, &found, &swept))?;
    } else {
        output::line(as_text(args, &swept).trim_end())?;
    }
    if args.send && swept.sent < swept.counts.missed {
        bail!("the ingest queue took {} of {}; run the command again", swept.sent, swept.counts.missed);
    }
    Ok(ExitCode::SUCCESS)
}

async fn sweep(args: &SweepArgs, found: &Found) -> Result<Swept> {
    let stack = &found.stack;
    let scope = Scope { now: SystemTime::now(), older_than: args.older_than, is_deep: args.deep };
    // The prefix is that of the stack's bucket.
    let raw_prefix = if args.raw_bucket.is_some() { "" } else { &stack.raw_prefix };
    let prefix = if args.prefix.is_empty() { raw_prefix } else { &args.prefix };
    let buckets = Buckets {
        objects: &stack.objects,
        raw: &found.raw,
        lake: &found.lake,
        raw_bucket: &stack.raw_bucket,
        raw_prefix,
        lake_bucket: &stack.lake_bucket,
    };
    let bar = progress::open("sweeping:");
    let told = |counts: Counts| bar.set_message(format!("{} ledger entries", count(counts.entries)));
    let mut sweep = Sweep::begin(buckets, prefix, scope, told).await?;
    let mut swept = Swept::default();
    while let Some(missed) = sweep.next().await? {
        if args.send {
            swept.sent += announce(found, &missed).await;
        }
        let room = args.limit.saturating_sub(swept.shown.len());
        swept.shown.extend(missed.into_iter().take(room));
        let Counts { objects, missed, .. } = sweep.counts();
        bar.set_message(format!("{} objects, {} missed", count(objects), count(missed)));
    }
    bar.finish_and_clear();
    swept.counts = sweep.counts();
    Ok(swept)
}

/// How many of them the ingest queue took.
async fn announce(found: &Found, missed: &[Missed]) -> u64 {
    let stack = &found.stack;
    let message = |missed: &Missed| Outgoing {
        body: missed.announcement(&stack.region, &stack.raw_bucket, Utc::now()),
        ..Outgoing::default()
    };
    let messages: Vec<Outgoing> = missed.iter().map(message).collect();
    let (taken, error) = queues::send_all(&stack.sqs, &stack.queues.ingest, &messages).await;
    if let Some(error) = error {
        output::complain(&chain(&error));
    }
    taken.iter().filter(|is_taken| **is_taken).count() as u64
}

fn as_json(args: &SweepArgs, found: &Found, swept: &Swept) -> Value {
    let Counts {
        entries,
        objects,
        young,
        not_files,
        read,
        in_work,
        given_up,
        unreadable,
        missed,
        deleted,
        unlisted_unread,
    } = swept.counts;
    let object = |Missed { object, why }: &Missed| {
        json!({
            "key": object.key,
            "size_bytes": object.size_bytes,
            "uploaded_at": shown::rfc3339(object.last_modified),
            "why": why.text(),
        })
    };
    json!({
        "bucket": found.stack.raw_bucket,
        "is_sent": args.send,
        "sent": swept.sent,
        "counts": {
            "ledger_entries": entries, "objects": objects, "too_young": young, "no_files": not_files, "entries_read": read,
            "in_work": in_work, "given_up": given_up, "entries_unreadable": unreadable, "missed": missed, "deleted": deleted,
            "unlisted_unread": unlisted_unread,
        },
        "missed": swept.shown.iter().map(object).collect::<Vec<_>>(),
    })
}

fn as_text(args: &SweepArgs, swept: &Swept) -> String {
    let Counts { objects, young, in_work, given_up, unreadable, missed, deleted, unlisted_unread, .. } = swept.counts;
    let mut lines = Vec::new();
    if !swept.shown.is_empty() {
        let row = |Missed { object, why }: &Missed| {
            vec![
                shown::time(object.last_modified),
                count(object.size_bytes),
                shown::text(&object.key),
                why.text().to_owned(),
            ]
        };
        lines.push(draw_without(
            &["bytes"],
            &["uploaded", "bytes", "object", "why"],
            &swept.shown.iter().map(row).collect::<Vec<_>>(),
        ));
    }
    let more = missed - swept.shown.len() as u64;
    if more > 0 {
        lines.push(format!("… and {} more (--limit)", count(more)));
    }
    let number = shown::count(missed, "object");
    match (missed, args.send) {
        (0, _) => lines.push(format!("{} looked at: nothing was missed.", shown::count(objects, "object"))),
        (_, true) => lines.push(format!("{} of {number} announced. What becomes of them: lakegate status", swept.sent)),
        (_, false) => {
            let command = shown::this_command_with("--send");
            lines.push(format!("{number} of {} missed. This announces them:\n  {command}", count(objects + deleted)));
        }
    }
    if deleted > 0 {
        lines.push(format!("{} of them deleted: their rows leave the table.", count(deleted)));
    }
    if unlisted_unread > 0 {
        let entries = count(unlisted_unread);
        lines.push(format!("{entries} ledger entries of files that are gone were not read (--deep reads them)."));
    }
    if young > 0 {
        let span = spans::text(args.older_than);
        lines.push(format!("{} younger than {span}: left alone.", shown::count(young, "object")));
    }
    if in_work > 0 {
        lines.push(format!("{} in work.", shown::count(in_work, "object")));
    }
    if given_up > 0 {
        let number = shown::count(given_up, "object");
        lines.push(format!("{number} given up after many attempts: look at their dead letters (lakegate replay)."));
    }
    if unreadable > 0 {
        lines.push(format!("{} with a ledger entry that does not parse.", shown::count(unreadable, "object")));
    }
    lines.join("\n")
}
