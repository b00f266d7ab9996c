//! Tests: SQS, SNS, Glue and a lake bucket, around a function that has just started.
//! It must not know what is being tested.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use lakegate_lake::failure::{FAILURE_ATTRIBUTE, FailureRecord};
use lakegate_lake::jobs::{self, Manifest, Work};
use lakegate_lake::ledger::{Entry, Source, State};
use lakegate_lake::metrics::{Metrics, Sink};
use lakegate_lake::settings::AwsSettings;
use lakegate_lake::{announce, layout};
use lakegate_stand_ins::{Aws, Bucket, Faults, Run, S3};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::{Value, json};

use crate::glue_run::Lookups;
use crate::handler::Context;
use crate::settings::Settings;

pub(crate) const AT: &str = "2026-01-02T03:04:05.678Z";

/// The services, and what goes wrong with them.
pub(crate) struct World<'a> {
    pub(crate) aws: &'a Aws,
    pub(crate) faults: Arc<Faults>,
    pub(crate) lookups_max: Duration,
    /// The function gives up calls that are not answered soon.
    pub(crate) is_hasty: bool,
    s3: &'a S3,
    lake: Arc<Bucket>,
}

impl<'a> World<'a> {
    pub(crate) fn new(aws: &'a Aws, s3: &'a S3) -> Self {
        let (faults, lake) = (Arc::<Faults>::default(), Arc::<Bucket>::default());
        aws.reset(&faults);
        s3.reset(&Arc::default(), &lake, &faults);
        Self { aws, faults, lookups_max: Duration::from_mins(2), is_hasty: false, s3, lake }
    }

    /// A function that has just started.
    pub(crate) fn context(&self) -> Context {
        let (aws, s3) = if self.is_hasty { (self.aws, self.s3) } else { (self.aws.patient(), self.s3.patient()) };
        Context {
            settings: Settings {
                aws: AwsSettings { region: "eu-central-1".to_owned(), endpoint_url: None, variables: BTreeMap::new() },
                dead_letter_queue_url: "http://127.0.0.1/dead-letter".to_owned(),
                lake_bucket: "lake".to_owned(),
                has_metrics: true,
                stack_name: "lakegate".to_owned(),
                alerts_topic_arn: "arn:aws:sns:eu-central-1:111122223333:alerts".to_owned(),
            },
            lookups: Lookups { glue: aws.glue.clone(), objects: s3.warm_objects(), lake_bucket: "lake".to_owned() },
            sns: aws.sns.clone(),
            sqs: aws.sqs.clone(),
            known: Mutex::default(),
            metrics: Metrics::new("lakegate".to_owned(), Sink::Kept(std::sync::Arc::default())),
            lookups_max: self.lookups_max,
        }
    }

    /// The messages that the dead-letter queue took, as the requests had them.
    pub(crate) fn kept(&self) -> Vec<Value> {
        self.aws.messages_to("dead-letter")
    }

    /// The records of those messages.
    pub(crate) fn records(&self) -> Vec<FailureRecord> {
        self.aws.failures()
    }

    async fn put(&self, key: &str, text: String) {
        self.lake.put(&Path::from(key), text.into()).await.unwrap();
    }

    /// What stands in the ledger.
    pub(crate) async fn write(&self, entry: &Entry) {
        let key = layout::ledger_object(&entry.source.bucket, &entry.source.key);
        self.put(&key, serde_json::to_string(entry).unwrap()).await;
    }

    /// A run for an object, and what the ledger says of that by now: the entry, or the one that it had.
    pub(crate) async fn run(&self, run_id: &str, key: &str, state: Option<State>) -> Entry {
        let source = Source {
            bucket: "raw".to_owned(),
            key: key.to_owned(),
            version_id: Some("v1".to_owned()),
            etag: Some("e1".to_owned()),
            sequencer: Some("0A".to_owned()),
            last_modified: None,
            size_bytes: 5,
        };
        let mut entry = Entry::new(source.clone(), State::Heavy, "0.1.0", "2026-01-02T03:00:00.000Z".to_owned());
        let manifest_key = jobs::manifest_object(&entry);
        let event = announce::version("eu-central-1", &source, SystemTime::UNIX_EPOCH.into());
        let manifest = Manifest::new(Work::Object { event, replaces: None });
        self.put(&manifest_key, serde_json::to_string(&manifest).unwrap()).await;
        self.set_run(run_id, jobs::arguments(&manifest_key, &source, None));
        entry.run_id = Some(run_id.to_owned());
        if let Some(state) = state {
            entry.state = state;
            self.write(&entry).await;
        }
        entry
    }

    /// A run over a prefix.
    pub(crate) async fn prefix_run(&self, run_id: &str) {
        let (bucket, prefix) = ("raw".to_owned(), "backfill/2024/".to_owned());
        let manifest = Manifest::new(Work::Prefix { bucket, prefix, contract: None });
        let manifest_key = format!("runs/{run_id}.json");
        self.put(&manifest_key, serde_json::to_string(&manifest).unwrap()).await;
        self.set_run(run_id, BTreeMap::from([(jobs::MANIFEST_ARGUMENT.to_owned(), manifest_key)]));
    }

    fn set_run(&self, run_id: &str, arguments: BTreeMap<String, String>) {
        let error = Some(format!("SystemExit: range 3 of {run_id} could not be converted:\n  out of memory"));
        let (id, state) = (run_id.to_owned(), "FAILED".to_owned());
        self.aws.set_run(Run { id, arguments, state, error, started: SystemTime::now() });
    }

    /// The bucket's lifecycle rule.
    pub(crate) async fn forget_manifests(&self) {
        let keys: Vec<String> = self.lake.touched.lock().unwrap().iter().cloned().collect();
        for key in keys.into_iter().filter(|key| key.starts_with("runs/")) {
            self.lake.delete(&Path::from(key)).await.unwrap();
        }
    }
}

/// S3's notification of an object.
pub(crate) fn event(key: &str) -> String {
    json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventName": "ObjectCreated:Put",
        "eventTime": "2026-01-02T03:04:05.000Z", "userIdentity": {"principalId": "A"}, "responseElements": {},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "raw", "arn": "arn:aws:s3:::raw"},
               "object": {"key": key, "size": 5, "eTag": "abc", "versionId": "v1", "sequencer": "0A"}},
    }] })
    .to_string()
}

/// A message as Lambda delivers it.
pub(crate) fn message(id: &str, body: &str, record: Option<&FailureRecord>) -> Value {
    let mut attributes = json!({});
    if let Some(record) = record {
        let record = serde_json::to_string(record).unwrap();
        attributes[FAILURE_ATTRIBUTE] = json!({"stringValue": record, "dataType": "String"});
    }
    json!({
        "messageId": id, "receiptHandle": "r", "body": body, "eventSource": "aws:sqs",
        "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": attributes,
    })
}

/// EventBridge's event of a run that ended.
pub(crate) fn state_change(run_id: &str, state: &str) -> String {
    json!({
        "detail-type": "Glue Job State Change", "source": "aws.glue", "time": AT, "region": "eu-central-1",
        "detail": {"jobName": "convert-large", "severity": "ERROR", "state": state, "jobRunId": run_id, "message": "m"},
    })
    .to_string()
}
