//! What became of a dropped file: its ledger entry, or the dead letter of what the ledger does not tell.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use lakegate_local::Stack;
use lakegate_local::json::{number, text};
use serde_json::Value;

use crate::paint::Paint;
use crate::text_table::count;

/// A file takes less than a second; a busy machine many times that.
const FATE_TIMEOUT_SECS: u64 = 60;
const POLL_MILLIS: u64 = 100;
/// Dead letters are looked at, not taken.
const PEEK_HIDDEN_SECS: u32 = 1;

/// The end of one file's way.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// Its accepted rows are published; the ledger's entry.
    Committed(Value),
    /// Nothing of it is published; the ledger's entry.
    Rejected(Value),
    /// Handed to Glue; the ledger's entry.
    Heavy(Value),
    /// Not even judged; the ledger's entry, or the failure record.
    Failed(Value),
}

impl Fate {
    /// The fate that a ledger entry tells; `None` while the object is in work.
    pub(crate) fn of_entry(entry: &Value) -> Option<Self> {
        match text(entry, "/state") {
            "committed" => Some(Self::Committed(entry.clone())),
            "rejected" => Some(Self::Rejected(entry.clone())),
            "heavy" => Some(Self::Heavy(entry.clone())),
            "failed" => Some(Self::Failed(entry.clone())),
            _ => None,
        }
    }

    /// The ledger's word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Committed(_) => "committed",
            Self::Rejected(_) => "rejected",
            Self::Heavy(_) => "heavy",
            Self::Failed(_) => "failed",
        }
    }

    /// What happened, in a few words.
    pub(crate) fn story(&self) -> String {
        match self {
            Self::Committed(entry) => format!(
                "{} rows in = {} accepted + {} rejected",
                count(rows(entry, "rows_read")),
                count(rows(entry, "rows_accepted")),
                count(rows(entry, "rows_rejected"))
            ),
            Self::Rejected(entry) => match text(entry, "/file_error/message") {
                "" => format!(
                    "{} of {} rows break the contract",
                    count(rows(entry, "rows_rejected")),
                    count(rows(entry, "rows_read"))
                ),
                message => message.to_owned(),
            },
            Self::Heavy(_) => "too big for one function; the Glue job has it".to_owned(),
            Self::Failed(told) => match text(told, "/file_error/message") {
                "" => text(told, "/summary").to_owned(),
                message => message.to_owned(),
            },
        }
    }

    /// The word, in its colour.
    pub(crate) fn painted(&self, paint: Paint) -> String {
        let word = format!("{:9}", self.word());
        match self {
            Self::Committed(_) => paint.good(&word),
            Self::Heavy(_) => paint.note(&word),
            Self::Rejected(_) | Self::Failed(_) => paint.bad(&word),
        }
    }

    /// The ledger's entry of a file that was judged, or will be.
    pub(crate) fn entry(&self) -> Option<&Value> {
        match self {
            Self::Committed(entry) | Self::Rejected(entry) | Self::Heavy(entry) => Some(entry),
            Self::Failed(_) => None,
        }
    }
}

/// A count of a ledger entry.
pub(crate) fn rows(entry: &Value, name: &str) -> u64 {
    number(entry, &format!("/{name}"))
}

/// Waits for the fate of this version of this key, or of whichever there is.
pub(crate) async fn await_fate(stack: &Stack, key: &str, version: Option<&str>) -> Result<Fate> {
    let is_wanted = |told: &Value| version.is_none_or(|version| text(told, "/source/version_id") == version);
    let started = Instant::now();
    loop {
        let entry = stack.ledger_entry(key).await?.filter(is_wanted);
        if let Some(fate) = entry.as_ref().and_then(Fate::of_entry) {
            return Ok(fate);
        }
        for (_, record) in dead_letters(stack).await? {
            if text(&record, "/source/key") == key && is_wanted(&record) {
                return Ok(Fate::Failed(record));
            }
        }
        if started.elapsed() > Duration::from_secs(FATE_TIMEOUT_SECS) {
            bail!("after {FATE_TIMEOUT_SECS} s nothing has become of {key}");
        }
        tokio::time::sleep(Duration::from_millis(POLL_MILLIS)).await;
    }
}

/// The dead letters that are not hidden by an earlier look: message id and failure record.
pub(crate) async fn dead_letters(stack: &Stack) -> Result<Vec<(String, Value)>> {
    let record = |text: Option<&String>| text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let (mut letters, mut seen) = (Vec::new(), BTreeSet::new());
    loop {
        // Ten at most; those of the look's beginning may show themselves again before its end.
        let messages = stack.client.receive_messages(&stack.dead_letter_queue_url, PEEK_HIDDEN_SECS).await?;
        let before = letters.len();
        for message in messages {
            if seen.insert(message.id.clone()) {
                letters.push((message.id, record(message.attributes.get("failure"))));
            }
        }
        if letters.len() == before {
            return Ok(letters);
        }
    }
}
