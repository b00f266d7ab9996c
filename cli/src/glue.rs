//! `lakegate glue`: the steps of a Glue run, for the job's script. JSON on standard input, JSON on standard output, settings from the
//! environment as the functions have them. What the steps do is the libraries'; it does not know who runs which step, nor where.

mod keys;
mod lists;
pub(crate) mod pending;
mod settings;
mod steps;

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use lakegate_lake::invocation::Message;
use lakegate_lake::{LakeError, chain, redelivery};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{operate, output};

const STEPS: &str = "\
The steps of one object, each of which may be run again, anywhere, any number of times:
  begin      whether there is anything to do, and in which ranges
  scan       one range: where its records may begin
  resolve    all scans: what each range has to convert
  convert    one range: its files are uploaded, and nobody sees them
  contest, decide, count    where rows of different ranges are compared: who shares keys, who loses; then convert again who lost
  publish    all ranges: judged as one file, and published or rejected
  give-up    whatever was converted, if it comes to no end
Objects as a whole, one JSON object a line:
  list       what is to be taken in under a prefix
  take-in    each of them, converted in one pass

Environment: AWS_REGION, LAKE_BUCKET, GLUE_DATABASE, FAILURES_QUEUE_URL; optional UNKNOWN_DATASETS, ONE_PASS_BYTES_MAX,
AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3; and for metrics (on standard error), notices and lineage STACK_NAME, METRICS, NOTICES, LINEAGE, LINEAGE_URL,
LINEAGE_API_KEY, CATALOG_ARN.

Exit status: 0 the step's result is on standard output, 2 wrong usage, 1 anything else.";

/// A step of a Glue run.
#[derive(Debug, clap::Subcommand)]
#[command(after_long_help = STEPS, after_help = STEPS)]
pub(crate) enum GlueCommand {
    /// Look an object up, and cut it into ranges if there is anything to do
    Begin,
    /// Find where records may begin in a range, and how many there are
    Scan,
    /// Put the scans of all ranges together: what each range has to convert
    Resolve,
    /// Convert the rows of a range, and upload them so that nobody sees them
    Convert {
        /// Write the keys of the range's rows here, one file per bucket, named by its number
        #[arg(long, value_name = "DIR")]
        keys: Option<PathBuf>,
    },
    /// Find the rows of all ranges that share a key with others, in one bucket of keys; prints bytes
    Contest {
        /// The bucket's files of all ranges, and nothing else
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
    },
    /// Decide which of the rows that share keys lose to rows above them
    Decide {
        /// What `contest` printed, of all buckets, and nothing else
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
    },
    /// Count duplicate values in one bucket of keys
    Count {
        /// The bucket's files of all ranges, and nothing else
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
    },
    /// Judge an object by all its ranges, and publish or reject it
    Publish,
    /// Give converted ranges up
    GiveUp,
    /// Convert objects, each in one pass, and publish or reject them
    TakeIn,
    /// List what is to be taken in under a prefix
    List,
}

/// Runs a step.
pub(crate) fn run(command: &GlueCommand) -> Result<ExitCode> {
    match command {
        GlueCommand::Begin => operate::on_runtime(steps::begin()),
        GlueCommand::Scan => operate::on_runtime(steps::scan()),
        GlueCommand::Resolve => steps::resolve(),
        GlueCommand::Convert { keys } => operate::on_runtime(steps::convert(keys.as_deref())),
        GlueCommand::Contest { keys } => keys::contest(keys),
        GlueCommand::Decide { keys } => keys::decide(keys),
        GlueCommand::Count { keys } => keys::count(keys),
        GlueCommand::Publish => operate::on_runtime(steps::publish()),
        GlueCommand::GiveUp => operate::on_runtime(steps::give_up()),
        GlueCommand::TakeIn => operate::on_runtime(lists::take_in()),
        GlueCommand::List => operate::on_runtime(lists::list()),
    }
}

/// The step's input.
fn input<T: DeserializeOwned>() -> Result<T> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    // The parser's own words may quote a value.
    serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        anyhow::anyhow!("standard input is not what this step takes (line {line}, column {column})")
    })
}

fn print(value: &impl Serialize) -> Result<ExitCode> {
    output::line(&serde_json::to_string(value)?)?;
    Ok(ExitCode::SUCCESS)
}

/// What is answered on passing trouble: why, and when to ask again.
fn again(error: &LakeError, now: SystemTime) -> Value {
    // Another worker's lease is waited for; other trouble nearly always passes within seconds.
    let receive_count = if matches!(error, LakeError::Busy { .. }) { u32::MAX } else { 1 };
    let delay = redelivery::delay(error, &Message { receive_count, ..Message::default() }, now);
    json!({ "again": chain(error), "secs": delay.as_secs().max(1) })
}
