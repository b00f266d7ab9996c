//! Notifications as S3 sends them: the sample event, about another object.

use std::fs;

use anyhow::{Context, Result};
use lakegate_local::Project;
use lakegate_local::json::text;
use serde_json::{Value, json};

/// The notification for an object, described as a ledger entry's `source` describes it. The key must need no encoding.
///
/// # Errors
/// The sample event is not there or not JSON.
pub fn notification(source: &Value) -> Result<String> {
    let sample = Project::find()?.root().join("events/ingest/s3-notification.json");
    let mut event: Value = serde_json::from_slice(&fs::read(&sample)?).context("the sample event is not JSON")?;
    let s3 = event.pointer_mut("/Records/0/s3").context("the sample event has no record")?;
    *s3.pointer_mut("/bucket/name").context("no bucket")? = text(source, "/bucket").into();
    let given = |name: &str| source.get(name).cloned().unwrap_or_default();
    *s3.pointer_mut("/object").context("no object")? = json!({
        "key": given("key"), "size": given("size_bytes"), "eTag": given("etag"),
        "versionId": given("version_id"), "sequencer": given("sequencer"),
    });
    Ok(event.to_string())
}
