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
use indicatif::ProgressBar;
use lakegate_lake::events;
use lakegate_lake::failure::{FAILURE_ATTRIBUTE, FailureRecord};
use lakegate_lake::receive::{self, Receipt, Received};
use lakegate_lake::stack::{self, Stack};

use crate::operate::choice::{Choice, Failure};
use crate::operate::progress;

/// How long a message is hidden at least, ...
const HIDDEN: Duration = Duration::from_mins(1);
/// ... and for so many messages a second longer: all of them stay hidden until the last one was looked at.
const LOOKED_AT_PER_SEC: u64 = 20;
/// The longest that SQS hides a message (SQS Developer Guide, "Visibility timeout").
const HIDDEN_MAX: Duration = Duration::from_hours(12);

/// What was found, and what was done.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// What is wanted, in the order of its time.
    pub(crate) chosen: Vec<Failure>,
    /// How many of them were sent.
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

struct Look<'a> {
    stack: &'a Stack,
    choice: &'a Choice,
    limit: usize,
    send: bool,
    started: DateTime<Utc>,
    seen: HashSet<String>,
    /// To be shown again.
    kept: Vec<Receipt>,
    looked: Looked,
    bar: ProgressBar,
}

/// Looks through the dead letters, and with `send` sends up to `limit` of those that are wanted.
pub(crate) async fn look(stack: &Stack, choice: &Choice, limit: usize, send: bool) -> Result<Looked> {
    let depth = stack::depth(&stack.sqs, &stack.queues.dead_letter).await?;
    let mut look = Look {
        stack,
        choice,
        limit,
        send,
        started: Utc::now(),
        seen: HashSet::new(),
        kept: Vec::new(),
        looked: Looked::default(),
        bar: progress::towards(depth.visible, if send { "sending dead letters" } else { "reading dead letters" }),
    };
    let hidden = (HIDDEN + Duration::from_secs(depth.visible / LOOKED_AT_PER_SEC)).min(HIDDEN_MAX);
    let through = look.through(i32::try_from(hidden.as_secs())?).await;
    look.bar.finish_and_clear();
    let shown = receive::show(&stack.sqs, &stack.queues.dead_letter, &look.kept).await;
    through?;
    let secs = hidden.as_secs();
    shown.with_context(|| format!("some dead letters stay hidden for {secs} s at most"))?;
    let is_through = !look.looked.is_stopped && look.looked.chosen.len() < limit;
    let unseen = (depth.visible + depth.in_flight).saturating_sub(look.seen.len() as u64);
    look.looked.hidden = if is_through { unseen } else { 0 };
    look.looked.chosen.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
    Ok(look.looked)
}

impl Look<'_> {
    async fn through(&mut self, hidden_secs: i32) -> Result<()> {
        let Stack { sqs, queues, .. } = self.stack;
        while self.looked.chosen.len() < self.limit {
            let received = tokio::select! {
                received = receive::receive(sqs, &queues.dead_letter, hidden_secs) => received?,
                interrupted = tokio::signal::ctrl_c() => {
                    interrupted?;
                    self.looked.is_stopped = true;
                    return Ok(());
                }
            };
            let came = received.len();
            let chosen = self.sort(received);
            if came == 0 || chosen.is_none() {
                return Ok(());
            }
            self.take(chosen.unwrap_or_default()).await?;
            self.bar.inc(came as u64);
        }
        Ok(())
    }

    /// What is wanted of these; `None` when all of them have been here before, and the queue goes round in circles.
    fn sort(&mut self, received: Vec<Received>) -> Option<Vec<(Received, Failure)>> {
        let mut chosen = Vec::new();
        let mut is_news = false;
        for message in received {
            // What came back while we are at it failed again: sent once more it would go on for ever.
            let is_new = self.seen.insert(message.id.clone());
            is_news |= is_new;
            if !is_new || message.sent_at.is_some_and(|sent_at| sent_at > self.started) {
                self.kept.push(message.receipt);
                continue;
            }
            let (failure, has_object) = understood(&message);
            if !self.choice.includes(&failure) {
                self.looked.leave(&failure);
                self.kept.push(message.receipt);
            } else if !has_object && !self.choice.names_kind_of(&failure) {
                self.looked.without_object += 1;
                self.kept.push(message.receipt);
            } else if self.looked.chosen.len() + chosen.len() >= self.limit {
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
        if !self.send {
            self.kept.extend(messages.into_iter().map(|message| message.receipt));
            return Ok(());
        }
        let Stack { sqs, queues, .. } = self.stack;
        let moved = receive::move_all(sqs, &queues.dead_letter, &queues.ingest, &messages).await;
        let moved = match moved {
            Ok(moved) => moved,
            Err(error) => {
                self.kept.extend(messages.into_iter().map(|message| message.receipt));
                return Err(error).context("not all dead letters were sent; the rest is where it was");
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
