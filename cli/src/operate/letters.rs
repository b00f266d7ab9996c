//! Dead letters, looked at and sent to the ingest queue again.
//! It must not know which ones are wanted (`choice`), nor print anything.
//!
//! SQS has no way to look without taking: a message that is received is hidden from others for a while. Those that are not sent are shown
//! again at the end. Those that are sent are deleted only after the ingest queue has taken them. So a command that is killed at any
//! moment loses nothing: what it hid shows itself again, and what is in both queues is recognised when it comes a second time.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use indicatif::ProgressBar;
use lakegate_lake::events;
use lakegate_lake::failure::{FAILURE_ATTRIBUTE, FailureRecord};
use lakegate_lake::receive::{self, Receipt, Received};
use lakegate_lake::stack::{self, Stack};

use crate::operate::choice::{Choice, Failure};
use crate::operate::progress;
use crate::operate::solved::solved;

/// How long a message is hidden at least, ...
const HIDDEN: Duration = Duration::from_mins(1);
/// ... and for so many messages a second longer: all of them stay hidden until the last one was looked at.
const LOOKED_AT_PER_SEC: u64 = 20;
/// The longest that SQS hides a message (SQS Developer Guide, "Visibility timeout").
const HIDDEN_MAX: Duration = Duration::from_hours(12);
/// Files that are asked after at once: as many as SQS gives messages.
const LOOKUPS_AT_ONCE: usize = 10;

/// What was found, and what was done.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// What is wanted, in the order of its time.
    pub(crate) chosen: Vec<Failure>,
    /// How many of them were sent, or deleted.
    pub(crate) sent: u64,
    /// Not wanted.
    pub(crate) others: u64,
    /// How many of these there are by kind, as [`Failure::cells`] shows it.
    pub(crate) other_kinds: BTreeMap<String, u64>,
    /// Wanted but for that they announce no object: sending them again can only fail again.
    pub(crate) without_object: u64,
    /// Hidden by somebody else's look, roughly, as SQS counts.
    pub(crate) hidden: u64,
    /// Somebody stopped the command before the queue's end.
    pub(crate) is_stopped: bool,
}

impl Looked {
    /// Counts a failure that is not wanted.
    pub(crate) fn leave(&mut self, failure: &Failure) {
        let kind = failure.kinds.first().map_or("no kind", String::as_str);
        self.others += 1;
        *self.other_kinds.entry(kind.to_owned()).or_default() += 1;
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) choice: &'a Choice,
    /// Those only that need nothing any more ([`solved`]): they are deleted instead of sent.
    pub(crate) is_solved: bool,
    /// How many at most.
    pub(crate) limit: usize,
    /// Whether they are sent, or only looked at.
    pub(crate) send: bool,
}

struct Look<'a> {
    stack: &'a Stack,
    asked: Asked<'a>,
    started: DateTime<Utc>,
    seen: HashSet<String>,
    /// To be shown again.
    kept: Vec<Receipt>,
    looked: Looked,
    bar: ProgressBar,
}

/// Looks through the dead letters, and sends or deletes those that are wanted, if that is asked for.
pub(crate) async fn look(stack: &Stack, asked: Asked<'_>) -> Result<Looked> {
    let depth = stack::depth(&stack.sqs, &stack.queues.dead_letter).await?;
    let mut look = Look {
        stack,
        asked,
        started: Utc::now(),
        seen: HashSet::new(),
        kept: Vec::new(),
        looked: Looked::default(),
        bar: progress::towards(
            depth.visible,
            match asked {
                Asked { send: false, .. } => "reading dead letters",
                Asked { is_solved: true, .. } => "deleting dead letters",
                Asked { .. } => "sending dead letters",
            },
        ),
    };
    let hidden = (HIDDEN + Duration::from_secs(depth.visible / LOOKED_AT_PER_SEC)).min(HIDDEN_MAX);
    let through = look.through(i32::try_from(hidden.as_secs())?).await;
    look.bar.finish_and_clear();
    let shown = receive::show(&stack.sqs, &stack.queues.dead_letter, &look.kept).await;
    through?;
    let secs = hidden.as_secs();
    shown.with_context(|| format!("some dead letters stay hidden for {secs} s at most"))?;
    let is_through = !look.looked.is_stopped && look.looked.chosen.len() < asked.limit;
    let unseen = (depth.visible + depth.in_flight).saturating_sub(look.seen.len() as u64);
    look.looked.hidden = if is_through { unseen } else { 0 };
    look.looked.chosen.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
    Ok(look.looked)
}

impl Look<'_> {
    async fn through(&mut self, hidden_secs: i32) -> Result<()> {
        let Stack { sqs, queues, .. } = self.stack;
        while self.looked.chosen.len() < self.asked.limit {
            let received = tokio::select! {
                received = receive::receive(sqs, &queues.dead_letter, hidden_secs) => received?,
                interrupted = tokio::signal::ctrl_c() => {
                    interrupted?;
                    self.looked.is_stopped = true;
                    return Ok(());
                }
            };
            let came = received.len();
            let understood = self.understood(received).await?;
            let chosen = self.sort(understood);
            if came == 0 || chosen.is_none() {
                return Ok(());
            }
            self.take(chosen.unwrap_or_default()).await?;
            self.bar.inc(came as u64);
        }
        Ok(())
    }

    /// What these are about, and whether they announce an object. Where it is asked for, also whether they need anything.
    async fn understood(&mut self, received: Vec<Received>) -> Result<Vec<(Received, Failure, bool)>> {
        let Asked { choice, is_solved, .. } = self.asked;
        let of_message = async |message: &Received| {
            let (mut failure, has_object) = understood(message);
            if is_solved && choice.includes(&failure) {
                failure.solved = solved(self.stack, &failure).await?;
            }
            anyhow::Ok((failure, has_object))
        };
        let failures: Result<Vec<_>> =
            stream::iter(&received).map(of_message).buffered(LOOKUPS_AT_ONCE).try_collect().await;
        match failures {
            Ok(failures) => Ok(received
                .into_iter()
                .zip(failures)
                .map(|(message, (failure, has))| (message, failure, has))
                .collect()),
            Err(error) => {
                self.kept.extend(received.into_iter().map(|message| message.receipt));
                Err(error)
            }
        }
    }

    /// What is wanted of these; `None` when all of them have been here before, and the queue goes round in circles.
    fn sort(&mut self, understood: Vec<(Received, Failure, bool)>) -> Option<Vec<(Received, Failure)>> {
        let Asked { choice, is_solved, limit, .. } = self.asked;
        let mut chosen = Vec::new();
        let mut is_news = false;
        for (message, failure, has_object) in understood {
            // What came back while we are at it failed again: sent once more it would go on for ever.
            let is_new = self.seen.insert(message.id.clone());
            is_news |= is_new;
            if !is_new || message.sent_at.is_some_and(|sent_at| sent_at > self.started) {
                self.kept.push(message.receipt);
                continue;
            }
            if !choice.includes(&failure) || (is_solved && failure.solved.is_none()) {
                self.looked.leave(&failure);
                self.kept.push(message.receipt);
            } else if !has_object && !choice.names_kind_of(&failure) {
                self.looked.without_object += 1;
                self.kept.push(message.receipt);
            } else if self.looked.chosen.len() + chosen.len() >= limit {
                self.kept.push(message.receipt);
            } else {
                chosen.push((message, failure));
            }
        }
        is_news.then_some(chosen)
    }

    async fn take(&mut self, chosen: Vec<(Received, Failure)>) -> Result<()> {
        let (messages, failures): (Vec<Received>, Vec<Failure>) = chosen.into_iter().unzip();
        self.looked.chosen.extend(failures);
        if !self.asked.send {
            self.kept.extend(messages.into_iter().map(|message| message.receipt));
            return Ok(());
        }
        let Stack { sqs, queues, .. } = self.stack;
        let (done, moved) = if self.asked.is_solved {
            let deleted = receive::delete_all(sqs, &queues.dead_letter, &messages).await;
            ("deleted", deleted.map(|()| vec![true; messages.len()]))
        } else {
            ("sent", receive::move_all(sqs, &queues.dead_letter, &queues.ingest, &messages).await)
        };
        let moved = match moved {
            Ok(moved) => moved,
            Err(error) => {
                self.kept.extend(messages.into_iter().map(|message| message.receipt));
                return Err(error)
                    .with_context(|| format!("not all dead letters were {done}; the rest is where it was"));
            }
        };
        for (message, is_moved) in messages.into_iter().zip(moved) {
            if is_moved {
                self.looked.sent += 1;
            } else {
                self.kept.push(message.receipt);
            }
        }
        Ok(())
    }
}

/// The failure that a dead letter is about, and whether it announces an object.
fn understood(message: &Received) -> (Failure, bool) {
    let record = message.attribute(FAILURE_ATTRIBUTE).and_then(|record| serde_json::from_str(record).ok());
    let event = events::first_object(&message.body);
    let has_object = event.is_some();
    let mut failure = Failure { at: message.sent_at, ..Failure::default() };
    if let Some(event) = event {
        (failure.bucket, failure.key) = (event.bucket, event.key.as_str().to_owned());
        failure.version_id = event.version_id;
    }
    let Some(record): Option<FailureRecord> = record else {
        "without a failure record".clone_into(&mut failure.summary);
        return (failure, has_object);
    };
    if let Ok(at) = DateTime::parse_from_rfc3339(&record.at) {
        failure.at = Some(at.to_utc());
    }
    if let Some(source) = record.source {
        (failure.bucket, failure.key) = (source.bucket, source.key);
        failure.version_id = source.version_id.or(failure.version_id);
    }
    failure.kinds = vec![record.kind.to_string()];
    failure.dataset = record.dataset;
    failure.summary = record.summary;
    (failure, has_object)
}
