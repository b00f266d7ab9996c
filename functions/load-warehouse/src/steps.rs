//! The steps of a load: the table as it should be, then its rows; each is handed to the warehouse, and its end is told by an event.
//! It must not know how messages come and go, and waits for nothing.

use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};
use lakegate_lake::catalog::Catalog;
use lakegate_lake::clients::SqsClient;
use lakegate_lake::failure::{self, FailureKind, FailureRecord, Stage, rfc3339};
use lakegate_lake::layout;
use lakegate_lake::objects::{EntityTag, Objects};
use lakegate_lake::warehouse::{STATEMENTS_MAX, Warehouse};
use lakegate_lake::{LakeError, chain};
use serde_json::json;

use crate::load::{Load, Phase, Step, Wanted};
use crate::settings::Settings;
use crate::shape::{Difference, Shape};
use crate::sql;
use crate::verdict;

/// How often the statements of a load may fail before that is told.
pub(crate) const FAILURES_MAX: u32 = 5;
/// Steps after which a table that still lacks what it was given will not have it any more.
const STEPS_MAX: u32 = 20;
/// A load of which nothing was heard for so long is looked after: its event may be lost, or nobody may have come to hand its statements over.
const UNHEARD_MIN: TimeDelta = TimeDelta::minutes(15);
/// A load that is older is not looked after any more: the warehouse forgets statements after a day.
const UNHEARD_MAX: TimeDelta = TimeDelta::hours(20);

/// What every invocation uses.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) catalog: Catalog,
    pub(crate) objects: Objects,
    pub(crate) warehouse: Warehouse,
    pub(crate) sqs: SqsClient,
    pub(crate) clock: fn() -> SystemTime,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The table is being made, or given columns; what was asked for follows.
    Shaping,
    /// Rows are being loaded.
    Loading,
    /// They are loaded.
    Loaded,
    /// The lake has no such table (any more); or the warehouse has none yet, and is not to have one for rows that left.
    NoTable,
    /// It failed for a reason that lasts; somebody is told.
    Failed,
    /// Nothing had to be done any more.
    Over,
}

impl Outcome {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Shaping => "shaping",
            Self::Loading => "loading",
            Self::Loaded => "loaded",
            Self::NoTable => "no-table",
            Self::Failed => "failed",
            Self::Over => "over",
        }
    }
}

/// Begins a load of some files; of none: of the whole table. `asked_by` is what asked for it: the same again begins the same load.
pub(crate) async fn begin(
    context: &Context,
    table: &str,
    files: Vec<Wanted>,
    asked_by: &[&str],
) -> Result<(String, Outcome), LakeError> {
    let id = layout::load_id(table, asked_by);
    let (load, read) = match Load::read(&context.objects, &context.settings.lake_bucket, &id).await? {
        // A message that comes again, because nobody knew whether it was dealt with: what it asked for goes on.
        Some((load, _)) if load.phase.is_over() => return Ok((id, Outcome::Over)),
        Some((load, read)) => (load, Some(read)),
        None => {
            let (id, table, is_whole, at) = (id.clone(), table.to_owned(), files.is_empty(), now(context));
            let (version, phase, attempt, failures, trouble) = (1, Phase::Load, 1, 0, None);
            (Load { version, id, table, is_whole, files, phase, attempt, failures, trouble, at }, None)
        }
    };
    let (outcome, _) = advance(context, load, read).await?;
    Ok((id, outcome))
}

/// Looks after the loads of which nothing was heard: events of the Data API may be lost. Their statements are handed over again, which the
/// warehouse knows as a repetition, and if they have ended the load goes on as if that had been told. How many there were.
pub(crate) async fn look_after(context: &Context) -> Result<usize, LakeError> {
    let bucket = &context.settings.lake_bucket;
    let now = DateTime::<Utc>::from((context.clock)());
    let mut unheard = 0;
    for listed in context.objects.list(bucket, layout::LOADS_PREFIX).await? {
        if now - listed.last_modified > UNHEARD_MAX {
            continue;
        }
        let Some((load, read)) = context.objects.get_json::<Load>(bucket, &listed.key).await? else { continue };
        let heard_at = DateTime::parse_from_rfc3339(&load.at).map_or(now, |at| at.to_utc());
        if load.phase.is_over() || now - heard_at < UNHEARD_MIN {
            continue;
        }
        unheard += 1;
        let (outcome, handed_over) = Box::pin(advance(context, load, Some(read))).await?;
        let Some((step, statement_id)) = handed_over else { continue };
        let state = context.warehouse.ended(&statement_id).await?.map(|ended| ended.status).unwrap_or_default();
        tracing::warn!(load = step.load, statement_id, state, outcome = outcome.word(), "a load was not heard of");
        if matches!(state.as_str(), "FINISHED" | "FAILED" | "ABORTED") {
            Box::pin(go_on(context, &step, &statement_id, &state, false)).await?;
        }
    }
    Ok(unheard)
}

/// What is next, now that statements have ended. The error is trouble that passes.
pub(crate) async fn go_on(
    context: &Context,
    step: &Step,
    statement_id: &str,
    state: &str,
    is_first_receive: bool,
) -> Result<Outcome, LakeError> {
    let bucket = &context.settings.lake_bucket;
    let Some((mut load, read)) = Load::read(&context.objects, bucket, &step.load).await? else {
        return Ok(Outcome::Over);
    };
    if load.phase.is_over() {
        return Ok(Outcome::Over);
    }
    if load.step() != *step {
        // An event that comes again. Whoever took it up may have died before the next step was handed over; the warehouse knows a repetition.
        return advance(context, load, Some(read)).await.map(|(outcome, _)| outcome);
    }
    if state == "FINISHED" {
        if step.phase == Phase::Load {
            (load.phase, load.at, load.trouble) = (Phase::Loaded, now(context), None);
            load.write(&context.objects, bucket, Some(&read)).await?;
            return Ok(Outcome::Loaded);
        }
        load.turn_to(Phase::Load);
        return advance(context, load, Some(read)).await.map(|(outcome, _)| outcome);
    }
    let ended = context.warehouse.ended(statement_id).await?;
    let (error, failed) = ended.map(|ended| (ended.error, ended.failed_statement)).unwrap_or_default();
    if step.phase == Phase::Shape && error.contains("already exists") {
        // Another load was faster.
        load.turn_to(Phase::Load);
        return advance(context, load, Some(read)).await.map(|(outcome, _)| outcome);
    }
    let verdict = verdict::of(state, &error, failed, statement_id);
    if !verdict.is_passing || load.failures + 1 >= FAILURES_MAX {
        let kind = FailureKind::WarehouseLoadFailed;
        return fail(context, load, Some(&read), kind, &verdict.summary, verdict.is_passing).await;
    }
    if is_first_receive {
        // It is not sent again at once: what passes takes a while. The queue waits, and this event comes again.
        let (operation, resource) = ("BatchExecuteStatement", load.table.clone());
        return Err(LakeError::Passing { operation, resource, source: verdict.summary.into() });
    }
    load.turn_to(load.phase);
    (load.failures, load.trouble) = (load.failures + 1, Some(verdict.summary));
    advance(context, load, Some(read)).await.map(|(outcome, _)| outcome)
}

/// Hands the next statements to the warehouse: those that make the table what it should be, or those that load. `read`: the document as it
/// stands, if it does. Also which statements were handed over, and their id.
async fn advance(
    context: &Context,
    mut load: Load,
    read: Option<EntityTag>,
) -> Result<(Outcome, Option<(Step, String)>), LakeError> {
    let bucket = &context.settings.lake_bucket;
    let Some(found) = context.catalog.table(&load.table).await? else {
        (load.phase, load.at) = (Phase::Loaded, now(context));
        load.write(&context.objects, bucket, read.as_ref()).await?;
        return Ok((Outcome::NoTable, None));
    };
    let conflicts = async |load: Load, conflict: String| {
        let kind = FailureKind::WarehouseConflict;
        fail(context, load, read.as_ref(), kind, &conflict, false).await.map(|outcome| (outcome, None))
    };
    let shape = match Shape::of(&found) {
        Ok(shape) => shape,
        Err(conflict) => return conflicts(load, conflict.to_string()).await,
    };
    let columns = context.warehouse.columns(sql::SCHEMA, &shape.table).await?;
    let difference = match shape.difference(columns.as_deref()) {
        Ok(difference) => difference,
        Err(conflict) => return conflicts(load, conflict.to_string()).await,
    };
    if difference != Difference::None && load.attempt > STEPS_MAX {
        let told = "the warehouse does not show the table as it was made, time and again: a name has more than 127 bytes, or the table belongs to \
                    another user than the function's";
        return conflicts(load, told.to_owned()).await;
    }
    let statements = match &difference {
        Difference::None => {
            load.phase = Phase::Load;
            if load.is_whole { sql::load_all(&shape, &load.files) } else { sql::load(&shape, &load.files) }
        }
        // Nothing is made for rows that left: a table that was never loaded has none of them.
        Difference::NoTable if !load.is_whole && load.files.iter().all(|file| file.is_removal) => {
            (load.phase, load.at) = (Phase::Loaded, now(context));
            load.write(&context.objects, bucket, read.as_ref()).await?;
            return Ok((Outcome::NoTable, None));
        }
        Difference::NoTable => {
            // A new table takes in all that the lake has.
            (load.phase, load.is_whole) = (Phase::Shape, true);
            sql::create(&shape)
        }
        Difference::Columns(lacking) => {
            load.phase = Phase::Shape;
            let most = STATEMENTS_MAX - 1;
            sql::add_columns(&shape, lacking.get(..most).unwrap_or(lacking))
        }
    };
    if !shape.left_out.is_empty() {
        tracing::warn!(
            dataset = load.table,
            columns = shape.left_out.join(", "),
            "columns are not loaded: Redshift has no such type"
        );
    }
    load.at = now(context);
    // The document first: the event of the end may be there before the answer.
    load.write(&context.objects, bucket, read.as_ref()).await?;
    let step = load.step();
    let id = context.warehouse.submit(&step.name(&context.settings.stack), &step.token(), &statements).await?;
    let outcome = if load.phase == Phase::Shape { Outcome::Shaping } else { Outcome::Loading };
    Ok((outcome, Some((step, id))))
}

/// Tells, and then notes that it was told. The record's body announces no object: sent to the load queue, it loads the table anew.
async fn fail(
    context: &Context,
    mut load: Load,
    read: Option<&EntityTag>,
    kind: FailureKind,
    summary: &str,
    is_passing: bool,
) -> Result<Outcome, LakeError> {
    tell(context, Some(&load.table), kind, summary, is_passing, &json!({ "dataset": load.table }).to_string()).await?;
    (load.phase, load.trouble, load.at) = (Phase::Failed, Some(summary.to_owned()), now(context));
    load.write(&context.objects, &context.settings.lake_bucket, read).await?;
    Ok(Outcome::Failed)
}

/// Sends a failure record.
pub(crate) async fn tell(
    context: &Context,
    table: Option<&str>,
    kind: FailureKind,
    summary: &str,
    is_passing: bool,
    body: &str,
) -> Result<(), LakeError> {
    let mut record = FailureRecord::new(Stage::LoadWarehouse, kind, summary);
    record.dataset = table.map(str::to_owned);
    record.retryable = is_passing;
    failure::report(&context.sqs, &context.settings.failures_queue_url, &record, body).await
}

/// Tells of an error that lasts.
pub(crate) async fn tell_error(
    context: &Context,
    table: Option<&str>,
    error: &LakeError,
    body: &str,
) -> Result<(), LakeError> {
    tell(context, table, error.kind(), &chain(error), error.is_passing(), body).await
}

fn now(context: &Context) -> String {
    rfc3339((context.clock)().into())
}
