//! Tests: Glue and SQS. Tables and partitions are remembered, and every message is taken.
//! They must not know what the tables are of.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_glue::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig};
use lakegate_lake::clients::{self, GlueClient, SqsClient};
use lakegate_lake::failure::FailureRecord;
use serde_json::{Value, json};

use crate::Faults;
use crate::http::{Answer, Request, Server, Service};

/// Longest that a call waits for its answer: much longer than any takes.
pub(crate) const PATIENCE: Duration = Duration::from_millis(400);

/// Glue and SQS, and the clients to them.
pub struct Aws {
    pub glue: GlueClient,
    pub sqs: SqsClient,
    server: Server<State>,
}

/// What the catalog knows: each table's definition, and its partitions' by their values.
pub type CatalogContent = BTreeMap<String, (Value, BTreeMap<String, Value>)>;

#[derive(Default)]
struct State {
    /// Bodies of the `SendMessage` requests that were granted.
    sent: Mutex<Vec<Value>>,
    /// Bodies of the `ChangeMessageVisibility` requests.
    hidden: Mutex<Vec<String>>,
    tables: Mutex<CatalogContent>,
    /// The operation that is never allowed.
    denied: Mutex<Option<&'static str>>,
}

impl Aws {
    /// With clients that ask once.
    pub fn start() -> Self {
        Self::with(&RetryConfig::disabled())
    }

    /// With clients that ask a second time at once.
    pub fn start_with_retries() -> Self {
        Self::with(&RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1)))
    }

    fn with(retries: &RetryConfig) -> Self {
        let server = Server::start(State::default());
        let credentials = || Credentials::new("a", "b", None, None, "test");
        let timeouts = TimeoutConfig::builder().operation_timeout(PATIENCE).build();
        let glue = aws_sdk_glue::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(clients::http_client())
            .region(Region::new("eu-central-1"))
            .credentials_provider(credentials())
            .retry_config(retries.clone())
            .timeout_config(timeouts.clone())
            .endpoint_url(&server.url)
            .build();
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(clients::http_client())
            .region(Region::new("eu-central-1"))
            .credentials_provider(credentials())
            .retry_config(retries.clone())
            .timeout_config(timeouts)
            .endpoint_url(&server.url)
            .build();
        Self { glue: GlueClient::from_conf(glue), sqs: SqsClient::from_conf(sqs), server }
    }

    /// Begins anew, with these faults.
    pub fn reset(&self, faults: &Arc<Faults>) {
        self.server.reset(faults);
        let State { sent, hidden, tables, denied } = self.server.service();
        *denied.lock().unwrap() = None;
        sent.lock().unwrap().clear();
        hidden.lock().unwrap().clear();
        tables.lock().unwrap().clear();
    }

    /// The requests to change a message's visibility, as JSON.
    pub fn hidden(&self) -> Vec<String> {
        self.server.service().hidden.lock().unwrap().clone()
    }

    /// From now on one operation is never allowed, or all are again.
    pub fn deny(&self, operation: Option<&'static str>) {
        *self.server.service().denied.lock().unwrap() = operation;
    }

    /// What the catalog knows by now.
    pub fn catalog(&self) -> CatalogContent {
        self.server.service().tables.lock().unwrap().clone()
    }

    /// The records that the queue of failures was given, in the order in which it was.
    pub fn failures(&self) -> Vec<FailureRecord> {
        let record = |message: &Value| {
            let record = message["MessageAttributes"]["failure"]["StringValue"].as_str()?;
            Some(serde_json::from_str(record).unwrap())
        };
        self.server.service().sent.lock().unwrap().iter().filter_map(record).collect()
    }

    /// The messages that were sent to a queue, as SQS was asked.
    pub fn messages_to(&self, queue: &str) -> Vec<Value> {
        let is_to = |body: &&Value| body["QueueUrl"].as_str().is_some_and(|url| url.ends_with(queue));
        self.server.service().sent.lock().unwrap().iter().filter(is_to).cloned().collect()
    }

    /// How many messages a queue was given.
    pub fn sent_to(&self, queue: &str) -> usize {
        self.messages_to(queue).len()
    }
}

impl Service for State {
    fn carry_out(&self, request: &Request) -> Answer {
        let body = request.json();
        let tables = &mut *self.tables.lock().unwrap();
        if *self.denied.lock().unwrap() == Some(operation(request)) {
            return refused("AccessDeniedException");
        }
        match operation(request) {
            "SendMessage" => {
                self.sent.lock().unwrap().push(body);
                Answer::new(200, r#"{"MessageId": "1", "MD5OfMessageBody": "1"}"#)
            }
            "ChangeMessageVisibility" => {
                self.hidden.lock().unwrap().push(body.to_string());
                Answer::new(200, "{}")
            }
            "GetTable" => match tables.get(&text(&body["Name"])) {
                Some((table, _)) => Answer::new(200, json!({ "Table": table }).to_string()),
                None => refused("EntityNotFoundException"),
            },
            "CreateTable" => create_table(tables, &body),
            "UpdateTable" => update_table(tables, &body),
            operation => partitions(tables, operation, &body),
        }
    }

    fn too_many(&self) -> Answer {
        refused("ThrottlingException")
    }

    fn too_late(&self) -> Answer {
        refused("RequestTimeoutException")
    }

    fn name_of(&self, request: &Request) -> String {
        format!("{} {}", operation(request), String::from_utf8_lossy(&request.body))
    }
}

fn operation(request: &Request) -> &str {
    request.header("x-amz-target").unwrap_or_default().rsplit('.').next().unwrap_or_default()
}

fn refused(kind: &str) -> Answer {
    Answer::new(400, "{}").with("x-amzn-ErrorType", kind)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A table as it is asked for, with the number of its writing.
fn definition(body: &Value, version: u64) -> Value {
    let mut table = body["TableInput"].clone();
    table["VersionId"] = version.to_string().into();
    table
}

fn create_table(tables: &mut CatalogContent, body: &Value) -> Answer {
    let name = text(&body["TableInput"]["Name"]);
    if tables.contains_key(&name) {
        return refused("AlreadyExistsException");
    }
    tables.insert(name, (definition(body, 1), BTreeMap::new()));
    Answer::new(200, "{}")
}

fn update_table(tables: &mut CatalogContent, body: &Value) -> Answer {
    let (table, _) = tables.get_mut(&text(&body["TableInput"]["Name"])).unwrap();
    if table["VersionId"] != body["VersionId"] {
        return refused("ConcurrentModificationException");
    }
    let version: u64 = text(&table["VersionId"]).parse().unwrap();
    *table = definition(body, version + 1);
    Answer::new(200, "{}")
}

fn partitions(tables: &mut CatalogContent, operation: &str, body: &Value) -> Answer {
    let Some((_, partitions)) = tables.get_mut(&text(&body["TableName"])) else {
        return refused("EntityNotFoundException");
    };
    let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
    let mut errors = Vec::new();
    let mut found = Vec::new();
    match operation {
        "GetPartitions" => found.extend(partitions.values().cloned()),
        "BatchGetPartition" => {
            for wanted in list("PartitionsToGet") {
                found.extend(partitions.get(&wanted["Values"].to_string()).cloned());
            }
        }
        "BatchCreatePartition" => {
            for partition in list("PartitionInputList") {
                let values = partition["Values"].clone();
                match partitions.entry(values.to_string()) {
                    Entry::Vacant(place) => {
                        place.insert(partition);
                    }
                    Entry::Occupied(_) => {
                        let detail = json!({ "ErrorCode": "AlreadyExistsException" });
                        errors.push(json!({ "PartitionValues": values, "ErrorDetail": detail }));
                    }
                }
            }
        }
        "BatchUpdatePartition" => {
            for entry in list("Entries") {
                partitions.insert(entry["PartitionValueList"].to_string(), entry["PartitionInput"].clone());
            }
        }
        other => panic!("{other}"),
    }
    Answer::new(200, json!({ "Partitions": found, "Errors": errors }).to_string())
}
