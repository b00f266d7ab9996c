//! Waiting until something has happened, with a limit and a message that says what did not.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use lakegate_local::Message;
use lakegate_local::json::{number, text};
use serde_json::Value;

use crate::harness::Harness;

/// A file's fate takes a second; a busy machine, or a queue's retry, many times that.
const WAIT_SECS: u64 = 120;
const POLL_MILLIS: u64 = 150;

/// Polls until there is an answer.
///
/// # Errors
/// A poll fails, or nothing happens in time.
pub async fn eventually<T>(what: &str, mut poll: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = poll().await? {
            return Ok(found);
        }
        if started.elapsed() > Duration::from_secs(WAIT_SECS) {
            bail!("after {WAIT_SECS} s still not: {what}");
        }
        tokio::time::sleep(Duration::from_millis(POLL_MILLIS)).await;
    }
}

/// Rows read, accepted and rejected, as a ledger entry has them.
#[must_use]
pub fn row_counts(entry: &Value) -> [u64; 3] {
    ["/rows_read", "/rows_accepted", "/rows_rejected"].map(|at| number(entry, at))
}

impl Harness {
    /// The ledger's entry of an object, once its state is one of those.
    ///
    /// # Errors
    /// It does not come.
    pub async fn ledger(&self, key: &str, states: &[&str]) -> Result<Value> {
        self.ledger_when(key, |entry| states.iter().any(|state| text(entry, "/state") == *state)).await
    }

    /// The ledger's entry of an object, once it is as asked.
    ///
    /// # Errors
    /// It does not come.
    pub async fn ledger_when(&self, key: &str, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        let what = format!("a ledger entry for {key}");
        eventually(&what, async || Ok(self.stack.ledger_entry(key).await?.filter(|entry| is_it(entry)))).await
    }

    /// The dead-letter message whose failure record is for that object.
    ///
    /// # Errors
    /// It does not come.
    pub async fn dead_letter(&self, key: &str) -> Result<(Message, Value)> {
        eventually(&format!("a dead letter for {key}"), async || Ok(self.dead_letters(key).await?.pop())).await
    }

    /// All dead-letter messages for that object so far, with their failure records.
    ///
    /// # Errors
    /// A call fails.
    pub async fn dead_letters(&self, key: &str) -> Result<Vec<(Message, Value)>> {
        let mut collected = self.dead_letters.lock().await;
        collected.extend(self.stack.take(&self.stack.dead_letter_queue_url).await?);
        let mut found = Vec::new();
        for message in collected.iter() {
            let record: Value = serde_json::from_str(message.attributes.get("failure").map_or("null", String::as_str))?;
            if text(&record, "/source/key") == key {
                found.push((message.clone(), record));
            }
        }
        Ok(found)
    }

    /// Whether a dead letter so far has that text in its body.
    pub async fn has_dead_letter_about(&self, text: &str) -> bool {
        self.dead_letters.lock().await.iter().any(|message| message.body.contains(text))
    }

    /// Whether there is a dead letter so far of just that body.
    pub async fn has_dead_letter_with(&self, body: &str) -> bool {
        let wanted: Option<Value> = serde_json::from_str(body).ok();
        let is_it = |letter: &str| letter == body || (wanted.is_some() && serde_json::from_str(letter).ok() == wanted);
        self.dead_letters.lock().await.iter().any(|message| is_it(&message.body))
    }

    /// The alert that names that text: subject and body.
    ///
    /// # Errors
    /// It does not come.
    pub async fn alert(&self, text: &str) -> Result<(String, String)> {
        eventually(&format!("an alert about {text}"), async || {
            let mut collected = self.alerts.lock().await;
            collected.extend(self.stack.take_alerts().await?);
            Ok(collected.iter().find(|(_, body)| body.contains(text)).cloned())
        })
        .await
    }

    /// Waits until nothing is left to do: the queues are empty and nothing is in flight.
    ///
    /// # Errors
    /// It does not happen.
    pub async fn quiet(&self) -> Result<()> {
        let stack = &self.stack;
        let queues = [&stack.ingest_queue_url, &stack.heavy_queue_url, &stack.failures_queue_url];
        eventually("the queues are empty", async || {
            for queue in queues {
                if stack.client.queue_depth(queue).await? != (0, 0) {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    }
}
