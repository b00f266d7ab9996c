//! Tests: the catalog, the warehouse, the buckets and queues around the function, and events as they come.
//! It must not know what is being tested.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lakegate_lake::catalog::Catalog;
use lakegate_lake::failure::FailureRecord;
use lakegate_lake::settings::AwsSettings;
use lakegate_lake::warehouse::Warehouse;
use lakegate_stand_ins::{Aws, Batch, Bucket, Faults, S3};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::{Value, json};

use crate::handler::handle;
use crate::settings::Settings;
use crate::steps::Context;

/// The function's surroundings, with one table in the lake, which the warehouse has as well.
pub(crate) struct World {
    pub(crate) aws: Aws,
    pub(crate) s3: S3,
    pub(crate) faults: Arc<Faults>,
    pub(crate) lake: Arc<Bucket>,
    clock: fn() -> SystemTime,
}

fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(490_920)
}

/// An hour later.
fn later() -> SystemTime {
    clock() + Duration::from_hours(1)
}

impl World {
    /// The same an hour later.
    pub(crate) fn later(self) -> Self {
        Self { clock: later, ..self }
    }

    pub(crate) fn new() -> Self {
        let (aws, s3) = (Aws::start(), S3::start());
        let (faults, raw, lake) = (Arc::<Faults>::default(), Arc::<Bucket>::default(), Arc::<Bucket>::default());
        aws.reset(&faults);
        s3.reset(&raw, &lake, &faults);
        let world = Self { aws, s3, faults, lake, clock };
        world.set_lake_table("orders", &[("order_id", "string"), ("revenue", "decimal(18,2)")]);
        world.set_table(
            "orders",
            &[("order_id", "varchar"), ("revenue", "numeric"), ("year", "int4"), ("city", "varchar")],
        );
        world
    }

    pub(crate) fn set_lake_table(&self, name: &str, columns: &[(&str, &str)]) {
        let column = |(name, type_name): &(&str, &str)| json!({ "Name": name, "Type": type_name });
        let storage = json!({ "Location": format!("s3://lake/lake/{name}/"), "Columns": columns.iter().map(column).collect::<Vec<_>>() });
        let keys = json!([{ "Name": "year", "Type": "int" }, { "Name": "city", "Type": "string" }]);
        self.aws.set_table(json!({ "Name": name, "StorageDescriptor": storage, "PartitionKeys": keys }));
    }

    pub(crate) fn set_table(&self, name: &str, columns: &[(&str, &str)]) {
        let ours = ("lakegate_source", "varchar");
        let column = |(name, type_name): &(&str, &str)| json!({ "name": name, "typeName": type_name, "precision": 18, "scale": 2 });
        let columns: Vec<Value> = columns.iter().chain([&ours]).map(column).collect();
        self.aws.warehouse().tables.insert(name.to_owned(), columns.into());
    }

    pub(crate) fn context(&self) -> Context {
        let (aws, s3) = (self.aws.patient(), self.s3.patient());
        Context {
            settings: Settings {
                aws: AwsSettings {
                    region: "eu-central-1".to_owned(),
                    endpoint_url: Some("http://127.0.0.1:1".to_owned()),
                    variables: BTreeMap::new(),
                },
                stack: "lakegate".to_owned(),
                lake_bucket: "lake".to_owned(),
                glue_database: "lakegate".to_owned(),
                workgroup: "sales".to_owned(),
                warehouse_database: "dev".to_owned(),
                load_queue_url: "http://127.0.0.1/load".to_owned(),
                failures_queue_url: "http://127.0.0.1/failures".to_owned(),
            },
            objects: s3.objects(),
            catalog: Catalog::new(aws.glue.clone(), "lakegate".to_owned()),
            warehouse: Warehouse::new(&aws.builder(), "sales".to_owned(), "dev".to_owned()).unwrap(),
            sqs: aws.sqs.clone(),
            clock: self.clock,
        }
    }

    /// An invocation of a function that has just started, with five minutes' time.
    pub(crate) async fn ask(&self, payload: &Value) -> Result<Value, lambda_runtime::Error> {
        self.ask_until(payload, 300).await
    }

    /// The same with so many seconds' time.
    pub(crate) async fn ask_until(&self, payload: &Value, secs: u64) -> Result<Value, lambda_runtime::Error> {
        handle(&self.context(), payload, "request", (self.clock)() + Duration::from_secs(secs)).await
    }

    /// Messages to a function that has just started: the ids of those that failed. Each is an id, how often it was received, and a body.
    pub(crate) async fn deliver(&self, messages: &[(&str, u32, Value)]) -> Vec<String> {
        let record = |(id, received, body): &(&str, u32, Value)| {
            json!({
                "messageId": id, "receiptHandle": "r", "eventSource": "aws:sqs", "body": body.to_string(),
                "attributes": { "ApproximateReceiveCount": received.to_string() }, "messageAttributes": {},
            })
        };
        let records: Vec<Value> = messages.iter().map(record).collect();
        let answer = self.ask(&json!({ "Records": records })).await.unwrap();
        let failed = answer["batchItemFailures"].as_array().unwrap();
        failed.iter().map(|each| each["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    /// What the warehouse was given, a repetition once.
    pub(crate) fn batches(&self) -> Vec<Batch> {
        self.aws.warehouse().batches.clone()
    }

    /// The last statements have ended so; the event that tells it.
    pub(crate) fn ends(&self, state: &str, error: &str) -> Value {
        let mut warehouse = self.aws.warehouse();
        let batch = warehouse.batches.last_mut().unwrap();
        let sub = json!({ "Id": format!("{}:6", batch.id), "Status": state, "Error": error });
        batch.said = json!({ "Id": batch.id, "Status": state, "Error": error, "SubStatements": [sub] });
        json!({
            "source": "aws.redshift-data", "detail-type": "Redshift Data Statement Status Change",
            "detail": { "statementName": batch.name, "statementId": batch.id, "state": state },
        })
    }

    /// The loads' documents.
    pub(crate) async fn loads(&self) -> Vec<Value> {
        let mut loads = Vec::new();
        for listed in self.s3.patient().objects().list("lake", "loads/").await.unwrap() {
            let found = self.lake.get(&Path::from(listed.key)).await.unwrap();
            loads.push(serde_json::from_slice(&found.bytes().await.unwrap()).unwrap());
        }
        loads
    }

    pub(crate) async fn phases(&self) -> Vec<String> {
        self.loads().await.iter().map(|load| load["phase"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn told(&self) -> Vec<FailureRecord> {
        self.aws.told()
    }
}

/// A notice of a file of the table orders, whose rows stand in these partitions.
pub(crate) fn notice(key: &str, at: &str, partitions: &[&str]) -> Value {
    let partition = |path: &&str| json!({ "path": path, "values": {}, "rows": 1 });
    json!({
        "source": "lakegate", "detail-type": "Object Ingested",
        "detail": {
            "stack": "lakegate", "table": "orders", "dataset": "orders", "at": at, "source": { "bucket": "raw", "key": key },
            "partitions": partitions.iter().map(partition).collect::<Vec<_>>(), "partitions_total": partitions.len(),
        },
    })
}

/// A notice that its rows left these partitions.
pub(crate) fn removal(key: &str, at: &str, partitions: &[&str]) -> Value {
    let mut event = notice(key, at, partitions);
    event["detail-type"] = json!("Object Removed");
    event
}
