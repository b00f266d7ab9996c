//! Glue, SQS, SNS, Secrets Manager and the Redshift Data API on one server, and the clients to them.
//! It must not know what is asked of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, SystemTime};

use aws_sdk_glue::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig};
use lakegate_lake::clients::{self, GlueClient, SnsClient, SqsClient};
use lakegate_lake::failure::FailureRecord;
use lakegate_lake::settings::AwsSettings;
use object_store::aws::AmazonS3Builder;
use serde_json::{Value, json};

use crate::athena::AthenaContent;
use crate::catalog::{self, CatalogContent};
use crate::faults::Faults;
use crate::http::{Answer, Request, Server, Service};
use crate::queues::Sent;
use crate::runs::{Run, Runs};
use crate::warehouse::WarehouseContent;

/// Longest that a call waits for its answer, by clients that are to give up soon: longer than any takes, unless the machine is very busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// By clients that are not to give up, however busy the machine is.
pub(crate) const LONG_PATIENCE: Duration = Duration::from_mins(2);

/// Glue, SQS and SNS, and the clients to them.
pub struct Aws {
    /// To the catalog and the runs.
    pub glue: GlueClient,
    /// To any queue: its last word is its name.
    pub sqs: SqsClient,
    /// To any topic.
    pub sns: SnsClient,
    retries: RetryConfig,
    builder: AmazonS3Builder,
    server: Arc<Server<State>>,
    patient: OnceLock<Box<Aws>>,
}

#[derive(Default)]
struct State {
    sent: Mutex<Sent>,
    runs: Mutex<Runs>,
    tables: Mutex<CatalogContent>,
    warehouse: Mutex<WarehouseContent>,
    athena: Mutex<AthenaContent>,
    /// Texts by the secrets' names.
    secrets: Mutex<BTreeMap<String, String>>,
    /// The operation that is never allowed.
    denied: Mutex<Option<&'static str>>,
}

impl Aws {
    /// With clients that ask once.
    pub fn start() -> Self {
        Self::with(Arc::new(Server::start(State::default())), RetryConfig::disabled(), PATIENCE)
    }

    /// With clients that ask a second time at once.
    pub fn start_with_retries() -> Self {
        let retries = RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1));
        Self::with(Arc::new(Server::start(State::default())), retries, PATIENCE)
    }

    /// The same services, with clients that wait for their answers however busy the machine is.
    pub fn patient(&self) -> &Self {
        let with = || Box::new(Self::with(Arc::clone(&self.server), self.retries.clone(), LONG_PATIENCE));
        self.patient.get_or_init(with)
    }

    fn with(server: Arc<Server<State>>, retries: RetryConfig, patience: Duration) -> Self {
        let credentials = || Credentials::new("a", "b", None, None, "test");
        let region = || Region::new("eu-central-1");
        let timeouts = TimeoutConfig::builder().operation_timeout(patience).build();
        let glue = aws_sdk_glue::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(clients::http_client())
            .region(region())
            .credentials_provider(credentials())
            .retry_config(retries.clone())
            .timeout_config(timeouts.clone())
            .endpoint_url(&server.url)
            .build();
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(clients::http_client())
            .region(region())
            .credentials_provider(credentials())
            .retry_config(retries.clone())
            .timeout_config(timeouts.clone())
            .endpoint_url(&server.url)
            .build();
        let sns = aws_sdk_sns::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(clients::http_client())
            .region(region())
            .credentials_provider(credentials())
            .retry_config(retries.clone())
            .timeout_config(timeouts)
            .endpoint_url(&server.url)
            .build();
        let settings = AwsSettings {
            region: "eu-central-1".to_owned(),
            endpoint_url: Some(server.url.clone()),
            variables: BTreeMap::new(),
        };
        let builder = clients::s3_builder(&settings).with_access_key_id("a").with_secret_access_key("b");
        Self {
            builder,
            glue: GlueClient::from_conf(glue),
            sqs: SqsClient::from_conf(sqs),
            sns: SnsClient::from_conf(sns),
            retries,
            server,
            patient: OnceLock::new(),
        }
    }

    /// What clients of other services are made from.
    pub fn builder(&self) -> AmazonS3Builder {
        self.builder.clone()
    }

    /// The events that the bus was given: their details.
    pub fn events(&self) -> Vec<Value> {
        self.events_by_type().into_iter().map(|(_, detail)| detail).collect()
    }

    /// The events that the bus was given: their types and details.
    pub fn events_by_type(&self) -> Vec<(String, Value)> {
        self.server.service().sent.lock().unwrap().events.clone()
    }

    /// Begins anew, with these faults.
    pub fn reset(&self, faults: &Arc<Faults>) {
        self.server.reset(faults);
        let State { sent, runs, tables, warehouse, athena, secrets, denied } = self.server.service();
        *warehouse.lock().unwrap() = WarehouseContent::default();
        *athena.lock().unwrap() = AthenaContent::default();
        *denied.lock().unwrap() = None;
        *sent.lock().unwrap() = Sent::default();
        *runs.lock().unwrap() = Runs::default();
        tables.lock().unwrap().clear();
        secrets.lock().unwrap().clear();
    }

    /// What the warehouse knows and was asked for.
    pub fn warehouse(&self) -> MutexGuard<'_, WarehouseContent> {
        self.server.service().warehouse.lock().unwrap()
    }

    /// From now on the catalog has a table of this definition, as `CreateTable` takes it.
    pub fn set_table(&self, definition: Value) {
        let name = definition["Name"].as_str().unwrap().to_owned();
        self.server.service().tables.lock().unwrap().insert(name, (definition, BTreeMap::new()));
    }

    /// What Athena knows and was asked for.
    pub fn athena(&self) -> MutexGuard<'_, AthenaContent> {
        self.server.service().athena.lock().unwrap()
    }

    /// From now on there is a secret of this name.
    pub fn set_secret(&self, name: &str, text: &str) {
        self.server.service().secrets.lock().unwrap().insert(name.to_owned(), text.to_owned());
    }

    /// The requests to change a message's visibility, as JSON.
    pub fn hidden(&self) -> Vec<String> {
        self.server.service().sent.lock().unwrap().hidden.clone()
    }

    /// From now on one operation is never allowed, or all are again.
    pub fn deny(&self, operation: Option<&'static str>) {
        *self.server.service().denied.lock().unwrap() = operation;
    }

    /// What the catalog knows by now.
    pub fn catalog(&self) -> CatalogContent {
        self.server.service().tables.lock().unwrap().clone()
    }

    /// The failures that were sent, each of them once however often it was: a repeated one is the same.
    pub fn told(&self) -> Vec<FailureRecord> {
        let mut told: Vec<FailureRecord> = Vec::new();
        for record in self.failures() {
            if !told.contains(&record) {
                told.push(record);
            }
        }
        told
    }

    /// The records that any queue was given, in the order in which it was.
    pub fn failures(&self) -> Vec<FailureRecord> {
        self.server.service().sent.lock().unwrap().messages.iter().filter_map(record).collect()
    }

    /// The messages that were sent to a queue, as SQS was asked.
    pub fn messages_to(&self, queue: &str) -> Vec<Value> {
        let is_to = |body: &&Value| body["QueueUrl"].as_str().is_some_and(|url| url.ends_with(queue));
        self.server.service().sent.lock().unwrap().messages.iter().filter(is_to).cloned().collect()
    }

    /// How many messages a queue was given.
    pub fn sent_to(&self, queue: &str) -> usize {
        self.messages_to(queue).len()
    }

    /// The mails to topics: subjects and texts.
    pub fn mails(&self) -> Vec<(String, String)> {
        self.server.service().sent.lock().unwrap().mails.clone()
    }

    /// From now on every queue says that so many messages wait in it.
    pub fn set_depth(&self, depth: usize) {
        self.server.service().sent.lock().unwrap().depth = depth;
    }

    /// The runs of the job, in the order of their starts.
    pub fn runs(&self) -> Vec<Run> {
        self.server.service().runs.lock().unwrap().all.clone()
    }

    /// Adds a run, or sets what is known of the one with its id.
    pub fn set_run(&self, run: Run) {
        let runs = &mut self.server.service().runs.lock().unwrap().all;
        match runs.iter_mut().find(|known| known.id == run.id) {
            Some(known) => *known = run,
            None => runs.push(run),
        }
    }

    /// From now on so many runs may be under way at once; any number where there is none.
    pub fn set_runs_max(&self, max: Option<usize>) {
        self.server.service().runs.lock().unwrap().max = max;
    }

    /// From now on runs start at this time.
    pub fn set_time(&self, now: SystemTime) {
        self.server.service().runs.lock().unwrap().now = Some(now);
    }

    /// How many requests have been left without an answer, and wait for one.
    pub fn unanswered(&self) -> usize {
        self.server.unanswered()
    }
}

fn record(message: &Value) -> Option<FailureRecord> {
    let record = message["MessageAttributes"]["failure"]["StringValue"].as_str()?;
    Some(serde_json::from_str(record).unwrap())
}

impl State {
    fn answer(&self, request: &Request, is_in_part: bool) -> Answer {
        let operation = operation(request);
        if *self.denied.lock().unwrap() == Some(operation) {
            return refused("AccessDeniedException");
        }
        if operation == PUBLISH {
            return self.sent.lock().unwrap().publish(request);
        }
        let body = request.json();
        if let Some(answer) = self.warehouse.lock().unwrap().carry_out(operation, &body) {
            return answer;
        }
        if let Some(answer) = self.athena.lock().unwrap().carry_out(operation, &body) {
            return answer;
        }
        if operation == "GetSecretValue" {
            return self.secret(&body);
        }
        let answered = self.sent.lock().unwrap().carry_out(operation, &body, is_in_part);
        let answered = answered.or_else(|| self.runs.lock().unwrap().carry_out(operation, &body));
        answered.unwrap_or_else(|| catalog::carry_out(&mut self.tables.lock().unwrap(), operation, &body))
    }
}

impl State {
    fn secret(&self, body: &Value) -> Answer {
        match self.secrets.lock().unwrap().get(body["SecretId"].as_str().unwrap()) {
            Some(text) => Answer::new(200, json!({ "SecretString": text }).to_string()),
            None => Answer::new(400, json!({ "__type": "ResourceNotFoundException", "Message": "none" }).to_string()),
        }
    }
}

impl Service for State {
    fn carry_out(&self, request: &Request) -> Answer {
        self.answer(request, false)
    }

    fn carry_out_in_part(&self, request: &Request) -> Answer {
        self.answer(request, true)
    }

    fn too_many(&self, request: &Request) -> Answer {
        not_now(request, "ThrottlingException", "Throttled")
    }

    fn too_late(&self, request: &Request) -> Answer {
        not_now(request, "RequestTimeoutException", "RequestTimeout")
    }

    fn name_of(&self, request: &Request) -> String {
        format!("{} {}", operation(request), String::from_utf8_lossy(&request.body))
    }
}

/// What SNS is asked for, by a form that names it nowhere else.
const PUBLISH: &str = "Publish";

fn operation(request: &Request) -> &str {
    request.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or(PUBLISH)
}

pub(crate) fn refused(kind: &str) -> Answer {
    Answer::new(400, json!({ "__type": kind }).to_string()).with("x-amzn-ErrorType", kind)
}

fn not_now(request: &Request, kind: &str, code: &str) -> Answer {
    if operation(request) == PUBLISH {
        return Answer::new(400, format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"));
    }
    refused(kind)
}
