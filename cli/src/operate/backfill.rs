//! `lakegate backfill`: what is in the bucket and not in the lake, taken in by one run of the Glue job. Unless `--send` is given it only shows it.
//! It must not know what the run does.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use lakegate_lake::contracts::{Contracts, Deployed};
use lakegate_lake::jobs::{self, Manifest, NotStarted, Work};
use lakegate_lake::listing::ListedObject;
use lakegate_lake::{chain, layout};
use serde_json::json;

use crate::glue::pending::{Asked, pending as each_pending};
use crate::operate::place::{Found, Place};
use crate::operate::{progress, shown};
use crate::output;
use crate::text_table::{count, draw_fitting};

const EXAMPLES: &str = "\
Examples:
  lakegate backfill --prefix orders/            what a run would take in
  lakegate backfill --prefix orders/ --send     start the run
  lakegate backfill --prefix '' --contract-id shop-orders
                                                only files of one contract, wherever they are

A run takes in what the ledger does not have as done under the present contract: one that broke off is simply started again. It costs a \
minute of two workers at least; a few files are cheaper announced by `lakegate sweep`.

Exit status: 0 the run was started (or shown), 2 wrong usage, 1 anything else.";

/// Take in by the Glue job what is in the bucket already
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BackfillArgs {
    /// Start the run; without it is only shown what it would take in
    #[arg(long)]
    send: bool,
    /// Only files whose keys begin with this
    #[arg(long, value_name = "PREFIX")]
    prefix: String,
    /// Only files of the contract with this id
    #[arg(long, alias = "contract", value_name = "ID")]
    contract_id: Option<String>,
    /// How many files to tell one by one
    #[arg(long, value_name = "N", default_value_t = 20)]
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
struct Pending {
    /// As many as are to be shown.
    shown: Vec<ListedObject>,
    objects: u64,
    bytes: u64,
}

/// Runs the command.
pub(super) async fn run(args: &BackfillArgs) -> Result<ExitCode> {
    let found = args.place.find(args.raw_bucket.as_deref()).await?;
    let pending = pending(args, &found).await?;
    let run_id = if args.send && pending.objects > 0 { Some(start(args, &found).await?) } else { None };
    if args.json {
        let object = |object: &ListedObject| json!({ "key": object.key, "size_bytes": object.size_bytes });
        let told = json!({
            "bucket": found.stack.raw_bucket, "prefix": args.prefix, "contract": args.contract_id,
            "objects": pending.objects, "bytes": pending.bytes, "run_id": run_id,
            "first": pending.shown.iter().map(object).collect::<Vec<_>>(),
        });
        output::json(&told)?;
    } else {
        output::line(&as_text(&pending, &found, run_id.as_deref()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the run will find, as far as contracts and ledger tell now.
async fn pending(args: &BackfillArgs, found: &Found) -> Result<Pending> {
    let stack = &found.stack;
    let deployed = Contracts::new(stack.lake_bucket.clone()).deployed(&stack.objects).await?;
    if let Some(id) = &args.contract_id {
        known(&deployed, id)?;
    }
    let asked = Asked {
        lake_bucket: &stack.lake_bucket,
        bucket: &stack.raw_bucket,
        contract: args.contract_id.as_deref(),
        infers: false,
    };
    let bar = progress::open("holding the bucket against the ledger:");
    let mut pending = Pending::default();
    let each = |object: ListedObject| {
        pending.objects += 1;
        pending.bytes += object.size_bytes;
        bar.set_message(shown::count(pending.objects, "object"));
        if pending.shown.len() < args.limit {
            pending.shown.push(object);
        }
        Ok(())
    };
    let listed = each_pending(&stack.objects, &deployed, &found.raw, &asked, &args.prefix, each).await?;
    bar.finish_and_clear();
    ensure!(listed > 0, "no object of s3://{} has a key that begins with {:?}", stack.raw_bucket, args.prefix);
    Ok(pending)
}

/// A mistyped id would else look like a dataset of which all is done.
fn known(deployed: &Deployed, id: &str) -> Result<()> {
    let contracts = deployed.documents().filter_map(|(_, contract)| contract.ok());
    let ids: Vec<&str> = contracts.map(|contract| contract.id.as_str()).collect();
    ensure!(
        ids.contains(&id),
        "no deployed contract has the id {id}: there {}",
        match ids.as_slice() {
            [] => "is none".to_owned(),
            [one] => format!("is {one}"),
            more => format!("are {}", more.join(", ")),
        }
    );
    Ok(())
}

/// Starts the run; its id.
async fn start(args: &BackfillArgs, found: &Found) -> Result<String> {
    let stack = &found.stack;
    let work = Work::Prefix {
        bucket: stack.raw_bucket.clone(),
        prefix: args.prefix.clone(),
        contract: args.contract_id.clone(),
    };
    let begun_at = Utc::now();
    let key = layout::run_object("backfill", &format!("{}/{}/{begun_at:?}", stack.raw_bucket, args.prefix));
    stack.objects.put_json_if(&stack.lake_bucket, &key, &Manifest::new(work), None).await?;
    let arguments = [
        (jobs::MANIFEST_ARGUMENT, key.as_str()),
        ("--source_bucket", stack.raw_bucket.as_str()),
        ("--source_prefix", args.prefix.as_str()),
    ];
    let arguments: BTreeMap<String, String> =
        arguments.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    match jobs::start_run(&stack.glue, &stack.glue_job, arguments).await {
        Ok(run_id) => Ok(run_id),
        Err(NotStarted { error, is_certain: true }) => Err(error).context("no run was started"),
        // Its answer was lost; Glue knows.
        Err(NotStarted { error, is_certain: false }) => {
            let started = jobs::find_run(&stack.glue, &stack.glue_job, &key, begun_at.into()).await?;
            started.with_context(|| format!("it is not known whether a run was started: {}", chain(&error)))
        }
    }
}

fn as_text(pending: &Pending, found: &Found, run_id: Option<&str>) -> String {
    let mut lines = Vec::new();
    if !pending.shown.is_empty() {
        let row = |object: &ListedObject| vec![count(object.size_bytes), shown::text(&object.key)];
        lines.push(draw_fitting(&["bytes", "object"], &pending.shown.iter().map(row).collect::<Vec<_>>()));
    }
    let more = pending.objects - pending.shown.len() as u64;
    if more > 0 {
        lines.push(format!("… and {} more (--limit)", count(more)));
    }
    let number = format!("{} ({} bytes)", shown::count(pending.objects, "object"), count(pending.bytes));
    lines.push(match (pending.objects, run_id) {
        (0, _) => "Everything there is in the lake, or its failure was told.".to_owned(),
        (_, Some(run_id)) => {
            let job = &found.stack.glue_job;
            format!("{number}: run {run_id} of {job} takes them in. What becomes of them: lakegate status")
        }
        (_, None) => {
            let command = shown::this_command_with("--send");
            format!("{number} to be taken in. This starts the run:\n  {command}")
        }
    });
    lines.join("\n")
}
