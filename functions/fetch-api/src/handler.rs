//! One invocation: the sources of all contracts, or of one, each fetched, and who is told when that fails.
//! It must not know how a source is fetched.

use std::time::{Duration, SystemTime};

use lakegate_contract::{ApiSource, Contract};
use lakegate_lake::clients::SqsClient;
use lakegate_lake::contracts::Contracts;
use lakegate_lake::failure::{self, FailureKind, FailureRecord, Stage};
use lakegate_lake::objects::Objects;
use lakegate_lake::secrets::Secrets;
use lakegate_lake::{LakeError, chain};
use lambda_runtime::Error;
use serde_json::{Value, json};

use crate::error::FetchError;
use crate::fetch::{self, Fetched};
use crate::progress::{self, Progress};
use crate::settings::Settings;

/// Before a request is made for the second time.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Of an event: the one dataset that is to be fetched.
const DATASET_MEMBER: &str = "dataset";
/// What is left of the function's time to write a file of 128 MiB and to tell of a failure.
const TIME_RESERVED: Duration = Duration::from_mins(1);
/// A source that would have less time is not begun.
const TIME_MIN: Duration = Duration::from_secs(5);

/// What every invocation uses.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) objects: Objects,
    pub(crate) secrets: Secrets,
    pub(crate) sqs: SqsClient,
    pub(crate) contracts: Contracts,
    pub(crate) clock: fn() -> SystemTime,
    /// The pause before a request is made for the second time; the next ones are twice as long each.
    pub(crate) first_pause: Duration,
}

/// What became of a source.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was read to its end.
    Fetched(Fetched),
    /// Another run has it in hand.
    InWork,
    /// It was not; somebody is told unless he was. How far the run came is none of it written.
    Failed(FetchError, Fetched),
}

/// Fetches, one source after another. Lasting trouble becomes a failure record; passing trouble of AWS is the function's own error, when
/// all others are done.
pub(crate) async fn handle(context: &Context, event: &Value, run: &str, deadline: SystemTime) -> Result<Value, Error> {
    let wanted = event.get(DATASET_MEMBER).and_then(Value::as_str);
    let deployed = context.contracts.deployed(&context.objects).await?;
    let mut invalid = Vec::new();
    let mut passing = None;
    let mut told = Vec::new();
    for (key, document) in deployed.documents() {
        let contract = match document {
            Ok(contract) => contract,
            Err(problems) => {
                invalid.push(format!("{key}: {}", problems.first().map_or("not a contract", String::as_str)));
                continue;
            }
        };
        let Some(source) = &contract.source else { continue };
        if wanted.is_some_and(|wanted| wanted != contract.table) {
            continue;
        }
        let left = deadline.duration_since((context.clock)()).unwrap_or_default().saturating_sub(TIME_RESERVED);
        let started = tokio::time::Instant::now();
        match Box::pin(one(context, contract, source, run, left)).await {
            Ok(outcome) => {
                log(contract, &outcome, started.elapsed());
                told.push(answer(contract, &outcome));
            }
            Err(error) => {
                tracing::warn!(dataset = contract.table, error = chain(&error), "the next run tries again");
                passing = Some(error);
            }
        }
    }
    if !invalid.is_empty() {
        // Whether it has a source cannot be told; ingest tells whoever sends files of it.
        tracing::warn!(contracts = invalid.join("; "), "contracts that are not valid are not fetched for");
    }
    if told.is_empty() && passing.is_none() {
        tracing::info!(dataset = wanted, outcome = "no-source", "source");
    }
    passing.map_or(Ok(json!({ "sources": told })), |error| Err(error.into()))
}

/// The error is passing trouble of AWS, or of the one way to tell of other trouble.
async fn one(
    context: &Context,
    contract: &Contract,
    source: &ApiSource,
    run: &str,
    left: Duration,
) -> Result<Outcome, LakeError> {
    let Settings { lake_bucket, .. } = &context.settings;
    let now = (context.clock)();
    let time = left.min(Duration::from_secs(source.limits.max_secs));
    let lasts = time + TIME_RESERVED;
    let taken = progress::take(&context.objects, lake_bucket, &contract.table, run, now, lasts).await;
    let mut hold = match taken {
        Ok(Some(hold)) => hold,
        Ok(None) => return Ok(Outcome::InWork),
        Err(error) if error.is_passing() => return Err(error),
        Err(error) => {
            let error = FetchError::Lake(error);
            tell(context, contract, &error, None).await?;
            return Ok(Outcome::Failed(error, Fetched::default()));
        }
    };
    let before = hold.progress.clone();
    let mut done = Fetched::default();
    let fetched = if left < TIME_MIN {
        Err(FetchError::NoTurn { address: source.url.clone() })
    } else {
        // What the file takes to be written comes on top of what the API may take.
        let fetching = fetch::fetch(context, contract, source, &mut hold.progress, time, &mut done);
        tokio::time::timeout(lasts, fetching)
            .await
            .unwrap_or_else(|_elapsed| Err(FetchError::OutOfTime { address: source.url.clone(), secs: time.as_secs() }))
    };
    let mut noted = Ok(());
    if let Err(error) = &fetched {
        hold.progress = before;
        if !error.is_passing() {
            noted = note(context, contract, error, &mut hold.progress).await;
        }
    }
    // Whatever happened, the next run need not wait for the lease to end, if that can be.
    let given_back = hold.give_back(&context.objects, lake_bucket).await;
    noted?;
    match fetched {
        Ok(()) => given_back.map(|()| Outcome::Fetched(done)),
        Err(FetchError::Lake(error)) if error.is_passing() => Err(error),
        Err(error) => given_back.map(|()| Outcome::Failed(error, done)),
    }
}

/// Tells of trouble, unless that is no news.
async fn note(
    context: &Context,
    contract: &Contract,
    error: &FetchError,
    progress: &mut Progress,
) -> Result<(), LakeError> {
    let (trouble, now) = (error.trouble(), (context.clock)().into());
    if progress.is_news(&trouble, now) {
        tell(context, contract, error, progress.fetched_at.as_deref()).await?;
        progress.note_told(trouble, now);
    }
    Ok(())
}

/// The record's body announces no object, so that a replay leaves it alone. `last_good_at`: when a run succeeded last, if that is known.
async fn tell(
    context: &Context,
    contract: &Contract,
    error: &FetchError,
    last_good_at: Option<&str>,
) -> Result<(), LakeError> {
    let mut record = FailureRecord::new(Stage::FetchApi, error.kind(), error.summary());
    record.dataset = Some(contract.table.clone());
    record.owner.clone_from(&contract.owner);
    record.last_good_at = last_good_at.map(str::to_owned);
    let body = json!({ DATASET_MEMBER: contract.table }).to_string();
    failure::report(&context.sqs, &context.settings.failures_queue_url, &record, &body).await
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Fetched(Fetched { written: Some(_), .. }) => "written",
        Outcome::Fetched(_) => "nothing-new",
        Outcome::InWork => "in-work",
        Outcome::Failed(..) => "failed",
    }
}

/// What the caller is told of this source: the file's key and its records, or what went wrong.
fn answer(contract: &Contract, outcome: &Outcome) -> Value {
    let (dataset, outcome_word) = (&contract.table, word(outcome));
    match outcome {
        Outcome::Fetched(Fetched { requests, records, written, .. }) => match written {
            Some(key) => json!({
                "dataset": dataset, "outcome": outcome_word, "requests": requests, "records": records, "key": key,
            }),
            None => json!({ "dataset": dataset, "outcome": outcome_word, "requests": requests, "records": records }),
        },
        Outcome::InWork => json!({ "dataset": dataset, "outcome": outcome_word }),
        Outcome::Failed(error, Fetched { requests, .. }) => json!({
            "dataset": dataset, "outcome": outcome_word, "requests": requests,
            "kind": error.kind().to_string(), "summary": error.summary(),
        }),
    }
}

/// The one line that the log has for this source.
fn log(contract: &Contract, outcome: &Outcome, elapsed: Duration) {
    let nothing = Fetched::default();
    let (fetched, error) = match outcome {
        Outcome::Fetched(fetched) => (fetched, None),
        Outcome::InWork => (&nothing, None),
        Outcome::Failed(error, fetched) => (fetched, Some(error)),
    };
    tracing::info!(
        dataset = contract.table,
        requests = fetched.requests,
        pages = fetched.pages,
        records = fetched.records,
        bytes = fetched.bytes,
        key = fetched.written.as_deref(),
        kind = error.map(|error| FailureKind::to_string(&error.kind())),
        summary = error.map(FetchError::summary),
        elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        outcome = word(outcome),
        "source"
    );
}
