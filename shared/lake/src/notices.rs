//! Notices: an event on the account's default bus for every object that was taken in, and for every one whose rows left (docs/events.md).
//! It must not know when they are due.

mod removal;

use std::time::Duration;

use object_store::ClientConfigKey;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::{from_store, one_line};
use crate::ledger::{Entry, Source, State};
use crate::posted::Answer;
use crate::signed::Signed;
use crate::{LakeError, layout, lineage};

/// The events' source.
pub const SOURCE: &str = "lakegate";
/// The type of the event of an object that was taken in.
pub const INGESTED: &str = "Object Ingested";
/// The type of the event of an object whose rows left a table.
pub const REMOVED: &str = "Object Removed";
/// Most partitions, and most files, that a notice names; the others are counted.
pub const NAMED_MAX: usize = 100;
/// An entry of `PutEvents` has 256 KB, all its parts together (EventBridge quotas); what it names is cut until it fits.
const DETAIL_MAX_BYTES: usize = 200_000;

const OPERATION: &str = "PutEvents";
const BUS: &str = "the default event bus";
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest that one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The way to the bus.
#[derive(Debug, Clone)]
pub struct Notices {
    client: Signed,
    stack: String,
    database: String,
    lake_bucket: String,
}

impl Notices {
    /// Notices of a stack, whose tables are in a database.
    ///
    /// # Errors
    ///
    /// A client that cannot be made.
    pub fn new(
        builder: &AmazonS3Builder,
        stack: String,
        database: String,
        lake_bucket: String,
    ) -> Result<Self, LakeError> {
        let timeout = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
        let builder = builder.clone().with_config(timeout, format!("{} seconds", TIMEOUT.as_secs()));
        let client = Signed::new(&builder, "events", "", |region| format!("https://events.{region}.amazonaws.com/"));
        let client = client.map_err(|error| from_store("connect", BUS, &error))?;
        Ok(Self { client, stack, database, lake_bucket })
    }

    /// Tells what an entry changed in the tables ([`Entry::is_change`]): one event if rows came, one for each table that rows left; for each
    /// three attempts of 3 s each. What was told before one that fails is told again next time.
    ///
    /// # Errors
    ///
    /// What `EventBridge` refused, or the way to it.
    pub async fn send(&self, entry: &Entry) -> Result<(), LakeError> {
        let Self { stack, database, lake_bucket, .. } = self;
        for detail in removal::details(entry, stack, database, lake_bucket) {
            self.put(REMOVED, &detail).await?;
        }
        if entry.state == State::Committed {
            self.put(INGESTED, &detail(entry, stack, database, lake_bucket)).await?;
        }
        Ok(())
    }

    async fn put(&self, detail_type: &str, detail: &Value) -> Result<(), LakeError> {
        let event = json!({ "Source": SOURCE, "DetailType": detail_type, "Detail": detail.to_string() });
        let body = json!({ "Entries": [event] }).to_string();
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            match self.ask(body.clone()).await {
                Err(error) if error.is_passing() && attempt < ATTEMPTS => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn ask(&self, body: String) -> Result<(), LakeError> {
        let headers = [("x-amz-target", "AWSEvents.PutEvents"), ("content-type", "application/x-amz-json-1.1")];
        let answer = self.client.post(&headers, body).await;
        judge(&answer.map_err(|unanswered| unanswered.on(OPERATION, BUS.to_owned()))?)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Put {
    failed_entry_count: u64,
    entries: Vec<PutEntry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PutEntry {
    error_code: Option<String>,
    error_message: Option<String>,
}

/// An answer may say that it refused the event, whatever its status.
fn judge(answer: &Answer) -> Result<(), LakeError> {
    let (operation, resource) = (OPERATION, BUS.to_owned());
    let said = |text: String| one_line(&text).into();
    if answer.status == 200 {
        // Whoever answers otherwise is not the bus: nobody knows whether it has the event, which may come twice.
        let put: Put = serde_json::from_str(&answer.body).map_err(|error| LakeError::Passing {
            operation,
            resource: resource.clone(),
            source: said(format!("its answer cannot be read: {error}")),
        })?;
        if put.failed_entry_count == 0 {
            return Ok(());
        }
        let PutEntry { error_code, error_message } = put.entries.into_iter().next().unwrap_or_default();
        let (code, message) = (error_code.unwrap_or_default(), error_message.unwrap_or_default());
        let source = said(format!("{code}: {message}"));
        return Err(match code.as_str() {
            "ThrottlingException" | "InternalFailure" | "InternalException" => {
                LakeError::Passing { operation, resource, source }
            }
            _ => LakeError::Refused { operation, resource, source },
        });
    }
    let error: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let text =
        |names: [&str; 2]| names.iter().find_map(|name| error.get(name)?.as_str()).unwrap_or_default().to_owned();
    let (kind, message) = (text(["__type", "code"]), text(["message", "Message"]));
    let source = said(format!("{} {kind}: {message}", answer.status));
    if answer.status >= 500 || answer.status == 429 || kind.contains("Throttl") {
        return Err(LakeError::Passing { operation, resource, source });
    }
    if answer.status == 403 || kind.contains("AccessDenied") {
        return Err(LakeError::AccessDenied { operation, resource, source });
    }
    Err(LakeError::Refused { operation, resource, source })
}

/// What the event of an object that was taken in says, as docs/events.md and its JSON Schema have it. It names partitions by their values,
/// as the keys of their files do.
#[must_use]
pub fn detail(entry: &Entry, stack: &str, database: &str, lake_bucket: &str) -> Value {
    naming_what_fits(|named| detail_naming(entry, stack, database, lake_bucket, named))
}

/// A detail that names so much that it fits an event.
fn naming_what_fits(detail_naming: impl Fn(usize) -> Value) -> Value {
    let mut named = NAMED_MAX;
    loop {
        let detail = detail_naming(named);
        if named == 0 || detail.to_string().len() <= DETAIL_MAX_BYTES {
            return detail;
        }
        named /= 2;
    }
}

fn detail_naming(entry: &Entry, stack: &str, database: &str, lake_bucket: &str, named: usize) -> Value {
    let Source { bucket, key, version_id, etag, last_modified, size_bytes, .. } = &entry.source;
    let url = |path: &String| layout::url(lake_bucket, path);
    let partitions = partitions(entry);
    let outputs: Vec<Value> = entry
        .outputs
        .iter()
        .take(named)
        .map(|output| json!({ "url": url(&output.path), "rows": output.rows, "bytes": output.bytes }))
        .collect();
    json!({
        "version": 1,
        "stack": stack,
        "dataset": entry.dataset,
        "database": database,
        "table": entry.dataset,
        "contract_version": entry.contract_version,
        "engine_version": entry.engine_version,
        "source": {
            "bucket": bucket, "key": key, "version_id": version_id, "etag": etag, "last_modified": last_modified,
            "size_bytes": size_bytes,
        },
        "rows": {
            "read": entry.rows_read, "accepted": entry.rows_accepted, "rejected": entry.rows_rejected,
            "duplicate": entry.rows_duplicate,
        },
        "partitions_total": partitions.len(),
        "partitions": partitions.into_iter().take(named).collect::<Vec<_>>(),
        "outputs_total": entry.outputs.len(),
        "outputs": outputs,
        "rejects": entry.rejects().take(named).map(url).collect::<Vec<_>>(),
        "at": entry.at,
        "elapsed_ms": entry.elapsed_ms,
        "run_id": lineage::run_id(entry),
        "glue_run_id": entry.run_id,
        "trace_id": entry.trace_id,
    })
}

/// The partitions that have rows of the object, with their values by column; none of a table that has no partitions.
fn partitions(entry: &Entry) -> Vec<Value> {
    let mut rows: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for output in entry.outputs.iter().filter(|output| !output.partition.is_empty()) {
        *rows.entry(output.partition.as_str()).or_default() += output.rows;
    }
    rows.into_iter().map(|(path, rows)| json!({ "path": path, "values": values(path), "rows": rows })).collect()
}

/// `year=2025/city=S%C3%A3o` to its values, as text; a null is null.
fn values(path: &str) -> Value {
    let mut values = Map::new();
    for (column, value) in path.split('/').filter_map(|part| part.split_once('=')) {
        let value = (value != layout::HIVE_NULL).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned());
        values.insert(column.to_owned(), json!(value));
    }
    Value::Object(values)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ledger::Output;

    pub(crate) fn entry() -> Entry {
        let source = Source {
            bucket: "raw".to_owned(),
            key: "orders/2025-09.csv".to_owned(),
            version_id: Some("v1".to_owned()),
            etag: Some("abc".to_owned()),
            sequencer: Some("0A".to_owned()),
            last_modified: Some("2026-01-02T03:04:00Z".to_owned()),
            size_bytes: 1234,
        };
        let mut entry = Entry::new(source, State::Committed, "0.1.0", "2026-01-02T03:04:05.000Z".to_owned());
        (entry.dataset, entry.contract_version) = (Some("orders".to_owned()), Some("1.2.0".to_owned()));
        (entry.rows_read, entry.rows_accepted, entry.rows_rejected) = (10, 9, 1);
        let output = |partition: &str, number: u64| Output {
            path: format!("lake/orders/{partition}/2025-09-d360829ae363c99f-{number}.parquet"),
            partition: partition.to_owned(),
            rows: 3,
            bytes: 500,
        };
        entry.outputs = vec![
            output("year=2025/city=S%C3%A3o%20Paulo", 0),
            output("year=2025/city=S%C3%A3o%20Paulo", 1),
            output("year=2025/city=__HIVE_DEFAULT_PARTITION__", 0),
        ];
        entry.rejects_path = Some("rejects/dataset=orders/2025-09-d360829ae363c99f.parquet".to_owned());
        entry.elapsed_ms = 321;
        entry.trace_id = Some("1-5759e988-bd862e3fe1be46a994272793".to_owned());
        entry
    }

    #[test]
    fn the_sample_notice_is_what_is_sent() {
        let detail = detail(&entry(), "lakegate", "lakegate", "lake");
        is_sample(&detail, "object-ingested.json");
    }

    pub(crate) fn is_sample(detail: &Value, name: &str) {
        let path = format!("{}/../../events/notices/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = format!("{}\n", serde_json::to_string_pretty(&detail).unwrap());
        if std::env::var_os("LAKEGATE_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "write it anew with LAKEGATE_BLESS=1");
    }

    #[test]
    fn a_notice_about_very_many_files_fits_an_event() {
        let mut entry = entry();
        let output = entry.outputs[0].clone();
        entry.outputs = (0..500)
            .map(|number| {
                let partition = format!("year={number}/city={}", "%C3%A3".repeat(130));
                Output { path: format!("lake/orders/{partition}/a.parquet"), partition, ..output.clone() }
            })
            .collect();
        let detail = detail(&entry, "lakegate", "lakegate", "lake");
        assert_eq!((&detail["outputs_total"], &detail["partitions_total"]), (&json!(500), &json!(500)));
        let named = detail["outputs"].as_array().unwrap().len();
        assert!(named > 10 && named <= NAMED_MAX && detail.to_string().len() <= DETAIL_MAX_BYTES, "{named}");
    }

    #[test]
    fn a_table_without_partitions_has_none() {
        let mut entry = entry();
        entry.outputs.iter_mut().for_each(|output| output.partition.clear());
        let detail = detail(&entry, "lakegate", "lakegate", "lake");
        assert_eq!((&detail["partitions"], &detail["outputs_total"]), (&json!([]), &json!(3)));
    }

    #[test]
    fn an_answer_may_refuse_an_event_whatever_its_status() {
        let judged = |status, body: &str| judge(&Answer { status, body: body.to_owned() });
        let error = |status, body: &str| crate::chain(&judged(status, body).unwrap_err());
        assert!(judged(200, r#"{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}"#).is_ok());
        let throttled = r#"{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}]}"#;
        assert!(judged(200, throttled).unwrap_err().is_passing());
        assert!(judged(503, "<html>").unwrap_err().is_passing());
        assert!(judged(200, "<html>Sign in</html>").unwrap_err().is_passing());
        insta::assert_snapshot!(error(400, r#"{"__type": "AccessDeniedException", "message": "no"}"#), @"PutEvents on the default event bus is not allowed: 400 AccessDeniedException: no");
        insta::assert_snapshot!(error(200, r#"{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "MalformedDetail", "ErrorMessage": "no"}]}"#), @"PutEvents on the default event bus was refused: MalformedDetail: no");
    }
}
