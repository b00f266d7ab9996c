//! Dead letters that nobody needs any more: what the lake and the raw bucket say of their files.
//! It must not know queues, nor change anything.

use anyhow::Result;
use lakegate_lake::layout;
use lakegate_lake::ledger::{Entry, State};
use lakegate_lake::objects::Listed;
use lakegate_lake::stack::Stack;
use serde::Serialize;

use crate::operate::choice::Failure;

/// Why a failure needs nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Solved {
    /// What stands under the file's key was taken in.
    TakenIn,
    /// Nothing stands there: it was deleted or moved, and could only fail again.
    Gone,
}

impl Solved {
    /// For people.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::TakenIn => "taken in by now",
            Self::Gone => "gone from its bucket",
        }
    }
}

/// Whether a failure needs nothing any more; one that names no object does. It asks for what stands under the key, and for its ledger entry.
pub(crate) async fn solved(stack: &Stack, failure: &Failure) -> Result<Option<Solved>> {
    let (bucket, key) = (failure.bucket.as_str(), failure.key.as_str());
    if key.is_empty() {
        return Ok(None);
    }
    let Some(stands) = stack.objects.find(bucket, key).await? else { return Ok(Some(Solved::Gone)) };
    let entry = stack.objects.get_json::<Entry>(&stack.lake_bucket, &layout::ledger_object(bucket, key)).await?;
    Ok(entry.filter(|(entry, _)| is_taken_in(entry, &stands)).map(|_| Solved::TakenIn))
}

/// The ledger is about an older version until a newer one is looked at: only the content tells that it is about this one.
fn is_taken_in(entry: &Entry, stands: &Listed) -> bool {
    entry.state == State::Committed && stands.etag.is_some() && entry.source.etag == stands.etag
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_stands_there_can_be_taken_in() {
        let entry = |state: &str, etag: Option<&str>| -> Entry {
            let document = json!({
                "version": 1, "state": state, "dataset": "orders", "contract_version": "1", "engine_version": "1",
                "source": {"bucket": "raw", "key": "a", "version_id": "v1", "etag": etag, "sequencer": null, "size_bytes": 1},
                "rows_read": 1, "rows_accepted": 1, "rows_rejected": 0, "rows_duplicate": 0, "violations": {}, "file_error": null,
                "outputs": [], "rejects_path": null, "at": "2026-01-10T12:00:00Z", "elapsed_ms": 1, "attempts": 1,
            });
            serde_json::from_value(document).unwrap()
        };
        let stands = |etag: Option<&str>| {
            let (key, last_modified) = ("a".to_owned(), DateTime::UNIX_EPOCH);
            Listed { key, etag: etag.map(str::to_owned), size_bytes: 1, last_modified }
        };
        assert!(is_taken_in(&entry("committed", Some("e")), &stands(Some("e"))));
        assert!(!is_taken_in(&entry("committed", Some("e")), &stands(Some("f"))), "a newer version waits");
        assert!(!is_taken_in(&entry("committed", None), &stands(None)), "nobody knows");
        for state in ["working", "publishing", "rejected", "heavy", "failed", "removed"] {
            assert!(!is_taken_in(&entry(state, Some("e")), &stands(Some("e"))), "{state}");
        }
    }
}
