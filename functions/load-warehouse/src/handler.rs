//! Messages of the load queue in, the messages that failed out: files of one table become one load, and statements that ended go on.
//! It must not know how a table is loaded.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsBatchResponse;
use lakegate_lake::failure::FailureKind;
use lakegate_lake::invocation::{self, Invocation, Message};
use lakegate_lake::{LakeError, chain, layout, queues, redelivery};
use lambda_runtime::Error;
use serde_json::{Value, json};

use crate::load::Wanted;
use crate::message::{self, Asked};
use crate::steps::{self, Context, Outcome};

/// Files of one load: its statements then have 40 of the 100 KB that the Data API takes.
const FILES_MAX: usize = 200;
/// After so many receives, some four hours, a message that meets passing trouble is told: its queue would give it up without a word of why.
const RECEIVES_MAX: u32 = 20;

/// What a table may take at a warehouse that does not answer: three attempts, and what goes with them. With less time left no table is begun.
const TIME_MIN: Duration = Duration::from_secs(100);

/// A message about a file, and what it asks for.
type OfFile = (Message, Wanted);

/// Answers with the messages that met passing trouble; for a request by hand with the loads that were begun, and such trouble is the
/// function's own error.
pub(crate) async fn handle(
    context: &Context,
    payload: &Value,
    request_id: &str,
    deadline: SystemTime,
) -> Result<Value, Error> {
    match invocation::parse(payload)? {
        Invocation::Direct(event) => {
            let asked = message::read(&serde_json::from_str(&event)?, &context.settings.stack)?;
            let Asked::All { table } = asked else {
                return Err("only {} and {\"dataset\": …} can be asked for by hand".into());
            };
            let mut loads = Vec::new();
            for (table, id, outcome) in load_all(context, table, request_id).await? {
                loads.push(json!({ "dataset": table, "load": id, "outcome": outcome.word() }));
            }
            Ok(json!({ "loads": loads }))
        }
        Invocation::Batch(messages) => Ok(serde_json::to_value(batch(context, messages, deadline).await)?),
    }
}

/// What is not begun in time comes again; what was done is not done again for it.
async fn batch(context: &Context, messages: Vec<Message>, deadline: SystemTime) -> SqsBatchResponse {
    let in_time = |what: &str| match deadline.duration_since((context.clock)()) {
        Ok(left) if left >= TIME_MIN => Ok(()),
        Ok(_) | Err(_) => Err(LakeError::Passing {
            operation: "BatchExecuteStatement",
            resource: what.to_owned(),
            source: "the warehouse answers slowly, and the function's time was up".into(),
        }),
    };
    let mut response = SqsBatchResponse::default();
    let mut files: BTreeMap<String, Vec<OfFile>> = BTreeMap::new();
    for message in messages {
        let body = serde_json::from_str(&message.body).unwrap_or(Value::Null);
        let asked = message::read(&body, &context.settings.stack);
        if let Ok(Asked::File { table, wanted }) = asked {
            files.entry(table).or_default().push((message, wanted));
            continue;
        }
        let answer = match in_time("the warehouse") {
            Ok(()) => Box::pin(one(context, &message, asked)).await,
            Err(error) => Err(error),
        };
        settle(context, &mut response, None, &[&message], answer).await;
    }
    for (table, of_table) in &files {
        for of_load in of_table.chunks(FILES_MAX) {
            let (ids, wanted) = latest(of_load);
            let asked_by: Vec<&str> = ids.iter().map(String::as_str).collect();
            let answer = match in_time(table) {
                Ok(()) => Box::pin(steps::begin(context, table, wanted, &asked_by)).await,
                Err(error) => Err(error),
            };
            let answer = answer.map(|(id, outcome)| log(table, &id, of_load.len(), outcome));
            let messages: Vec<&Message> = of_load.iter().map(|(message, _)| message).collect();
            settle(context, &mut response, Some(table), &messages, answer).await;
        }
    }
    response
}

/// Of several notices about one file the last one counts. The ids of all messages, in an order of their own.
fn latest(of_load: &[OfFile]) -> (Vec<String>, Vec<Wanted>) {
    let mut latest: BTreeMap<&str, &Wanted> = BTreeMap::new();
    for (_, wanted) in of_load {
        let known = latest.entry(&wanted.source).or_insert(wanted);
        if known.at < wanted.at {
            *known = wanted;
        }
    }
    let mut ids: Vec<String> = of_load.iter().map(|(message, _)| message.id.clone()).collect();
    ids.sort();
    (ids, latest.into_values().cloned().collect())
}

/// A message that is about no file.
async fn one(context: &Context, message: &Message, asked: Result<Asked, String>) -> Result<(), LakeError> {
    match asked {
        Ok(Asked::Ended { step, statement_id, state }) => {
            let is_first = message.receive_count <= 1;
            let outcome = steps::go_on(context, &step, &statement_id, &state, is_first).await?;
            tracing::info!(
                load = step.load,
                statement_id,
                state,
                attempt = step.attempt,
                outcome = outcome.word(),
                "statements ended"
            );
            Ok(())
        }
        Ok(Asked::All { table }) => load_all(context, table, &message.id).await.map(|_| ()),
        Ok(Asked::LookAfter) => {
            let unheard = steps::look_after(context).await?;
            tracing::info!(unheard, "loads looked after");
            Ok(())
        }
        Ok(Asked::File { .. } | Asked::Nothing) => Ok(()),
        Err(what) => {
            let summary = format!("the load queue was sent {what}");
            steps::tell(context, None, FailureKind::UnreadableMessage, &summary, false, &message.body).await
        }
    }
}

/// Whole tables.
async fn load_all(
    context: &Context,
    table: Option<String>,
    asked_by: &str,
) -> Result<Vec<(String, String, Outcome)>, LakeError> {
    let tables = if let Some(table) = table {
        vec![table]
    } else {
        let location = layout::url(&context.settings.lake_bucket, layout::LAKE_PREFIX);
        let found = context.catalog.tables_under(&location).await?;
        found.into_iter().map(|table| table.name).collect()
    };
    let mut begun = Vec::new();
    for table in tables {
        let (id, outcome) = Box::pin(steps::begin(context, &table, Vec::new(), &[asked_by])).await?;
        log(&table, &id, 0, outcome);
        begun.push((table, id, outcome));
    }
    Ok(begun)
}

/// The one line that the log has for a load that was asked for.
fn log(table: &str, id: &str, files: usize, outcome: Outcome) {
    tracing::info!(dataset = table, load = id, files, outcome = outcome.word(), "load");
}

/// What lasts, or lasts too long, is told; what passes brings the messages back.
async fn settle(
    context: &Context,
    response: &mut SqsBatchResponse,
    table: Option<&str>,
    messages: &[&Message],
    answer: Result<(), LakeError>,
) {
    let Err(error) = answer else { return };
    let is_told = |message: &&&Message| !error.is_passing() || message.receive_count >= RECEIVES_MAX;
    // One load is one failure, however many messages asked for it.
    let mut untold = None;
    if let Some(message) = messages.iter().find(is_told) {
        let body = table.map_or_else(|| message.body.clone(), |table| json!({ "dataset": table }).to_string());
        untold = steps::tell_error(context, table, &error, &body).await.err();
    }
    for message in messages {
        if untold.is_none() && is_told(&message) {
            continue;
        }
        give_back(context, message, untold.as_ref().unwrap_or(&error)).await;
        response.add_failure(message.id.clone());
    }
}

/// Lets a message that met passing trouble come again soon. A visibility that cannot be changed is logged: the message comes when the
/// queue says so.
async fn give_back(context: &Context, message: &Message, error: &LakeError) {
    let delay: Duration = redelivery::delay(error, message, (context.clock)());
    tracing::warn!(
        message_id = message.id,
        receive_count = message.receive_count,
        delay_secs = delay.as_secs(),
        error = chain(error),
        "message goes back to its queue"
    );
    let queue_url = &context.settings.load_queue_url;
    if let Err(error) = queues::hide(&context.sqs, queue_url, &message.receipt_handle, delay).await {
        tracing::warn!(message_id = message.id, error = chain(&error), "the message's visibility stays as it is");
    }
}
