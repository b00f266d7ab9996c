//! What was made of what, as `OpenLineage` tells it: run events, kept in the lake bucket, and posted to an endpoint if there is one.
//! It must not know when they are due. An event that cannot be kept or posted is logged by whoever sent it, and nobody's trouble.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::catalog::{CatalogColumn, TableDefinition};
use crate::failure::FailureRecord;
use crate::ledger::{Entry, Source};
use crate::objects::Objects;
use crate::posted::Address;
use crate::trace::Trace;
use crate::{LakeError, layout};

/// Who tells, as the specification wants it: a URI.
const PRODUCER: &str = concat!("urn:lakegate:", env!("CARGO_PKG_VERSION"));
const SPEC: &str = "https://openlineage.io/spec";
/// Longest that an event's way may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// After an event that found no way, the next ones do not look for it for so long.
const PAUSE: Duration = Duration::from_mins(1);

/// What happened to a run.
#[derive(Debug, Clone, Copy)]
pub enum Happened<'a> {
    /// Its object is about to be read.
    Start,
    /// Its rows are published.
    Complete,
    /// It came to nothing, which was told.
    Fail(&'a FailureRecord),
}

/// What is told of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunEvent<'a> {
    /// What happened.
    pub happened: Happened<'a>,
    /// The object's ledger entry, as far as it is known.
    pub entry: &'a Entry,
    /// The table, where the contract is known.
    pub table: Option<&'a TableDefinition>,
    /// When, RFC 3339, UTC.
    pub at: &'a str,
}

/// Where events go.
#[derive(Debug)]
pub struct Lineage {
    stack: String,
    lake_bucket: String,
    /// `arn:aws:glue:<region>:<account>`, and the database: what a catalog's table is named by.
    catalog: String,
    database: String,
    endpoint: Option<Endpoint>,
    bucket_rests: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Endpoint {
    client: Address,
    /// `Bearer …`.
    authorization: Option<String>,
    rests: Mutex<Option<Instant>>,
}

impl Lineage {
    /// Events of a stack, into its lake bucket. `catalog` is `arn:<partition>:glue:<region>:<account>`.
    #[must_use]
    pub fn new(stack: String, lake_bucket: String, catalog: String, database: String) -> Self {
        Self { stack, lake_bucket, catalog, database, endpoint: None, bucket_rests: Mutex::default() }
    }

    /// The same, also to an address that takes events by POST; with a key, as a bearer's.
    ///
    /// # Errors
    ///
    /// A client that cannot be made.
    pub fn posted_to(self, url: String, api_key: Option<&str>) -> Result<Self, LakeError> {
        let client = Address::new(url, TIMEOUT)?;
        let authorization = api_key.map(|key| format!("Bearer {key}"));
        Ok(Self { endpoint: Some(Endpoint { client, authorization, rests: Mutex::default() }), ..self })
    }

    /// Sends an event both ways at once, which takes 2 s at most; what went wrong, by way. A way that failed rests for a minute.
    pub async fn send(&self, objects: &Objects, event: &RunEvent<'_>) -> Vec<LakeError> {
        let (kept, posted) = tokio::join!(self.keep(objects, event), self.post(event));
        [kept, posted].into_iter().filter_map(Result::err).collect()
    }

    async fn keep(&self, objects: &Objects, event: &RunEvent<'_>) -> Result<(), LakeError> {
        let date = event.at.get(.."2026-01-02".len()).unwrap_or_default();
        let key = layout::lineage_object(date, &run_id(event.entry), event.happened.word());
        let body = Bytes::from(self.event(event).to_string());
        let put = tokio::time::timeout(TIMEOUT, objects.put(&self.lake_bucket, &key, body));
        unless_it_rests(&self.bucket_rests, async {
            put.await.unwrap_or_else(|_elapsed| Err(too_late("PutObject", layout::url(&self.lake_bucket, &key))))
        })
        .await
    }

    async fn post(&self, event: &RunEvent<'_>) -> Result<(), LakeError> {
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(endpoint.authorization.as_deref().map(|authorization| ("authorization", authorization)));
        let resource = || "the lineage endpoint".to_owned();
        unless_it_rests(&endpoint.rests, async {
            let answered = tokio::time::timeout(TIMEOUT, endpoint.client.post(&headers, self.event(event).to_string()));
            match answered.await {
                Ok(Ok(answer)) if (200..300).contains(&answer.status) => Ok(()),
                // What it says may be anything.
                Ok(Ok(answer)) => Err(LakeError::Refused {
                    operation: "POST",
                    resource: resource(),
                    source: format!("status {}", answer.status).into(),
                }),
                Ok(Err(error)) => Err(error),
                Err(_elapsed) => Err(too_late("POST", resource())),
            }
        })
        .await
    }

    /// An event, as `OpenLineage` 2-0-2 has it.
    #[must_use]
    pub fn event(&self, event: &RunEvent<'_>) -> Value {
        let RunEvent { happened, entry, table, at } = *event;
        let mut outputs = Vec::new();
        outputs.extend(entry.dataset.as_deref().map(|dataset| self.output(happened, entry, dataset, table)));
        json!({
            "eventType": happened.event_type(),
            "eventTime": at,
            "producer": PRODUCER,
            "schemaURL": format!("{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"),
            "run": { "runId": run_id(entry), "facets": run_facets(happened, entry) },
            "job": {
                "namespace": self.stack,
                "name": format!("ingest.{}", entry.dataset.as_deref().unwrap_or("unknown")),
                "facets": { "jobType": facet("2-0-4", "JobTypeJobFacet", json!({
                    "processingType": "BATCH", "integration": "LAKEGATE", "jobType": "INGEST",
                })) },
            },
            "inputs": [input(happened, entry)],
            "outputs": outputs,
        })
    }

    fn output(&self, happened: Happened<'_>, entry: &Entry, dataset: &str, table: Option<&TableDefinition>) -> Value {
        let namespace = layout::url(&self.lake_bucket, "").trim_end_matches('/').to_owned();
        let identifier = json!({
            "namespace": self.catalog, "name": format!("table/{}/{dataset}", self.database), "type": "TABLE",
        });
        let mut facets = json!({
            "dataSource": facet("1-0-1", "DatasourceDatasetFacet", json!({ "name": namespace, "uri": namespace })),
            "symlinks": facet("1-0-1", "SymlinksDatasetFacet", json!({ "identifiers": [identifier] })),
        });
        if let (Some(table), Some(facets)) = (table, facets.as_object_mut()) {
            let fields: Vec<Value> = table.columns.iter().chain(&table.partition_keys).map(field).collect();
            facets.insert("schema".to_owned(), facet("1-2-0", "SchemaDatasetFacet", json!({ "fields": fields })));
        }
        let name = layout::table_prefix(dataset).trim_end_matches('/').to_owned();
        let mut output = json!({ "namespace": namespace, "name": name, "facets": facets });
        if let (Happened::Complete, Some(output)) = (happened, output.as_object_mut()) {
            let size: u64 = entry.outputs.iter().map(|output| output.bytes).sum();
            let statistics = json!({ "rowCount": entry.rows_accepted, "size": size, "fileCount": entry.outputs.len() });
            let statistics = facet("1-0-2", "OutputStatisticsOutputDatasetFacet", statistics);
            output.insert("outputFacets".to_owned(), json!({ "outputStatistics": statistics }));
        }
        output
    }
}

impl Happened<'_> {
    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Complete => "complete",
            Self::Fail(_) => "fail",
        }
    }

    fn event_type(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Complete => "COMPLETE",
            Self::Fail(_) => "FAIL",
        }
    }
}

/// The id of the run that takes this version in, under this contract and by this engine: the same whoever does, however often it is begun.
/// A UUID of version 8 (RFC 9562), from SHA-256.
#[must_use]
pub fn run_id(entry: &Entry) -> String {
    let Source { bucket, key, version_id, etag, sequencer, .. } = &entry.source;
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let version = version_id.as_ref().or(etag.as_ref()).or(sequencer.as_ref()).cloned().unwrap_or_default();
    let judged = [text(&entry.dataset), text(&entry.contract_version), entry.engine_version.clone()].join("\n");
    let hex = layout::hex(&format!("run\n{bucket}\n{key}\n{version}\n{judged}"), 32);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

fn run_facets(happened: Happened<'_>, entry: &Entry) -> Value {
    let engine = json!({ "version": entry.engine_version, "name": "lakegate" });
    let trace = entry.trace_id.as_deref().and_then(Trace::of_id);
    let mut facets = json!({
        "processing_engine": facet("1-1-1", "ProcessingEngineRunFacet", engine),
        "lakegate": {
            "_producer": PRODUCER,
            "_schemaURL": format!("{SPEC}/2-0-2/OpenLineage.json#/$defs/RunFacet"),
            "contractVersion": entry.contract_version,
            "glueRunId": entry.run_id,
            "traceId": entry.trace_id,
            "traceparent": trace.map(|trace| trace.traceparent()),
            "rowsRejected": entry.rows_rejected,
            "rowsDuplicate": entry.rows_duplicate,
        },
    });
    if let (Happened::Fail(record), Some(facets)) = (happened, facets.as_object_mut()) {
        let message =
            json!({ "message": format!("{}: {}", record.kind, record.summary), "programmingLanguage": "rust" });
        facets.insert("errorMessage".to_owned(), facet("1-0-1", "ErrorMessageRunFacet", message));
    }
    facets
}

fn input(happened: Happened<'_>, entry: &Entry) -> Value {
    let Source { bucket, key, version_id, etag, size_bytes, .. } = &entry.source;
    let namespace = layout::url(bucket, "").trim_end_matches('/').to_owned();
    let mut facets = json!({
        "dataSource": facet("1-0-1", "DatasourceDatasetFacet", json!({ "name": namespace, "uri": namespace })),
    });
    if let (Some(version), Some(facets)) = (version_id.as_ref().or(etag.as_ref()), facets.as_object_mut()) {
        let version = json!({ "datasetVersion": version });
        facets.insert("version".to_owned(), facet("1-0-1", "DatasetVersionDatasetFacet", version));
    }
    let mut statistics = json!({ "size": size_bytes, "fileCount": 1 });
    if let (Happened::Complete | Happened::Fail(_), Some(statistics)) = (happened, statistics.as_object_mut()) {
        statistics.insert("rowCount".to_owned(), json!(entry.rows_read));
    }
    let statistics = facet("1-0-0", "InputStatisticsInputDatasetFacet", statistics);
    json!({ "namespace": namespace, "name": key, "facets": facets, "inputFacets": { "inputStatistics": statistics } })
}

fn field(column: &CatalogColumn) -> Value {
    match &column.comment {
        Some(comment) => json!({ "name": column.name, "type": column.type_name, "description": comment }),
        None => json!({ "name": column.name, "type": column.type_name }),
    }
}

/// A facet of the standard, in a version of its own.
fn facet(version: &str, name: &str, mut members: Value) -> Value {
    if let Some(members) = members.as_object_mut() {
        members.insert("_producer".to_owned(), json!(PRODUCER));
        members.insert("_schemaURL".to_owned(), json!(format!("{SPEC}/facets/{version}/{name}.json#/$defs/{name}")));
    }
    members
}

fn too_late(operation: &'static str, resource: String) -> LakeError {
    LakeError::Passing { operation, resource, source: "no answer in time".into() }
}

async fn unless_it_rests(
    rests: &Mutex<Option<Instant>>,
    way: impl Future<Output = Result<(), LakeError>>,
) -> Result<(), LakeError> {
    let locked = || rests.lock().unwrap_or_else(PoisonError::into_inner);
    if locked().is_some_and(|since| since.elapsed() < PAUSE) {
        return Ok(());
    }
    let outcome = way.await;
    if outcome.is_err() {
        *locked() = Some(Instant::now());
    }
    outcome
}

#[cfg(test)]
#[path = "lineage_tests.rs"]
mod tests;
